//! The table of operations, performed on the target.

use std::sync::Arc;

use protocol::{
    Errno,
    dns::{Lookup, LookupAnswer, Query, QueryAnswer},
    env::{Environment, ReadEnvironment},
    file::{
        Access, Allocate, Change, Close, FsStatus, GetAttribute, HardLink, HeldLock, List, ListAttributes, Lock,
        MakeDirectory, MakeNode, Metadata, Open, Opened, PathBytes, Read, ReadLink, RealPath, Remove, RemoveAttribute,
        Rename, Seek, SetAttribute, Stat, StatFs, SymbolicLink, Synchronise, TestLock, Write,
    },
    operation::{Answer, BLOB_FOLLOWS, NO_BLOB, Operation, Operations},
};
use tokio::io::AsyncWriteExt;

use crate::{
    dns::{self, Resolver},
    env,
    files::{self, blob::Blob},
    target::Target,
};

/// Performs operations; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Performer {
    target: Arc<Target>,
    resolver: Arc<Resolver>,
}

impl Performer {
    /// Performs on `target`.
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, resolver: Arc::default() }
    }

    /// Serves one operation's stream to its end. An answer that cannot be sent any more is no error of ours.
    pub(crate) async fn serve(&self, encoded: &[u8], stream: link::Stream) {
        let operation = match protocol::codec::decode::<Operation>(encoded) {
            Ok(operation) => operation,
            Err(error) => {
                tracing::warn!(%error, "an operation cannot be read");
                return stream.reset(Errno::EINVAL);
            }
        };
        let name = operation.name();
        let (answer, blob) = match self.perform(operation).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(name, %error, "an answer cannot be sent");
                return stream.reset(Errno(libc::EMSGSIZE));
            }
        };
        if let Err(error) = send(stream, &answer, blob).await {
            tracing::debug!(name, %error, "an answer was not taken");
        }
    }

    /// Runs `act` on the target, on the blocking pool: a file may lie on a server that does not answer.
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Target) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let target = self.target.clone();
        tokio::task::spawn_blocking(move || act(&target)).await.unwrap_or(Err(Errno::EIO))
    }
}

impl Operations for Performer {
    type Blob = Blob;

    async fn open(&self, request: Open) -> Result<Answer<Opened, Blob>, Errno> {
        let (reply, blob) = self.blocking(move |target| files::open_file(&target.root()?, &request)).await?;
        Ok(Answer { reply, blob: Some(blob) })
    }

    async fn stat(&self, request: Stat) -> Result<Answer<Metadata, Blob>, Errno> {
        Ok(self.blocking(move |target| files::stat(&target.root()?, &request)).await?.into())
    }

    async fn access(&self, request: Access) -> Result<Answer<(), Blob>, Errno> {
        Ok(self.blocking(move |target| files::access(&target.root()?, &request)).await?.into())
    }

    async fn read_link(&self, request: ReadLink) -> Result<Answer<PathBytes, Blob>, Errno> {
        Ok(self.blocking(move |target| files::read_link(&target.root()?, &request)).await?.into())
    }

    async fn environment(&self, ReadEnvironment: ReadEnvironment) -> Result<Answer<Environment, Blob>, Errno> {
        let (reply, blob) = self.blocking(env::read).await?;
        Ok(Answer { reply, blob: Some(blob) })
    }

    async fn lookup(&self, request: Lookup) -> Result<Answer<LookupAnswer, Blob>, Errno> {
        let texts = self.blocking(|target| Ok(dns::Texts::read(&target.root()?))).await?;
        Ok(self.resolver.lookup(texts, &request).await.into())
    }

    async fn read(&self, _request: Read) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn write(&self, _request: Write) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn list(&self, _request: List) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn synchronise(&self, _request: Synchronise) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn close(&self, _request: Close) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn allocate(&self, _request: Allocate) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn seek(&self, _request: Seek) -> Result<Answer<i64, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn lock(&self, _request: Lock) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn test_lock(&self, _request: TestLock) -> Result<Answer<Option<HeldLock>, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn change(&self, _request: Change) -> Result<Answer<Metadata, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn real_path(&self, _request: RealPath) -> Result<Answer<PathBytes, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn make_directory(&self, _request: MakeDirectory) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn make_node(&self, _request: MakeNode) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn remove(&self, _request: Remove) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn rename(&self, _request: Rename) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn hard_link(&self, _request: HardLink) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn symbolic_link(&self, _request: SymbolicLink) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn stat_fs(&self, _request: StatFs) -> Result<Answer<FsStatus, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn get_attribute(&self, _request: GetAttribute) -> Result<Answer<Vec<u8>, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn list_attributes(&self, _request: ListAttributes) -> Result<Answer<Vec<u8>, Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn set_attribute(&self, _request: SetAttribute) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn remove_attribute(&self, _request: RemoveAttribute) -> Result<Answer<(), Blob>, Errno> {
        Err(Errno::ENOSYS)
    }

    async fn query(&self, request: Query) -> Result<Answer<QueryAnswer, Blob>, Errno> {
        let texts = if dns::query::is_for_own(&request) {
            Some(self.blocking(|target| Ok(dns::Texts::read(&target.root()?))).await?)
        } else {
            None
        };
        Ok(dns::query::query(request, texts).await?.into())
    }
}

/// Writes the answer and its blob. A file that cannot be read to its end resets the stream with the kernel's errno.
async fn send(mut stream: link::Stream, answer: &[u8], blob: Option<Blob>) -> std::io::Result<()> {
    stream.write_encoded(answer).await?;
    let Some(mut blob) = blob else {
        stream.write_all(&[NO_BLOB]).await?;
        return stream.shutdown().await;
    };
    stream.write_all(&[BLOB_FOLLOWS]).await?;
    if let Some(ready) = blob.take_ready() {
        stream.write_all(&ready).await?;
    }
    while !blob.is_finished() {
        let read = tokio::task::spawn_blocking(move || blob.next_chunk().map(|chunk| (chunk, blob))).await;
        let chunk = match read.unwrap_or(Err(Errno::EIO)) {
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
