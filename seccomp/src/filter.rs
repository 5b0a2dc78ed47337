//! The filter, and putting it over a thread.
#![expect(unsafe_code, reason = "prctl(2) and seccomp(2)")]

mod outside;
mod program;

use std::{
    io,
    ops::Range,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};

use libc::sock_filter;
use program::PROGRAM;

pub use outside::RANGE_LIMIT;

/// Puts the filter over the calling thread and what descends from it, and gives its listener, closed on exec.
/// seccomp(2) with `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
///
/// `WAIT_KILLABLE_RECV` keeps signals from interrupting a call that the supervisor works at already: without it a
/// program with a timer shorter than the answer repeats its call for ever.
///
/// A thread that may not do that otherwise (`CAP_SYS_ADMIN`) gets `PR_SET_NO_NEW_PRIVS` first: setuid programs that
/// descend from it run without their privileges.
///
/// Allocates nothing: it runs between fork and exec, in a child of vfork(2) too.
///
/// Fails with `EBUSY` when the thread has a listener already: then it is supervised, and all is well; with `EINVAL` or
/// `ENOSYS` on kernels before 5.19; with `EPERM` or `EACCES` where a container forbids it.
pub fn install() -> io::Result<OwnedFd> {
    install_program(&PROGRAM)
}

/// As [`install`], for a filter that announces no call that is made from within `allowed`: addresses of the instruction
/// behind the call.
///
/// Fails with `E2BIG` for more than [`RANGE_LIMIT`] ranges.
pub fn install_outside(allowed: &[Range<u64>]) -> io::Result<OwnedFd> {
    let program = outside::Program::new(allowed).ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?;
    install_program(program.instructions())
}

fn install_program(program: &[sock_filter]) -> io::Result<OwnedFd> {
    match put(program) {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
            // SAFETY: takes numbers only.
            if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
            put(program)
        }
        result => result,
    }
}

/// Whether the kernel would take the filter from this process, as far as can be told without putting it anywhere.
///
/// Fails as [`install`] does, `EBUSY` excepted.
pub fn check() -> io::Result<()> {
    // seccomp(2): with all flags known, the program is read, and there is none.
    let null = std::ptr::null::<libc::sock_fprog>();
    // SAFETY: the kernel reads nothing, because the pointer is null.
    unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, FLAGS, null) };
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EFAULT) => Ok(()),
        error => Err(error),
    }
}

/// Why [`install`] or [`check`] failed, and what to do about it.
pub fn explain(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS) => {
            "the kernel cannot announce its system calls to us: that takes Linux 5.19 or newer"
        }
        Some(libc::EPERM | libc::EACCES) => {
            "seccomp filters are forbidden here, as in some containers; allow them \
             (docker run --security-opt seccomp=unconfined)"
        }
        Some(libc::EBUSY) => {
            "its system calls are announced to another supervisor already, as in LXC containers; run it outside of that"
        }
        _ => "the kernel does not take the filter for its system calls",
    }
}

const FLAGS: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

fn put(program: &[sock_filter]) -> io::Result<OwnedFd> {
    // The kernel's own limit is 4096 instructions.
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel reads `program` and its instructions, and writes neither.
    let listener =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, FLAGS, &raw const program) };
    if listener < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(clippy::cast_possible_truncation, reason = "descriptors are ints")]
    let listener = listener as RawFd;
    // SAFETY: a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

#[cfg(test)]
mod tests;
