//! A thread that runs a filter's programs: they are a developer's, and may run for ever.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use pattern::{Jq, JsonPath, Regex};
use serde_json::Value;
use tokio::{sync::oneshot, time::timeout};

use super::is_match;

/// Runs that may wait for the thread.
const QUEUE: usize = 64;

/// Programs that recurse need room; what is not used costs nothing.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// A condition that is a program.
#[derive(Debug)]
pub(crate) enum Program {
    /// Says `true` to a header line.
    Header(Jq),
    /// Selects something of a body that matches.
    Body {
        path: JsonPath,
        /// `None`: whatever is selected will do.
        matches: Option<Regex>,
    },
}

/// What a program is run on.
#[derive(Debug)]
pub(crate) enum Input {
    /// Header lines, one after the other.
    Lines(Arc<[String]>),
    /// A whole body.
    Body(Bytes),
}

/// A handle; the thread ends after its drop, as soon as its program does.
#[derive(Debug)]
pub(crate) struct Programs {
    /// filter --runs--> thread
    runs_tx: SyncSender<Run>,
    limit: Duration,
    running: Running,
}

/// When the run began that is under way, if one is.
#[derive(Clone, Debug, Default)]
struct Running(Arc<Mutex<Option<Instant>>>);

impl Running {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn for_longer_than(&self, limit: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() > limit)
    }
}

struct Run {
    program: usize,
    input: Input,
    answer_tx: oneshot::Sender<bool>,
}

impl Programs {
    /// Starts the thread. `limit` is for one run.
    pub(super) fn start(programs: Vec<Program>, limit: Duration) -> io::Result<Self> {
        let (runs_tx, runs) = sync_channel(QUEUE);
        let running = Running::default();
        let thread = std::thread::Builder::new().name("filter".to_owned()).stack_size(STACK_BYTES);
        let of_thread = running.clone();
        thread.spawn(move || work(&programs, &runs, &of_thread))?;
        Ok(Self { runs_tx, limit, running })
    }

    /// Whether a program says yes in time. While one does not end, none does, and nobody waits for it.
    pub(super) async fn run(&self, program: usize, input: Input) -> bool {
        if self.running.for_longer_than(self.limit) {
            return false;
        }
        let (answer_tx, answer) = oneshot::channel();
        if self.runs_tx.try_send(Run { program, input, answer_tx }).is_err() {
            return false;
        }
        if let Ok(answer) = timeout(self.limit, answer).await {
            return answer.unwrap_or(false);
        }
        tracing::warn!(limit = ?self.limit, "a filter's program takes too long: until it ends, nothing matches it");
        false
    }
}

fn work(programs: &[Program], runs: &Receiver<Run>, running: &Running) {
    for Run { program, input, answer_tx } in runs {
        if answer_tx.is_closed() {
            continue; // nobody waits any more
        }
        running.set(Some(Instant::now()));
        let answer = programs.get(program).is_some_and(|program| program.accepts(&input));
        running.set(None);
        if answer_tx.send(answer).is_err() {
            tracing::info!("a filter's program has come to its end after all");
        }
    }
}

impl Program {
    fn accepts(&self, input: &Input) -> bool {
        match (self, input) {
            (Self::Header(jq), Input::Lines(lines)) => {
                lines.iter().any(|line| jq.matches(&Value::String(line.clone())))
            }
            (Self::Body { path, matches }, Input::Body(bytes)) => {
                let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return false };
                let selected = path.select(&document);
                let Some(regex) = matches else { return !selected.is_empty() };
                selected.into_iter().any(|value| match value {
                    Value::String(text) => is_match(regex, text),
                    other => is_match(regex, &other.to_string()),
                })
            }
            (Self::Header(_), Input::Body(_)) | (Self::Body { .. }, Input::Lines(_)) => false,
        }
    }
}
