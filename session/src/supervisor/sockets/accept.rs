//! accept(2) of programs that want to know who calls: the address is the one in the cluster.
//!
//! The connection is accepted here and given to the program. While there is none, a blocking call waits in a task that
//! signals end ([`super::super::signals`]).

use std::{io, os::fd::OwnedFd};

use libc::c_int;
use protocol::Errno;

use super::{
    super::signals::interrupted,
    Call, Otherwise, address, end,
    names::names_behind,
    socket::{ProgramSocket, over, watched},
    socket_of,
};

/// accept(2) or accept4(2), with an address.
pub(super) fn accept(call: Call, flags: c_int) {
    let listener = match listener_of(&call, flags) {
        Ok(listener) => listener,
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    match listener.accept_at_once(flags) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !listener.is_nonblocking().unwrap_or(true) => {
            call.later(move |call| wait(call, listener, flags));
        }
        accepted => give(call, accepted, flags),
    }
}

/// A listener that the target's connections are brought to; all others are the kernel's.
fn listener_of(call: &Call, flags: c_int) -> Result<ProgramSocket, Otherwise> {
    let listeners = call.proxy().listeners.as_ref().ok_or(Otherwise::GoOn)?;
    if flags & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) != 0 {
        return Err(Otherwise::GoOn);
    }
    let socket = socket_of(call)?;
    let is_ours = socket.is_stream() && socket.is_listening() && listeners.requested(socket.local()?).is_some();
    if is_ours { Ok(socket) } else { Err(Otherwise::GoOn) }
}

async fn wait(call: Call, listener: ProgramSocket, flags: c_int) {
    let limit = listener.receive_limit();
    let thread = call.thread();
    let accepted = async {
        let listener = watched(listener)?;
        loop {
            let mut ready = listener.readable().await?;
            match ready.try_io(|listener| listener.get_ref().accept_at_once(flags)) {
                Ok(accepted) => return accepted,
                // Another process was faster.
                Err(_would_block) => {}
            }
        }
    };
    let accepted = tokio::select! {
        biased;
        accepted = accepted => accepted,
        errno = interrupted(thread) => return call.answer(Err(errno)),
        () = over(limit) => Err(io::ErrorKind::WouldBlock.into()),
    };
    give(call, accepted, flags);
}

fn give(call: Call, accepted: io::Result<OwnedFd>, flags: c_int) {
    let connection = match accepted {
        Ok(connection) => connection,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return call.answer(Err(Errno(libc::EAGAIN))),
        Err(error) => return call.answer(Err(error.into())),
    };
    let Some(connection) = ProgramSocket::new(connection) else { return call.answer(Err(Errno::EIO)) };
    match show(&call, &connection) {
        Ok(()) => call.give(&connection, flags & libc::SOCK_CLOEXEC != 0),
        // As in the kernel, the connection goes with the call that could not take it.
        Err(errno) => call.answer(Err(errno)),
    }
}

fn show(call: &Call, connection: &ProgramSocket) -> Result<(), Errno> {
    // It may be over already: then accept(2) fails with ECONNABORTED.
    let peer = connection.peer().map_err(|_| Errno(libc::ECONNABORTED))?;
    let shown = names_behind(call, peer).map_or(peer, |names| names.peer);
    let write = |shown| address::write(call, call.argument(1), call.argument(2), shown, connection.domain);
    match write(shown) {
        // An IPv6 client of an IPv4 listener: it cannot be shown.
        Err(Otherwise::GoOn) => match write(peer) {
            Err(Otherwise::Fail(errno)) => Err(errno),
            _ => Ok(()),
        },
        Err(Otherwise::Fail(errno)) => Err(errno),
        Ok(()) => Ok(()),
    }
}
