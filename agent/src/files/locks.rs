//! Locks on files, by owners that the session names.
//!
//! One process holds them all, and yet owners must exclude each other: each owner has an open file description of its
//! own of each file it locks. Locks belong to descriptions, flock(2) and fcntl(2) (`F_OFD_SETLK`), and end with them.

mod claim;
mod ranges;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use protocol::{
    Errno,
    file::{Handle, HeldLock, Lock, LockKind, TestLock},
};
use tokio::sync::Notify;

pub(crate) use self::claim::Placed;
use self::{claim::Claim, ranges::Range};
use super::handles::{Handles, OpenFile};

/// Owners and files that a session may have locks of; each is a descriptor. `ENOLCK` beyond it.
const CLAIM_LIMIT: usize = 4096;

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
        let range = request.range.map(|(start, len)| Range::new(start, len)).transpose()?;
        loop {
            let (file, key, claim) = self.claim(handles, request.handle, request.owner)?;
            let mut state = claim.lock();
            if state.is_closed() {
                drop(state);
                self.forget(key, &claim);
                continue; // ends at the latest when our own handle is closed
            }
            if cancelled.load(Ordering::Relaxed) {
                return Err(Errno(libc::EINTR));
            }
            let (placed, frees_others) = state.place(&file, range, request.kind);
            // An owner that has nothing more costs nothing more.
            let is_empty = state.close_if_empty();
            let version = state.version();
            drop(state);
            if is_empty {
                self.forget(key, &claim);
            }
            if frees_others {
                self.unlocked.notify_waiters();
            }
            let undo = placed?.filter(|_| request.kind != LockKind::Unlocked);
            return Ok(Placed::new(claim, self.unlocked.clone(), undo, version));
        }
    }

    /// fcntl(2), `F_GETLK`.
    pub(crate) fn test(&self, handles: &Handles, request: TestLock) -> Result<Option<HeldLock>, Errno> {
        let TestLock { handle, owner, kind, range: (start, len) } = request;
        if kind == LockKind::Unlocked {
            return Err(Errno::EINVAL);
        }
        let range = Range::new(start, len)?;
        let file = handles.get(handle)?;
        let key = Key { file: file.identity, owner };
        let claim = self.table.lock().expect("no panic while held").claims.get(&key).cloned();
        match claim {
            Some(claim) => claim.lock().test(&file, range, kind),
            None => claim::test(&file, range, kind),
        }
    }

    /// Releases what was locked through a handle that is closed. Blocks.
    pub(crate) fn release(&self, handle: Handle) {
        let mut table = self.table.lock().expect("no panic while held");
        let keys = table.uses.remove(&handle).unwrap_or_default();
        let claims: Vec<_> = keys.iter().filter_map(|key| table.claims.remove(key)).collect();
        drop(table);
        for claim in &claims {
            claim.lock().close();
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
    fn claim(&self, handles: &Handles, handle: Handle, owner: u64) -> Result<(Arc<OpenFile>, Key, Arc<Claim>), Errno> {
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
        Ok((file, key, table.claims.entry(key).or_default().clone()))
    }

    /// Takes a claim that is closed out of the table.
    fn forget(&self, key: Key, claim: &Arc<Claim>) {
        let mut table = self.table.lock().expect("no panic while held");
        if table.claims.get(&key).is_some_and(|current| Arc::ptr_eq(current, claim)) {
            table.claims.remove(&key);
            table.uses.retain(|_, keys| {
                keys.remove(&key);
                !keys.is_empty()
            });
        }
    }
}

#[cfg(test)]
mod tests;
