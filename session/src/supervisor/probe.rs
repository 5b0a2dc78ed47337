//! Whether this machine lets us supervise programs: a child of ours is supervised for one call.
//!
//! Containers, security modules and old kernels each forbid another part of it, and only trying tells which.
#![expect(unsafe_code, reason = "fork(2), and what the child may do after it")]

use std::{
    ffi::CStr,
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        socket::{
            AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, send, setsockopt, socketpair,
            sockopt::ReceiveTimeout,
        },
        time::{TimeVal, TimeValLike as _},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork},
};
use seccomp::{
    filter,
    handover::{HandoverError, hand_over},
    listener::{self, Listener, Notification, Process, Text, Waited},
};

/// What this machine does not let us do. It says why, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unwatchable {
    /// No filter: calls are not announced.
    #[error("{}", filter::explain(.0))]
    Filter(#[source] io::Error),
    /// Calls are announced, and cannot be answered as they must.
    #[error("{part}: {error}; {ADVICE}")]
    Part {
        /// The call, or the step.
        part: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

const ADVICE: &str = "programs cannot be looked into here: a container needs CAP_SYS_PTRACE for that \
                      (docker run --cap-add SYS_PTRACE), and kernel.yama.ptrace_scope must be 0 or 1";

/// All of it takes microseconds, on a machine that is out of breath some milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// What the child opens. It is answered, not opened.
const PATH: &CStr = c"/mirrord/probe";

/// Tries all that supervising takes. Blocks for about a millisecond, and forks.
pub fn probe() -> Result<(), Unwatchable> {
    // The usual reason, and cheap.
    filter::check().map_err(Unwatchable::Filter)?;
    let kind = (AddressFamily::Unix, SockType::SeqPacket);
    let (ours, theirs) = socketpair(kind.0, kind.1, None, SockFlag::SOCK_CLOEXEC).map_err(part("socketpair"))?;
    setsockopt(&ours, ReceiveTimeout, &TimeVal::seconds(LIMIT.as_secs().cast_signed())).map_err(part("setsockopt"))?;
    // SAFETY: the child makes calls that are safe after a fork, and ends.
    let child = match unsafe { fork() }.map_err(part("fork"))? {
        ForkResult::Child => make_a_call(theirs.as_fd()),
        ForkResult::Parent { child } => Child(child),
    };
    drop(theirs);
    let listener = match receive(&ours) {
        Ok(listener) => Listener::from(listener),
        Err(error) => {
            return Err(match child.wait() {
                WaitStatus::Exited(_, errno) if errno != 0 => Unwatchable::Filter(io::Error::from_raw_os_error(errno)),
                _ => part("SCM_RIGHTS")(error),
            });
        }
    };
    answer(&ours, &listener, child.0)?;
    match child.wait() {
        WaitStatus::Exited(_, 0) => Ok(()),
        status => Err(part("seccomp")(io::Error::other(format!("no answer arrived: {status:?}")))),
    }
}

fn part<E: Into<io::Error>>(part: &'static str) -> impl Fn(E) -> Unwatchable {
    move |error| Unwatchable::Part { part, error: error.into() }
}

/// Answers the child's one call, by all means by which calls of programs are answered.
fn answer(connection: &OwnedFd, listener: &Listener, child: Pid) -> Result<(), Unwatchable> {
    send(connection.as_raw_fd(), b"x", MsgFlags::MSG_NOSIGNAL).map_err(part("send"))?;
    let call = next(listener).map_err(part("SECCOMP_IOCTL_NOTIF_RECV"))?;
    let mut room = [0; 64];
    match listener::read_text(call.thread, call.arguments[1], &mut room) {
        Ok(Text::Whole(text)) if text == PATH.to_bytes() => {}
        Ok(_) => return Err(part("process_vm_readv")(Errno::EFAULT)),
        Err(error) => return Err(part("process_vm_readv")(error)),
    }
    let process = Process::open(child.as_raw().cast_unsigned()).map_err(part("pidfd_open"))?;
    process.descriptor(connection.as_raw_fd()).map_err(part("pidfd_getfd"))?;
    listener.give(call.id, connection.as_fd(), true).map(drop).map_err(part("SECCOMP_IOCTL_NOTIF_ADDFD"))
}

fn next(listener: &Listener) -> io::Result<Notification> {
    match listener.wait(None, Some(LIMIT))? {
        Waited::Call => listener.receive()?.ok_or_else(|| Errno::ESRCH.into()),
        Waited::Ended => Err(Errno::ESRCH.into()),
        Waited::Woken | Waited::Nothing => Err(Errno::ETIMEDOUT.into()),
    }
}

/// The child: ends with 0 once its call was answered, and with the errno when it got no filter. Allocates nothing.
fn make_a_call(connection: BorrowedFd<'_>) -> ! {
    let code = match hand_over(connection, b"x", &mut [0]) {
        Err(HandoverError::Filter(error)) => error.raw_os_error().unwrap_or(libc::EINVAL),
        Err(HandoverError::Supervisor(_)) => 0,
        Ok(_) => {
            // SAFETY: the path ends with NUL.
            let opened = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, PATH.as_ptr(), libc::O_RDONLY, 0) };
            if opened < 0 { libc::EIO } else { 0 }
        }
    };
    // SAFETY: ends this process and nothing else.
    unsafe { libc::_exit(code) }
}

/// The listener that the child sends.
fn receive(connection: &OwnedFd) -> io::Result<OwnedFd> {
    let (mut bytes, mut room) = ([0; 1], cmsg_space!(RawFd));
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(connection.as_raw_fd(), &mut pieces, Some(&mut room), flags)?;
    let sent = message.cmsgs()?.find_map(|sent| match sent {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    // SAFETY: a descriptor that the kernel has just made for us.
    sent.map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) }).ok_or_else(|| Errno::EPIPE.into())
}

/// The child, which does not outlive this.
struct Child(Pid);

impl Child {
    /// Waits for its end; the number is another's afterwards.
    fn wait(self) -> WaitStatus {
        let status = self.reap();
        std::mem::forget(self);
        status
    }

    fn reap(&self) -> WaitStatus {
        loop {
            match waitpid(self.0, None) {
                Err(Errno::EINTR) => {}
                // Somebody else has waited for it: nothing is known of its end.
                Err(_) => return WaitStatus::StillAlive,
                Ok(status) => return status,
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Something went wrong. It may have ended.
        let _ = kill(self.0, Signal::SIGKILL);
        self.reap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_watch_programs() {
        probe().expect("what the other tests need");
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let refused = || io::Error::from_raw_os_error(libc::EPERM);
        let [filter, part] = [Unwatchable::Filter(refused()), part("pidfd_open")(refused())].map(|why| why.to_string());
        assert!(filter.contains("seccomp=unconfined"), "{filter}");
        assert!(part.starts_with("pidfd_open: Operation not permitted (os error 1); programs cannot"), "{part}");
        assert!(part.contains("--cap-add SYS_PTRACE"), "{part}");
    }
}
