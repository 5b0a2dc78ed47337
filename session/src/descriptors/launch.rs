//! The start of the files helper: its process, its first message, and why a machine may have none.

use std::{
    io::{self, IoSliceMut},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use protocol::Errno;
use tokio::{
    io::Interest,
    net::UnixStream,
    process::{Child, Command},
};

use super::helper::HIDDEN_COMMAND;

/// Names a way without FUSE: `0` keeps the helper from being started. For tests, and for machines where it misbehaves.
pub(crate) const VARIABLE: &str = "MIRRORD_FUSE";

/// It takes a few milliseconds; a machine that is out of breath may need longer.
const START_LIMIT: Duration = Duration::from_secs(5);

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    /// The user does not want it.
    #[error("{VARIABLE}=0 says so")]
    Unwanted,
    /// The helper's program does not start.
    #[error("cannot start {path}: {source}")]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused a step.
    #[error("{step}: {errno}; {}", likely_cause(.step, *.errno))]
    Refused {
        /// Which.
        step: String,
        /// With what.
        errno: Errno,
    },
    /// It does not answer.
    #[error("the helper did not answer within {} s", START_LIMIT.as_secs())]
    Timeout,
    /// It ended without a word.
    #[error("the helper ended at once: {0}")]
    Ended(io::Error),
}

/// Which restriction of a machine explains that `step` failed with `errno`, and what can be done.
fn likely_cause(step: &str, errno: Errno) -> &'static str {
    match (step, errno.0) {
        ("/dev/fuse", libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
            "load the kernel module `fuse`, or start the container with --device /dev/fuse"
        }
        ("/dev/fuse", _) => "the device may not be opened: let this user read and write it (crw-rw-rw- is usual)",
        ("unshare", libc::ENOSPC | libc::EUSERS) => {
            "the limit of namespaces is reached: see /proc/sys/user/max_user_namespaces"
        }
        ("unshare", _) => {
            "unprivileged user namespaces are switched off (kernel.unprivileged_userns_clone), or this runs in a \
             container whose seccomp profile forbids them (docker: --security-opt seccomp=unconfined)"
        }
        ("fsopen", libc::ENOSYS) => "Linux 5.2 or newer is needed",
        _ => {
            "a security module may take the rights inside new user namespaces away (Ubuntu: \
             kernel.apparmor_restrict_unprivileged_userns=1)"
        }
    }
}

/// A helper that runs and serves nobody yet.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its process.
    pub(super) child: Child,
    /// Frames go both ways.
    pub(super) socket: UnixStream,
    /// Root of its mount.
    pub(super) root: OwnedFd,
    /// Readable as long as something that was written has not reached the pod.
    pub(super) dirty: OwnedFd,
    device: u64,
}

impl Started {
    /// Starts `program` as a helper and waits for its mount.
    pub(crate) async fn start(program: &Path, wanted: bool) -> Result<Self, Unavailable> {
        if !wanted {
            return Err(Unavailable::Unwanted);
        }
        let failed = |source| Unavailable::Start { path: program.to_owned(), source };
        let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
        // No PR_SET_PDEATHSIG: it would act when the thread that starts it here ends. The socket's end is enough.
        let child = Command::new(program)
            .arg(HIDDEN_COMMAND)
            .env_clear()
            .current_dir("/")
            .process_group(0) // Ctrl-C in a terminal is for the launcher alone
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let socket = UnixStream::from_std(ours).map_err(failed)?;
        let greeting = tokio::time::timeout(START_LIMIT, greeting(&socket)).await;
        let (root, dirty) = greeting.unwrap_or(Err(Unavailable::Timeout))?;
        let device = device_of(&root).map_err(Unavailable::Ended)?;
        Ok(Self { child, socket, root, dirty, device })
    }

    /// `st_dev` of all files of the mount.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }
}

/// `st_dev` of a mount's root, without asking who serves it: statx(2) with `AT_STATX_DONT_SYNC`.
fn device_of(root: &OwnedFd) -> io::Result<u64> {
    let mut status = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path ends with NUL, and the kernel fills no more than the struct that is given.
    #[expect(unsafe_code, reason = "statx(2) has no wrapper")]
    let result = unsafe { libc::statx(root.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_TYPE, status.as_mut_ptr()) };
    nix::errno::Errno::result(result)?;
    // SAFETY: all bytes are initialized, and every pattern of them is a value.
    #[expect(unsafe_code, reason = "takes what the kernel filled in")]
    let status = unsafe { status.assume_init() };
    Ok(libc::makedev(status.stx_dev_major, status.stx_dev_minor))
}

/// The helper's first message; see [`super::helper::main`].
async fn greeting(socket: &UnixStream) -> Result<(OwnedFd, OwnedFd), Unavailable> {
    let mut bytes = [0; 64];
    let received = socket.async_io(Interest::READABLE, || {
        let mut into = [IoSliceMut::new(&mut bytes)];
        let mut beside = nix::cmsg_space!([RawFd; 2]);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut beside), flags)?;
        let mut descriptors = Vec::new();
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = message {
                for number in numbers {
                    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
                    #[expect(unsafe_code, reason = "takes what came beside a message")]
                    descriptors.push(unsafe { OwnedFd::from_raw_fd(number) });
                }
            }
        }
        Ok((received.bytes, descriptors))
    });
    let (len, descriptors) = received.await.map_err(Unavailable::Ended)?;
    let Some((errno, step)) = bytes[..len].split_first_chunk() else {
        return Err(Unavailable::Ended(io::ErrorKind::UnexpectedEof.into()));
    };
    match (i32::from_le_bytes(*errno), <[OwnedFd; 2]>::try_from(descriptors)) {
        (0, Ok([root, dirty])) => Ok((root, dirty)),
        (0, Err(_)) => Err(Unavailable::Ended(io::ErrorKind::InvalidData.into())),
        (errno, _) => {
            Err(Unavailable::Refused { step: String::from_utf8_lossy(step).into_owned(), errno: Errno(errno) })
        }
    }
}
