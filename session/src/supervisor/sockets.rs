//! Calls on sockets.

use libc::c_long;

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
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
];

/// Runs on the receiving thread: decides at once, or moves the call into a task ([`Call::later`]).
pub(super) fn handle(call: Call) {
    call.go_on();
}
