//! The table of operations, performed on the target.

mod performer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{
    Errno,
    dns::{Lookup, LookupAnswer, Query, QueryAnswer, Reverse, ReverseAnswer},
    env::{Environment, ReadEnvironment},
    file::{
        Access, Allocate, Change, Close, FsStatus, GetAttribute, HardLink, HeldLock, List, ListAttributes, Lock,
        MakeDirectory, MakeNode, Metadata, Open, Opened, PathBytes, Read, ReadLink, RealPath, Remove, RemoveAttribute,
        Rename, Seek, SetAttribute, Stat, StatFs, SymbolicLink, Synchronise, TestLock, Which, Write,
    },
    interface::{Interface, ListInterfaces},
    operation::{Answer, Operations},
};
use tokio::time::timeout;

pub(crate) use self::performer::Performer;
use crate::{
    dns, env,
    files::{self, Subject, attributes, blob::Blob, content, handles::OpenFile, locks::Placed, metadata, names},
    interfaces,
};

/// How soon, and how seldom at last, a lock is tried again that another process of the target may hold.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// Says that nobody waits any more.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Performer {
    /// Places or removes a lock; once this is dropped, nothing happens any more.
    async fn place(&self, request: Lock) -> Result<Placed, Errno> {
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
                placed => return placed,
            }
            // The target's own processes do not tell us.
            let _ = timeout(pause, unlocked).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
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
        self.place(request).await?.keep();
        Ok(().into())
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

    async fn reverse(&self, request: Reverse) -> Result<Answer<ReverseAnswer, Blob>, Errno> {
        let texts = self.run(|target| Ok(dns::Texts::read(&target.root()?))).await?;
        Ok(self.resolver.names_of(texts, request.address).await.into())
    }

    async fn interfaces(&self, ListInterfaces: ListInterfaces) -> Result<Answer<Vec<Interface>, Blob>, Errno> {
        Ok(self.run(|_| interfaces::list()).await?.into())
    }
}
