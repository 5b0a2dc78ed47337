//! flock(2) and fcntl(2) locks: held at the agent, so that they exclude the pod's own processes too.

use std::{future::Future, rc::Rc};

use protocol::{
    Errno,
    file::{Handle, HeldLock, Lock, LockKind, TestLock},
};

use super::{
    Helper,
    abi::{Body, Fields},
    file::File,
};

/// `FUSE_LK_FLOCK`: the lock is one of flock(2).
const FLOCK: u32 = 1;

/// `struct fuse_lk_in`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) file: u64,
    owner: u64,
    start: u64,
    /// The last byte; the largest offset there is stands for the end of the file, wherever it will be.
    last: u64,
    kind: LockKind,
    flock: bool,
}

impl Wanted {
    pub(super) fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let (file, owner) = (fields.u64()?, fields.u64()?);
        let (start, last) = (fields.u64()?, fields.u64()?);
        let (kind, _pid, flags) = (fields.i32()?, fields.u32()?, fields.u32()?);
        let kind = match kind {
            libc::F_RDLCK => LockKind::Shared,
            libc::F_WRLCK => LockKind::Exclusive,
            libc::F_UNLCK => LockKind::Unlocked,
            _ => return None,
        };
        Some(Self { file, owner, start, last, kind, flock: flags & FLOCK != 0 })
    }

    /// Start and length as the agent takes them: length 0 reaches to the end of the file.
    fn range(&self) -> (i64, i64) {
        let start = self.start.cast_signed();
        let len = if self.last >= i64::MAX.cast_unsigned() { 0 } else { (self.last + 1).saturating_sub(self.start) };
        (start, len.cast_signed())
    }
}

impl Helper {
    /// Places or removes a lock; waits for it until it is `given_up`.
    pub(super) async fn lock(
        self: &Rc<Self>,
        file: &Rc<File>,
        wanted: Wanted,
        wait: bool,
        given_up: impl Future<Output = ()>,
    ) -> Result<(), Errno> {
        tokio::pin!(given_up);
        let handle = tokio::select! {
            biased;
            handle = self.prepare(file, wanted.kind) => handle?,
            () = &mut given_up => return Err(Errno(libc::EINTR)),
        };
        let Some(handle) = handle else { return Ok(()) };
        let range = (!wanted.flock).then(|| wanted.range());
        file.locked.set(true);
        file.has_records.set(file.has_records.get() || !wanted.flock);
        let lock = Lock { handle, owner: wanted.owner, kind: wanted.kind, range, wait };
        self.caller.ask_until(lock, given_up).await?;
        if wanted.kind != LockKind::Unlocked {
            // What others wrote before they gave the lock up is seen from now on.
            file.node.forget_metadata();
            self.device.forget_attributes(file.node.id);
        }
        Ok(())
    }

    /// Waits for what comes before a lock; gives the file's handle, or nothing if there is nothing to unlock.
    async fn prepare(self: &Rc<Self>, file: &Rc<File>, kind: LockKind) -> Result<Option<Handle>, Errno> {
        if kind == LockKind::Unlocked {
            // Whoever locks next shall find what was written under the lock.
            file.node.writes.settle(self, &file.node).await;
            return Ok(file.handle_if_any());
        }
        self.lent.are_back(&file.node).await;
        file.node.leaving.are_over().await;
        file.handle(self).await.map(Some)
    }

    /// Who is in the way of a lock: `struct fuse_lk_out`.
    pub(super) async fn test_lock(self: &Rc<Self>, file: &Rc<File>, wanted: Wanted) -> Result<Body, Errno> {
        let handle = file.handle(self).await?;
        let request = TestLock { handle, owner: wanted.owner, kind: wanted.kind, range: wanted.range() };
        let (held, _) = self.caller.ask(request).await?;
        let Some(HeldLock { kind, range: (start, len), pid }) = held else {
            return Ok(Body::default().u64(wanted.start).u64(wanted.last).u32(libc::F_UNLCK.cast_unsigned()).u32(0));
        };
        let kind = match kind {
            LockKind::Shared => libc::F_RDLCK,
            LockKind::Exclusive => libc::F_WRLCK,
            LockKind::Unlocked => libc::F_UNLCK,
        };
        let last = if len == 0 { i64::MAX } else { start.saturating_add(len - 1) };
        let body = Body::default().u64(start.cast_unsigned()).u64(last.cast_unsigned());
        Ok(body.u32(kind.cast_unsigned()).u32(pid.cast_unsigned()))
    }

    /// A process closes the file: its record locks end, and whatever it wrote is in the pod.
    pub(super) async fn close_one(self: &Rc<Self>, file: &Rc<File>, owner: u64) -> Result<(), Errno> {
        let flushed = self.flush(file).await;
        if file.has_records.get()
            && let Some(handle) = file.handle_if_any()
        {
            let everything = Some((0, 0));
            let lock = Lock { handle, owner, kind: LockKind::Unlocked, range: everything, wait: false };
            // Locks of a lost agent are gone as well.
            let _ = self.caller.ask(lock).await;
        }
        flushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_reach_to_the_end_have_no_length() {
        let wanted = |start, last| Wanted { file: 0, owner: 0, start, last, kind: LockKind::Shared, flock: false };
        for (start, last, expected) in [
            (0, u64::MAX >> 1, (0, 0)),
            (10, i64::MAX.cast_unsigned(), (10, 0)),
            (0, 0, (0, 1)),
            (100, 199, (100, 100)),
        ] {
            assert_eq!(wanted(start, last).range(), expected);
        }
    }
}
