//! Threads for calls that may block, above all on files: a file server that hangs keeps its callers, and nobody else.
//!
//! Calls of a session that are quick share [`SLOTS`]. A call that is not done within [`PATIENCE`] gives its slot to the next one and
//! keeps only its thread. Of those a session has [`SESSION_LIMIT`].

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Once},
    time::Duration,
};

use protocol::Errno;
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking, time::timeout};

/// Calls of one session at a time; more of them would not be quicker on two workers' share of a machine.
const SLOTS: usize = 16;

/// How long a call keeps its slot: longer than any medium takes, short enough that many that hang are soon known to.
const PATIENCE: Duration = Duration::from_millis(100);

/// Calls of one session at a time, those that hang included; further ones fail. A thread that hangs costs some 20 KiB.
const SESSION_LIMIT: usize = 128;

/// Calls of all sessions at a time.
const THREAD_LIMIT: usize = 448;

/// Threads of the runtime's pool: those above, and some for the rest of the agent.
pub(crate) const POOL: usize = THREAD_LIMIT + 64;

/// Runs calls that may block, for one session; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    slots: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// Of all sessions.
    all: Arc<Semaphore>,
    warned: Arc<Once>,
}

impl Default for Threads {
    fn default() -> Self {
        let [slots, all, own] = [SLOTS, THREAD_LIMIT, SESSION_LIMIT].map(|limit| Arc::new(Semaphore::new(limit)));
        Self { slots, own, all, warned: Arc::new(Once::new()) }
    }
}

impl Threads {
    /// The same threads, for another session.
    pub(crate) fn for_session(&self) -> Self {
        Self { all: self.all.clone(), ..Self::default() }
    }

    /// Runs `act` and gives its result. Dropped early, `act` is run all the same once it has begun.
    ///
    /// Fails with `EIO` when too many calls hang already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        self.run_holding((), act).await.0
    }

    /// [`Self::run`]; gives `held` back, but if the call hangs, which gives it up.
    pub(crate) async fn run_holding<T: Send + 'static, H: Send>(
        &self,
        held: H,
        act: impl FnOnce() -> Result<T, Errno> + Send + 'static,
    ) -> (Result<T, Errno>, Option<H>) {
        let slot = self.slots.acquire().await.expect("never closed");
        let permits = (self.own.clone().try_acquire_owned(), self.all.clone().try_acquire_owned());
        let (Ok(own), Ok(all)) = permits else {
            self.warned.call_once(|| {
                tracing::warn!("calls fail with EIO: too many others hang; does a file server of the target answer?");
            });
            return (Err(Errno::EIO), Some(held));
        };
        let mut call = spawn_blocking(move || {
            let result = act();
            drop((own, all));
            result
        });
        // A panic has been printed.
        let answer = |ended: Result<_, _>| ended.unwrap_or(Err(Errno::EIO));
        if let Ok(ended) = timeout(PATIENCE, &mut call).await {
            return (answer(ended), Some(held));
        }
        drop((slot, held));
        (answer(call.await), None)
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
        let answer = timeout(20 * PATIENCE, threads.run(|| Ok(7))).await;
        assert_eq!(answer.expect("in time"), Ok(7));
        assert!(tasks.try_join_next().is_none(), "all of them still hang");
        let (_, held) = threads.run_holding(7, || Ok(())).await;
        assert_eq!(held, Some(7));
        let (answer, held) = threads
            .run_holding(7, || {
                std::thread::sleep(2 * PATIENCE);
                Ok(())
            })
            .await;
        assert_eq!((answer, held), (Ok(()), None), "given up meanwhile");
        drop(releases);
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.expect("no panic"), Ok(true));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_session_that_hangs_with_all_its_calls_is_told_so_and_others_are_served() {
        let threads = Threads::default();
        let mut tasks = tokio::task::JoinSet::new();
        let (release_tx, release) = std::sync::mpsc::channel::<()>();
        let release = Arc::new(std::sync::Mutex::new(release));
        for _ in 0..SESSION_LIMIT {
            let (threads, release) = (threads.clone(), release.clone());
            let hang = move || Ok(release.lock().expect("no panic").recv().is_err());
            tasks.spawn(async move { threads.run(hang).await });
        }
        let full = async {
            while threads.own.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), full).await.expect("slots are given on");
        assert_eq!(threads.run(|| Ok(())).await, Err(Errno::EIO));
        assert_eq!(threads.for_session().run(|| Ok(())).await, Ok(()));
        drop(release_tx);
        while let Some(ended) = tasks.join_next().await {
            assert_eq!(ended.expect("no panic"), Ok(true));
        }
        assert_eq!(threads.run(|| Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn a_call_that_panics_fails() {
        let threads = Threads::default();
        let quiet: Result<(), Errno> = threads.run(|| std::panic::panic_any(1)).await;
        assert_eq!(quiet, Err(Errno::EIO));
        assert_eq!(threads.all.available_permits(), THREAD_LIMIT);
    }
}
