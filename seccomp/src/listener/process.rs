//! A process of the tree, by a descriptor that cannot come to mean another one. pidfd_open(2).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

/// A process, alive or not yet forgotten.
#[derive(Debug)]
pub struct Process {
    descriptor: OwnedFd,
}

impl Process {
    /// The process whose first thread is `pid`. `ESRCH` when there is none, `EINVAL` when that is another thread's number.
    pub fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: two numbers; the result is a descriptor of ours.
        #[expect(unsafe_code, reason = "pidfd_open(2) has no wrapper")]
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        Ok(Self { descriptor: owned(result)? })
    }

    /// A copy of its descriptor `number`: the same open file, closed on exec here. pidfd_getfd(2).
    ///
    /// Fails with `EBADF` when it has none, with `EPERM` when we may not trace it: another user, Yama's `ptrace_scope`,
    /// or a container's own seccomp filter.
    pub fn descriptor(&self, number: RawFd) -> io::Result<OwnedFd> {
        // SAFETY: three numbers; the result is a descriptor of ours.
        #[expect(unsafe_code, reason = "pidfd_getfd(2) has no wrapper")]
        let result = unsafe { libc::syscall(libc::SYS_pidfd_getfd, self.descriptor.as_raw_fd(), number, 0) };
        owned(result)
    }

    /// Sends a signal. pidfd_send_signal(2); `ESRCH` when the process has ended.
    pub fn signal(&self, signal: libc::c_int) -> io::Result<()> {
        let (process, nothing) = (self.descriptor.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
        // SAFETY: no information goes with the signal.
        #[expect(unsafe_code, reason = "pidfd_send_signal(2) has no wrapper")]
        let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, signal, nothing, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        let mut polled = libc::pollfd { fd: self.descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, ours.
        #[expect(unsafe_code, reason = "poll(2)")]
        let result = unsafe { libc::poll(&raw mut polled, 1, 0) };
        result > 0
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        #[expect(unsafe_code, reason = "takes what a system call returned")]
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn descriptors_of_a_process_can_be_copied() {
        let (mut read, write) = io::pipe().unwrap();
        let copy = Process::open(std::process::id()).unwrap().descriptor(write.as_raw_fd()).unwrap();
        drop(write);
        io::Write::write_all(&mut io::PipeWriter::from(copy), b"x").unwrap();
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        let missing = Process::open(std::process::id()).unwrap().descriptor(1 << 20);
        assert_eq!(missing.unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_child_ends_by_a_signal() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        assert!(!process.has_ended());
        process.signal(libc::SIGKILL).unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(process.has_ended());
        assert_eq!(process.signal(libc::SIGKILL).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}
