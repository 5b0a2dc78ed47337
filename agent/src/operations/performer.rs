//! Performs a session's operations: which threads and rights they get, how many there are at a time, and their answers.

use std::{os::fd::OwnedFd, sync::Arc};

use protocol::{
    Errno,
    file::{Handle, Lock, Which, Write},
    operation::{BLOB_FOLLOWS, NO_BLOB, Operation, Operations},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, Semaphore},
};

use crate::{
    dns::Resolver,
    files::{
        self, Subject,
        blob::Blob,
        handles::{Handles, OpenFile},
        locks::Locks,
        turns::Turn,
    },
    rights::Rights,
    target::Target,
    threads::Threads,
};

/// Operations performed at a time for a session; further ones wait.
const OPERATION_LIMIT: usize = 256;

/// Locks that a session may wait for at a time; `ENOLCK` beyond it.
const WAIT_LIMIT: usize = 1024;

/// Blobs that a session has under way at a time, besides small ones: each may have a chunk and a full send buffer in
/// memory, 384 KiB.
const BLOB_LIMIT: usize = 16;

/// Performs operations for one session; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Performer {
    pub(super) target: Arc<Target>,
    pub(super) resolver: Arc<Resolver>,
    pub(super) threads: Threads,
    /// Told when something was unlocked, by whatever session.
    unlocked: Arc<Notify>,
    pub(super) open_files: Arc<OpenFiles>,
    operations: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    blobs: Arc<Semaphore>,
}

/// What a session has of the target's files.
#[derive(Debug)]
pub(super) struct OpenFiles {
    pub(super) handles: Handles,
    pub(super) locks: Locks,
}

/// An operation that has arrived.
#[derive(Debug)]
pub(crate) struct Admitted {
    operation: Operation,
    /// Which others it comes after.
    turn: Option<Turn>,
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

    /// Takes an operation in. To be called in the order in which they arrive.
    pub(crate) fn admit(&self, encoded: &[u8]) -> Result<Admitted, Errno> {
        let operation = protocol::codec::decode::<Operation>(encoded).map_err(|error| {
            tracing::warn!(%error, "an operation cannot be read");
            Errno::EINVAL
        })?;
        let turn = match &operation {
            Operation::Write { request: Write { handle, .. } } => {
                self.open_files.handles.get(*handle).ok().and_then(|file| file.turn_to_append())
            }
            _ => None,
        };
        Ok(Admitted { operation, turn })
    }

    /// Serves one operation's stream to its end. An answer that cannot be sent any more is no error of ours.
    pub(crate) async fn serve(&self, admitted: Admitted, stream: link::Stream) {
        let Admitted { operation, turn } = admitted;
        let name = operation.name();
        if let Operation::Lock { request } = operation {
            return self.serve_lock(request, stream).await;
        }
        // Before the permit: those that wait for this one could have them all.
        if let Some(turn) = &turn {
            turn.comes().await;
        }
        let answered = {
            let _permit = self.operations.acquire().await.expect("never closed");
            self.perform(operation).await
        };
        drop(turn);
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

    /// Serves a lock's stream. The lock is its owner's when the session, which has the answer, finishes the stream: nobody
    /// would ever give up one that nobody knows of.
    async fn serve_lock(&self, request: Lock, mut stream: link::Stream) {
        let permit = if request.wait {
            // Beside the others: one of those may be what it waits for.
            let Ok(permit) = self.waits.try_acquire() else { return stream.reset(Errno(libc::ENOLCK)) };
            permit
        } else {
            self.operations.acquire().await.expect("never closed")
        };
        let placed = tokio::select! {
            biased;
            errno = stream.reset_by_peer(), if request.wait => return tracing::debug!(%errno, "a wait was given up"),
            placed = self.place(request) => placed,
        };
        drop(permit);
        let told = placed.as_ref().map(drop).map_err(|errno| *errno);
        let answer = protocol::codec::encode(&told).expect("a number at most");
        let finished = async {
            stream.write_encoded(&answer).await?;
            stream.write_all(&[NO_BLOB]).await?;
            stream.shutdown().await?;
            stream.read(&mut [0]).await
        };
        match (finished.await, placed) {
            (Ok(_), Ok(placed)) => placed.keep(),
            (Err(error), Ok(placed)) => {
                drop(placed);
                tracing::debug!(%error, "a lock was taken back");
            }
            (_, Err(_)) => {}
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
            let read = move || {
                let chunk = match blob.rights() {
                    Some(rights) => rights.perform(|| blob.next_chunk()),
                    None => blob.next_chunk(),
                };
                Ok((chunk?, blob))
            };
            let (read, held) = self.threads.run_holding(permit, read).await;
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
    pub(super) async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Target) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let target = self.target.clone();
        self.threads.run(move || act(&target)).await
    }

    /// Runs `act` on the target's root with the target's rights.
    pub(super) async fn at_root<T: Send + 'static>(
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
    pub(super) async fn at_handle<T: Send + 'static>(
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
    pub(super) async fn at_file<T: Send + 'static>(
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
