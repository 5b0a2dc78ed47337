//! Connections kept for the next call: a few atomic slots, no lock that a fork could leave held.
#![expect(unsafe_code, reason = "turns remembered numbers into owned descriptors and back")]

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys;

/// Connections kept idle. A program rarely has more calls than this under way; those above are closed after use.
const SLOTS: usize = 8;

/// A slot's content: descriptor number above, low half of the socket's inode number below.
const EMPTY: u64 = u64::MAX;

pub(super) struct Pool {
    slots: [AtomicU64; SLOTS],
    /// A connection whose `Hello` has not been answered yet.
    unanswered: AtomicU64,
}

impl Default for Pool {
    fn default() -> Self {
        Self { slots: [const { AtomicU64::new(EMPTY) }; SLOTS], unanswered: AtomicU64::new(EMPTY) }
    }
}

impl Pool {
    /// A connection that is still what it was when it was kept.
    pub(super) fn take(&self) -> Option<OwnedFd> {
        self.slots.iter().find_map(take_from)
    }

    /// Keeps `connection`, or closes it when there are enough.
    pub(super) fn put(&self, connection: OwnedFd) {
        let Some(entry) = entry(&connection) else {
            return;
        };
        let kept = self
            .slots
            .iter()
            .any(|slot| slot.compare_exchange(EMPTY, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok());
        if kept {
            // The slot owns it now.
            let _: RawFd = connection.into_raw_fd();
        }
    }

    pub(super) fn take_unanswered(&self) -> Option<OwnedFd> {
        take_from(&self.unanswered)
    }

    pub(super) fn put_unanswered(&self, connection: OwnedFd) {
        let Some(entry) = entry(&connection) else {
            return;
        };
        self.unanswered.store(entry, Ordering::Release);
        // The slot owns it now.
        let _: RawFd = connection.into_raw_fd();
    }

    /// Closes all that is kept: copies of the parent's connections, in the child of a fork.
    pub(super) fn forget(&self) {
        for slot in self.slots.iter().chain([&self.unanswered]) {
            drop(take_from(slot));
        }
    }
}

fn entry(connection: &OwnedFd) -> Option<u64> {
    let fd = connection.as_raw_fd();
    let inode = sys::socket_inode(fd)?;
    Some(u64::from(fd.unsigned_abs()) << 32 | inode & 0xFFFF_FFFF)
}

fn take_from(slot: &AtomicU64) -> Option<OwnedFd> {
    if slot.load(Ordering::Relaxed) == EMPTY {
        return None;
    }
    let entry = slot.swap(EMPTY, Ordering::AcqRel);
    if entry == EMPTY {
        return None;
    }
    let fd = RawFd::try_from(entry >> 32).ok()?;
    // The program may have closed the number, and may have opened something of its own under it.
    let still_ours = sys::socket_inode(fd).is_some_and(|inode| inode & 0xFFFF_FFFF == entry & 0xFFFF_FFFF);
    // SAFETY: the number stands for the socket that was put into the slot, and the swap gave it to us alone.
    still_ours.then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}
