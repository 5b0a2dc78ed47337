//! Programs with resolvers of their own (c-ares, dig): what they send to the target's name servers goes to the session,
//! which has it sent from there. The session's address is one that [`sockets::names_of_peer`] translates back.

use std::net::SocketAddr;
use std::os::fd::RawFd;

use libc::socklen_t;
use protocol::link::{ToLayer, ToSession};
use rules::address::canonical;

use crate::cabi::address::{AddressOut, Length, Sockaddr};
use crate::hold;
use crate::scope::{Hooked, Otherwise, fail};
use crate::sockets::{self, Protocol};
use crate::state::Layer;

/// Port of name servers.
const PORT: u16 = 53;

/// Whether a name server may listen there: the quick question before all others.
pub(crate) fn has_port(address: SocketAddr) -> bool {
    address.port() == PORT
}

/// Whether a datagram to `asked`, in plain form, may be a question to the target's name server.
fn is_meant(layer: &Layer, asked: SocketAddr) -> bool {
    let ip = asked.ip();
    layer.policy.remote_dns && has_port(asked) && !ip.is_loopback() && !ip.is_unspecified()
}

/// Where a UDP socket goes that asks the name server `asked`; nothing when it goes there itself.
pub(crate) fn stand_in(layer: &Layer, fd: RawFd, asked: SocketAddr) -> Hooked<Option<Sockaddr>> {
    if !is_meant(layer, asked) {
        return Ok(None);
    }
    match layer.link.call(&ToSession::NameServer(asked), true)? {
        (ToLayer::NameServer(Some(here)), _) => {
            tracing::debug!("questions to the name server {asked} go to the target");
            hold::loopback_address(fd, *here.ip(), here.port()).map(Some)
        }
        (ToLayer::NameServer(None), _) => Ok(None),
        _ => fail(libc::EIO),
    }
}

/// What sendto(2) shall send to in the program's name. `opens`: the flags say `MSG_FASTOPEN`.
pub(crate) fn destination(layer: &Layer, fd: RawFd, address: SocketAddr, opens: bool) -> Hooked<Sockaddr> {
    let asked = canonical(address);
    if !opens && !is_meant(layer, asked) {
        return Err(Otherwise::Native);
    }
    match sockets::protocol_of(fd)? {
        Protocol::Udp => stand_in(layer, fd, asked)?.ok_or(Otherwise::Native),
        // A connect in disguise; programs fall back to the real one.
        Protocol::Tcp | Protocol::Mptcp if opens && layer.policy.outgoing.tcp && !asked.ip().is_loopback() => {
            fail(libc::EOPNOTSUPP)
        }
        Protocol::Tcp | Protocol::Mptcp => Err(Otherwise::Native),
    }
}

/// Shows the name server as the source of what came from the session.
pub(crate) fn show_source(
    layer: &Layer,
    fd: RawFd,
    source: SocketAddr,
    to: AddressOut,
    room: socklen_t,
    length: Length,
) -> Hooked<()> {
    if let Some(names) = sockets::names_behind(layer, source)? {
        sockets::show(fd, names.peer, to, room, length)?;
    }
    Ok(())
}

/// Whether `source` is the session in somebody's place, by its address alone.
pub(crate) fn may_be_session(source: SocketAddr) -> bool {
    sockets::is_token(canonical(source).ip())
}
