//! What a session holds open.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex},
};

use nix::{
    fcntl::OFlag,
    sys::{
        resource::{Resource, getrlimit},
        stat::{FileStat, SFlag},
    },
};
use protocol::{Errno, file::Handle};

use super::{
    errno, file_type,
    turns::{Turn, Turns},
};
use crate::{rights::Rights, threads::close_aside};

/// Files that a session may hold open; `EMFILE` beyond it, and beyond half of what the agent itself may have open.
const HANDLE_LIMIT: usize = 16 * 1024;

/// An open file of the target. Closed when nobody uses it any more, where that may block.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// There until it is closed.
    descriptor: Option<OwnedFd>,
    /// Those that it was opened with.
    rights: Arc<Rights>,
    flags: OFlag,
    /// Device and inode number: which file it is, for locks.
    pub(super) identity: (u64, u64),
    is_directory: bool,
    /// Those who append to it.
    turns: Arc<Turns>,
}

impl OpenFile {
    pub(super) fn new(descriptor: OwnedFd, status: &FileStat, flags: OFlag, rights: Arc<Rights>) -> Self {
        let is_directory = file_type(status) == SFlag::S_IFDIR;
        Self {
            descriptor: Some(descriptor),
            rights,
            flags,
            identity: (status.st_dev, status.st_ino),
            is_directory,
            turns: Arc::default(),
        }
    }

    /// Another description of the same file.
    pub(super) fn like(&self, descriptor: OwnedFd, flags: OFlag) -> Self {
        let Self { descriptor: _, rights, flags: _, identity, is_directory, turns: _ } = self;
        let (rights, identity, is_directory) = (rights.clone(), *identity, *is_directory);
        Self { descriptor: Some(descriptor), rights, flags, identity, is_directory, turns: Arc::default() }
    }

    /// Rights of whoever opened it. What the kernel checks at open(2) is not asked again.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether it only says where a file is, `O_PATH`.
    pub(super) fn is_bare(&self) -> bool {
        self.flags.contains(OFlag::O_PATH)
    }

    /// How it may be used: `O_RDONLY`, `O_WRONLY` or `O_RDWR`.
    pub(super) fn access(&self) -> OFlag {
        self.flags & OFlag::O_ACCMODE
    }

    /// A turn for a write, if they must keep the order in which they came.
    pub(crate) fn turn_to_append(&self) -> Option<Turn> {
        self.flags.contains(OFlag::O_APPEND).then(|| self.turns.next())
    }

    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// close(2), with what it has to say of delayed writes.
    pub(crate) fn close(mut self) -> Result<(), Errno> {
        match self.descriptor.take().map(nix::unistd::close) {
            // The descriptor is gone all the same, close(2).
            None | Some(Ok(()) | Err(nix::Error::EINTR)) => Ok(()),
            Some(Err(error)) => Err(errno(error)),
        }
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_ref().expect("only `close` and `drop` take it").as_fd()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(descriptor) = self.descriptor.take() {
            close_aside(descriptor);
        }
    }
}

/// The table of handles of one session.
#[derive(Debug)]
pub(crate) struct Handles {
    table: Mutex<Table>,
    limit: usize,
}

impl Default for Handles {
    fn default() -> Self {
        let own = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let limit = usize::try_from(own / 2).unwrap_or(HANDLE_LIMIT).min(HANDLE_LIMIT);
        Self { table: Mutex::default(), limit }
    }
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    open: HashMap<Handle, Arc<OpenFile>>,
    /// The session is over.
    closed: bool,
}

impl Handles {
    /// Holds `file` open. Numbers are never used again.
    ///
    /// Fails with `EMFILE` when there are too many, and when the session is over.
    pub(super) fn insert(&self, file: Arc<OpenFile>) -> Result<Handle, Errno> {
        let mut table = self.table.lock().expect("no panic while held");
        if table.closed || table.open.len() >= self.limit {
            return Err(Errno(libc::EMFILE));
        }
        table.last += 1;
        let handle = Handle(table.last);
        table.open.insert(handle, file);
        Ok(handle)
    }

    /// Fails with `EBADF` when it is not open.
    pub(crate) fn get(&self, handle: Handle) -> Result<Arc<OpenFile>, Errno> {
        let table = self.table.lock().expect("no panic while held");
        table.open.get(&handle).cloned().ok_or(Errno(libc::EBADF))
    }

    /// [`Self::get`], and the handle is not open any more.
    pub(crate) fn take(&self, handle: Handle) -> Result<Arc<OpenFile>, Errno> {
        let mut table = self.table.lock().expect("no panic while held");
        table.open.remove(&handle).ok_or(Errno(libc::EBADF))
    }

    /// Closes all, and opens nothing any more. What is being used is closed after that.
    pub(crate) fn close_all(&self) {
        let mut table = self.table.lock().expect("no panic while held");
        table.closed = true;
        let open = std::mem::take(&mut table.open);
        drop(table);
        drop(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<OpenFile> {
        let descriptor: OwnedFd = std::fs::File::open("/").expect("open").into();
        let status = nix::sys::stat::fstat(&descriptor).expect("fstat");
        let rights = Rights::parse("Uid:0 0 0 0\nGid:0 0 0 0\nGroups:\nCapEff:0\n").expect("whole");
        Arc::new(OpenFile::new(descriptor, &status, OFlag::O_RDONLY, Arc::new(rights)))
    }

    #[test]
    fn numbers_are_not_used_again_and_have_an_end() {
        let (handles, file) = (Handles::default(), file());
        let first = handles.insert(file.clone()).expect("room");
        handles.take(first).expect("open");
        assert_eq!(handles.get(first).map(drop), Err(Errno(libc::EBADF)));
        assert_eq!(handles.take(first).map(drop), Err(Errno(libc::EBADF)));
        let mut last = first;
        for _ in 0..handles.limit {
            let next = handles.insert(file.clone()).expect("room");
            assert!(next.0 > last.0);
            last = next;
        }
        assert_eq!(handles.insert(file.clone()), Err(Errno(libc::EMFILE)));
        handles.close_all();
        assert_eq!(Arc::strong_count(&file), 1, "all are closed");
        assert_eq!(handles.insert(file), Err(Errno(libc::EMFILE)), "the session is over");
    }
}
