//! Threads for calls that may block, above all on files: a file server that hangs keeps its callers, and nobody else.
//!
//! Calls that are quick share [`SLOTS`]. A call that is not done within [`PATIENCE`] gives its slot to the next one and
//! keeps only its thread, of which there are [`THREAD_LIMIT`].

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use protocol::Errno;
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};

/// Calls at a time; more of them would not be quicker on two workers' share of a machine.
const SLOTS: usize = 16;

/// How long a call keeps its slot.
const PATIENCE: Duration = Duration::from_millis(500);

/// Calls at a time, those that hang included; further ones fail. A thread that hangs costs some 20 KiB.
const THREAD_LIMIT: usize = 448;

/// Threads of the runtime's pool: those above, and some for the rest of the agent.
pub(crate) const POOL: usize = THREAD_LIMIT + 64;

/// Runs calls that may block; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    slots: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Default for Threads {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(SLOTS)), threads: Arc::new(Semaphore::new(THREAD_LIMIT)) }
    }
}

impl Threads {
    /// Runs `act` and gives its result. Dropped early, `act` is run all the same once it has begun.
    ///
    /// Fails with `EIO` when too many calls hang already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        self.run_holding((), act).await
    }

    /// [`Self::run`], and gives `held` up as soon as the call hangs.
    pub(crate) async fn run_holding<T: Send + 'static>(
        &self,
        held: impl Send,
        act: impl FnOnce() -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let slot = self.slots.acquire().await.expect("never closed");
        let Ok(thread) = self.threads.clone().try_acquire_owned() else {
            tracing::warn!(
                limit = THREAD_LIMIT,
                "a call fails with EIO: too many others hang; does a file server answer?"
            );
            return Err(Errno::EIO);
        };
        let mut call = spawn_blocking(move || {
            let result = act();
            drop(thread);
            result
        });
        let ended = match tokio::time::timeout(PATIENCE, &mut call).await {
            Ok(ended) => ended,
            Err(_) => {
                drop((slot, held));
                call.await
            }
        };
        // A panic: it has been printed.
        ended.unwrap_or(Err(Errno::EIO))
    }
}

/// Closes a descriptor where that may block: close(2) flushes, and waits for the file's server.
pub(crate) fn close_aside(descriptor: OwnedFd) {
    match Handle::try_current() {
        // Nobody waits for it.
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(descriptor))),
        Err(_) => drop(descriptor),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn calls_that_hang_do_not_keep_others_from_running() {
        let threads = Threads::default();
        let mut tasks = tokio::task::JoinSet::new();
        let mut releases = Vec::new();
        for _ in 0..2 * SLOTS {
            let (release_tx, release) = mpsc::channel::<()>();
            releases.push(release_tx);
            let threads = threads.clone();
            tasks.spawn(async move { threads.run(move || Ok(release.recv().is_err())).await });
        }
        let answer = tokio::time::timeout(20 * PATIENCE, threads.run(|| Ok(7))).await;
        assert_eq!(answer.expect("in time"), Ok(7));
        assert!(tasks.try_join_next().is_none(), "all of them still hang");
        drop(releases);
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.expect("no panic"), Ok(true));
        }
    }

    #[tokio::test]
    async fn a_call_that_panics_fails() {
        let threads = Threads::default();
        let quiet: Result<(), Errno> = threads.run(|| std::panic::panic_any(1)).await;
        assert_eq!(quiet, Err(Errno::EIO));
        assert_eq!(threads.threads.available_permits(), THREAD_LIMIT);
    }
}
