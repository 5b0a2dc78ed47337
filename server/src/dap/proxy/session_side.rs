//! The session behind a launch, as the proxy sees it: what it says, whether it is there, whether the program is in it.

use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use serde_json::Value;
use session::{
    Injection,
    event::{Event, Observer},
};
use tokio::sync::mpsc;

use crate::dap::{backing::Backing, progress::Progress};

/// How long after the program's start a layer may take to report in. A busy machine loads slowly; a program without us
/// must not run for long.
const LAYER_LIMIT: Duration = Duration::from_secs(5);

/// Events of the session that wait to be told.
const EVENTS_LIMIT: usize = 256;

/// How long a program that has ended may be asked whether it had a layer: what was said before the end is only to be read.
const LAST_QUESTION_LIMIT: Duration = Duration::from_millis(200);

/// What comes from a session.
pub(super) enum News {
    /// It has something to tell.
    Told(Event),
    /// Whether a layer has reported in.
    Layer(bool),
    /// It is lost, for this reason.
    Lost(String),
}

/// One launch's session: to come, running, or gone.
pub(super) struct SessionSide {
    /// What it says, for the editor.
    pub(super) progress: Progress,
    /// Who hears of it.
    pub(super) observer: Observer,
    /// session --what happens--> proxy
    events: mpsc::Receiver<Event>,
    backing: Option<Backing>,
    /// What the program gets of it.
    injection: Injection,
    /// The open question whether a layer reports in.
    layer: Option<BoxFuture<'static, bool>>,
    layer_reported: bool,
    lost: Option<BoxFuture<'static, String>>,
}

impl SessionSide {
    /// Before any launch.
    pub(super) fn new() -> Self {
        let (events_tx, events) = mpsc::channel(EVENTS_LIMIT);
        let observer = Observer::new(move |event| {
            if let Err(error) = events_tx.try_send(event) {
                tracing::warn!("an event of the session is lost: {error}");
            }
        });
        Self {
            progress: Progress::default(),
            observer,
            events,
            backing: None,
            injection: Injection::default(),
            layer: None,
            layer_reported: false,
            lost: None,
        }
    }

    /// What comes next from it. May be given up at any time.
    pub(super) async fn next(&mut self) -> News {
        let news = tokio::select! {
            Some(event) = self.events.recv() => News::Told(event),
            Some(reported) = OptionFuture::from(self.layer.as_mut()) => News::Layer(reported),
            Some(reason) = OptionFuture::from(self.lost.as_mut()) => News::Lost(reason),
        };
        if let News::Layer(reported) = news {
            self.layer = None;
            self.layer_reported = reported;
        }
        news
    }

    /// What it has told already, as messages for the editor.
    pub(super) fn told(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            messages.extend(self.progress.tell(event));
        }
        messages
    }

    /// It is up; nothing, where none is wanted.
    pub(super) fn begun(&mut self, backing: Option<Backing>, injection: Option<Injection>) {
        self.backing = backing;
        self.injection = injection.unwrap_or_default();
    }

    /// From now on its loss is news.
    pub(super) fn watch(&mut self) {
        self.lost = self.backing.as_ref().map(Backing::lost);
    }

    /// What the program gets of it; nothing without a session.
    pub(super) fn injection(&self) -> Option<&Injection> {
        self.backing.is_some().then_some(&self.injection)
    }

    /// Whether there is one.
    pub(super) fn runs(&self) -> bool {
        self.backing.is_some()
    }

    /// Ports that the debug adapter listens on stay local.
    pub(super) fn exempt_debugger(&self, pid: u32) {
        if let Some(backing) = &self.backing {
            backing.exempt_debugger(pid);
        }
    }

    /// The program starts: a layer must report in.
    pub(super) fn expect_layer(&mut self) {
        if let (Some(backing), None, false) = (&self.backing, &self.layer, self.layer_reported) {
            self.layer = Some(backing.layer_reported(LAYER_LIMIT));
        }
    }

    /// The program has ended: if it had a layer, that has reported in. False when one was expected and there was none.
    pub(super) async fn question_layer(&mut self) -> bool {
        let (Some(_), Some(backing)) = (self.layer.take(), &self.backing) else { return true };
        self.layer_reported = backing.layer_reported(LAST_QUESTION_LIMIT).await;
        self.layer_reported
    }

    /// Gives it away to be stopped. Nothing of it is left here that would keep it alive.
    pub(super) fn give_up(&mut self) -> Option<Backing> {
        (self.lost, self.layer) = (None, None);
        self.backing.take()
    }
}

/// Why a program without our layer is ended.
pub(super) fn no_layer() -> String {
    format!(
        "the program runs without mirrord: none of its processes loaded our library within {} s of its start. \
         That happens with a set-uid program, and when something between the debug adapter and the program replaces the \
         environment",
        LAYER_LIMIT.as_secs()
    )
}
