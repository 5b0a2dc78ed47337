//! Our own copy of a descriptor that a program gets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tokio::runtime::Handle;

/// It is closed where a thread may wait: close(2) of a file of the mount returns when the helper has answered, and the
/// helper may need the threads of this runtime for that. With all of them in close(2) nobody would ever answer.
#[derive(Debug)]
pub(crate) struct Lent(Option<OwnedFd>);

impl From<OwnedFd> for Lent {
    fn from(descriptor: OwnedFd) -> Self {
        Self(Some(descriptor))
    }
}

impl AsFd for Lent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_ref().expect("it is taken when it is dropped").as_fd()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Without a runtime this is no thread of one.
        if let (Some(descriptor), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(descriptor));
        }
    }
}
