//! Signals while the layer talks to the session: they are kept waiting, except while the layer itself waits.
//!
//! A handler may do what a handler may: open(2), read(2), connect(2). If it interrupted the layer's own code, its calls
//! could not be told from the layer's, and would stay on this machine; and the layer allocates, which a handler must not
//! meet in the middle.
#![expect(unsafe_code, reason = "calls libc")]

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;
use protocol::Errno;

use super::{checked, last_error};

/// Signals that stay as they are: those that a thread causes itself.
const OWN_FAULT: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Keeps signals of this thread waiting until it is dropped.
pub(crate) struct Held {
    before: libc::sigset_t,
}

impl Held {
    pub(crate) fn new() -> Self {
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
        Self { before }
    }

    /// Waits until there is something to receive, or for `seconds`; meanwhile signals come as the program wants them. Every
    /// handler that has run makes it return [`Errno::EINTR`]. ppoll(2).
    pub(crate) fn wait(&self, socket: BorrowedFd<'_>, seconds: i64) -> Result<(), Errno> {
        let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let limit = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
        // SAFETY: describes one descriptor, one time and one set.
        match checked(unsafe { libc::ppoll(&raw mut poll, 1, &raw const limit, &raw const self.before) })? {
            0 => Err(Errno(libc::EAGAIN)),
            _ => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let errno = last_error();
        // SAFETY: reads one set. It cannot fail with these arguments.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
        super::set_errno(errno);
    }
}
