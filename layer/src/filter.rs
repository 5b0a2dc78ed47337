//! The way of a process that is about to become a program of the second engine: filter on, listener to the session.
//!
//! Runs in children of vfork(2), too: everything is on the stack, and on a connection of its own.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use protocol::link::{ToLayer, encode_supervise};
use protocol::{Errno, codec};
use seccomp::filter;
use seccomp::handover::{HandoverError, hand_over_with};

use crate::link::Link;
use crate::sys;

/// Room for a request: a path has at most 4096 bytes.
const REQUEST_LIMIT: usize = 4096 + 64;

/// Why the process has no supervisor.
pub(crate) enum Unsupervised {
    /// The kernel takes no filter: the process may go on without us.
    NoFilter(io::Error),
    /// Nobody would answer its calls, or nobody does.
    NoSupervisor(Errno),
}

/// Has this process, which will execute `path` next, supervised.
pub(crate) fn supervise(link: &Link, path: &CStr) -> Result<(), Unsupervised> {
    hand_over(link, path.to_bytes(), filter::install)
}

/// Has this process supervised in what it does behind libc's back: system calls of its own, of cgo, of libraries.
/// Forked children are like it; other programs cannot be told apart from it and have all their calls announced.
pub(crate) fn supervise_outside_libc(link: &Link, executable: &[u8]) -> Result<(), Unsupervised> {
    let libc = sys::code::of_libc();
    hand_over(link, executable, || filter::install_outside(&libc))
}

fn hand_over(link: &Link, path: &[u8], install: impl FnOnce() -> io::Result<OwnedFd>) -> Result<(), Unsupervised> {
    let connection = link.connect_anew().map_err(Unsupervised::NoSupervisor)?;
    let mut request = [0; REQUEST_LIMIT];
    let too_long = || Unsupervised::NoSupervisor(Errno(libc::ENAMETOOLONG));
    let request = encode_supervise(path, &mut request).map_err(|_| too_long())?;
    let mut answer = [0; 64];
    let len = hand_over_with(install, connection.as_fd(), request, &mut answer).map_err(|error| match error {
        HandoverError::Filter(error) => Unsupervised::NoFilter(error),
        HandoverError::Supervisor(error) => {
            Unsupervised::NoSupervisor(Errno(error.raw_os_error().unwrap_or(libc::EIO)))
        }
    })?;
    match codec::decode(&answer[..len]) {
        Ok(ToLayer::Supervised(taken)) => taken.map_err(Unsupervised::NoSupervisor),
        _ => Err(Unsupervised::NoSupervisor(Errno(libc::EPROTO))),
    }
}
