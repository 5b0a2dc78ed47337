//! The table of operations, performed on the target.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{
    Errno,
    dns::{Lookup, LookupAnswer, Query, QueryAnswer},
    env::{Environment, ReadEnvironment},
    file::{
        Access, Allocate, Change, Close, FsStatus, GetAttribute, Handle, HardLink, HeldLock, List, ListAttributes,
        Lock, MakeDirectory, MakeNode, Metadata, Open, Opened, PathBytes, Read, ReadLink, RealPath, Remove,
        RemoveAttribute, Rename, Seek, SetAttribute, Stat, StatFs, SymbolicLink, Synchronise, TestLock, Which, Write,
    },
    operation::{Answer, BLOB_FOLLOWS, NO_BLOB, Operation, Operations},
};
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, Semaphore},
    time::timeout,
};

use crate::{
    dns::{self, Resolver},
    env,
    files::{
        self, Subject, attributes,
        blob::Blob,
        content,
        handles::{Handles, OpenFile},
        locks::Locks,
        metadata, names,
    },
    rights::Rights,
    target::Target,
    threads::Threads,
};

/// Operations performed at a time for a session; further ones wait.
const OPERATION_LIMIT: usize = 256;

/// Locks that a session may wait for at a time; `ENOLCK` beyond it.
const WAIT_LIMIT: usize = 1024;

/// How soon, and how seldom at last, a lock is tried again that another process of the target may hold.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// Blobs that a session has under way at a time, besides small ones: each may have a chunk and a full send buffer in
/// memory, 384 KiB.
const BLOB_LIMIT: usize = 16;

/// Performs operations for one session; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Performer {
    target: Arc<Target>,
    resolver: Arc<Resolver>,
    threads: Threads,
    /// Told when something was unlocked, by whatever session.
    unlocked: Arc<Notify>,
    open_files: Arc<OpenFiles>,
    operations: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    blobs: Arc<Semaphore>,
}

/// What a session has of the target's files.
#[derive(Debug)]
struct OpenFiles {
    handles: Handles,
    locks: Locks,
}

/// Says that nobody waits any more.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Performer {
    /// Performs on `target`.
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self::with(target, Arc::default(), Threads::default(), Arc::default())
    }

    /// The same for another session, which has nothing open.
    pub(crate) fn for_session(&self) -> Self {
        let unlocked = self.unlocked.clone();
        Self::with(self.target.clone(), self.resolver.clone(), self.threads.for_session(), unlocked)
    }

    fn with(target: Arc<Target>, resolver: Arc<Resolver>, threads: Threads, unlocked: Arc<Notify>) -> Self {
        let open_files = OpenFiles { handles: Handles::default(), locks: Locks::new(unlocked.clone()) };
        let [operations, waits, blobs] =
            [OPERATION_LIMIT, WAIT_LIMIT, BLOB_LIMIT].map(|limit| Arc::new(Semaphore::new(limit)));
        Self { target, resolver, threads, unlocked, open_files: Arc::new(open_files), operations, waits, blobs }
    }

    /// Closes what the session holds open, and so releases what it has locked. For the end of the session.
    pub(crate) fn end(&self) {
        self.open_files.handles.close_all();
        self.open_files.locks.release_all();
    }

    /// Serves one operation's stream to its end. An answer that cannot be sent any more is no error of ours.
    pub(crate) async fn serve(&self, encoded: Vec<u8>, mut stream: link::Stream) {
        let operation = match protocol::codec::decode::<Operation>(&encoded) {
            Ok(operation) => operation,
            Err(error) => {
                tracing::warn!(%error, "an operation cannot be read");
                return stream.reset(Errno::EINVAL);
            }
        };
        drop(encoded);
        let name = operation.name();
        let waits = matches!(operation, Operation::Lock { request: Lock { wait: true, .. } });
        let answered = if waits {
            // Beside the others: one of those may be what it waits for.
            let Ok(_permit) = self.waits.try_acquire() else { return stream.reset(Errno(libc::ENOLCK)) };
            tokio::select! {
                biased;
                errno = stream.reset_by_peer() => return tracing::debug!(name, %errno, "a wait was given up"),
                answered = self.perform(operation) => answered,
            }
        } else {
            let _permit = self.operations.acquire().await.expect("never closed");
            self.perform(operation).await
        };
        let (answer, blob) = match answered {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(name, %error, "an answer cannot be sent");
                return stream.reset(Errno(libc::EMSGSIZE));
            }
        };
        if let Err(error) = self.send(stream, &answer, blob).await {
            tracing::debug!(name, %error, "an answer was not taken");
        }
    }

    /// Writes the answer and its blob. A file that cannot be read to its end resets the stream with the kernel's errno.
    async fn send(&self, mut stream: link::Stream, answer: &[u8], blob: Option<Blob>) -> std::io::Result<()> {
        if let Err(error) = stream.write_encoded(answer).await {
            // Nobody knows of what was opened.
            if let Some(handle) = blob.and_then(|blob| blob.handle()) {
                let file = self.open_files.handles.take(handle);
                drop(file);
            }
            return Err(error);
        }
        let Some(mut blob) = blob else {
            stream.write_all(&[NO_BLOB]).await?;
            return stream.shutdown().await;
        };
        stream.write_all(&[BLOB_FOLLOWS]).await?;
        if let Some(ready) = blob.take_ready() {
            stream.write_all(&ready).await?;
        }
        let mut permit = None;
        while !blob.is_finished() {
            // It is given up where a read hangs: others shall not wait for that.
            permit = match permit {
                None => Some(self.blobs.clone().acquire_owned().await.expect("never closed")),
                permit => permit,
            };
            let (read, held) = self.threads.run_holding(permit, move || Ok((blob.next_chunk()?, blob))).await;
            permit = held.flatten();
            let chunk = match read {
                Ok((chunk, rest)) => {
                    blob = rest;
                    chunk
                }
                Err(errno) => {
                    stream.reset(errno);
                    return Err(errno.into());
                }
            };
            if let Some(chunk) = chunk {
                stream.write_all(&chunk).await?;
            }
        }
        stream.shutdown().await
    }

    /// Runs `act` on the target with the agent's own rights.
    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Target) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let target = self.target.clone();
        self.threads.run(move || act(&target)).await
    }

    /// Runs `act` on the target's root with the target's rights.
    async fn at_root<T: Send + 'static>(
        &self,
        act: impl FnOnce(&OwnedFd, &Arc<Rights>) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        self.run(move |target| {
            let (root, rights) = (target.root()?, Arc::new(target.rights()?));
            rights.perform(|| act(&root, &rights))
        })
        .await
    }

    /// Runs `act` on an open file, with the rights that it was opened with.
    async fn at_handle<T: Send + 'static>(
        &self,
        handle: Handle,
        act: impl FnOnce(Arc<OpenFile>) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let file = self.open_files.handles.get(handle)?;
        self.threads
            .run(move || {
                let rights = file.rights().clone();
                rights.perform(|| act(file))
            })
            .await
    }

    /// Runs `act` on a file, open or not.
    async fn at_file<T: Send + 'static>(
        &self,
        file: Which,
        act: impl FnOnce(Subject<'_>) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        match file {
            Which::Path { path, follow } => self.at_root(move |root, _| files::at_path(root, &path, follow, act)).await,
            Which::Open(handle) => self.at_handle(handle, move |file| act(Subject::from(&*file))).await,
        }
    }
}

impl Operations for Performer {
    type Blob = Blob;

    async fn open(&self, request: Open) -> Result<Answer<Opened, Blob>, Errno> {
        let open_files = self.open_files.clone();
        let (reply, blob) =
            self.at_root(move |root, rights| files::open(root, &request, rights, &open_files.handles)).await?;
        Ok(Answer { reply, blob: Some(blob) })
    }

    async fn read(&self, request: Read) -> Result<Answer<(), Blob>, Errno> {
        let blob = self.at_handle(request.handle, move |file| content::read(file, request)).await?;
        Ok(Answer { reply: (), blob: Some(blob) })
    }

    async fn write(&self, request: Write) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::write(&file, &request)).await?.into())
    }

    async fn list(&self, request: List) -> Result<Answer<(), Blob>, Errno> {
        let blob = self.at_handle(request.handle, |directory| content::list(&directory)).await?;
        Ok(Answer { reply: (), blob: Some(blob) })
    }

    async fn synchronise(&self, request: Synchronise) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::synchronise(&file, request)).await?.into())
    }

    async fn close(&self, request: Close) -> Result<Answer<(), Blob>, Errno> {
        let Close { handle } = request;
        let file = self.open_files.handles.take(handle)?;
        let open_files = self.open_files.clone();
        let close = move || {
            open_files.locks.release(handle);
            // Where something is still done with it that closes it, and nobody is told how that went.
            Arc::into_inner(file).map_or(Ok(()), OpenFile::close)
        };
        Ok(self.threads.run(close).await?.into())
    }

    async fn allocate(&self, request: Allocate) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::allocate(&file, request)).await?.into())
    }

    async fn seek(&self, request: Seek) -> Result<Answer<i64, Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::seek(&file, request)).await?.into())
    }

    async fn lock(&self, request: Lock) -> Result<Answer<(), Blob>, Errno> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = SetOnDrop(cancelled.clone());
        let mut pause = SHORTEST_PAUSE;
        loop {
            let unlocked = self.open_files.locks.unlocked().notified();
            tokio::pin!(unlocked);
            unlocked.as_mut().enable();
            let (open_files, cancelled) = (self.open_files.clone(), cancelled.clone());
            let placed = self
                .at_handle(request.handle, move |_| open_files.locks.place(&open_files.handles, request, &cancelled))
                .await;
            match placed {
                Err(Errno(libc::EAGAIN)) if request.wait => {}
                placed => {
                    placed?.keep();
                    return Ok(().into());
                }
            }
            // The target's own processes do not tell us.
            let _ = timeout(pause, unlocked).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn test_lock(&self, request: TestLock) -> Result<Answer<Option<HeldLock>, Blob>, Errno> {
        let open_files = self.open_files.clone();
        let held = self.at_handle(request.handle, move |_| open_files.locks.test(&open_files.handles, request)).await?;
        Ok(held.into())
    }

    async fn stat(&self, request: Stat) -> Result<Answer<Metadata, Blob>, Errno> {
        Ok(self.at_file(request.file, metadata::stat).await?.into())
    }

    async fn change(&self, request: Change) -> Result<Answer<Metadata, Blob>, Errno> {
        let file = request.file.clone();
        Ok(self.at_file(file, move |subject| metadata::change(subject, &request)).await?.into())
    }

    async fn access(&self, request: Access) -> Result<Answer<(), Blob>, Errno> {
        let Access { path, mode, follow } = request;
        let file = Which::Path { path, follow };
        Ok(self.at_file(file, move |subject| metadata::access(subject, mode)).await?.into())
    }

    async fn read_link(&self, request: ReadLink) -> Result<Answer<PathBytes, Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::read_link(root, &request)).await?.into())
    }

    async fn real_path(&self, request: RealPath) -> Result<Answer<PathBytes, Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::real_path(root, &request)).await?.into())
    }

    async fn make_directory(&self, request: MakeDirectory) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::make_directory(root, &request)).await?.into())
    }

    async fn make_node(&self, request: MakeNode) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::make_node(root, &request)).await?.into())
    }

    async fn remove(&self, request: Remove) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::remove(root, &request)).await?.into())
    }

    async fn rename(&self, request: Rename) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::rename(root, &request)).await?.into())
    }

    async fn hard_link(&self, request: HardLink) -> Result<Answer<(), Blob>, Errno> {
        let HardLink { file, to } = request;
        let linked = match file {
            Which::Path { path, follow } => {
                self.at_root(move |root, _| {
                    files::at_path(root, &path, follow, |subject| names::hard_link(root, subject, &to))
                })
                .await
            }
            Which::Open(handle) => {
                let file = self.open_files.handles.get(handle)?;
                self.at_root(move |root, _| names::hard_link(root, Subject::from(&*file), &to)).await
            }
        };
        Ok(linked?.into())
    }

    async fn symbolic_link(&self, request: SymbolicLink) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_root(move |root, _| names::symbolic_link(root, &request)).await?.into())
    }

    async fn stat_fs(&self, request: StatFs) -> Result<Answer<FsStatus, Blob>, Errno> {
        Ok(self.at_file(request.file, metadata::stat_fs).await?.into())
    }

    async fn get_attribute(&self, request: GetAttribute) -> Result<Answer<Vec<u8>, Blob>, Errno> {
        let GetAttribute { file, name } = request;
        Ok(self.at_file(file, move |subject| attributes::get(subject, &name)).await?.into())
    }

    async fn list_attributes(&self, request: ListAttributes) -> Result<Answer<Vec<u8>, Blob>, Errno> {
        Ok(self.at_file(request.file, attributes::list).await?.into())
    }

    async fn set_attribute(&self, request: SetAttribute) -> Result<Answer<(), Blob>, Errno> {
        let SetAttribute { file, name, value, flags } = request;
        Ok(self.at_file(file, move |subject| attributes::set(subject, &name, &value, flags)).await?.into())
    }

    async fn remove_attribute(&self, request: RemoveAttribute) -> Result<Answer<(), Blob>, Errno> {
        let RemoveAttribute { file, name } = request;
        Ok(self.at_file(file, move |subject| attributes::remove(subject, &name)).await?.into())
    }

    async fn environment(&self, ReadEnvironment: ReadEnvironment) -> Result<Answer<Environment, Blob>, Errno> {
        let (reply, blob) = self.run(env::read).await?;
        Ok(Answer { reply, blob: Some(blob) })
    }

    async fn lookup(&self, request: Lookup) -> Result<Answer<LookupAnswer, Blob>, Errno> {
        let texts = self.run(|target| Ok(dns::Texts::read(&target.root()?))).await?;
        Ok(self.resolver.lookup(texts, &request).await.into())
    }

    async fn query(&self, request: Query) -> Result<Answer<QueryAnswer, Blob>, Errno> {
        let texts = if dns::query::is_for_own(&request) {
            Some(self.run(|target| Ok(dns::Texts::read(&target.root()?))).await?)
        } else {
            None
        };
        Ok(dns::query::query(request, texts).await?.into())
    }
}
