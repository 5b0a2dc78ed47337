//! Reads: from what came with the open, else from pieces fetched ahead of whoever reads on.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use protocol::{Errno, file::Read};
use tokio::sync::Notify;

use super::{Helper, file::File};

/// Bytes asked for at once when reading ahead.
const PIECE: u64 = 1024 * 1024;

/// Most bytes that are fetched ahead of one reader: 80 ms at 200 MB/s.
const AHEAD: u64 = 16 * 1024 * 1024;

/// Bytes that all readers together may have fetched ahead.
const AHEAD_OF_ALL: u64 = 96 * 1024 * 1024;

/// How far from the end of the last read the next one may begin to be its continuation: the kernel asks for several
/// pieces of a file at once, in no certain order.
const NEAR: u64 = 1024 * 1024;

/// What is fetched ahead for one open file.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    pieces: VecDeque<Rc<Piece>>,
    /// End of the furthest read so far.
    next: u64,
    /// How far ahead we fetch; 0: no one reads on.
    window: u64,
}

/// A part of a file, fetched or under way.
#[derive(Debug)]
struct Piece {
    start: u64,
    len: u64,
    version: u64,
    /// All bytes; fewer at the end of the file.
    bytes: RefCell<Option<Result<Vec<u8>, Errno>>>,
    came: Notify,
    fetched: Rc<Cell<u64>>,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.fetched.set(self.fetched.get() - self.len);
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.len
    }

    async fn wait(&self) -> Result<(), Errno> {
        loop {
            let came = self.came.notified();
            match &*self.bytes.borrow() {
                Some(Ok(_)) => return Ok(()),
                Some(Err(errno)) => return Err(*errno),
                None => {}
            }
            came.await;
        }
    }
}

impl ReadAhead {
    /// The piece that holds `offset`.
    fn holding(&self, offset: u64, version: u64) -> Option<Rc<Piece>> {
        let holds = |piece: &&Rc<Piece>| piece.version == version && piece.start <= offset && offset < piece.end();
        self.pieces.iter().find(holds).cloned()
    }
}

impl Helper {
    /// Bytes of an open file: fewer than `len` at its end only.
    pub(super) async fn read(self: &Rc<Self>, file: &Rc<File>, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        file.node.writes.settle(self, &file.node).await;
        let mut bytes = Vec::with_capacity(len);
        if self.read_from_content(file, offset, len, &mut bytes).await? {
            return Ok(bytes);
        }
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            let missing = len - bytes.len();
            let piece = self.piece(file, at, missing as u64);
            piece.wait().await?;
            let (skip, complete) = (usize::try_from(at - piece.start).unwrap_or(usize::MAX), piece.len);
            let came = piece.bytes.borrow();
            let Some(Ok(came)) = &*came else { return Err(Errno::EIO) };
            let useful = came.get(skip..).unwrap_or_default();
            bytes.extend_from_slice(&useful[..useful.len().min(missing)]);
            if (came.len() as u64) < complete && useful.len() < missing {
                break; // the end of the file
            }
        }
        Ok(bytes)
    }

    /// Takes what came with the open; whether that is all.
    async fn read_from_content(
        self: &Rc<Self>,
        file: &Rc<File>,
        offset: u64,
        len: usize,
        into: &mut Vec<u8>,
    ) -> Result<bool, Errno> {
        let node = &file.node;
        if file.version != Some(node.version()) {
            return Ok(false);
        }
        let Ok(start) = usize::try_from(offset) else { return Ok(false) };
        file.content.wait_for(start.saturating_add(len)).await?;
        let total = file.content.with_blob(|blob| {
            let useful = blob.get(start..).unwrap_or_default();
            into.extend_from_slice(&useful[..useful.len().min(len)]);
            blob.len() as u64
        });
        let complete = file.whole || node.metadata().is_some_and(|known| u64::try_from(known.size) == Ok(total));
        if into.len() == len || complete {
            // Half of it is read: the rest of the file will be wanted.
            if !complete && offset + len as u64 >= total / 2 {
                self.read_on(file, offset, offset + len as u64, total);
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The piece that holds `at`; fetched with what lies ahead of it when somebody reads on, else alone.
    fn piece(self: &Rc<Self>, file: &Rc<File>, at: u64, wanted: u64) -> Rc<Piece> {
        let version = file.node.version();
        let near = at.abs_diff(file.ahead.borrow().next) <= NEAR;
        if near || file.ahead.borrow().holding(at, version).is_some() {
            let from = Self::fetched_until(file, at, version);
            self.read_on(file, at, at + wanted, from);
        } else {
            *file.ahead.borrow_mut() = ReadAhead { next: at + wanted, ..ReadAhead::default() };
        }
        let held = file.ahead.borrow().holding(at, version);
        held.unwrap_or_else(|| self.fetch(file, at, wanted, version))
    }

    /// End of what is fetched without a gap from `at` on.
    fn fetched_until(file: &File, at: u64, version: u64) -> u64 {
        let mut end = at;
        while let Some(piece) = file.ahead.borrow().holding(end, version) {
            end = piece.end();
        }
        end
    }

    /// Somebody has read from `at` to `end`, and everything before `from` is there or under way: fetches further.
    fn read_on(self: &Rc<Self>, file: &Rc<File>, at: u64, end: u64, from: u64) {
        let version = file.node.version();
        let size = file.node.metadata().and_then(|known| u64::try_from(known.size).ok()).unwrap_or(0);
        let from = from.max(Self::fetched_until(file, from, version));
        let mut ahead = file.ahead.borrow_mut();
        ahead.next = ahead.next.max(end);
        ahead.pieces.retain(|piece| piece.version == version && piece.end() + NEAR > at);
        if from.saturating_sub(end) * 2 > ahead.window {
            return; // far enough ahead
        }
        ahead.window = (ahead.window * 2).clamp(2 * PIECE, AHEAD);
        let until = (end + ahead.window).min(size);
        drop(ahead);
        let mut from = from;
        while from < until && self.fetched.get() < AHEAD_OF_ALL {
            let len = PIECE.min(size - from);
            self.fetch(file, from, len, version);
            from += len;
        }
    }

    /// Asks for a part of the file.
    fn fetch(self: &Rc<Self>, file: &Rc<File>, start: u64, len: u64, version: u64) -> Rc<Piece> {
        self.fetched.set(self.fetched.get() + len);
        let (bytes, came) = (RefCell::default(), Notify::new());
        let piece = Rc::new(Piece { start, len, version, bytes, came, fetched: self.fetched.clone() });
        file.ahead.borrow_mut().pieces.push_back(piece.clone());
        let (helper, file, fetched) = (self.clone(), Rc::downgrade(file), piece.clone());
        self.tasks.spawn_local(async move {
            let answer = match file.upgrade() {
                Some(file) => helper.fetch_from(&file, start, len).await,
                None => Err(Errno(libc::EBADF)),
            };
            if answer.is_err()
                && let Some(file) = file.upgrade()
            {
                // Whoever asks again shall have another try.
                file.ahead.borrow_mut().pieces.retain(|other| !Rc::ptr_eq(other, &fetched));
            }
            fetched.bytes.replace(Some(answer));
            fetched.came.notify_waiters();
        });
        piece
    }

    async fn fetch_from(&self, file: &File, start: u64, len: u64) -> Result<Vec<u8>, Errno> {
        let handle = file.handle(self).await?;
        let offset = i64::try_from(start).map_err(|_| Errno::EINVAL)?;
        let len = u32::try_from(len).map_err(|_| Errno::EINVAL)?;
        let ((), blob) = self.caller.ask(Read { handle, offset, len }).await?;
        Ok(blob)
    }
}
