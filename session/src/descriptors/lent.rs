//! Our own copy of a descriptor that a program gets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tokio::runtime::Handle;

use super::{
    forward::{Frames, frame},
    wire::ToHelper,
};

/// It is closed where a thread may wait: close(2) of a file of the mount returns when the helper has answered, and the
/// helper may need the threads of this runtime for that. With all of them in close(2) nobody would ever answer.
#[derive(Debug)]
pub(crate) struct Lent {
    descriptor: Option<OwnedFd>,
    lender: Option<Lender>,
}

/// Tells the helper, when it is dropped, that there is no copy of ours any more, or never was one.
#[derive(Debug)]
pub(super) struct Lender {
    pub(super) frames: Frames,
    /// Of the announcement that the descriptor came of.
    pub(super) number: u32,
}

impl Drop for Lender {
    fn drop(&mut self) {
        // On a thread that may block; a helper that has gone does not want to know.
        let _ = self.frames.blocking_send(frame(ToHelper::Returned, self.number, &[]));
    }
}

impl Lent {
    /// A file of the mount.
    pub(super) fn of(descriptor: OwnedFd, lender: Lender) -> Self {
        Self { descriptor: Some(descriptor), lender: Some(lender) }
    }
}

impl From<OwnedFd> for Lent {
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor: Some(descriptor), lender: None }
    }
}

impl AsFd for Lent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_ref().expect("it is taken when it is dropped").as_fd()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (descriptor, lender) = (self.descriptor.take(), self.lender.take());
        let close = move || {
            drop(descriptor);
            drop(lender);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(close)),
            Err(_) => close(), // without a runtime this is no thread of one
        }
    }
}
