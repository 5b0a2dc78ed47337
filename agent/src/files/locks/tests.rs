use std::sync::atomic::AtomicBool;

use super::{claim::RANGE_LIMIT, *};
use crate::files::tests::{Fixture, handle};

static FRESH: AtomicBool = AtomicBool::new(false);

/// A file that a session has open several times.
struct Open {
    fixture: Fixture,
    locks: Locks,
    handles: Vec<Handle>,
}

impl Open {
    fn new(flags: &[i32]) -> Self {
        let fixture = Fixture::new();
        std::fs::write(fixture.outside("file"), "0123456789").expect("write");
        let open = |flags: &i32| handle(&fixture.open("/file", *flags).expect("opens").0).expect("held open");
        let handles = flags.iter().map(open).collect();
        Self { fixture, locks: Locks::new(Arc::default()), handles }
    }

    fn request(&self, (handle, owner): (usize, u64), range: Option<(i64, i64)>, kind: LockKind) -> Lock {
        Lock { handle: self.handles[handle], owner, kind, range, wait: false }
    }

    fn lock(&self, who: (usize, u64), range: Option<(i64, i64)>, kind: LockKind) -> Result<(), i32> {
        let placed = self.locks.place(&self.fixture.handles, self.request(who, range, kind), &FRESH);
        placed.map(Placed::keep).map_err(|errno| errno.0)
    }

    fn test(&self, (handle, owner): (usize, u64), range: (i64, i64), kind: LockKind) -> Option<(LockKind, (i64, i64))> {
        let request = TestLock { handle: self.handles[handle], owner, kind, range };
        self.locks.test(&self.fixture.handles, request).expect("answers").map(|held| (held.kind, held.range))
    }

    fn close(&self, handle: usize) {
        let file = self.fixture.handles.take(self.handles[handle]).expect("open");
        self.locks.release(self.handles[handle]);
        drop(file);
    }
}

use LockKind::{Exclusive, Shared, Unlocked};

const BUSY: Result<(), i32> = Err(libc::EAGAIN);

#[test]
fn owners_exclude_each_other_and_not_themselves() {
    let open = Open::new(&[libc::O_RDWR, libc::O_RDWR]);
    for range in [None, Some((2, 4))] {
        assert_eq!(open.lock((0, 1), range, Exclusive), Ok(()));
        assert_eq!(open.lock((1, 1), range, Exclusive), Ok(()), "the same owner through another handle");
        assert_eq!(open.lock((0, 2), range, Shared), BUSY, "another owner through the same handle");
        assert_eq!(open.lock((0, 1), range, Shared), Ok(()));
        assert_eq!(open.lock((0, 2), range, Shared), Ok(()));
        assert_eq!(open.lock((0, 1), range, Exclusive), BUSY);
        assert_eq!(open.lock((0, 2), range, Unlocked), Ok(()));
        assert_eq!(open.lock((0, 1), range, Exclusive), Ok(()));
    }
    assert_eq!(open.lock((0, 2), Some((0, 2)), Exclusive), Ok(()), "another part of the file");
    assert_eq!(open.test((0, 2), (0, 0), Shared), Some((Exclusive, (2, 4))));
    assert_eq!(open.test((0, 1), (0, 0), Shared), Some((Exclusive, (0, 2))));
    assert_eq!(open.test((0, 3), (6, 0), Exclusive), None);
    assert_eq!(open.test((0, 1), (2, 4), Exclusive), None, "its own is not in the way");
}

#[test]
fn record_locks_need_the_handles_access() {
    let open = Open::new(&[libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR, libc::O_PATH]);
    for (handle, kind, expected) in [
        (0, Shared, Ok(())),
        (0, Exclusive, Err(libc::EBADF)),
        (1, Shared, Err(libc::EBADF)),
        (1, Exclusive, Ok(())),
        (2, Shared, Ok(())),
        (2, Exclusive, Ok(())),
        (3, Shared, Err(libc::EBADF)),
    ] {
        let owner = 10 + u64::try_from(handle).expect("small");
        assert_eq!(open.lock((handle, owner), Some((0, 1)), kind), expected, "{handle} {kind:?}");
        assert_eq!(open.lock((handle, owner), Some((0, 1)), Unlocked).is_ok(), handle != 3);
        assert_eq!(open.lock((handle, owner), None, Exclusive).is_ok(), handle != 3, "flock needs none");
        assert_eq!(open.lock((handle, owner), None, Unlocked).is_ok(), handle != 3);
    }
    assert_eq!(open.lock((2, 1), Some((5, -6)), Shared), Err(libc::EINVAL));
    assert_eq!(open.lock((2, 1), Some((5, i64::MAX)), Shared), Err(libc::EOVERFLOW));
}

#[test]
fn what_an_owner_holds_moves_when_it_locks_through_a_handle_that_may_more() {
    let open = Open::new(&[libc::O_RDONLY, libc::O_RDWR]);
    assert_eq!(open.lock((0, 1), Some((0, 2)), Shared), Ok(()));
    assert_eq!(open.lock((0, 1), None, Shared), Ok(()));
    assert_eq!(open.lock((1, 1), Some((1, 4)), Exclusive), Ok(()));
    assert_eq!(open.test((1, 2), (0, 1), Exclusive), Some((Shared, (0, 1))));
    assert_eq!(open.test((1, 2), (1, 0), Exclusive), Some((Exclusive, (1, 4))));
    assert_eq!(open.lock((1, 2), None, Exclusive), BUSY);
}

#[test]
fn closing_releases_what_was_locked_through_the_handle() {
    let open = Open::new(&[libc::O_RDWR, libc::O_RDWR]);
    assert_eq!(open.lock((0, 1), Some((0, 0)), Exclusive), Ok(()));
    assert_eq!(open.lock((0, 1), None, Exclusive), Ok(()));
    assert_eq!(open.lock((1, 2), Some((0, 0)), Exclusive), BUSY);
    open.close(0);
    assert_eq!(open.lock((1, 2), Some((0, 0)), Exclusive), Ok(()));
    assert_eq!(open.lock((1, 2), None, Exclusive), Ok(()));
    assert_eq!(open.lock((0, 1), None, Shared), Err(libc::EBADF));
    // Everything at once, at a session's end; another session finds the file free.
    open.fixture.handles.close_all();
    open.locks.release_all();
    let other = open.fixture.open_again();
    let status = other.open("/file", libc::O_RDWR).expect("opens").0;
    let locks = Locks::new(Arc::default());
    let request = Lock { handle: handle(&status).expect("held"), ..open.request((1, 2), None, Exclusive) };
    locks.place(&other.handles, request, &FRESH).expect("free").keep();
}

#[test]
fn a_lock_that_nobody_is_told_of_is_taken_back() {
    let open = Open::new(&[libc::O_RDWR]);
    for range in [None, Some((0, 10))] {
        assert_eq!(open.lock((0, 1), range, Shared), Ok(()));
        drop(open.locks.place(&open.fixture.handles, open.request((0, 1), range, Exclusive), &FRESH).expect("free"));
        assert_eq!(open.lock((0, 2), range, Shared), Ok(()), "it is shared again");
        assert_eq!(open.lock((0, 2), range, Exclusive), BUSY, "and held");
        assert_eq!(open.lock((0, 2), range, Unlocked), Ok(()));
        let placed = open.locks.place(&open.fixture.handles, open.request((0, 1), range, Exclusive), &FRESH);
        assert_eq!(open.lock((0, 1), range, Unlocked), Ok(()), "what the owner did afterwards counts");
        drop(placed);
        assert_eq!(open.lock((0, 2), range, Exclusive), Ok(()));
        assert_eq!(open.lock((0, 2), range, Unlocked), Ok(()));
    }
    let cancelled = open.locks.place(&open.fixture.handles, open.request((0, 1), None, Shared), &AtomicBool::new(true));
    assert_eq!(cancelled.map(drop), Err(Errno(libc::EINTR)));
}

#[test]
fn the_number_of_locks_has_an_end() {
    let open = Open::new(&[libc::O_RDWR]);
    let last = i64::try_from(RANGE_LIMIT).expect("small");
    for at in 0..last {
        assert_eq!(open.lock((0, 1), Some((2 * at, 1)), Shared), Ok(()));
    }
    assert_eq!(open.lock((0, 1), Some((2 * last, 1)), Shared), Err(libc::ENOLCK));
    assert_eq!(open.lock((0, 1), Some((0, 0)), Unlocked), Ok(()));
    assert_eq!(open.lock((0, 1), Some((2 * last, 1)), Shared), Ok(()));
}

/// Waiters are woken by what may serve them: by each other's failures they would never come to rest.
#[tokio::test]
async fn only_what_frees_others_wakes_them() {
    let open = Open::new(&[libc::O_RDWR]);
    for (owner, range, kind, wakes) in [
        (1, None, Exclusive, false),
        (2, None, Shared, false), // fails
        (1, None, Shared, true),
        (2, None, Shared, false),
        (2, None, Exclusive, true), // fails, and loses the shared one
        (1, None, Unlocked, true),
        (1, None, Unlocked, false),
        (1, Some((0, 4)), Exclusive, false),
        (2, Some((0, 4)), Exclusive, false), // fails
        (1, Some((2, 2)), Shared, true),
        (1, Some((2, 2)), Shared, true), // in vain; it cannot go on for ever
        (1, Some((0, 0)), Unlocked, true),
        (2, Some((0, 0)), Unlocked, false),
    ] {
        let woken = open.locks.unlocked().notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let placed = open.lock((0, owner), range, kind);
        let is_woken = tokio::time::timeout(std::time::Duration::ZERO, woken).await.is_ok();
        assert_eq!(is_woken, wakes, "{owner} {range:?} {kind:?}: {placed:?}");
    }
}

#[test]
fn owners_that_hold_nothing_cost_nothing() {
    let open = Open::new(&[libc::O_RDWR]);
    for owner in 0..2 * u64::try_from(CLAIM_LIMIT).expect("small") {
        let range = Some((0, 1)).filter(|_| owner % 2 == 0);
        assert_eq!(open.lock((0, owner), range, Exclusive), Ok(()));
        assert_eq!(open.lock((0, owner), range, Unlocked), Ok(()));
        assert_eq!(open.lock((0, owner), None, Unlocked), Ok(()), "also when there is nothing to unlock");
    }
    let table = open.locks.table.lock().expect("no panic");
    assert!(table.claims.is_empty() && table.uses.is_empty(), "{table:?}");
}
