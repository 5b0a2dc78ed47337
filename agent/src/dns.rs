//! Names, resolved by the target's own `/etc/hosts` and `/etc/resolv.conf`, in its network namespace.
//!
//! The order of trials and the meaning of failures follow getaddrinfo(3) of glibc with `hosts: files dns`. Nothing is
//! cached: the program sees what the target would see.

mod hosts;
mod resolv_conf;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};
use protocol::dns::{Family, Lookup, LookupAnswer};

use self::{hosts::Hosts, resolv_conf::ResolvConf};
use crate::files;

/// Longest host name, in bytes (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 255;

/// Largest resolver file that is read, in bytes: real ones have a few hundred, and they are read for each query.
const FILE_LIMIT: usize = 256 * 1024;

/// How long a query may take with all candidates, servers and attempts: no program waits longer.
const QUERY_DEADLINE: Duration = Duration::from_mins(1);

/// Resolves names. The files are read for each query; what was made of them is kept while they stay the same.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    kept: Mutex<Option<Arc<Setup>>>,
}

/// The two files, and what they mean.
struct Setup {
    hosts_text: Vec<u8>,
    conf_text: Vec<u8>,
    hosts: Hosts,
    conf: ResolvConf,
    client: TokioResolver,
}

/// Why a name has no address of a family; worst for the program last, because the last one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Miss {
    NoData,
    Fail,
    /// The server had an internal problem; the next candidate may do better.
    ServerFailure,
    TryAgain,
    NoName,
}

type Found = (Vec<IpAddr>, String);

impl Resolver {
    /// Resolves a name with the files found below `root`.
    pub(crate) async fn lookup(&self, root: &OwnedFd, lookup: &Lookup) -> LookupAnswer {
        let Lookup { name, family } = lookup;
        let absolute = name.strip_suffix('.').unwrap_or(name);
        if let Ok(address) = absolute.parse::<IpAddr>() {
            return literal(address, *family);
        }
        if !is_host_name(absolute) {
            return LookupAnswer::NoName;
        }
        let Some(setup) = self.setup(root) else { return LookupAnswer::Fail };
        if let Some((addresses, canonical)) = setup.hosts.find(absolute, *family) {
            return LookupAnswer::Found { addresses, canonical };
        }
        if is_localhost(absolute) {
            return local_host(*family);
        }
        match tokio::time::timeout(QUERY_DEADLINE, setup.search(name, *family)).await {
            Ok(Ok((addresses, canonical))) => LookupAnswer::Found { addresses, canonical },
            Ok(Err(Miss::NoName)) => LookupAnswer::NoName,
            Ok(Err(Miss::NoData)) => LookupAnswer::NoData,
            Ok(Err(Miss::Fail)) => LookupAnswer::Fail,
            Ok(Err(Miss::TryAgain | Miss::ServerFailure)) | Err(_) => LookupAnswer::TryAgain,
        }
    }

    /// What the files say now. Reading two small files of the page cache blocks for microseconds.
    fn setup(&self, root: &OwnedFd) -> Option<Arc<Setup>> {
        // A missing file is an empty one, as for libc.
        let read = |path| files::read_small(root, path, FILE_LIMIT).unwrap_or_default();
        let (hosts_text, conf_text) = (read("/etc/hosts"), read("/etc/resolv.conf"));
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(setup) = &*kept
            && setup.hosts_text == hosts_text
            && setup.conf_text == conf_text
        {
            return Some(setup.clone());
        }
        let conf = ResolvConf::parse(&conf_text);
        let client = client(&conf).inspect_err(|error| tracing::warn!(%error, "no resolver")).ok()?;
        let hosts = Hosts::parse(&hosts_text);
        tracing::debug!(servers = ?conf.servers, search = ?conf.search, "resolver files read");
        let setup = Arc::new(Setup { hosts_text, conf_text, hosts, conf, client });
        *kept = Some(setup.clone());
        Some(setup)
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("conf", &self.conf).finish_non_exhaustive()
    }
}

impl Setup {
    /// Tries the candidates in order. As in glibc, only a server that does not answer ends the walk early.
    async fn search(&self, name: &str, family: Family) -> Result<Found, Miss> {
        let mut worst = Miss::NoName;
        for candidate in self.conf.candidates(name) {
            match self.query(&candidate, family).await {
                Err(Miss::NoName) => {}
                // A name that exists without an address outweighs others that do not exist.
                Err(miss @ (Miss::NoData | Miss::ServerFailure)) => {
                    worst = if worst == Miss::NoData { worst } else { miss }
                }
                answer => return answer,
            }
        }
        Err(worst)
    }

    async fn query(&self, name: &str, family: Family) -> Result<Found, Miss> {
        // Labels as bytes: underscores and whatever else names have in real clusters.
        let name = Name::from_labels(name.split('.').map(str::as_bytes)).map_err(|_| Miss::NoName)?;
        match family {
            Family::V4 => self.records(name, RecordType::A).await,
            Family::V6 => self.records(name, RecordType::AAAA).await,
            Family::Any => {
                let (v4, v6) =
                    tokio::join!(self.records(name.clone(), RecordType::A), self.records(name, RecordType::AAAA));
                both(v4, v6)
            }
        }
    }

    async fn records(&self, name: Name, kind: RecordType) -> Result<Found, Miss> {
        let answer = self.client.lookup(name, kind).await.map_err(|error| miss(&error))?;
        let records = answer.answers().iter().filter(|record| record.record_type() == kind);
        let found: Vec<_> = records.filter_map(|record| Some((record.data.ip_addr()?, &record.name))).collect();
        let (_, canonical) = found.first().ok_or(Miss::NoData)?;
        let canonical = canonical.to_ascii().trim_end_matches('.').to_owned();
        Ok((found.into_iter().map(|(address, _)| address).collect(), canonical))
    }
}

/// Joins what the families gave, IPv4 first.
fn both(v4: Result<Found, Miss>, v6: Result<Found, Miss>) -> Result<Found, Miss> {
    match (v4, v6) {
        (Ok((mut addresses, canonical)), Ok((more, _))) => {
            addresses.extend(more);
            Ok((addresses, canonical))
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(v4), Err(v6)) => Err(v4.max(v6)),
    }
}

fn miss(error: &NetError) -> Miss {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => Miss::NoName,
        NetError::Dns(DnsError::NoRecordsFound(_)) => Miss::NoData,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => Miss::ServerFailure,
        NetError::Timeout | NetError::Io(_) | NetError::NoConnections | NetError::Busy => Miss::TryAgain,
        _ => Miss::Fail,
    }
}

fn client(conf: &ResolvConf) -> Result<TokioResolver, NetError> {
    let connections = || {
        if conf.use_tcp {
            vec![ConnectionConfig::tcp()]
        } else {
            vec![ConnectionConfig::udp(), ConnectionConfig::tcp()]
        }
    };
    let servers = conf.servers.iter().map(|ip| NameServerConfig::new(*ip, true, connections())).collect();
    let mut options = ResolverOpts::default();
    options.timeout = conf.timeout;
    options.attempts = conf.attempts - 1; // it counts repetitions
    options.num_concurrent_reqs = 1; // one server after the other, as libc does
    options.server_ordering_strategy =
        if conf.rotate { ServerOrderingStrategy::RoundRobin } else { ServerOrderingStrategy::UserProvidedOrder };
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    // Search list and `ndots` are ours: every name that the client gets is absolute.
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

fn literal(address: IpAddr, family: Family) -> LookupAnswer {
    match (family, address) {
        (Family::Any, _) | (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)) => {
            LookupAnswer::Found { addresses: vec![address], canonical: address.to_string() }
        }
        _ => LookupAnswer::NoData,
    }
}

/// `localhost` and names below it never go to a name server (RFC 6761, 6.3).
fn is_localhost(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

fn local_host(family: Family) -> LookupAnswer {
    let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    let addresses = match family {
        Family::Any => vec![v4, v6],
        Family::V4 => vec![v4],
        Family::V6 => vec![v6],
    };
    LookupAnswer::Found { addresses, canonical: "localhost".to_owned() }
}

/// Whether a name can be asked for at all: its size, its labels' sizes, and no bytes that would confuse a reader.
fn is_host_name(name: &str) -> bool {
    let is_plain = |byte: u8| !byte.is_ascii_control() && !byte.is_ascii_whitespace();
    name.len() <= NAME_LIMIT
        && name.split('.').all(|label| (1..=63).contains(&label.len()))
        && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
