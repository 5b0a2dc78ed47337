//! The sessions that editors start through us. They end with the server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use protocol::text::harmless_lines;
use session::event::{self, Mode, Observer, State, Step};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::extension::{Event, Injection, Running, SessionState, Start, What};
use crate::exec;

/// Sessions at once. Each has an agent in the cluster and a socket here.
const LIMIT: usize = 32;

/// Events that wait to be told. More are lost, except for changes of state, which the list shows as well.
pub(super) const EVENT_LIMIT: usize = 1024;

/// How long the sessions may take to end when the server does; agents end by themselves.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Where sessions come from: the cluster, or a script in tests.
pub trait SessionSource: Send + Sync {
    /// Starts a session. Fails with text for the user; cancelling leaves nothing behind.
    fn start(
        &self,
        launch: Launch,
        observer: Observer,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, Result<Box<dyn Session>, String>>;
}

/// A launch that wants a session.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What the editor says.
    pub start: Start,
    /// The environment that the program would have without us.
    pub environment: BTreeMap<std::ffi::OsString, std::ffi::OsString>,
    /// Folder that a launch without a working directory means.
    pub folder: std::path::PathBuf,
}

/// A running session.
pub trait Session: Send + Sync {
    /// What to apply to the launch.
    fn injection(&self) -> session::Injection;
    /// What has passed so far: bytes sent, bytes received, processes.
    fn counters(&self) -> (u64, u64, u64);
    /// Ends it in good order.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The sessions by name.
pub(super) struct Sessions {
    source: Arc<dyn SessionSource>,
    entries: Mutex<Entries>,
    /// sessions --events--> editor
    events_tx: mpsc::Sender<Event>,
}

#[derive(Default)]
struct Entries {
    last: u64,
    by_number: BTreeMap<u64, Entry>,
}

struct Entry {
    target: String,
    state: SessionState,
    since: Instant,
    /// `None` while it starts.
    session: Option<Box<dyn Session>>,
    cancel: CancellationToken,
}

impl Sessions {
    pub(super) fn new(source: Arc<dyn SessionSource>, events_tx: mpsc::Sender<Event>) -> Self {
        Self { source, entries: Mutex::default(), events_tx }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a session; `steps` are told as they come. Whoever drops the future cancels `cancel` as well.
    pub(super) async fn start(
        self: &Arc<Self>,
        launch: Launch,
        cancel: CancellationToken,
        steps: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Injection, String> {
        let number = {
            let mut entries = self.entries();
            if entries.by_number.len() >= LIMIT {
                return Err(format!("{LIMIT} sessions run already; stop one of them first"));
            }
            entries.last += 1;
            let number = entries.last;
            let target = String::new();
            let since = Instant::now();
            let entry = Entry { target, state: SessionState::Starting, since, session: None, cancel: cancel.clone() };
            entries.by_number.insert(number, entry);
            number
        };
        let sessions = Arc::downgrade(self);
        let observer = Observer::new(move |event| {
            if let event::Event::Step(step) = &event {
                steps(step.to_string());
            }
            if let Some(sessions) = sessions.upgrade() {
                sessions.observe(number, event);
            }
        });
        let started = self.source.start(launch, observer, cancel.clone()).await;
        let session = started.inspect_err(|_| drop(self.entries().by_number.remove(&number)))?;
        let injection = session.injection();
        let rejected = {
            let mut entries = self.entries();
            if let Some(entry) = entries.by_number.get_mut(&number).filter(|_| !cancel.is_cancelled()) {
                entry.session = Some(session);
                entry.since = Instant::now();
                let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
                return Ok(Injection {
                    session: number.to_string(),
                    target: entry.target.clone(),
                    set: injection.set.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
                    unset: injection.unset.into_iter().map(text).collect(),
                    launcher: exec::prefix().map(|word| text(word.into_os_string())).into(),
                });
            }
            entries.by_number.remove(&number);
            session
        };
        // Nobody waits for it any more.
        rejected.stop().await;
        Err("stopped before the session was ready".to_owned())
    }

    /// Stops a session, or its start. Whether there was one.
    pub(super) async fn stop(&self, name: &str) -> bool {
        let entry = name.parse().ok().and_then(|number| self.entries().by_number.remove(&number));
        let Some(entry) = entry else { return false };
        entry.cancel.cancel();
        if let Some(session) = entry.session {
            session.stop().await;
        }
        true
    }

    /// Stops all of them, within a limit.
    pub(super) async fn stop_all(&self) {
        let names: Vec<_> = self.entries().by_number.keys().map(u64::to_string).collect();
        // What does not end in time ends when its parts are dropped; its agent ends by itself.
        let _: Result<_, _> =
            tokio::time::timeout(STOP_LIMIT, join_all(names.iter().map(|name| self.stop(name)))).await;
    }

    /// Those that run, the oldest first.
    pub(super) fn list(&self) -> Vec<Running> {
        let entries = self.entries();
        let running = entries.by_number.iter().map(|(number, entry)| {
            let counters = entry.session.as_ref().map(|session| session.counters());
            let (sent_bytes, received_bytes, programs) = counters.unwrap_or_default();
            Running {
                session: number.to_string(),
                target: entry.target.clone(),
                state: entry.state,
                seconds: entry.since.elapsed().as_secs(),
                programs,
                sent_bytes,
                received_bytes,
            }
        });
        running.collect()
    }

    /// Called from a session's tasks: returns at once.
    fn observe(&self, number: u64, event: event::Event) {
        if let Some(entry) = self.entries().by_number.get_mut(&number) {
            match &event {
                event::Event::Step(Step::Ready { target, reused_agent: _ }) => entry.target.clone_from(target),
                event::Event::State(state) => entry.state = state_of(state).0,
                _ => {}
            }
        }
        if let Some(what) = told(event) {
            let event = Event { session: Some(number.to_string()), what };
            if let Err(error) = self.events_tx.try_send(event) {
                tracing::warn!(%error, "an event is not told: the editor reads too slowly");
            }
        }
    }
}

fn told(event: event::Event) -> Option<What> {
    Some(match event {
        event::Event::Step(step) => What::Step { text: harmless_lines(&step.to_string()) },
        event::Event::State(state) => {
            let (state, text) = state_of(&state);
            What::State { state, text }
        }
        event::Event::Warning(text) => What::Warning { text: harmless_lines(&text) },
        event::Event::Info(text) => What::Info { text: harmless_lines(&text) },
        event::Event::Subscribed { port, local, mode, means: _ } => {
            let mode = match mode {
                Mode::Mirror => "mirror",
                Mode::Steal => "steal",
            };
            What::Port { port, local: local.to_string(), mode: mode.to_owned() }
        }
        event::Event::Incoming { .. } => return None, // one for each connection would flood an editor
    })
}

fn state_of(state: &State) -> (SessionState, Option<String>) {
    match state {
        State::Starting => (SessionState::Starting, None),
        State::Connected => (SessionState::Connected, None),
        State::Degraded { reason } => (SessionState::Degraded, Some(harmless_lines(reason))),
        State::Lost { reason } => (SessionState::Lost, Some(harmless_lines(reason))),
        State::Stopped => (SessionState::Stopped, None),
    }
}
