//! Which descriptors are copies of remote files, so that fstat(2) shows the file that stat(2) shows.
//!
//! Programs compare the two (cp(1), install(1), log readers) to learn whether a file was replaced under them. A copy is
//! known by the inode number of its memfd, which survives dup and fork. A program that is executed later with such a
//! descriptor sees the copy's own numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use protocol::file::Metadata;

/// Copies that are remembered; the oldest is forgotten first. Programs compare a file while they have it open, and few
/// have more open.
const REMEMBERED: usize = 1024;

/// What a program sees of the file itself, rather than of the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) nlink: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl From<&Metadata> for Original {
    fn from(metadata: &Metadata) -> Self {
        let Metadata { dev, ino, nlink, uid, gid, .. } = *metadata;
        Self { dev, ino, nlink, uid, gid }
    }
}

/// One remembered copy. Written and read without a lock: a reader that meets a writer finds nothing.
struct Slot {
    /// Inode number of the memfd; 0 while the slot is empty or being written.
    copy: AtomicU64,
    fields: [AtomicU64; 4],
}

/// All copies of this process.
pub(crate) struct Copies {
    /// Device that all memfds of this machine are on; 0 as long as there is none.
    device: AtomicU64,
    next: AtomicUsize,
    slots: [Slot; REMEMBERED],
}

pub(crate) static COPIES: Copies = Copies {
    device: AtomicU64::new(0),
    next: AtomicUsize::new(0),
    slots: [const { Slot { copy: AtomicU64::new(0), fields: [const { AtomicU64::new(0) }; 4] } }; REMEMBERED],
};

impl Copies {
    /// Whether a descriptor can be a copy at all: the one question for those that are not.
    pub(crate) fn may_be(&self, device: u64) -> bool {
        device != 0 && self.device.load(Ordering::Relaxed) == device
    }

    /// Whether there is none yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.device.load(Ordering::Relaxed) == 0
    }

    /// Notes that the memfd `copy` on `device` stands for `original`.
    pub(crate) fn remember(&self, device: u64, copy: u64, original: Original) {
        let Original { dev, ino, nlink, uid, gid } = original;
        let known = self.slots.iter().find(|slot| slot.copy.load(Ordering::Acquire) == copy);
        let slot = known.unwrap_or_else(|| &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % REMEMBERED]);
        slot.copy.store(0, Ordering::Release);
        for (field, value) in slot.fields.iter().zip([dev, ino, nlink, u64::from(uid) << 32 | u64::from(gid)]) {
            field.store(value, Ordering::Release);
        }
        slot.copy.store(copy, Ordering::Release);
        self.device.store(device, Ordering::Release);
    }

    /// What the memfd `copy` stands for.
    pub(crate) fn original(&self, copy: u64) -> Option<Original> {
        let slot = self.slots.iter().find(|slot| slot.copy.load(Ordering::Acquire) == copy)?;
        let [dev, ino, nlink, owner] = [0, 1, 2, 3].map(|field: usize| slot.fields[field].load(Ordering::Acquire));
        let halves = [owner >> 32, owner & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0));
        let original = Original { dev, ino, nlink, uid: halves[0], gid: halves[1] };
        (slot.copy.load(Ordering::Acquire) == copy).then_some(original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_device_and_inode_and_the_oldest_is_forgotten() {
        let original = |ino| Original { dev: 7, ino, nlink: 1, uid: 1000, gid: u32::MAX };
        assert!(COPIES.is_empty());
        for copy in 1..=1025 {
            COPIES.remember(5, copy, original(copy * 10));
        }
        assert!(COPIES.may_be(5) && !COPIES.may_be(6) && !COPIES.may_be(0));
        assert_eq!(COPIES.original(1), None);
        assert_eq!(COPIES.original(2), Some(original(20)));
        assert_eq!(COPIES.original(1025), Some(original(10_250)));
    }
}
