//! Which parts of a file one owner has locked: what fcntl(2) does to the locks of one owner.

use protocol::{Errno, file::LockKind};

/// Locked parts of a file, in ascending order, without overlaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(Range, LockKind)>);

/// Bytes of a file, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: i64,
    last: i64,
}

impl Range {
    /// Start and length as fcntl(2) has them: length 0 reaches to the end of any file, a negative one lies before the
    /// start.
    pub(super) fn new(start: i64, len: i64) -> Result<Self, Errno> {
        let overflow = Errno(libc::EOVERFLOW);
        let (first, last) = match len {
            0 => (start, i64::MAX),
            1.. => (start, start.checked_add(len - 1).ok_or(overflow)?),
            _ => (start.checked_add(len).ok_or(Errno::EINVAL)?, start - 1),
        };
        if first < 0 { Err(Errno::EINVAL) } else { Ok(Self { first, last }) }
    }

    /// Start and length, 0 for what reaches to the end of any file.
    pub(super) fn start_and_len(self) -> (i64, i64) {
        let Self { first, last } = self;
        (first, if last == i64::MAX { 0 } else { last - first + 1 })
    }

    fn common(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }
}

impl Ranges {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is locked.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Range, LockKind)> {
        self.0.iter().copied()
    }

    /// What is locked within `range`.
    pub(super) fn within(&self, range: Range) -> Vec<(Range, LockKind)> {
        self.iter().filter_map(|(held, kind)| Some((held.common(range)?, kind))).collect()
    }

    /// Locks or unlocks `range`, whatever was there before.
    pub(super) fn set(&mut self, range: Range, kind: LockKind) {
        let Range { first, last } = range;
        let mut next = Vec::with_capacity(self.0.len() + 2);
        for (held, its_kind) in self.0.drain(..) {
            let before = first.checked_sub(1).and_then(|end| held.common(Range { first: 0, last: end }));
            let after = last.checked_add(1).and_then(|start| held.common(Range { first: start, last: i64::MAX }));
            next.extend(before.into_iter().chain(after).map(|part| (part, its_kind)));
        }
        if kind != LockKind::Unlocked {
            next.push((range, kind));
        }
        next.sort_by_key(|(range, _)| range.first);
        next.dedup_by(|(next, its_kind), (held, kind)| {
            let joined = its_kind == kind && held.last.checked_add(1) == Some(next.first);
            if joined {
                held.last = next.last;
            }
            joined
        });
        self.0 = next;
    }
}

#[cfg(test)]
mod tests {
    use LockKind::{Exclusive, Shared, Unlocked};

    use super::*;

    #[test]
    fn starts_and_lengths_are_those_of_fcntl() {
        for (start, len, expected) in [
            (0, 0, Ok((0, 0))),
            (5, 10, Ok((5, 10))),
            (5, -5, Ok((0, 5))),
            (5, i64::MAX, Err(libc::EOVERFLOW)),
            (1, i64::MAX, Ok((1, 0))),
            (5, -6, Err(libc::EINVAL)),
            (-1, 1, Err(libc::EINVAL)),
            (i64::MIN, i64::MIN, Err(libc::EINVAL)),
        ] {
            let range = Range::new(start, len).map(Range::start_and_len).map_err(|errno| errno.0);
            assert_eq!(range, expected, "{start} {len}");
        }
    }

    proptest::proptest! {
        /// Against a model that knows of each byte who holds it.
        #[test]
        fn later_locks_win_byte_by_byte(steps: Vec<(u8, u8, u8)>) {
            let (mut ranges, mut bytes) = (Ranges::default(), vec![Unlocked; 300]);
            for (start, len, kind) in steps {
                let kind = [Shared, Exclusive, Unlocked][usize::from(kind % 3)];
                let range = Range::new(start.into(), len.into()).expect("small");
                ranges.set(range, kind);
                let end = if len == 0 { 300 } else { (usize::from(start) + usize::from(len)).min(300) };
                bytes[start.into()..end].fill(kind);
                for (at, byte) in bytes.iter().enumerate() {
                    let at = i64::try_from(at).expect("small");
                    let held = ranges.within(Range { first: at, last: at });
                    assert_eq!(held.first().map_or(Unlocked, |(_, kind)| *kind), *byte);
                    assert!(held.len() < 2);
                }
            }
        }
    }
}
