//! The session's side of the mount: the helper is told of files before they are opened, and missed when it goes.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use link::{Link, Stream};
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::Mode,
};
use protocol::{
    Errno,
    file::{Content, Open, Opened},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Lent,
    forward::{self, FRAMES, Frames, Settling, frame},
    launch::Started,
    lent::Lender,
    opening::Opening,
    remembered::{Passing, Remembered},
    wire::{Held, Moment, PRIME_BIT, Primed, ToHelper},
};
use crate::event::{Event, Observer};

/// Flags of open(2) that the agent has dealt with, or that mean nothing here.
const DONE: i32 = libc::O_CREAT | libc::O_EXCL | libc::O_TRUNC | libc::O_NOCTTY | libc::O_NOATIME | libc::O_ASYNC;

/// `O_TMPFILE` without `O_DIRECTORY`, which is part of it.
const NAMELESS: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// The mount of the target's files.
#[derive(Debug)]
pub(crate) struct Files {
    root: OwnedFd,
    /// Readable as long as something that was written has not reached the pod.
    dirty: OwnedFd,
    frames: Frames,
    next: AtomicU32,
    settling: Arc<Settling>,
    remembered: Arc<Remembered>,
    /// A file was opened: before that nobody can be confused.
    used: AtomicBool,
    gone: CancellationToken,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Files {
    /// Lets a helper serve over `link` until `cancel`; the tasks for it are among `tasks`.
    pub(crate) fn serve(
        started: Started,
        link: &Link,
        observer: &Observer,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Self {
        let Started { mut child, socket, root, dirty, .. } = started;
        let (reader, writer) = socket.into_split();
        let (frames, queue) = mpsc::channel(FRAMES);
        let settling: Arc<Settling> = Arc::default();
        let gone = CancellationToken::new();
        let remembered: Arc<Remembered> = Arc::default();
        let served = forward::serve(
            reader,
            link.clone(),
            frames.clone(),
            settling.clone(),
            remembered.clone(),
            observer.clone(),
        );
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
        Self {
            root,
            dirty,
            frames,
            next: AtomicU32::new(0),
            settling,
            remembered,
            used: AtomicBool::new(false),
            gone,
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        }
    }

    /// What the target has said of paths.
    pub(super) fn remembered(&self) -> &Arc<Remembered> {
        &self.remembered
    }

    /// Whether the helper lives.
    pub(crate) fn are_there(&self) -> bool {
        !self.gone.is_cancelled()
    }

    /// Opens what the agent has opened for `request`, `asked` for it then; `blob` is what comes with it, perhaps a listing to
    /// be remembered.
    pub(super) async fn open(
        &self,
        request: &Open,
        asked: Moment,
        opened: Opened,
        (blob, passing): (Stream, Option<Passing>),
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
        let primed = Primed { path: path.clone(), metadata, asked, flags, content };
        let primed = primed.encode().map_err(|_| Errno(libc::ENAMETOOLONG))?;
        self.used.store(true, Ordering::Relaxed);
        self.send(frame(ToHelper::Prime, number, &primed)).await?;
        opening.done(); // the helper closes what nobody uses
        let root = self.root.as_fd().try_clone_to_owned()?;
        let done = Unprime { frames: self.frames.clone(), number };
        let lender = Lender { frames: self.frames.clone(), number };
        let here = tokio::task::spawn_blocking(move || {
            let _done = done;
            open_below(&root, &path, flags).map(|descriptor| Lent::of(descriptor, lender))
        });
        // Whoever reads waits for the bytes that it wants, whoever opens for none.
        let frames = self.frames.clone();
        let copied = async move {
            let end = forward::copy(blob, &frames, number, passing).await;
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
