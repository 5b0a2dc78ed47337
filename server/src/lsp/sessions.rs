//! The sessions that editors start through us. They end with the server.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use protocol::text::{harmless, harmless_lines};
use session::event::{self, Mode, Observer, Step};
use session::view::{self, By, State, View};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::extension::{Event, Injection, Start, What};
use crate::exec;

/// Sessions at once. Each has an agent in the cluster and a socket here.
const LIMIT: usize = 32;

/// Events that wait to be told. More are lost, except for changes of state, which the list shows as well.
pub(super) const EVENT_LIMIT: usize = 1024;

/// How long the sessions may take to end when the server does; agents end by themselves.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Where sessions come from: the cluster, or a script in tests.
pub trait SessionSource: Send + Sync {
    /// A name for the next session. Fails with text for the user.
    fn name(&self) -> Result<String, String>;
    /// All sessions of this user on this machine, ours among them.
    fn everywhere(&self) -> BoxFuture<'static, Vec<View>>;
    /// Asks a session that is not ours to end. Fails with a sentence for the user.
    fn stop_elsewhere(&self, name: String) -> BoxFuture<'static, io::Result<()>>;
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
    /// What the session shall be called.
    pub name: String,
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
    /// What it is and does.
    fn view(&self) -> View;
    /// Resolves when somebody asks elsewhere that it end.
    fn stop_wanted(&self) -> BoxFuture<'static, ()>;
    /// Ends it in good order.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The sessions by name.
pub(super) struct Sessions {
    source: Arc<dyn SessionSource>,
    entries: Mutex<Entries>,
    /// sessions --events--> editor
    events_tx: mpsc::Sender<Event>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Entries {
    last: u64,
    by_number: BTreeMap<u64, Entry>,
}

struct Entry {
    name: String,
    target: String,
    state: State,
    /// `None` while it starts.
    session: Option<Box<dyn Session>>,
    /// Somebody may want its end elsewhere.
    watched: Option<DropGuard>,
    cancel: CancellationToken,
}

impl Sessions {
    pub(super) fn new(source: Arc<dyn SessionSource>, events_tx: mpsc::Sender<Event>) -> Self {
        Self { source, entries: Mutex::default(), events_tx, tasks: TaskTracker::new() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for the next session. Fails with text for the user.
    pub(super) fn new_name(&self) -> Result<String, String> {
        self.source.name()
    }

    /// Starts a session; `steps` are told as they come. Whoever drops the future cancels `cancel` as well.
    pub(super) async fn start(
        self: &Arc<Self>,
        launch: Launch,
        cancel: CancellationToken,
        steps: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Injection, String> {
        let name = launch.name.clone();
        let number = {
            let mut entries = self.entries();
            if entries.by_number.len() >= LIMIT {
                return Err(format!("{LIMIT} sessions run already; stop one of them first"));
            }
            entries.last += 1;
            let number = entries.last;
            let (name, target) = (name.clone(), String::new());
            let entry =
                Entry { name, target, state: State::Starting, session: None, watched: None, cancel: cancel.clone() };
            entries.by_number.insert(number, entry);
            number
        };
        let (sessions, observed) = (Arc::downgrade(self), name.clone());
        let observer = Observer::new(move |event| {
            if let event::Event::Step(step) = &event {
                steps(step.to_string());
            }
            if let Some(sessions) = sessions.upgrade() {
                sessions.observe(number, &observed, event);
            }
        });
        let started = self.source.start(launch, observer, cancel.clone()).await;
        let session = started.inspect_err(|_| drop(self.entries().by_number.remove(&number)))?;
        let (injection, stop_wanted) = (session.injection(), session.stop_wanted());
        let rejected = {
            let mut entries = self.entries();
            if let Some(entry) = entries.by_number.get_mut(&number).filter(|_| !cancel.is_cancelled()) {
                entry.session = Some(session);
                entry.watched = Some(self.stop_when_wanted(name.clone(), stop_wanted));
                let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
                return Ok(Injection {
                    session: name,
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

    /// Stops the session of this name, or its start, whoever has started it. Fails with a sentence for the user.
    pub(super) async fn stop(&self, name: &str) -> Result<(), String> {
        if self.stop_ours(name).await {
            return Ok(());
        }
        self.source.stop_elsewhere(name.to_owned()).await.map_err(|error| error.to_string())
    }

    /// Somebody may ask for a session's end elsewhere: in a terminal, in another editor.
    /// No longer waited for when the guard is dropped.
    fn stop_when_wanted(self: &Arc<Self>, name: String, wanted: BoxFuture<'static, ()>) -> DropGuard {
        let (sessions, ended) = (Arc::downgrade(self), CancellationToken::new());
        let guard = ended.clone().drop_guard();
        self.tasks.spawn(async move {
            let is_wanted = ended.run_until_cancelled_owned(wanted).await.is_some();
            if let (true, Some(sessions)) = (is_wanted, sessions.upgrade()) {
                sessions.stop_ours(&name).await;
            }
        });
        guard
    }

    /// Stops one of our own. Whether there was one.
    async fn stop_ours(&self, name: &str) -> bool {
        let entry = {
            let mut entries = self.entries();
            let number = entries.by_number.iter().find(|(_, entry)| entry.name == name).map(|(number, _)| *number);
            number.and_then(|number| entries.by_number.remove(&number))
        };
        let Some(entry) = entry else { return false };
        entry.cancel.cancel();
        if let Some(session) = entry.session {
            session.stop().await;
        }
        true
    }

    /// Stops all of them, within a limit.
    pub(super) async fn stop_all(&self) {
        let names: Vec<_> = self.entries().by_number.values().map(|entry| entry.name.clone()).collect();
        // What does not end in time ends when its parts are dropped; its agent ends by itself.
        let _: Result<_, _> =
            tokio::time::timeout(STOP_LIMIT, join_all(names.iter().map(|name| self.stop_ours(name)))).await;
    }

    /// Our own, the oldest first.
    pub(super) fn ours(&self) -> Vec<View> {
        let entries = self.entries();
        let ours = entries.by_number.values().map(|entry| {
            let Entry { name, target, state, session, watched: _, cancel: _ } = entry;
            let view = session.as_ref().map(|session| session.view()).unwrap_or_default();
            View { session: name.clone(), by: By::Editor, target: harmless(target), state: *state, ..view }
        });
        ours.collect()
    }

    /// All that this user runs on this machine, the oldest first; ours at last, since they may be starting.
    pub(super) async fn all(&self) -> Vec<View> {
        let mut all = self.source.everywhere().await;
        let ours = self.ours();
        all.retain(|view| ours.iter().all(|own| own.session != view.session));
        all.extend(ours);
        all
    }

    /// Called from a session's tasks: returns at once.
    fn observe(&self, number: u64, name: &str, event: event::Event) {
        if let Some(entry) = self.entries().by_number.get_mut(&number) {
            match &event {
                event::Event::Step(Step::Ready { target, reused_agent: _ }) => entry.target.clone_from(target),
                event::Event::State(state) => entry.state = view::state(state).0,
                _ => {}
            }
        }
        if let Some(what) = told(event) {
            let event = Event { session: Some(name.to_owned()), what };
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
            let (state, text) = view::state(&state);
            What::State { state, text }
        }
        event::Event::Warning(text) => What::Warning { text: harmless_lines(&text) },
        event::Event::Info(text) => What::Info { text: harmless_lines(&text) },
        event::Event::Subscribed { port, local, mode, means: _, filter } => {
            let mode = match mode {
                Mode::Mirror => "mirror",
                Mode::Steal => "steal",
            };
            let filter = filter.as_deref().map(str::to_owned);
            What::Port { port, local: local.to_string(), mode: mode.to_owned(), filter }
        }
        event::Event::Incoming { .. } => return None, // one for each connection would flood an editor
    })
}
