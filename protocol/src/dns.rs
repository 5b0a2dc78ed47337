//! Names, resolved where the target resolves them.

use std::net::IpAddr;

use bincode::{Decode, Encode};

/// Resolves a host name as the target would, by its `/etc/hosts` and `/etc/resolv.conf`. getaddrinfo(3) without a service.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lookup {
    /// Host name as the program gave it; may be relative to the target's search list, may contain underscores.
    pub name: String,
    /// Which addresses are asked for.
    pub family: Family,
}

/// Address families of a [`Lookup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Family {
    /// A and AAAA (`AF_UNSPEC`).
    Any,
    /// A only (`AF_INET`).
    V4,
    /// AAAA only (`AF_INET6`).
    V6,
}

/// Answer to [`Lookup`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LookupAnswer {
    /// At least one address, in the resolver's order; `canonical` is the name after aliases and search list.
    Found {
        /// Addresses, never empty.
        addresses: Vec<IpAddr>,
        /// Canonical name, without the final dot.
        canonical: String,
    },
    /// The name does not exist (`EAI_NONAME`).
    NoName,
    /// The name exists, without an address of that family (`EAI_NODATA`).
    NoData,
    /// No name server answered (`EAI_AGAIN`).
    TryAgain,
    /// The name servers refused or answered nonsense (`EAI_FAIL`).
    Fail,
}
