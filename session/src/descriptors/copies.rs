//! Without FUSE: files that are copies in memory, one for all descriptors of a file in this session, written back when
//! programs have written to them.
//!
//! Weaker than the mount, and said so when the session starts: a file is fetched whole, the target's own changes are seen
//! when it is opened again, and directories are copies of the names. Nobody can see a write that comes behind our back: it
//! is found out by inotify(7), and whoever looks at a path waits until it has been sent.

mod content;
mod fetch;
mod file;
mod folders;
mod held;
mod watch;

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use link::{Link, Stream};
use nix::{
    fcntl::{OFlag, open as open_here},
    sys::{inotify::WatchDescriptor, stat::Mode},
};
use protocol::{
    Errno, codec,
    control::StreamHead,
    file::{Close, Content, Handle, Metadata, Open, Opened, Stat, Which},
    operation::{self, BLOB_FOLLOWS, Operation, Request},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    file::{Answer, Copy, Thorough},
    held::Held,
    watch::Watcher,
};
use super::{memory, opening::Opening, wire::Moment};
use crate::{event::Observer, proxy::Proxy};
pub(crate) use folders::original;
pub(super) use watch::Watched;

/// All copies that programs have open, and the directories that were made.
#[derive(Clone, Debug)]
pub(crate) struct Copies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    link: Link,
    observer: Observer,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Where directories are made; removed with the session.
    folder: PathBuf,
    state: Mutex<State>,
}

/// A file of the target, whatever it is called: device and inode number.
type Identity = (u64, u64);

#[derive(Debug, Default)]
struct State {
    watcher: Option<Arc<Watcher>>,
    files: HashMap<Identity, Arc<Copy>>,
    watched: HashMap<WatchDescriptor, Identity>,
    /// Directories that were made, for the next one's number and for the end.
    directories: Vec<PathBuf>,
}

impl Copies {
    /// None yet; `folder` is made when it is needed.
    pub(crate) fn new(
        link: &Link,
        observer: &Observer,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
        folder: PathBuf,
    ) -> Self {
        let (link, observer, tasks, cancel) = (link.clone(), observer.clone(), tasks.clone(), cancel.clone());
        Self(Arc::new(Shared { link, observer, tasks, cancel, folder, state: Mutex::default() }))
    }

    /// Writes back whatever is not in the pod yet.
    pub(super) async fn settle(&self) {
        for copy in self.0.all() {
            // Kept, for whoever closes it.
            let _ = copy.write_back(&self.0, Thorough::No).await;
        }
    }

    /// As [`Self::settle`], for the last time: what does not arrive is told.
    pub(super) async fn finish(&self) {
        for copy in self.0.all() {
            copy.finish_writing(&self.0).await;
        }
    }

    /// Something was changed by path: what is open is compared with the target's files.
    pub(super) async fn learn(&self) {
        let mut asked = JoinSet::new();
        for copy in self.0.all() {
            let shared = self.0.clone();
            asked.spawn(async move { copy.learn_again(&shared).await });
        }
        asked.join_all().await;
    }

    /// [`protocol::link::ToSession::Synchronise`]
    pub(crate) async fn synchronise(&self, copy: u64, lasting: bool) -> Result<Option<Metadata>, Errno> {
        let found = self.0.state().files.values().find(|other| other.number == copy).cloned();
        let Some(copy) = found else { return Ok(None) };
        copy.synchronise(&self.0, lasting).await.map(Some)
    }

    /// Where copies of directories are; see [`original`].
    pub(crate) fn folder(&self) -> &Path {
        &self.0.folder
    }
}

/// Opens a copy of what the agent has opened for `request`; `blob` is what comes with it. It is the same for all who open
/// the file, but for files of procfs and the like, which are made when they are read.
pub(super) async fn open(
    proxy: &Proxy,
    request: &Open,
    asked: Moment,
    opened: Opened,
    mut blob: Stream,
    opening: Opening,
) -> Result<OwnedFd, Errno> {
    let shared = &proxy.copies.0;
    let flags =
        OFlag::from_bits_retain(request.flags & (libc::O_ACCMODE | libc::O_APPEND | libc::O_PATH | libc::O_TRUNC));
    let kind = opened.metadata.mode & libc::S_IFMT;
    match opened.content {
        Content::Listing(handle) => {
            opening.done();
            let mut listing = Vec::new();
            let listed = (&mut blob).take(memory::LIMIT as u64).read_to_end(&mut listing).await;
            shared.close(handle).await;
            listed?;
            let directory = shared.make_directory(&opened.path, &listing)?;
            let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            Ok(open_here(&directory, flags, Mode::empty()).map_err(std::io::Error::from)?)
        }
        Content::Beginning(handle) if flags.contains(OFlag::O_PATH) => {
            opening.done();
            shared.close(handle).await;
            shared.name_only(opened, kind).await
        }
        Content::Whole => {
            let expected = usize::try_from(opened.metadata.size).unwrap_or(0) + 1;
            let fetched = memory::create(&opened.path)?;
            let len = memory::fill(&fetched, &mut blob, expected).await?;
            if i64::try_from(len) == Ok(opened.metadata.size) {
                let answer = Answer { opened, asked, held: None, fetched: Some(fetched), blob };
                return shared.share(flags, answer).await;
            }
            let descriptor = memory::reopen(&fetched, OFlag::O_RDONLY)?;
            memory::dress(&fetched, &opened.metadata)?;
            Ok(descriptor)
        }
        Content::Beginning(handle) => {
            opening.done();
            let held = Held { handle, flags };
            shared.share(flags, Answer { opened, asked, held: Some(held), fetched: None, blob }).await
        }
    }
}

/// Somebody who is about to open a copy, until it is open or given up.
struct Arrival<'a> {
    shared: &'a Shared,
    copy: &'a Copy,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let _state = self.shared.state();
        self.copy.openers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Copy>> {
        self.state().files.values().cloned().collect()
    }

    /// A descriptor of the one copy of a file.
    async fn share(self: &Arc<Self>, flags: OFlag, answer: Answer) -> Result<OwnedFd, Errno> {
        let identity = (answer.opened.metadata.dev, answer.opened.metadata.ino);
        let copy = self.find(identity, &answer.opened.path)?;
        let opening = Arrival { shared: self, copy: &copy };
        let descriptor = copy.open(self, flags, answer).await;
        drop(opening);
        if descriptor.is_err() {
            self.drop_if_closed(&copy, identity).await;
        }
        descriptor
    }

    /// The copy of a file, for one more who opens it; without content if it is new. It is followed from now on.
    fn find(self: &Arc<Self>, identity: Identity, path: &[u8]) -> Result<Arc<Copy>, Errno> {
        let watcher = self.watcher()?;
        let mut state = self.state();
        let copy = if let Some(copy) = state.files.get(&identity) {
            copy.clone()
        } else {
            let copy = Arc::new(Copy::new(identity, path)?);
            let number = watcher.add(&copy)?;
            state.watched.insert(number, identity);
            state.files.insert(identity, copy.clone());
            copy
        };
        copy.openers.fetch_add(1, Ordering::Relaxed);
        Ok(copy)
    }

    /// The file's metadata, by a handle.
    async fn status(&self, handle: Handle) -> Result<Metadata, Errno> {
        self.ask(Stat { file: Which::Open(handle) }).await.map(|(metadata, _)| metadata)
    }

    async fn ask<R: Request>(&self, request: R) -> Result<(R::Reply, Option<Stream>), Errno> {
        let operation: Operation = request.into();
        let encoded = codec::encode(&operation).map_err(|_| Errno(libc::ENAMETOOLONG))?;
        let mut stream = self.link.open(&StreamHead::Operation(encoded)).map_err(|_| Errno::EIO)?;
        stream.shutdown().await?;
        let answer = stream.read_encoded().await?;
        let reply = operation::decode_answer::<R>(&answer).map_err(|_| Errno::EIO)??;
        let blob = stream.read_u8().await? == BLOB_FOLLOWS;
        Ok((reply, blob.then_some(stream)))
    }

    async fn close(&self, handle: Handle) {
        // What cannot be closed is gone.
        let _ = self.ask(Close { handle }).await;
    }
}
