//! Calls on sockets. They mean what the layer makes of them in other programs (`layer/src/hooks/socket.rs`); what is
//! local goes on at once.
//!
//! The program's own socket is worked on, through a descriptor of our own (pidfd_getfd(2)): a connect is made from here
//! and its end is the program's, and so is what it is bound to.

mod accept;
mod address;
mod bound;
mod connect;
mod datagram;
mod listen;
mod names;
mod socket;

use std::os::fd::OwnedFd;

use libc::c_long;
use protocol::Errno;

use self::{bound::Bound, connect::Pending, datagram::Resolvers, socket::ProgramSocket};
use super::Call;

/// The calls that come here.
pub(super) const CALLS: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
];

/// What is remembered of the sockets of all supervised programs, by their cookies: the number that the kernel gives to a
/// socket once in its life, the same for all duplicates in all processes (`SO_COOKIE`, socket(7)).
#[derive(Default)]
pub(crate) struct Sockets {
    bound: Bound,
    pending: Pending,
    resolvers: Resolvers,
}

/// Runs on the receiving thread: decides at once, or moves the call into a task ([`Call::later`]).
pub(super) fn handle(call: Call) {
    match call.number() {
        libc::SYS_connect => connect::connect(call),
        libc::SYS_getsockopt => connect::error(call),
        libc::SYS_bind => listen::bind(call),
        libc::SYS_listen => listen::listen(call),
        libc::SYS_accept => accept::accept(call, 0),
        libc::SYS_accept4 => {
            let flags = call.int(3);
            accept::accept(call, flags);
        }
        libc::SYS_getsockname => names::own(call),
        libc::SYS_getpeername => names::peer(call),
        libc::SYS_sendto => datagram::send(call),
        libc::SYS_recvfrom => datagram::receive(call),
        libc::SYS_recvmsg => datagram::receive_message(call),
        _ => call.go_on(),
    }
}

/// What a handler says that does not answer itself.
#[derive(Clone, Copy)]
enum Otherwise {
    /// The kernel runs the call as the program made it.
    GoOn,
    /// The call fails.
    Fail(Errno),
}

impl From<Errno> for Otherwise {
    fn from(errno: Errno) -> Self {
        Self::Fail(errno)
    }
}

impl From<std::io::Error> for Otherwise {
    fn from(error: std::io::Error) -> Self {
        Self::Fail(error.into())
    }
}

/// Ends the call with what was decided.
fn end(call: Call, decided: Result<i64, Otherwise>) {
    match decided {
        Ok(value) => call.answer(Ok(value)),
        Err(Otherwise::Fail(errno)) => call.answer(Err(errno)),
        Err(Otherwise::GoOn) => call.go_on(),
    }
}

/// The socket that a call's first argument names. Unix sockets, and what is no socket, are left to the kernel.
fn socket_of(call: &Call) -> Result<ProgramSocket, Otherwise> {
    let descriptor: OwnedFd = match call.descriptor(call.int(0)) {
        Ok(descriptor) => descriptor,
        Err(Errno(libc::EPERM)) => return Err(Otherwise::Fail(Errno(libc::EPERM))),
        Err(_) => return Err(Otherwise::GoOn), // the kernel says why
    };
    ProgramSocket::new(descriptor).ok_or(Otherwise::GoOn)
}
