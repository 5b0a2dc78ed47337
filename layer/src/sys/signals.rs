//! Signals while the layer talks to the session: they are kept waiting, except while the layer itself waits.
//!
//! A handler may do what a handler may: open(2), read(2), connect(2). If it interrupted the layer's own code, its calls
//! could not be told from the layer's, and would stay on this machine; and the layer allocates, which a handler must not
//! meet in the middle.
#![expect(unsafe_code, reason = "calls libc")]

use std::cell::Cell;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;
use protocol::Errno;

use super::checked;

/// Signals that stay as they are: those that a thread causes itself.
const OWN_FAULT: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

thread_local! {
    /// What the program wanted before signals of this thread were made to wait; nothing when they are not.
    static BEFORE: Cell<Option<libc::sigset_t>> = const { Cell::new(None) };
}

/// Signals that the layer keeps waiting, put aside while a handler of the program is in the layer itself.
pub(crate) struct Aside(Option<libc::sigset_t>);

/// A thread enters the layer: no signal waits for this visit yet.
pub(crate) fn enter() -> Aside {
    Aside(BEFORE.take())
}

/// It leaves: what has waited comes now, outside.
pub(crate) fn leave(aside: &mut Aside) {
    if let Some(before) = BEFORE.replace(aside.0.take()) {
        // SAFETY: reads one set. It cannot fail with these arguments, and leaves errno alone.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    }
}

/// Keeps signals of this thread waiting until it leaves the layer.
pub(crate) fn hold() {
    if BEFORE.get().is_none() {
        // SAFETY: plain numbers, which the calls fill.
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        // SAFETY: writes one set.
        unsafe { libc::sigfillset(&raw mut all) };
        for signal in OWN_FAULT {
            // SAFETY: changes one set.
            unsafe { libc::sigdelset(&raw mut all, signal) };
        }
        // SAFETY: reads one set and writes another. It cannot fail with these arguments.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
        BEFORE.set(Some(before));
    }
}

/// Waits until there is something to receive, or for `seconds`; meanwhile signals come as the program wants them. Every
/// handler that has run makes it return [`Errno::EINTR`]. ppoll(2).
pub(crate) fn wait(socket: BorrowedFd<'_>, seconds: i64) -> Result<(), Errno> {
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    let wanted = BEFORE.get();
    let wanted = wanted.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: describes one descriptor, one time and one set, or none.
    match checked(unsafe { libc::ppoll(&raw mut poll, 1, &raw const limit, wanted) })? {
        0 => Err(Errno(libc::EAGAIN)),
        _ => Ok(()),
    }
}
