//! The proxy between a test that plays the editor, a debug adapter that behaves as told, and a session that is made up.

mod editor;
mod fake_adapter;
mod joining;
mod launches;
mod outliving;
mod passing;
mod real;
mod real_debugpy;
mod real_js_debug;
mod shown;
mod troubles;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use session::{Injection, control::Guests, event::Observer, view::View};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backing::{Backing, Launch};

/// A session that a test makes up. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Pretence(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    plan: Plan,
    injection: Injection,
    reported: watch::Sender<bool>,
    lost: watch::Sender<Option<String>>,
    stop_wanted: watch::Sender<Option<String>>,
    view: Mutex<View>,
    control: Mutex<PathBuf>,
    guests: watch::Sender<Guests>,
    notes: Mutex<Vec<String>>,
}

/// A debugger holds a program of it.
#[derive(Debug)]
pub(super) struct Standing(Pretence);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.note("goes on");
    }
}

/// How a made-up session starts.
#[derive(Clone, Debug, Default)]
pub(super) enum Plan {
    /// At once.
    #[default]
    Starts,
    /// Not, for this reason.
    Fails(&'static str),
    /// Never, until it is cancelled.
    Hangs,
}

impl Pretence {
    fn new(plan: Plan) -> Self {
        Self::without(plan, "SECRET")
    }

    /// Whose program lacks this variable.
    fn without(plan: Plan, name: &str) -> Self {
        let injection = Injection { set: [("COLOR".into(), "blue".into())].into(), unset: vec![name.into()] };
        Self(Arc::new(Inner { plan, injection, ..Inner::default() }))
    }

    /// A layer says hello.
    fn report(&self) {
        self.0.reported.send_replace(true);
    }

    /// Nothing is known of the layer of a program that is started again.
    fn forget_report(&self) {
        self.0.reported.send_replace(false);
    }

    /// The session is lost.
    fn lose(&self, reason: &str) {
        self.0.lost.send_replace(Some(reason.to_owned()));
    }

    /// Somebody wants it to end.
    fn want_stop(&self, who: &str) {
        self.0.stop_wanted.send_replace(Some(who.to_owned()));
    }

    /// What it shows.
    fn show(&self, view: View) {
        *self.0.view.lock().unwrap() = view;
    }

    /// Where others join it.
    fn serve(&self, control: PathBuf) {
        *self.0.control.lock().unwrap() = control;
    }

    /// A debug session joins it, or leaves it.
    fn guest(&self, comes: bool) {
        self.0.guests.send_modify(|guests| {
            (guests.now, guests.ever) =
                if comes { (guests.now + 1, guests.ever + 1) } else { (guests.now - 1, guests.ever) };
        });
    }

    /// What the proxy asked of it, in order.
    fn notes(&self) -> Vec<String> {
        self.0.notes.lock().unwrap().clone()
    }

    pub(super) fn note(&self, note: &str) {
        self.0.notes.lock().unwrap().push(note.to_owned());
    }

    pub(super) async fn start(
        self,
        launch: Launch,
        observer: Observer,
        cancel: CancellationToken,
    ) -> Result<Backing, String> {
        self.note(&format!("start {:?}", launch.wish.flags));
        observer.step(session::event::Step::Connecting);
        match self.0.plan {
            Plan::Starts => Ok(Backing::Pretended(self)),
            Plan::Fails(reason) => Err(reason.to_owned()),
            Plan::Hangs => {
                cancel.cancelled().await;
                self.note("cancelled");
                Err("stopped before the session was ready".to_owned())
            }
        }
    }

    pub(super) fn injection(&self) -> Injection {
        self.0.injection.clone()
    }

    pub(super) fn layer_reported(self, limit: Duration) -> impl Future<Output = bool> + use<> {
        let mut reported = self.0.reported.subscribe();
        async move { tokio::time::timeout(limit, reported.wait_for(|reported| *reported)).await.is_ok() }
    }

    pub(super) async fn stop_wanted(self) -> String {
        let mut wanted = self.0.stop_wanted.subscribe();
        wanted.wait_for(Option::is_some).await.expect("we hold the sender").clone().unwrap_or_default()
    }

    pub(super) fn view(&self) -> View {
        self.0.view.lock().unwrap().clone()
    }

    pub(super) fn control(&self) -> PathBuf {
        self.0.control.lock().unwrap().clone()
    }

    pub(super) fn guests(&self) -> watch::Receiver<Guests> {
        self.0.guests.subscribe()
    }

    pub(super) fn standing(&self) -> Standing {
        self.note("stands");
        Standing(self.clone())
    }

    pub(super) async fn lost(self) -> String {
        let mut lost = self.0.lost.subscribe();
        lost.wait_for(Option::is_some).await.expect("we hold the sender").clone().unwrap_or_default()
    }
}
