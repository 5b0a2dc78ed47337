//! Names, resolved by the target's own `/etc/hosts` and `/etc/resolv.conf`, in its network namespace.
//!
//! The order of trials and the meaning of failures follow getaddrinfo(3) of glibc with `hosts: files dns`. Nothing is
//! cached: the program sees what the target would see.

mod answer;
mod hosts;
pub(crate) mod query;
mod resolv_conf;
mod reverse;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hickory_proto::rr::{Name, Record, RecordType};
use protocol::dns::{Family, Lookup, LookupAnswer};

use self::{hosts::Hosts, resolv_conf::ResolvConf};
use crate::files;

/// Longest host name, in bytes (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 255;

/// Largest resolver file that is read, in bytes: real ones have a few hundred, and they are read for each query.
const FILE_LIMIT: usize = 256 * 1024;

/// How long a query may take with all candidates, servers and attempts: no program waits longer.
const QUERY_DEADLINE: Duration = Duration::from_mins(1);

/// What the target's resolver files hold at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    hosts: Vec<u8>,
    resolv_conf: Vec<u8>,
}

impl Texts {
    /// Reads the files below `root`; a missing file is an empty one, as for libc. Blocks.
    pub(crate) fn read(root: &OwnedFd) -> Self {
        let read = |path| files::read_small(root, path, FILE_LIMIT).unwrap_or_default();
        Self { hosts: read("/etc/hosts"), resolv_conf: read("/etc/resolv.conf") }
    }
}

/// Resolves names. The files are read for each query; what was made of them is kept while they stay the same.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    kept: Mutex<Option<Arc<Setup>>>,
}

/// The two files, and what they mean.
struct Setup {
    texts: Texts,
    hosts: Hosts,
    conf: ResolvConf,
    /// With `rotate`: the server that the next query begins with.
    turn: AtomicUsize,
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
    /// Resolves a name as these files say.
    pub(crate) async fn lookup(&self, texts: Texts, lookup: &Lookup) -> LookupAnswer {
        let Lookup { name, family } = lookup;
        let absolute = name.strip_suffix('.').unwrap_or(name);
        if let Ok(address) = absolute.parse::<IpAddr>() {
            return literal(address, *family);
        }
        if !is_host_name(absolute) {
            return LookupAnswer::NoName;
        }
        let setup = self.setup(texts);
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

    fn setup(&self, texts: Texts) -> Arc<Setup> {
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(setup) = kept.as_ref().filter(|setup| setup.texts == texts) {
            return setup.clone();
        }
        let conf = ResolvConf::parse(&texts.resolv_conf);
        let hosts = Hosts::parse(&texts.hosts);
        tracing::debug!(servers = ?conf.servers, search = ?conf.search, "resolver files read");
        let setup = Arc::new(Setup { texts, hosts, conf, turn: AtomicUsize::new(0) });
        *kept = Some(setup.clone());
        setup
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
        answer::addresses(&name, &self.ask(&name, kind).await?, kind)
    }

    /// Asks the servers one after the other, round after round, until one knows.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, Miss> {
        let first = if self.conf.rotate { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let question = answer::question(name.clone(), kind).ok_or(Miss::NoName)?;
        // Whatever is wrong with all of them, they may be well again soon.
        let answer = query::of_own(&self.conf, first, query::PORT, &question).await.map_err(|_| Miss::TryAgain)?;
        answer::records(&answer)
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
