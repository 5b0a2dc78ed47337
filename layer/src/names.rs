//! Host names, asked of the target.

pub(crate) mod host;
pub(crate) mod list;
pub(crate) mod message;
mod reverse;

use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs};

use libc::{addrinfo, c_int};
use protocol::Errno;
use protocol::dns::{Family, Lookup, LookupAnswer};
use rules::name::{Resolver, decide};

pub(crate) use self::reverse::{domain, names_of};
use crate::notice::printable;
use crate::scope::Hooked;
use crate::state::Layer;

/// A result of getaddrinfo(3): 0, or one of its `EAI_` errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Gai(pub(crate) c_int);

/// Of glibc's `netdb.h`: the name has no address of that family.
const EAI_NODATA: c_int = -5;

// `netdb.h`
const HOST_NOT_FOUND: c_int = 1;
const TRY_AGAIN: c_int = 2;
const NO_RECOVERY: c_int = 3;
const NO_DATA: c_int = 4;

impl Gai {
    /// The same as gethostbyname(3) says it.
    pub(crate) fn as_h_errno(self) -> c_int {
        match self.0 {
            libc::EAI_NONAME => HOST_NOT_FOUND,
            libc::EAI_AGAIN => TRY_AGAIN,
            EAI_NODATA => NO_DATA,
            _ => NO_RECOVERY,
        }
    }
}

/// Which addresses a program wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Those of one family, or of both.
    Plain(Family),
    /// IPv6; IPv4 mapped into IPv6 if there are none. `AI_V4MAPPED`
    MappedIfNone,
    /// IPv6, and IPv4 mapped into IPv6 behind them. `AI_V4MAPPED | AI_ALL`
    MappedToo,
}

impl Question {
    /// From getaddrinfo's hints.
    pub(crate) fn of(hints: &addrinfo) -> Result<Self, Gai> {
        let question = Self::for_family(hints.ai_family).ok_or(Gai(libc::EAI_FAMILY))?;
        Ok(match question {
            Self::Plain(Family::V6) if hints.ai_flags & libc::AI_V4MAPPED != 0 => {
                if hints.ai_flags & libc::AI_ALL == 0 { Self::MappedIfNone } else { Self::MappedToo }
            }
            other => other,
        })
    }

    pub(crate) fn for_family(family: c_int) -> Option<Self> {
        match family {
            libc::AF_UNSPEC => Some(Self::Plain(Family::Any)),
            libc::AF_INET => Some(Self::Plain(Family::V4)),
            libc::AF_INET6 => Some(Self::Plain(Family::V6)),
            _ => None,
        }
    }
}

/// Addresses of a name, or names of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the resolver's order; never empty.
    pub(crate) addresses: Vec<IpAddr>,
    /// The name after aliases and search list.
    pub(crate) canonical: String,
    /// Other names of an address; those of a name are not asked for.
    pub(crate) aliases: Vec<String>,
}

/// Who answers for `name`.
pub(crate) fn resolver_of(layer: &Layer, name: &[u8]) -> Resolver {
    let (resolver, why) = decide(layer.policy.remote_dns, layer.policy.dns_filter.as_ref(), name);
    if resolver != Resolver::Local {
        tracing::debug!("name {}: {resolver:?}, {why}", printable(name));
    }
    resolver
}

/// Whether `name` stands for `address`, asked of whoever resolves the name for the program. Nobody's answer means no.
pub(crate) fn stands_for(layer: &Layer, name: &str, address: IpAddr) -> bool {
    match resolver_of(layer, name.as_bytes()) {
        Resolver::NoName => false,
        Resolver::Remote => {
            let found = ask(layer, name.as_bytes(), Question::Plain(Family::Any));
            found.is_ok_and(|found| found.is_ok_and(|found| found.addresses.contains(&address)))
        }
        // The layer's own calls are not hooked.
        Resolver::Local => (name, 0).to_socket_addrs().is_ok_and(|mut found| found.any(|it| it.ip() == address)),
    }
}

/// Asks the target. The outer error is the link's.
pub(crate) fn ask(layer: &Layer, name: &[u8], question: Question) -> Hooked<Result<Found, Gai>> {
    let name = String::from_utf8_lossy(name).into_owned();
    let lookup = |family| -> Result<_, Errno> {
        let name = name.clone();
        layer.link.perform(Lookup { name, family }).map(found)
    };
    let (own_family, mapped) = match question {
        Question::Plain(family) => return Ok(lookup(family)?),
        Question::MappedIfNone => match lookup(Family::V6)? {
            Err(Gai(libc::EAI_NONAME | EAI_NODATA)) => (None, lookup(Family::V4)?),
            other => return Ok(other),
        },
        Question::MappedToo => (lookup(Family::V6)?.ok(), lookup(Family::V4)?),
    };
    Ok(match (own_family, mapped.map(map_to_v6)) {
        (None, mapped) => mapped,
        (Some(own), Err(_)) => Ok(own),
        (Some(mut own), Ok(mapped)) => {
            own.addresses.extend(mapped.addresses);
            Ok(own)
        }
    })
}

fn found(answer: LookupAnswer) -> Result<Found, Gai> {
    match answer {
        LookupAnswer::Found { addresses, .. } if addresses.is_empty() => Err(Gai(EAI_NODATA)),
        LookupAnswer::Found { addresses, canonical } => Ok(Found { addresses, canonical, aliases: Vec::new() }),
        LookupAnswer::NoName => Err(Gai(libc::EAI_NONAME)),
        LookupAnswer::NoData => Err(Gai(EAI_NODATA)),
        LookupAnswer::TryAgain => Err(Gai(libc::EAI_AGAIN)),
        LookupAnswer::Fail => Err(Gai(libc::EAI_FAIL)),
    }
}

fn map_to_v6(mut found: Found) -> Found {
    for address in &mut found.addresses {
        if let IpAddr::V4(v4) = address {
            let mapped: Ipv6Addr = v4.to_ipv6_mapped();
            *address = IpAddr::V6(mapped);
        }
    }
    found
}
