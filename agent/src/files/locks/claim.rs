//! What one owner has locked in one file, and the descriptor that holds it.

use std::{
    os::fd::{AsFd, AsRawFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use protocol::{
    Errno,
    file::{HeldLock, LockKind},
};
use tokio::sync::Notify;

use super::{
    super::{errno, handles::OpenFile},
    ranges::{Range, Ranges},
};

/// Separate ranges that one owner may have locked in one file: each is memory of the target's kernel.
pub(super) const RANGE_LIMIT: usize = 1024;

/// What one owner has of one file.
#[derive(Debug, Default)]
pub(super) struct Claim(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
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
    /// What to restore.
    before: Option<Before>,
    /// The state's, when it was placed.
    version: u64,
}

/// What was there before.
#[derive(Debug)]
pub(super) enum Before {
    /// Of flock(2).
    Whole(Option<LockKind>),
    /// Record locks within a range.
    Ranges(Range, Vec<(Range, LockKind)>),
}

impl Claim {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // After a panic the kernel still knows what is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A handle that it was used through is closed, or it was empty: nothing is placed here any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Changes with every call of [`Self::place`].
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Releases everything.
    pub(super) fn close(&mut self) {
        self.closed = true;
        if let Some(Err(errno)) = self.description.take().map(OpenFile::close) {
            tracing::debug!(%errno, "closing what held a lock");
        }
    }

    /// Closes what holds nothing.
    pub(super) fn close_if_empty(&mut self) -> bool {
        let is_empty = self.whole.is_none() && self.ranges.is_empty();
        if is_empty {
            self.close();
        }
        is_empty
    }

    /// Places or removes a lock of flock(2), or of fcntl(2) in a range. Gives what was there before, if anything could
    /// be, and whether others may get now what they could not get.
    pub(super) fn place(
        &mut self,
        file: &OpenFile,
        range: Option<Range>,
        kind: LockKind,
    ) -> (Result<Option<Before>, Errno>, bool) {
        self.version += 1;
        if kind == LockKind::Unlocked && self.description.is_none() {
            return (Ok(None), false);
        }
        match range {
            None => {
                let before = self.whole;
                let placed = self.place_whole(file, kind);
                // One that was to be converted and could not is lost, flock(2).
                (placed.map(|()| Some(Before::Whole(before))), before.is_some() && self.whole != before)
            }
            Some(range) => {
                let before = self.ranges.within(range);
                let placed = self.place_range(file, range, kind);
                let frees = placed.is_ok() && kind != LockKind::Exclusive && !before.is_empty();
                (placed.map(|()| Some(Before::Ranges(range, before))), frees)
            }
        }
    }

    /// What is in the way of a lock of this owner.
    pub(super) fn test(&self, file: &OpenFile, range: Range, kind: LockKind) -> Result<Option<HeldLock>, Errno> {
        // Locks of the owner's own description are not.
        test(self.description.as_ref().unwrap_or(file), range, kind)
    }

    fn place_whole(&mut self, file: &OpenFile, kind: LockKind) -> Result<(), Errno> {
        let placed = flock(self.description(file, None)?, kind);
        self.whole = Some(kind).filter(|kind| placed.is_ok() && *kind != LockKind::Unlocked);
        placed
    }

    fn place_range(&mut self, file: &OpenFile, range: Range, kind: LockKind) -> Result<(), Errno> {
        // As fcntl(2) has it, for the handle that the program uses.
        let refused = match kind {
            LockKind::Shared => Some(OFlag::O_WRONLY),
            LockKind::Exclusive => Some(OFlag::O_RDONLY),
            LockKind::Unlocked => None,
        };
        if Some(file.access()) == refused {
            return Err(Errno(libc::EBADF));
        }
        if self.ranges.len() >= RANGE_LIMIT && kind != LockKind::Unlocked {
            return Err(Errno(libc::ENOLCK));
        }
        fcntl(self.description(file, Some(kind))?, FcntlArg::F_OFD_SETLK(&record(kind, range))).map_err(errno)?;
        self.ranges.set(range, kind);
        Ok(())
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
            if fcntl(wide, FcntlArg::F_OFD_SETLK(&record(kind, range))).is_err() {
                tracing::warn!("another process took a lock while it was moved between two open files of its owner");
                self.ranges.set(range, LockKind::Unlocked);
            }
        }
    }
}

impl Placed {
    pub(super) fn new(claim: Arc<Claim>, unlocked: Arc<Notify>, before: Option<Before>, version: u64) -> Self {
        Self { claim, unlocked, before, version }
    }

    /// Whoever asked is told.
    pub(crate) fn keep(mut self) {
        self.before = None;
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let Self { claim, unlocked, before, version } = self;
        let Some(before) = before else { return };
        let mut state = claim.lock();
        // Whatever the owner did after it counts.
        if state.version != *version {
            return;
        }
        let State { description: Some(description), ranges, whole, version: _, closed: _ } = &mut *state else {
            return;
        };
        match before {
            Before::Whole(before) => {
                // Allowing others more never fails. A stronger lock may be another's by now: then it is lost, flock(2).
                let restored = flock(description, before.unwrap_or(LockKind::Unlocked));
                *whole = before.filter(|_| restored.is_ok());
            }
            Before::Ranges(range, before) => {
                for (range, kind) in [(*range, LockKind::Unlocked)].into_iter().chain(before.iter().copied()) {
                    if fcntl(&*description, FcntlArg::F_OFD_SETLK(&record(kind, range))).is_ok() {
                        ranges.set(range, kind);
                    }
                }
            }
        }
        drop(state);
        unlocked.notify_waiters();
    }
}

/// What is in the way of a lock of whoever has the description.
pub(super) fn test(description: &OpenFile, range: Range, kind: LockKind) -> Result<Option<HeldLock>, Errno> {
    let mut lock = record(kind, range);
    fcntl(description, FcntlArg::F_OFD_GETLK(&mut lock)).map_err(errno)?;
    let kind = match i32::from(lock.l_type) {
        libc::F_UNLCK => return Ok(None),
        libc::F_WRLCK => LockKind::Exclusive,
        _ => LockKind::Shared,
    };
    Ok(Some(HeldLock { kind, range: (lock.l_start, lock.l_len), pid: lock.l_pid }))
}

fn record(kind: LockKind, range: Range) -> libc::flock {
    let (start, len) = range.start_and_len();
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
