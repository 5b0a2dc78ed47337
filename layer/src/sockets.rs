//! Facts about a socket of the program, and the names that it shows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::RawFd;

use libc::{c_int, socklen_t};
use protocol::link::{Names, ToLayer, ToSession};
use rules::address::canonical;

use crate::cabi::address::{AddressOut, Length, Sockaddr};
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;
use crate::sys::socket;

/// What a socket speaks, as far as the layer tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// TCP.
    Tcp,
    /// Multipath TCP: looks like TCP, but cannot take part in a simultaneous open.
    Mptcp,
    /// UDP.
    Udp,
}

const IPPROTO_MPTCP: c_int = 262;

/// Protocol of an internet socket. What is none of these is left to the kernel: Unix sockets, no sockets at all.
pub(crate) fn protocol_of(fd: RawFd) -> Hooked<Protocol> {
    let protocol = socket::option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL).map_err(|_| Otherwise::Native)?;
    match protocol {
        libc::IPPROTO_TCP => Ok(Protocol::Tcp),
        IPPROTO_MPTCP => Ok(Protocol::Mptcp),
        libc::IPPROTO_UDP => Ok(Protocol::Udp),
        _ => Err(Otherwise::Native),
    }
}

/// Goes on for sockets that speak TCP to their peers.
pub(crate) fn must_be_stream(fd: RawFd) -> Hooked<()> {
    match protocol_of(fd)? {
        Protocol::Tcp | Protocol::Mptcp => Ok(()),
        Protocol::Udp => Err(Otherwise::Native),
    }
}

/// Whether the internet socket is TCP's; the others are UDP's.
pub(crate) fn is_stream(fd: RawFd) -> Hooked<bool> {
    Ok(protocol_of(fd)? != Protocol::Udp)
}

/// `AF_INET` or `AF_INET6`.
pub(crate) fn domain_of(fd: RawFd) -> Hooked<c_int> {
    socket::option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN).map_err(|_| Otherwise::Native)
}

/// Whether listen(2) has succeeded on the socket.
pub(crate) fn is_listening(fd: RawFd) -> bool {
    socket::option(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).is_ok_and(|value| value != 0)
}

/// Addresses that stand for a peer elsewhere: 127.1.0.0 to 127.255.255.254. The rest of 127.0.0.0/8 is used by people.
pub(crate) fn is_token(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            first == 127 && second != 0 && v4 != Ipv4Addr::new(127, 255, 255, 255)
        }
        IpAddr::V6(_) => false,
    }
}

/// The names of a socket whose peer is, or was, the session in somebody's place; nothing for an ordinary one.
pub(crate) fn names_of(layer: &Layer, fd: RawFd) -> Hooked<Option<Names>> {
    match socket::last_peer_address(fd) {
        Ok(peer) => names_behind(layer, peer),
        Err(errno) => Err(Otherwise::Fail(errno)),
    }
}

/// What stands behind the address of a peer; nothing for an ordinary one.
pub(crate) fn names_behind(layer: &Layer, peer: SocketAddr) -> Hooked<Option<Names>> {
    match canonical(peer) {
        SocketAddr::V4(peer) if is_token(IpAddr::V4(*peer.ip())) => names_of_peer(layer, peer),
        _ => Ok(None),
    }
}

fn names_of_peer(layer: &Layer, peer: SocketAddrV4) -> Hooked<Option<Names>> {
    match layer.link.call(&ToSession::Names { peer }, true)? {
        (ToLayer::Names(names), _) => Ok(names),
        _ => Ok(None),
    }
}

/// Shows `address` to the program in the form of its socket's domain.
pub(crate) fn show(fd: RawFd, address: SocketAddr, to: AddressOut, room: socklen_t, length: Length) -> Hooked<()> {
    // An IPv6 address on an IPv4 socket cannot be shown; the kernel's own address stands then.
    let shown = Sockaddr::new(address, domain_of(fd)?).ok_or(Otherwise::Native)?;
    to.store(room, length, &shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_spare_the_addresses_that_people_use() {
        let token = |text: &str| is_token(text.parse().expect("an address"));
        assert!(token("127.1.0.0"));
        assert!(token("127.200.3.4"));
        assert!(token("127.255.255.254"));
        assert!(!token("127.0.0.1"));
        assert!(!token("127.0.1.1"));
        assert!(!token("127.255.255.255"));
        assert!(!token("10.1.2.3"));
        assert!(!token("::1"));
    }
}
