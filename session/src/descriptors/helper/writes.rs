//! What programs have written and the pod has not got yet: a bounded queue for each file.
//!
//! Pieces travel side by side where they do not touch each other, one after the other where they do. Those that are
//! appended through one open file travel side by side as well: the agent appends them in the order in which they leave
//! here, in which they arrive. Small writes are gathered while something is under way, so that one travels at once and a
//! burst travels in large pieces.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use protocol::{
    Errno,
    file::{WRITE_LIMIT, Write},
};
use tokio::sync::Notify;

use super::{Helper, file::File, tree::Node};

/// Bytes of one file that may be on their way: 80 ms at 50 MB/s, and what a program may lose with its machine.
const WINDOW: usize = 4 * 1024 * 1024;

/// Bytes of all files that may be on their way: the agent refuses more than 16 MiB of operations at a time.
const WINDOW_OF_ALL: usize = 12 * 1024 * 1024;

/// A file's writes that the pod has not confirmed.
#[derive(Debug, Default)]
pub(super) struct Writes {
    queue: RefCell<VecDeque<Piece>>,
    under_way: RefCell<Vec<Span>>,
    bytes: Cell<usize>,
    next: Cell<u64>,
    /// Who waits for the end of what was written so far: nothing is gathered then.
    hurried: Cell<usize>,
    progress: Notify,
}

#[derive(Debug)]
struct Piece {
    file: Rc<File>,
    span: Span,
    data: Vec<u8>,
}

/// Where a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Place in the order of all writes of the file.
    order: u64,
    offset: i64,
    len: usize,
    /// The open file that it is appended through, told by its address.
    appended: Option<*const File>,
}

impl Span {
    fn end(&self) -> i64 {
        self.offset.saturating_add_unsigned(self.len as u64)
    }

    /// Whether the other one must have arrived before this one leaves.
    fn waits_for(&self, other: &Self) -> bool {
        match (self.appended, other.appended) {
            (None, None) => self.offset < other.end() && other.offset < self.end(),
            (this, other) => this != other,
        }
    }
}

impl Writes {
    pub(super) fn are_pending(&self) -> bool {
        self.bytes.get() > 0
    }

    /// Waits until everything that was written before this call has reached the pod, or has failed to.
    pub(super) async fn settle(&self, helper: &Rc<Helper>, node: &Rc<Node>) {
        let target = self.next.get();
        if !self.are_pending_before(target) {
            return;
        }
        let _hurry = Hurry::begin(&self.hurried);
        helper.dispatch(node);
        loop {
            let progress = self.progress.notified();
            if !self.are_pending_before(target) {
                return;
            }
            progress.await;
        }
    }

    fn are_pending_before(&self, target: u64) -> bool {
        self.queue.borrow().front().is_some_and(|piece| piece.span.order < target)
            || self.under_way.borrow().iter().any(|span| span.order < target)
    }

    /// Adds to the queue; what continues the last piece becomes part of it.
    fn push(&self, file: &Rc<File>, mut offset: i64, mut data: &[u8]) {
        let appended = file.appends().then_some(Rc::as_ptr(file));
        let mut queue = self.queue.borrow_mut();
        if let Some(last) = queue.back_mut()
            && Rc::ptr_eq(&last.file, file)
            && (appended.is_some() || last.span.end() == offset)
        {
            let room = WRITE_LIMIT.saturating_sub(last.data.len()).min(data.len());
            last.data.extend_from_slice(&data[..room]);
            last.span.len += room;
            offset = offset.saturating_add_unsigned(room as u64);
            data = &data[room..];
        }
        for chunk in data.chunks(WRITE_LIMIT) {
            let order = self.next.replace(self.next.get() + 1);
            let span = Span { order, offset, len: chunk.len(), appended };
            queue.push_back(Piece { file: file.clone(), span, data: chunk.to_vec() });
            offset = offset.saturating_add_unsigned(chunk.len() as u64);
        }
    }

    /// The next piece that may leave.
    fn pop(&self) -> Option<Piece> {
        let mut queue = self.queue.borrow_mut();
        let under_way = self.under_way.borrow();
        let first = queue.front()?;
        let may_grow = queue.len() == 1 && first.data.len() < WRITE_LIMIT;
        let gathers = may_grow && !under_way.is_empty() && self.hurried.get() == 0;
        if gathers || under_way.iter().any(|span| first.span.waits_for(span)) {
            return None;
        }
        drop(under_way);
        let piece = queue.pop_front()?;
        self.under_way.borrow_mut().push(piece.span);
        Some(piece)
    }
}

/// Counts somebody who waits.
struct Hurry<'a>(&'a Cell<usize>);

impl<'a> Hurry<'a> {
    fn begin(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Helper {
    /// Takes a write over: it is on its way when this returns. Fails as an earlier one of the same open file failed.
    pub(super) async fn write(self: &Rc<Self>, file: &Rc<File>, offset: i64, data: &[u8]) -> Result<(), Errno> {
        let node = &file.node;
        loop {
            let (progress, all) = (node.writes.progress.notified(), self.written.notified());
            if let Some(errno) = file.failure.take() {
                return Err(errno);
            }
            let fits = node.writes.bytes.get() + data.len() <= WINDOW || !node.writes.are_pending();
            if fits && (self.unwritten.get() + data.len() <= WINDOW_OF_ALL || self.unwritten.get() == 0) {
                break;
            }
            tokio::select! { () = progress => {} () = all => {} }
        }
        file.handle(self).await?;
        node.writes.bytes.set(node.writes.bytes.get() + data.len());
        self.unwritten.set(self.unwritten.get() + data.len());
        self.dirty.set(true);
        node.writes.push(file, offset, data);
        node.changed();
        self.dispatch(node);
        Ok(())
    }

    /// Waits until what was written through `file` is in the pod; fails with the first error since the last time.
    pub(super) async fn flush(self: &Rc<Self>, file: &Rc<File>) -> Result<(), Errno> {
        file.node.writes.settle(self, &file.node).await;
        file.failure.take().map_or(Ok(()), Err)
    }

    /// Sends what may leave.
    fn dispatch(self: &Rc<Self>, node: &Rc<Node>) {
        while let Some(Piece { file, span, data }) = node.writes.pop() {
            let (helper, node) = (self.clone(), node.clone());
            // Now, and not in the task: the order counts.
            let handle = file.handle_if_any().ok_or(Errno(libc::EBADF));
            let sent = handle.and_then(|handle| self.caller.begin(Write { handle, offset: span.offset, data }));
            self.tasks.spawn_local(async move {
                let answer = match sent {
                    Ok(sent) => helper.caller.answer_to(sent).await.map(drop),
                    Err(errno) => Err(errno),
                };
                if let Err(errno) = answer {
                    file.failure.set(file.failure.get().or(Some(errno)));
                }
                node.writes.under_way.borrow_mut().retain(|other| other.order != span.order);
                node.writes.bytes.set(node.writes.bytes.get() - span.len);
                helper.unwritten.set(helper.unwritten.get() - span.len);
                if helper.unwritten.get() == 0 {
                    helper.dirty.set(false);
                }
                node.changed();
                node.writes.progress.notify_waiters();
                helper.written.notify_waiters();
                helper.dispatch(&node);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tree::{Tree, tests::metadata},
        *,
    };
    use crate::descriptors::wire::{Held, Moment};

    fn file(flags: i32) -> Rc<File> {
        let node = Tree::new().found(b"/file", metadata(1, libc::S_IFREG), Moment::now());
        File::new(&node, flags, Held::Whole, Rc::default(), Moment::now())
    }

    /// Lengths of the pieces that may leave now.
    fn leaving(writes: &Writes) -> Vec<usize> {
        std::iter::from_fn(|| writes.pop()).map(|piece| piece.data.len()).collect()
    }

    #[test]
    fn the_first_small_write_leaves_at_once_and_the_next_ones_together() {
        let (writes, file) = (Writes::default(), file(libc::O_WRONLY));
        writes.push(&file, 0, b"first");
        assert_eq!(leaving(&writes), [5]);
        for offset in [5, 10, 15] {
            writes.push(&file, offset, b"later");
        }
        assert_eq!(leaving(&writes), [0_usize; 0]);
        writes.under_way.borrow_mut().clear();
        assert_eq!(leaving(&writes), [15]);
    }

    #[test]
    fn whoever_waits_for_the_end_waits_for_no_gathering() {
        let (writes, file) = (Writes::default(), file(libc::O_WRONLY));
        writes.push(&file, 0, &vec![0; 2 * WRITE_LIMIT + 5]);
        assert_eq!(leaving(&writes), [WRITE_LIMIT, WRITE_LIMIT]);
        let _hurry = Hurry::begin(&writes.hurried);
        assert_eq!(leaving(&writes), [5]);
    }

    #[test]
    fn pieces_that_overlap_keep_their_order() {
        let (writes, file) = (Writes::default(), file(libc::O_WRONLY));
        let _hurry = Hurry::begin(&writes.hurried);
        writes.push(&file, 0, &[1; 100]);
        assert_eq!(leaving(&writes), [100]);
        writes.push(&file, 99, &[2; 50]);
        writes.push(&file, 1000, &[3; 10]);
        assert_eq!(leaving(&writes), [0_usize; 0], "nobody overtakes");
        writes.under_way.borrow_mut().clear();
        assert_eq!(leaving(&writes), [50, 10]);
    }

    #[test]
    fn what_is_appended_travels_together_but_waits_for_others() {
        let (writes, first) = (Writes::default(), file(libc::O_WRONLY | libc::O_APPEND));
        let [second, third] = [libc::O_WRONLY | libc::O_APPEND, libc::O_WRONLY].map(file);
        let _hurry = Hurry::begin(&writes.hurried);
        writes.push(&first, 0, &vec![1; WRITE_LIMIT + 1]);
        assert_eq!(leaving(&writes), [WRITE_LIMIT, 1]);
        writes.push(&second, 0, &[2; 10]);
        assert_eq!(leaving(&writes), [0_usize; 0], "who else appends");
        writes.under_way.borrow_mut().clear();
        assert_eq!(leaving(&writes), [10]);
        writes.push(&third, 1 << 20, &[3; 20]);
        assert_eq!(leaving(&writes), [0_usize; 0], "who writes elsewhere");
    }
}
