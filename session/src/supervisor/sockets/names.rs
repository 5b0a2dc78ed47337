//! getsockname(2) and getpeername(2): the addresses in the cluster.

use std::net::{IpAddr, SocketAddr};

use protocol::link::Names;

use super::{Call, Otherwise, address, end, listen, socket::ProgramSocket, socket_of};

/// getpeername(2)
pub(super) fn peer(call: Call) {
    let decided = shown_peer(&call);
    end(call, decided.map(|()| 0));
}

/// getsockname(2): of a connection, its address in the cluster; of a listener, the address that was asked for.
pub(super) fn own(call: Call) {
    let decided = shown_own(&call);
    end(call, decided.map(|()| 0));
}

fn shown_peer(call: &Call) -> Result<(), Otherwise> {
    let socket = socket_of(call)?;
    // Not connected any more: the kernel says so.
    socket.peer().map_err(|_| Otherwise::GoOn)?;
    let names = names_of(call, &socket)?.ok_or(Otherwise::GoOn)?;
    show(call, &socket, names.peer)
}

fn shown_own(call: &Call) -> Result<(), Otherwise> {
    let socket = socket_of(call)?;
    let shown = match names_of(call, &socket) {
        _ if !socket.is_stream() => listen::asked_address(call, &socket)?,
        Ok(Some(names)) => Some(names.local),
        Ok(None) if socket.peer().is_ok() => None,
        // Not connected.
        _ => listen::asked_address(call, &socket)?,
    };
    show(call, &socket, shown.ok_or(Otherwise::GoOn)?)
}

fn show(call: &Call, socket: &ProgramSocket, shown: SocketAddr) -> Result<(), Otherwise> {
    address::write(call, call.argument(1), call.argument(2), shown, socket.domain)
}

/// The names of a socket whose peer is, or was, the session in somebody's place; nothing for an ordinary one.
pub(super) fn names_of(call: &Call, socket: &ProgramSocket) -> Result<Option<Names>, Otherwise> {
    // Never connected: the kernel says so.
    let peer = socket.last_peer().map_err(|_| Otherwise::GoOn)?;
    Ok(names_behind(call, peer))
}

/// What stands behind an address of a peer.
pub(super) fn names_behind(call: &Call, peer: SocketAddr) -> Option<Names> {
    match peer.ip() {
        IpAddr::V4(token) if token.is_loopback() => call.proxy().book.look_up(token),
        _ => None,
    }
}
