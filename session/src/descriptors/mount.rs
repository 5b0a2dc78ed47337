//! The session's side of the files helper: it is started, told of files before they are opened, and missed when it goes.

use std::{
    io::{self, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, net::UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use link::{Link, Stream};
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{ControlMessageOwned, MsgFlags, recvmsg},
        stat::Mode,
    },
};
use protocol::{
    Errno,
    file::{Content, Open, Opened},
};
use tokio::{
    io::Interest,
    net::UnixStream,
    process::{Child, Command},
    sync::{mpsc, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Lent,
    forward::{self, FRAMES, Frames, Settling, frame},
    helper::HIDDEN_COMMAND,
    opening::Opening,
    wire::{Held, PRIME_BIT, Primed, ToHelper},
};
use crate::event::{Event, Observer};

/// Names a way without FUSE: `0` keeps the helper from being started. For tests, and for machines where it misbehaves.
pub(crate) const VARIABLE: &str = "MIRRORD_FUSE";

/// It takes a few milliseconds; a machine that is out of breath may need longer.
const START_LIMIT: Duration = Duration::from_secs(5);

/// Flags of open(2) that the agent has dealt with, or that mean nothing here.
const DONE: i32 = libc::O_CREAT | libc::O_EXCL | libc::O_TRUNC | libc::O_NOCTTY | libc::O_NOATIME | libc::O_ASYNC;

/// `O_TMPFILE` without `O_DIRECTORY`, which is part of it.
const NAMELESS: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

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
    child: Child,
    socket: UnixStream,
    root: OwnedFd,
    dirty: OwnedFd,
    device: u64,
}

/// The mount of the target's files.
#[derive(Debug)]
pub(crate) struct Files {
    root: OwnedFd,
    /// Readable as long as something that was written has not reached the pod.
    dirty: OwnedFd,
    frames: Frames,
    next: AtomicU32,
    settling: Arc<Settling>,
    /// A file was opened: before that nobody can be confused.
    used: AtomicBool,
    gone: CancellationToken,
    tasks: TaskTracker,
    cancel: CancellationToken,
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

    /// Serves it over `link` until `cancel`; its tasks are among `tasks`.
    pub(crate) fn serve(
        self,
        link: &Link,
        observer: &Observer,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Files {
        let Self { mut child, socket, root, dirty, device: _ } = self;
        let (reader, writer) = socket.into_split();
        let (frames, queue) = mpsc::channel(FRAMES);
        let settling: Arc<Settling> = Arc::default();
        let gone = CancellationToken::new();
        let served = forward::serve(reader, link.clone(), frames.clone(), settling.clone(), observer.clone());
        let (observer, ended, settled) = (observer.clone(), gone.clone(), settling.clone());
        let task = async move {
            let _gone = ended.drop_guard();
            let end = tokio::select! {
                end = served => end,
                end = forward::send_out(writer, queue) => end,
            };
            settled.lock().unwrap_or_else(PoisonError::into_inner).clear(); // nobody is answered any more
            let how = match (end, child.wait().await) {
                (Err(error), _) | (Ok(()), Err(error)) => error.to_string(),
                (Ok(()), Ok(status)) => status.to_string(),
            };
            observer.tell(Event::Warning(format!(
                "the process that serves remote files has ended ({how}): remote files and directories that are open \
                 fail from now on, others are copies in memory; restart the session to get it back"
            )));
        };
        tasks.spawn(cancel.clone().run_until_cancelled_owned(task));
        Files {
            root,
            dirty,
            frames,
            next: AtomicU32::new(0),
            settling,
            used: AtomicBool::new(false),
            gone,
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        }
    }
}

impl Files {
    /// Whether the helper lives.
    pub(crate) fn are_there(&self) -> bool {
        !self.gone.is_cancelled()
    }

    /// Opens what the agent has opened for `request`; `blob` is what comes with it.
    pub(super) async fn open(
        &self,
        request: &Open,
        opened: Opened,
        blob: Stream,
        opening: Opening,
    ) -> Result<Lent, Errno> {
        let Opened { metadata, path, content } = opened;
        let flags = request.flags & !DONE | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let nameless = flags & NAMELESS != 0;
        let path = if nameless { parent(&path).to_vec() } else { path };
        let content = match content {
            Content::Whole => Held::Whole,
            Content::Beginning(handle) => Held::File(handle),
            Content::Listing(handle) => Held::Directory(handle),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed) | PRIME_BIT;
        let primed = Primed { path: path.clone(), metadata, flags, content };
        let primed = primed.encode().map_err(|_| Errno(libc::ENAMETOOLONG))?;
        self.used.store(true, Ordering::Relaxed);
        self.send(frame(ToHelper::Prime, number, &primed)).await?;
        opening.done(); // the helper closes what nobody uses
        let root = self.root.as_fd().try_clone_to_owned()?;
        let done = Unprime { frames: self.frames.clone(), number };
        let here = tokio::task::spawn_blocking(move || {
            let _done = done;
            open_below(&root, &path, flags).map(Lent::from)
        });
        // Whoever reads waits for the bytes that it wants, whoever opens for none.
        let frames = self.frames.clone();
        let copied = async move {
            let end = forward::copy(blob, &frames, number).await;
            forward::finish(&frames, number, end).await;
        };
        self.tasks.spawn(self.cancel.clone().run_until_cancelled_owned(copied));
        here.await.unwrap_or(Err(Errno::EIO))
    }

    /// Waits until everything that was written has reached the pod.
    pub(super) async fn settle_if_dirty(&self) {
        let mut asked = [PollFd::new(self.dirty.as_fd(), PollFlags::POLLIN)];
        if poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
            self.settle(0).await;
        }
    }

    /// Lets the mount forget what it knows of files: something was changed by path.
    pub(super) async fn forget(&self) {
        if self.used.load(Ordering::Relaxed) {
            self.settle(1).await;
        }
    }

    async fn settle(&self, forget: u8) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) | PRIME_BIT;
        let (settled_tx, settled) = oneshot::channel();
        self.settling.lock().unwrap_or_else(PoisonError::into_inner).insert(number, settled_tx);
        if self.send(frame(ToHelper::Settle, number, &[forget])).await.is_err() {
            self.settling.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            return;
        }
        // A helper that has gone has lost what it had, and has said so.
        tokio::select! { _ = settled => {} () = self.gone.cancelled() => {} }
    }

    async fn send(&self, frame: Vec<u8>) -> Result<(), Errno> {
        self.frames.send(frame).await.map_err(|_| Errno(libc::ENOTCONN))
    }
}

/// Tells the helper that an opening is over, however it ended.
struct Unprime {
    frames: Frames,
    number: u32,
}

impl Drop for Unprime {
    fn drop(&mut self) {
        // On a thread that may block; a helper that has gone does not want to know.
        let _ = self.frames.blocking_send(frame(ToHelper::Unprime, self.number, &[]));
    }
}

/// The directory of a path.
fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(end) => &path[..end],
    }
}

/// Opens a path without links below the mount's root. Links would be walked by this process's kernel.
fn open_below(root: &OwnedFd, path: &[u8], flags: i32) -> Result<OwnedFd, Errno> {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let relative = if start == path.len() { b"." } else { &path[start..] };
    // The kernel refuses a mode where nothing is created.
    let mode = if flags & NAMELESS == 0 { Mode::empty() } else { Mode::S_IRUSR | Mode::S_IWUSR };
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::from_bits_retain(flags)).mode(mode).resolve(resolve);
    loop {
        match openat2(root, std::ffi::OsStr::from_bytes(relative), how) {
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
            opened => return opened.map_err(|errno| Errno(errno as i32)),
        }
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
