//! Locks on files, by owners that the session names.
//!
//! One process holds them all, and yet owners must exclude each other: each owner has an open file description of its
//! own of each file it locks. Locks belong to descriptions, flock(2) and fcntl(2) (`F_OFD_SETLK`), and end with them.

mod ranges;

use std::{
    collections::{HashMap, HashSet},
    os::fd::{AsFd, AsRawFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use protocol::{
    Errno,
    file::{Handle, HeldLock, Lock, LockKind, TestLock},
};
use tokio::sync::Notify;

use self::ranges::{Range, Ranges};
use super::{
    errno,
    handles::{Handles, OpenFile},
};

/// Owners and files that a session may have locks of; each is a descriptor. `ENOLCK` beyond it.
const CLAIM_LIMIT: usize = 4096;

/// Separate ranges that one owner may have locked in one file: each is memory of the target's kernel.
const RANGE_LIMIT: usize = 1024;

/// The locks of one session.
#[derive(Debug)]
pub(crate) struct Locks {
    table: Mutex<Table>,
    /// Tells everybody who waits, in all sessions, that something was unlocked.
    unlocked: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    claims: HashMap<Key, Arc<Claim>>,
    /// Which of them a handle was used for.
    uses: HashMap<Handle, HashSet<Key>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Device and inode number.
    file: (u64, u64),
    owner: u64,
}

/// What one owner has of one file.
#[derive(Debug, Default)]
struct Claim(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    description: Option<OpenFile>,
    /// Record locks.
    ranges: Ranges,
    /// What flock(2) has placed.
    whole: Option<LockKind>,
    /// Counts changes.
    version: u64,
    /// A handle that it was used through is closed: nothing is placed here any more.
    closed: bool,
}

/// A lock that was placed. Taken back when it is dropped, because nobody was told of it.
#[derive(Debug)]
pub(crate) struct Placed {
    claim: Arc<Claim>,
    unlocked: Arc<Notify>,
    before: Before,
    version: u64,
    kept: bool,
}

/// What was there before.
#[derive(Debug)]
enum Before {
    Whole(Option<LockKind>),
    Ranges(Range, Vec<(Range, LockKind)>),
}

impl Locks {
    /// Nothing is locked. `unlocked` is one for all sessions.
    pub(crate) fn new(unlocked: Arc<Notify>) -> Self {
        Self { table: Mutex::default(), unlocked }
    }

    /// Told when something was unlocked.
    pub(crate) fn unlocked(&self) -> &Notify {
        &self.unlocked
    }

    /// Places or removes a lock, without waiting for others; nothing happens any more once `cancelled` is set.
    ///
    /// Fails with `EAGAIN` when others hold one that excludes it.
    pub(crate) fn place(&self, handles: &Handles, request: Lock, cancelled: &AtomicBool) -> Result<Placed, Errno> {
        loop {
            let (file, claim) = self.claim(handles, request.handle, request.owner)?;
            let mut state = claim.lock();
            if state.closed {
                continue; // ends when our own handle is closed
            }
            if cancelled.load(Ordering::Relaxed) {
                return Err(Errno(libc::EINTR));
            }
            let placed = match request.range {
                None => state.place_whole(&file, request.kind),
                Some((start, len)) => state.place_range(&file, Range::new(start, len)?, request.kind),
            };
            state.version += 1;
            let version = state.version;
            drop(state);
            // A lock that is converted may be lost by that, flock(2).
            self.unlocked.notify_waiters();
            let unlocked = self.unlocked.clone();
            return placed.map(|before| Placed { claim, unlocked, before, version, kept: false });
        }
    }

    /// fcntl(2), `F_GETLK`.
    pub(crate) fn test(&self, handles: &Handles, request: TestLock) -> Result<Option<HeldLock>, Errno> {
        let TestLock { handle, owner, kind, range: (start, len) } = request;
        if kind == LockKind::Unlocked {
            return Err(Errno::EINVAL);
        }
        Range::new(start, len)?;
        let file = handles.get(handle)?;
        let key = Key { file: file.identity, owner };
        let claim = self.table.lock().expect("no panic while held").claims.get(&key).cloned();
        let state = claim.as_ref().map(|claim| claim.lock());
        // Locks of the owner's own description are not in its way.
        let description = state.as_ref().and_then(|state| state.description.as_ref()).unwrap_or(&file);
        let mut lock = record(kind, start, len);
        fcntl(description, FcntlArg::F_OFD_GETLK(&mut lock)).map_err(errno)?;
        let kind = match i32::from(lock.l_type) {
            libc::F_UNLCK => return Ok(None),
            libc::F_WRLCK => LockKind::Exclusive,
            _ => LockKind::Shared,
        };
        Ok(Some(HeldLock { kind, range: (lock.l_start, lock.l_len), pid: lock.l_pid }))
    }

    /// Releases what was locked through a handle that is closed. Blocks.
    pub(crate) fn release(&self, handle: Handle) {
        let mut table = self.table.lock().expect("no panic while held");
        let keys = table.uses.remove(&handle).unwrap_or_default();
        let claims: Vec<_> = keys.iter().filter_map(|key| table.claims.remove(key)).collect();
        drop(table);
        for claim in &claims {
            let mut state = claim.lock();
            state.closed = true;
            if let Some(Err(errno)) = state.description.take().map(OpenFile::close) {
                tracing::debug!(%errno, "closing what held a lock");
            }
        }
        if !claims.is_empty() {
            self.unlocked.notify_waiters();
        }
    }

    /// Releases all; for the end of the session, when no handle is open any more.
    pub(crate) fn release_all(&self) {
        let table = std::mem::take(&mut *self.table.lock().expect("no panic while held"));
        // Whose call hangs keeps its own alive.
        drop(table);
        self.unlocked.notify_waiters();
    }

    /// What the owner has of the handle's file.
    fn claim(&self, handles: &Handles, handle: Handle, owner: u64) -> Result<(Arc<OpenFile>, Arc<Claim>), Errno> {
        let mut table = self.table.lock().expect("no panic while held");
        // Looked up in here: a handle that is closed later is released later.
        let file = handles.get(handle)?;
        if file.is_bare() {
            return Err(Errno(libc::EBADF));
        }
        let key = Key { file: file.identity, owner };
        if !table.claims.contains_key(&key) && table.claims.len() >= CLAIM_LIMIT {
            return Err(Errno(libc::ENOLCK));
        }
        table.uses.entry(handle).or_default().insert(key);
        Ok((file, table.claims.entry(key).or_default().clone()))
    }
}

impl Claim {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // After a panic the kernel still knows what is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn place_whole(&mut self, file: &OpenFile, kind: LockKind) -> Result<Before, Errno> {
        let before = self.whole;
        let description = self.description(file, None)?;
        let placed = flock(description, kind);
        self.whole = match placed {
            Ok(()) => Some(kind).filter(|kind| *kind != LockKind::Unlocked),
            Err(_) => None, // also the one that was to be converted
        };
        placed.map(|()| Before::Whole(before))
    }

    fn place_range(&mut self, file: &OpenFile, range: Range, kind: LockKind) -> Result<Before, Errno> {
        // As fcntl(2) has it, for the handle that the program uses.
        let refused = match kind {
            LockKind::Shared => OFlag::O_WRONLY,
            LockKind::Exclusive => OFlag::O_RDONLY,
            LockKind::Unlocked => OFlag::O_ACCMODE,
        };
        if file.access() == refused {
            return Err(Errno(libc::EBADF));
        }
        if self.ranges.len() >= RANGE_LIMIT && kind != LockKind::Unlocked {
            return Err(Errno(libc::ENOLCK));
        }
        let before = self.ranges.within(range);
        let (start, len) = range.start_and_len();
        let lock = record(kind, start, len);
        fcntl(self.description(file, Some(kind))?, FcntlArg::F_OFD_SETLK(&lock)).map_err(errno)?;
        self.ranges.set(range, kind);
        Ok(Before::Ranges(range, before))
    }

    /// The owner's own description of the file; for a record lock one with the access that its kind needs, fcntl(2).
    fn description(&mut self, file: &OpenFile, needed: Option<LockKind>) -> Result<&OpenFile, Errno> {
        let unfit = match needed {
            Some(LockKind::Shared) => Some(OFlag::O_WRONLY),
            Some(LockKind::Exclusive) => Some(OFlag::O_RDONLY),
            Some(LockKind::Unlocked) | None => None,
        };
        let description = match self.description.take() {
            None => file.open_again(file.access())?,
            Some(description) if Some(description.access()) != unfit => description,
            // The owner locks through several handles: what it holds moves to a description that serves them all.
            Some(narrow) => match file.open_again(OFlag::O_RDWR) {
                Ok(wide) => {
                    self.move_to(narrow, &wide);
                    wide
                }
                Err(errno) => {
                    tracing::warn!(%errno, "a lock is refused with ENOLCK: the file cannot be opened for reading and writing");
                    self.description = Some(narrow);
                    return Err(Errno(libc::ENOLCK));
                }
            },
        };
        Ok(self.description.insert(description))
    }

    fn move_to(&mut self, narrow: OpenFile, wide: &OpenFile) {
        // Its errors are about writing, and nothing was written.
        let _ = narrow.close();
        if let Some(kind) = self.whole
            && flock(wide, kind).is_err()
        {
            tracing::warn!("another process took a lock while it was moved between two open files of its owner");
            self.whole = None;
        }
        for (range, kind) in self.ranges.clone().iter() {
            let (start, len) = range.start_and_len();
            if fcntl(wide, FcntlArg::F_OFD_SETLK(&record(kind, start, len))).is_err() {
                tracing::warn!("another process took a lock while it was moved between two open files of its owner");
                self.ranges.set(range, LockKind::Unlocked);
            }
        }
    }
}

impl Placed {
    /// Whoever asked is told.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let Self { claim, unlocked, before, version, kept } = self;
        let mut state = claim.lock();
        // Whatever the owner did after it counts.
        if *kept || state.version != *version {
            return;
        }
        let State { description: Some(description), ranges, whole, .. } = &mut *state else { return };
        match before {
            Before::Whole(before) => {
                *whole = *before;
                // To allow others more never fails.
                let _ = flock(description, before.unwrap_or(LockKind::Unlocked));
            }
            Before::Ranges(range, before) => {
                for (range, kind) in [(*range, LockKind::Unlocked)].into_iter().chain(before.iter().copied()) {
                    let (start, len) = range.start_and_len();
                    if fcntl(&*description, FcntlArg::F_OFD_SETLK(&record(kind, start, len))).is_ok() {
                        ranges.set(range, kind);
                    }
                }
            }
        }
        drop(state);
        unlocked.notify_waiters();
    }
}

fn record(kind: LockKind, start: i64, len: i64) -> libc::flock {
    let kind = match kind {
        LockKind::Shared => libc::F_RDLCK,
        LockKind::Exclusive => libc::F_WRLCK,
        LockKind::Unlocked => libc::F_UNLCK,
    };
    let small = |number: i32| i16::try_from(number).expect("a small constant");
    libc::flock { l_type: small(kind), l_whence: small(libc::SEEK_SET), l_start: start, l_len: len, l_pid: 0 }
}

/// flock(2), without waiting. Fails with `EAGAIN` when another description has one that excludes it.
#[expect(unsafe_code, reason = "nix wants to own the descriptor for as long as it is locked")]
fn flock(description: &OpenFile, kind: LockKind) -> Result<(), Errno> {
    let operation = match kind {
        LockKind::Shared => libc::LOCK_SH,
        LockKind::Exclusive => libc::LOCK_EX,
        LockKind::Unlocked => libc::LOCK_UN,
    };
    // SAFETY: plain numbers.
    let done = unsafe { libc::flock(description.as_fd().as_raw_fd(), operation | libc::LOCK_NB) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().into()) }
}

#[cfg(test)]
mod tests;
