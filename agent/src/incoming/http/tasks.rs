//! The tasks of one client's connection.

use std::future::Future;

use hyper::rt::Executor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts tasks that end with the agent at the latest; a handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    end: CancellationToken,
}

impl Tasks {
    /// None yet. `end` is cancelled when the agent ends.
    pub(crate) fn new(end: &CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), end: end.child_token() }
    }

    /// The same, but for tasks that end with `end` as well.
    pub(super) fn until(&self, end: CancellationToken) -> Self {
        Self { tracker: self.tracker.clone(), end }
    }

    /// Cancelled when the agent ends.
    pub(super) fn end(&self) -> &CancellationToken {
        &self.end
    }

    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let end = self.end.clone();
        self.tracker.spawn(async move { end.run_until_cancelled(task).await.map(drop) });
    }

    /// Waits for all of them: an upgraded connection lives in one.
    pub(super) async fn ended(self, end: &CancellationToken) {
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => {}
            () = end.cancelled() => {}
        }
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
