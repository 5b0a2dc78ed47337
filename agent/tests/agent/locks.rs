//! Locks of the target's files: waited for, given up, and gone with the session that holds them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use protocol::{
    Errno,
    file::{Handle, Lock, LockKind, Stat, TestLock, Which},
};

use super::{
    agent::{Agent, Session, Target},
    files::{Folder, answer, ask, open, read},
    namespace::in_pod,
};

/// Two sessions that have one file open. What drops first stands first.
struct Both {
    one: Session,
    two: Session,
    /// The handle of session one.
    mine: Handle,
    /// The handle of session two.
    its: Handle,
    _agent: Agent,
    folder: Folder,
    _target: Target,
}

impl Both {
    /// The file is `f` of the folder, and empty.
    async fn open() -> Self {
        let (target, folder) = (Target::start(), Folder::new());
        fs::write(folder.at("f"), "").expect("write");
        let agent = Agent::start(&target, &[]);
        let (one, two) = (agent.session().await, agent.session().await);
        let mine = open(&one, folder.path("f"), libc::O_RDWR).await.expect("there");
        let its = open(&two, folder.path("f"), libc::O_RDWR).await.expect("there");
        Self { one, two, mine, its, _agent: agent, folder, _target: target }
    }
}

#[test]
fn a_lock_that_was_granted_too_late_is_taken_back() {
    in_pod(|| async {
        let both = Both::open().await;
        let Both { one, two, .. } = &both;
        let (mine, its) = (both.mine, both.its);
        for range in [None, Some((0, 10))] {
            let lock = |handle, kind, wait| Lock { handle, owner: 1, kind, range, wait };
            two.perform(lock(its, LockKind::Shared, false)).await.expect("free");
            for wait in [true, false] {
                let mut late = ask(two, lock(its, LockKind::Exclusive, wait));
                late.read_encoded().await.expect("granted");
                late.reset(Errno(libc::EINTR));
                one.perform(lock(mine, LockKind::Shared, true)).await.expect("shared again");
                let busy = one.perform(lock(mine, LockKind::Exclusive, false)).await;
                assert_eq!(busy.map(drop), Err(Errno(libc::EAGAIN)), "and still held");
                one.perform(lock(mine, LockKind::Unlocked, false)).await.expect("held");
            }
            two.perform(lock(its, LockKind::Unlocked, false)).await.expect("held");
        }
    });
}

#[test]
fn a_wait_for_a_lock_ends_when_it_is_free_or_given_up() {
    in_pod(|| async {
        let both = Both::open().await;
        let Both { one, two, folder, .. } = &both;
        let (mine, its) = (both.mine, both.its);
        let lock = |handle, kind, wait| Lock { handle, owner: 1, kind, range: Some((0, 0)), wait };
        one.perform(lock(mine, LockKind::Exclusive, false)).await.expect("free");
        let busy = two.perform(lock(its, LockKind::Shared, false)).await;
        assert_eq!(busy.map(drop), Err(Errno(libc::EAGAIN)));
        let (held, _) = two
            .perform(TestLock { handle: its, owner: 1, kind: LockKind::Shared, range: (0, 1) })
            .await
            .expect("answers");
        assert_eq!(held.map(|held| (held.kind, held.range, held.pid)), Some((LockKind::Exclusive, (0, 0), -1)));

        // Many waits keep nothing else from being done.
        let mut waits = Vec::new();
        for _ in 0..300 {
            waits.push(ask(two, lock(its, LockKind::Shared, true)));
        }
        two.perform(Stat { file: Which::Open(its) }).await.expect("open");
        one.perform(lock(mine, LockKind::Unlocked, false)).await.expect("held");
        for mut wait in waits.drain(..) {
            assert_eq!(answer::<Lock>(&mut wait).await, Ok(()));
        }
        two.perform(lock(its, LockKind::Unlocked, false)).await.expect("held");

        // Given up, it is not placed when the file becomes free.
        one.perform(lock(mine, LockKind::Exclusive, false)).await.expect("free");
        let wait = ask(two, lock(its, LockKind::Exclusive, true));
        two.perform(Stat { file: Which::Open(its) }).await.expect("open");
        wait.reset(Errno(libc::EINTR));
        two.perform(Stat { file: Which::Open(its) }).await.expect("open");
        one.perform(lock(mine, LockKind::Unlocked, false)).await.expect("held");
        tokio::time::sleep(Duration::from_millis(200)).await; // longer than the longest pause
        one.perform(lock(mine, LockKind::Exclusive, false)).await.expect("still free");
        one.perform(lock(mine, LockKind::Unlocked, false)).await.expect("held");

        // A process of the target's own, which does not tell us when it is done.
        let local = fs::File::open(folder.at("f")).expect("open");
        local.lock().expect("free");
        let flock = Lock { range: None, ..lock(mine, LockKind::Exclusive, true) };
        let mut wait = ask(one, flock);
        one.perform(Stat { file: Which::Open(mine) }).await.expect("open");
        drop(local);
        assert_eq!(answer::<Lock>(&mut wait).await, Ok(()));
        assert!(fs::File::open(folder.at("f")).expect("open").try_lock().is_err(), "the target sees it");
    });
}

/// Descriptors of a process that lead to a place below `folder`.
fn descriptors(pid: u32, folder: &Path) -> usize {
    let listed = fs::read_dir(format!("/proc/{pid}/fd")).expect("runs");
    listed.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).filter(|to| to.starts_with(folder)).count()
}

#[test]
fn a_session_that_is_gone_holds_nothing_open_and_nothing_locked() {
    in_pod(|| async {
        let (target, folder) = (Target::start(), Folder::new());
        fs::write(folder.at("f"), "").expect("write");
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        let handle = open(&session, folder.path("f"), libc::O_RDWR).await.expect("there");
        open(&session, folder.path(""), libc::O_RDONLY).await.expect("there");
        for range in [None, Some((0, 0))] {
            let lock = Lock { handle, owner: 7, kind: LockKind::Exclusive, range, wait: false };
            session.perform(lock).await.expect("free");
        }
        assert!(fs::File::open(folder.at("f")).expect("open").try_lock().is_err());
        assert_eq!(descriptors(agent.process.id(), folder.0.path()), 3, "two files and a description for the locks");
        session.link.abort();
        let gone = Instant::now();
        while descriptors(agent.process.id(), folder.0.path()) > 0 {
            assert!(gone.elapsed() < Duration::from_secs(5), "still open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::File::open(folder.at("f")).expect("open").try_lock().expect("free");
        let again = agent.session().await;
        assert_eq!(read(&again, handle, 0, 1).await, Err(Errno(libc::EBADF)), "handles are a session's own");
    });
}
