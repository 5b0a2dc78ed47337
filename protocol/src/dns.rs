//! Names, resolved where the target resolves them.

use std::net::{IpAddr, SocketAddr};

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

/// Finds the names of an address as the target would, by its `/etc/hosts` and `/etc/resolv.conf`. gethostbyaddr(3)
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reverse {
    /// The address; IPv4 mapped into IPv6 counts as IPv4.
    pub address: IpAddr,
}

/// Answer to [`Reverse`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ReverseAnswer {
    /// At least one name.
    Found {
        /// The canonical name, then the aliases, without final dots.
        names: Vec<String>,
    },
    /// The address has no name (`HOST_NOT_FOUND`).
    NoName,
    /// No name server answered (`TRY_AGAIN`).
    TryAgain,
    /// The name servers refused or answered nonsense (`NO_RECOVERY`).
    Fail,
}

/// Sends a DNS message from the target's network namespace to a name server, over UDP, as the program wrote it
/// (RFC 1035, section 4.2.1). For programs with resolvers of their own.
///
/// Fails with `ETIMEDOUT` when no answer comes within five seconds, with the kernel's errno when it cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Query {
    /// The name server, its port 53 or another. With the unspecified address (0.0.0.0) the target's own are asked, one
    /// after the other as its `/etc/resolv.conf` says, and over TCP when the answer is too long for UDP.
    pub server: SocketAddr,
    /// The message, at most [`QUERY_LIMIT`] bytes.
    pub message: Vec<u8>,
}

/// The name server's answer to a [`Query`]: at most [`QUERY_LIMIT`] bytes over UDP, and 64 KiB over TCP, whose length it
/// gives in two bytes (RFC 1035, 4.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct QueryAnswer {
    /// The message.
    pub message: Vec<u8>,
}

/// Longest DNS message of UDP that is carried, in bytes: larger ones are truncated by their senders, and asked for over TCP.
pub const QUERY_LIMIT: usize = 8 * 1024;
