//! Names of an address: gethostbyaddr(3).

use std::net::IpAddr;

use hickory_proto::rr::{Name, RData, RecordType};
use protocol::dns::ReverseAnswer;

use super::{
    Miss, QUERY_DEADLINE, Resolver, Setup, Texts,
    answer::{is_safe, text},
};

/// Names of one address that are told; the rest is for nobody.
const NAME_COUNT_LIMIT: usize = 64;

impl Resolver {
    /// Finds the names of an address as these files say.
    pub(crate) async fn names_of(&self, texts: Texts, address: IpAddr) -> ReverseAnswer {
        let address = address.to_canonical();
        let setup = self.setup(texts);
        if let Some(names) = setup.hosts.names_of(address) {
            return ReverseAnswer::Found { names };
        }
        match tokio::time::timeout(QUERY_DEADLINE, setup.pointers(address)).await {
            Ok(Ok(names)) => ReverseAnswer::Found { names },
            Ok(Err(Miss::NoName | Miss::NoData)) => ReverseAnswer::NoName,
            Ok(Err(Miss::Fail)) => ReverseAnswer::Fail,
            Ok(Err(Miss::TryAgain | Miss::ServerFailure)) | Err(_) => ReverseAnswer::TryAgain,
        }
    }
}

impl Setup {
    /// Never empty.
    async fn pointers(&self, address: IpAddr) -> Result<Vec<String>, Miss> {
        let records = self.ask(&Name::from(address), RecordType::PTR).await?;
        let names = records.iter().filter_map(|record| match &record.data {
            RData::PTR(name) => Some(text(&name.0)),
            _ => None,
        });
        let names: Vec<String> = names.filter(|name| is_safe(name)).take(NAME_COUNT_LIMIT).collect();
        if names.is_empty() { Err(Miss::NoData) } else { Ok(names) }
    }
}
