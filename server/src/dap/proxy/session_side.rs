//! The session behind a launch, as the proxy sees it: what it says, whether it is there, whether the program is in it.

use std::{path::PathBuf, time::Duration};

use futures::{
    StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use serde_json::Value;
use session::{
    Injection,
    event::{Event, Observer},
    view::View,
};
use tokio::sync::mpsc;

use super::guests::{self, Offers};
use crate::dap::{
    backing::{Backing, Standing},
    launched::Launched,
    message::Asked,
    progress::Progress,
    scope::{Folder, References},
    standing::Stand,
};

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
    /// Somebody wants it to end: who.
    StopWanted(String),
    /// We have left it, and nobody else is in it any more.
    Deserted,
    /// What a request for a part of the scope gets.
    Viewed(Box<Viewed>),
}

/// A look at the session for a request of the editor.
pub(super) struct Viewed {
    pub(super) asked: Asked,
    pub(super) folder: Folder,
    /// What is there, or why it cannot be seen.
    pub(super) view: Result<View, String>,
}

/// What is known of the program's layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hello {
    /// It has not reported in, as far as is known.
    Due,
    /// The question is open again when the program goes on that a debugger holds, or when its terminal is there.
    Postponed,
    /// It has.
    Said,
    /// The session has whatever the adapter starts.
    NotNeeded,
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
    /// What the program gets of it, if we launch one.
    injection: Option<Injection>,
    /// The launch, as the session knows it.
    launched: Launched,
    /// The open question whether the program's layer reports in.
    layer: Option<BoxFuture<'static, bool>>,
    hello: Hello,
    /// A breakpoint was hit: the program's loader has done its work.
    has_run: bool,
    lost: Option<BoxFuture<'static, String>>,
    stop_wanted: Option<BoxFuture<'static, String>>,
    /// Numbers of variables: ours and the adapter's.
    references: References,
    /// Looks under way.
    looks: FuturesUnordered<BoxFuture<'static, Box<Viewed>>>,
    /// Which threads of the program stand.
    stand: Stand,
    /// Told to the session while it does.
    standing: Option<Standing>,
    /// Children that were to get a debug session of their own.
    offers: Offers,
    /// Resolves when nobody is in it any more; there once we have left it.
    deserted: Option<BoxFuture<'static, ()>>,
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
            injection: None,
            launched: Launched::new(),
            layer: None,
            hello: Hello::Due,
            has_run: false,
            lost: None,
            stop_wanted: None,
            references: References::default(),
            looks: FuturesUnordered::new(),
            stand: Stand::default(),
            standing: None,
            offers: Offers::default(),
            deserted: None,
        }
    }

    /// What comes next from it. May be given up at any time.
    pub(super) async fn next(&mut self) -> News {
        let news = tokio::select! {
            Some(event) = self.events.recv() => News::Told(event),
            Some(reported) = OptionFuture::from(self.layer.as_mut()) => News::Layer(reported),
            Some(reason) = OptionFuture::from(self.lost.as_mut()) => News::Lost(reason),
            Some(who) = OptionFuture::from(self.stop_wanted.as_mut()) => News::StopWanted(who),
            Some(()) = OptionFuture::from(self.deserted.as_mut()) => News::Deserted,
            Some(viewed) = self.looks.next() => News::Viewed(viewed),
        };
        match news {
            News::Layer(reported) => {
                let held = self.standing.is_some() && !self.has_run;
                self.layer = None;
                self.hello = match (reported, held) {
                    (true, _) => Hello::Said,
                    (false, true) => Hello::Postponed,
                    (false, false) => Hello::Due,
                };
            }
            News::Deserted => self.deserted = None,
            _ => {}
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

    /// It is up; nothing, where none is wanted. `contained` says that it has whatever the adapter starts.
    pub(super) fn begun(
        &mut self,
        backing: Option<Backing>,
        injection: Option<Injection>,
        launched: Launched,
        contained: bool,
    ) {
        (self.backing, self.injection, self.launched) = (backing, injection, launched);
        self.hello = if contained { Hello::NotNeeded } else { Hello::Due };
    }

    /// The editor starts the program, not the adapter. A terminal whose shell is slow takes its time.
    pub(super) fn awaits_terminal(&mut self) {
        let asked = self.layer.take().is_some() || self.hello == Hello::Postponed;
        self.hello = if asked { Hello::Postponed } else { Hello::Due };
    }

    /// It has started what runs in the terminal.
    pub(super) fn has_terminal(&mut self) {
        self.ask_again();
    }

    /// From now on it is news when it is lost, or when somebody wants it to end.
    pub(super) fn watch(&mut self) {
        self.lost = self.backing.as_ref().map(Backing::lost);
        self.stop_wanted = self.backing.as_ref().map(Backing::stop_wanted);
    }

    /// What the program gets of it; nothing without a session, or for a program that runs already.
    pub(super) fn injection(&self) -> Option<&Injection> {
        self.injection.as_ref().filter(|_| self.runs())
    }

    /// Where others join it.
    pub(super) fn control(&self) -> Option<PathBuf> {
        self.backing.as_ref().map(Backing::control)
    }

    /// The part of our scope that a request of the editor is about.
    pub(super) fn asked_for(&self, arguments: &Value) -> Option<Folder> {
        self.references.asked(arguments).filter(|_| self.runs())
    }

    /// Looks at the session for request `asked`.
    pub(super) fn look(&mut self, asked: Asked, folder: Folder) {
        let Some(backing) = &self.backing else { return };
        // The number of variables is shown in the scope itself.
        let view = backing.view(matches!(folder, Folder::Scope | Folder::Environment));
        self.looks.push(Box::pin(async move { Box::new(Viewed { asked, folder, view: view.await }) }));
    }

    /// The answer to a look.
    pub(super) fn variables(&self, folder: Folder, view: &View) -> Value {
        self.references.variables(folder, view)
    }

    /// The adapter has done what `asked` asks for, and tells this.
    pub(super) fn answered(&mut self, asked: &Asked, body: &mut Value) {
        if !self.runs() {
            return;
        }
        match asked.command.as_str() {
            "scopes" => {
                self.references.note(body);
                self.references.add_scope(body);
            }
            "variables" | "evaluate" | "setVariable" | "setExpression" => self.references.note(body),
            command => {
                self.stand.answered(command, asked.single_thread, body);
                self.tell_standing();
            }
        }
    }

    /// An event of the adapter.
    pub(super) fn happened(&mut self, name: &str, body: &Value) {
        if !self.runs() {
            return;
        }
        if name == "output" {
            self.references.note(body); // it may show a value
        }
        self.has_run |= name == "stopped" && body["reason"].as_str().is_some_and(|why| why.ends_with("breakpoint"));
        self.stand.event(name, body);
        self.tell_standing();
    }

    fn tell_standing(&mut self) {
        match (self.stand.is_standing(), &self.standing, &self.backing) {
            (true, None, Some(backing)) => self.standing = Some(backing.standing()),
            (false, Some(_), _) => {
                self.standing = None;
                self.ask_again();
            }
            _ => {}
        }
    }

    fn ask_again(&mut self) {
        if self.hello == Hello::Postponed {
            self.hello = Hello::Due;
            self.expect_layer();
        }
    }

    /// Whether the program stands where its loader may not have come to our library yet.
    pub(super) fn is_held_at_its_start(&self) -> bool {
        self.hello == Hello::Postponed
    }

    /// What a program gets that our launcher or the editor's terminal starts: the library, too, which the launcher leaves
    /// out where it must.
    pub(super) fn injection_of_terminal(&self) -> Option<Injection> {
        let backing = self.backing.as_ref().filter(|_| self.injection.is_some());
        backing.map(|backing| self.launched.named(backing.injection()))
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

    /// The program starts: its layer must report in.
    pub(super) fn expect_layer(&mut self) {
        let ours = self.backing.as_ref().filter(|_| self.injection.is_some());
        if let (Some(backing), None, Hello::Due | Hello::Postponed) = (ours, &self.layer, self.hello) {
            self.layer = Some(backing.layer_reported(self.launched.clone(), LAYER_LIMIT));
        }
    }

    /// The program is about to be started again. What is known of its layer is of the one before.
    pub(super) async fn starts_again(&mut self) {
        let Some(backing) = self.backing.as_ref().filter(|_| self.injection.is_some()) else { return };
        self.launched.before = backing.of_launch(&self.launched).await;
        (self.layer, self.has_run) = (None, false);
        if self.hello != Hello::NotNeeded {
            self.hello = Hello::Due;
        }
    }

    /// It was not: the one before goes on.
    pub(super) fn goes_on(&mut self) {
        self.layer = None;
        if self.hello != Hello::NotNeeded {
            self.hello = Hello::Said;
        }
    }

    /// The program has ended: if it had a layer, that has reported in. False when one was expected and there was none.
    pub(super) async fn question_layer(&mut self) -> bool {
        let (Some(_), Some(backing)) = (self.layer.take(), &self.backing) else { return true };
        let reported = backing.layer_reported(self.launched.clone(), LAST_QUESTION_LIMIT).await;
        self.hello = if reported { Hello::Said } else { Hello::Due };
        reported
    }

    /// A child of the program is to get a debug session of its own.
    pub(super) fn offer(&mut self) {
        self.offers.make();
    }

    /// The editor does not begin one.
    pub(super) fn offer_refused(&mut self) {
        self.offers.take_back();
    }

    /// Our debug session has no use for it any more. False when nobody else has either: then it can be given up, else
    /// that is news.
    pub(super) fn leave(&mut self) -> bool {
        let Some(guests) = self.backing.as_ref().and_then(Backing::guests) else { return false };
        let used = guests.borrow().now > 0 || self.offers.open(*guests.borrow()).is_some();
        if used && self.deserted.is_none() {
            (self.layer, self.standing) = (None, None);
            self.deserted = Some(Box::pin(guests::deserted(guests, self.offers)));
        }
        used
    }

    /// Whether others use it, and we do not.
    pub(super) fn is_left(&self) -> bool {
        self.deserted.is_some()
    }

    /// Gives it away to be stopped. Nothing of it is left here that would keep it alive.
    pub(super) fn give_up(&mut self) -> Option<Backing> {
        (self.lost, self.layer, self.stop_wanted, self.standing) = (None, None, None, None);
        self.deserted = None;
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
