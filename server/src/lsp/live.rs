//! Live values for completion: from the last answer at once, never waiting long for a new one.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::extension::{Query, TargetSource, Targets};

/// Longest wait of a completion for the cluster: beyond it, typing feels slow.
const PATIENCE: Duration = Duration::from_millis(100);

/// Age from which an answer is asked for anew, while it still serves.
const FRESH: Duration = Duration::from_secs(10);

/// Longest wait for the cluster; covers a slow login helper of the kubeconfig.
const LIMIT: Duration = Duration::from_secs(20);

/// Answers that are kept: one for each namespace that a person works with.
const QUERIES: usize = 16;

/// Questions to the cluster at once.
const AT_ONCE: usize = 4;

/// What the cluster says, at this moment.
pub(super) enum Answer {
    /// It was not asked.
    Nothing,
    /// Its answer; `stale` when a newer one is on the way.
    Known { targets: Arc<Targets>, stale: bool },
    /// Not yet.
    Pending,
    /// It cannot be asked; `new` the first time that this is said.
    Failed { message: String, new: bool },
}

impl Answer {
    pub(super) fn targets(&self) -> Option<&Targets> {
        match self {
            Answer::Known { targets, stale: _ } => Some(targets),
            Answer::Nothing | Answer::Pending | Answer::Failed { .. } => None,
        }
    }
}

/// The cluster behind a cache.
pub(super) struct Live {
    source: Arc<dyn TargetSource>,
    answers: Mutex<HashMap<Query, Entry>>,
    answered: Notify,
    /// completions --questions--> `run`
    wanted_tx: mpsc::Sender<Query>,
}

#[derive(Clone)]
struct Entry {
    since: Instant,
    outcome: Result<Arc<Targets>, String>,
    /// Whether a failure has been shown.
    told: bool,
}

impl Live {
    /// The cache, and the questions for [`Live::run`].
    pub(super) fn new(source: Arc<dyn TargetSource>) -> (Self, mpsc::Receiver<Query>) {
        let (wanted_tx, wanted_rx) = mpsc::channel(AT_ONCE);
        (Self { source, answers: Mutex::default(), answered: Notify::new(), wanted_tx }, wanted_rx)
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Query, Entry>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last answer at once, or whatever comes within [`PATIENCE`].
    pub(super) async fn get(&self, query: &Query) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        let mut asked = false;
        loop {
            let mut answered = std::pin::pin!(self.answered.notified());
            answered.as_mut().enable();
            let known = self.known(query);
            if !asked && !matches!(known, Some((_, true))) {
                asked = true;
                // A full queue means that the question, or one that is typed over, is on its way.
                let _: Result<(), _> = self.wanted_tx.try_send(query.clone());
            }
            if let Some((answer, _)) = known {
                return answer;
            }
            if timeout_at(deadline, answered).await.is_err() {
                return Answer::Pending;
            }
        }
    }

    /// The kept answer, and whether it is fresh.
    fn known(&self, query: &Query) -> Option<(Answer, bool)> {
        let mut answers = self.answers();
        let entry = answers.get_mut(query)?;
        let fresh = entry.since.elapsed() < FRESH;
        let answer = match &entry.outcome {
            Ok(targets) => Answer::Known { targets: Arc::clone(targets), stale: !fresh },
            Err(message) => Answer::Failed { message: message.clone(), new: !std::mem::replace(&mut entry.told, true) },
        };
        Some((answer, fresh))
    }

    /// Asks the cluster now, within [`LIMIT`], and keeps the answer.
    pub(super) async fn ask(&self, query: Query) -> Result<Arc<Targets>, String> {
        // A panic behind the seam is an answer too: it must not end the editor's server.
        let answer = AssertUnwindSafe(self.source.targets(query.clone())).catch_unwind();
        let outcome = match timeout(LIMIT, answer).await {
            Ok(Ok(outcome)) => outcome.map(Arc::new),
            Ok(Err(_)) => Err("listing targets failed, please report this".to_owned()),
            Err(_) => Err(format!("the cluster did not answer within {} s", LIMIT.as_secs())),
        };
        let mut answers = self.answers();
        if answers.len() >= QUERIES && !answers.contains_key(&query) {
            let oldest = answers.iter().min_by_key(|(_, entry)| entry.since).map(|(query, _)| query.clone());
            oldest.map(|oldest| answers.remove(&oldest));
        }
        // A failure that lasts is told once.
        let told = answers.get(&query).is_some_and(|entry| entry.told && entry.outcome == outcome);
        answers.insert(query, Entry { since: Instant::now(), outcome: outcome.clone(), told });
        drop(answers);
        self.answered.notify_waiters();
        outcome
    }

    /// Asks what completions want to know, until they are gone.
    pub(super) async fn run(&self, mut wanted_rx: mpsc::Receiver<Query>) {
        let mut underway: Vec<Query> = Vec::new();
        let mut asking = FuturesUnordered::new();
        loop {
            tokio::select! {
                wanted = wanted_rx.recv(), if asking.len() < AT_ONCE => match wanted {
                    Some(query) if underway.contains(&query) => {}
                    Some(query) => {
                        underway.push(query.clone());
                        asking.push(async move {
                            // The outcome, good or bad, is kept by `ask`.
                            let _: Result<_, _> = self.ask(query.clone()).await;
                            query
                        });
                    }
                    None => return,
                },
                Some(query) = asking.next(), if !asking.is_empty() => underway.retain(|other| *other != query),
            }
        }
    }
}
