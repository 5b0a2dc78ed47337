//! The table of operations, performed on the target.

use std::{os::fd::OwnedFd, sync::Arc};

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
use tokio::{io::AsyncWriteExt, sync::Semaphore};

use crate::{
    dns::{self, Resolver},
    env,
    files::{
        self, Subject, attributes,
        blob::Blob,
        content,
        handles::{Handles, OpenFile},
        metadata, names,
    },
    rights::Rights,
    target::Target,
    threads::Threads,
};

/// Blobs that a session has under way at a time, besides small ones: each may have a chunk and a full send buffer in
/// memory, 384 KiB.
const BLOB_LIMIT: usize = 24;

/// Performs operations for one session; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Performer {
    target: Arc<Target>,
    resolver: Arc<Resolver>,
    threads: Threads,
    handles: Arc<Handles>,
    blobs: Arc<Semaphore>,
}

impl Performer {
    /// Performs on `target`.
    pub(crate) fn new(target: Arc<Target>) -> Self {
        let blobs = Arc::new(Semaphore::new(BLOB_LIMIT));
        Self { target, resolver: Arc::default(), threads: Threads::default(), handles: Arc::default(), blobs }
    }

    /// The same for another session, which has nothing open.
    pub(crate) fn for_session(&self) -> Self {
        let Self { target, resolver, threads, handles: _, blobs: _ } = self.clone();
        Self { resolver, threads, ..Self::new(target) }
    }

    /// Closes what the session holds open.
    pub(crate) fn end(&self) {
        self.handles.close_all();
    }

    /// Serves one operation's stream to its end. An answer that cannot be sent any more is no error of ours.
    pub(crate) async fn serve(&self, encoded: Vec<u8>, stream: link::Stream) {
        let operation = match protocol::codec::decode::<Operation>(&encoded) {
            Ok(operation) => operation,
            Err(error) => {
                tracing::warn!(%error, "an operation cannot be read");
                return stream.reset(Errno::EINVAL);
            }
        };
        drop(encoded);
        let name = operation.name();
        let (answer, blob) = match self.perform(operation).await {
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
        stream.write_encoded(answer).await?;
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
            let read = self.threads.run_holding(&mut permit, move || Ok((blob.next_chunk()?, blob)));
            let chunk = match read.await {
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
        let file = self.handles.get(handle)?;
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
        let handles = self.handles.clone();
        let (reply, blob) = self.at_root(move |root, rights| files::open(root, &request, rights, &handles)).await?;
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
        let file = self.handles.take(request.handle)?;
        // What others still do with it comes first; then nobody is told how closing went, as with close(2) itself.
        Ok(self.threads.run(move || Arc::into_inner(file).map_or(Ok(()), OpenFile::close)).await?.into())
    }

    async fn allocate(&self, request: Allocate) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::allocate(&file, request)).await?.into())
    }

    async fn seek(&self, request: Seek) -> Result<Answer<i64, Blob>, Errno> {
        Ok(self.at_handle(request.handle, move |file| content::seek(&file, request)).await?.into())
    }

    async fn lock(&self, _request: Lock) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn test_lock(&self, _request: TestLock) -> Result<Answer<Option<HeldLock>, Blob>, Errno> {
        Err(Errno::ENOSYS)
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
                let file = self.handles.get(handle)?;
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
