//! The proxy between a test that plays the editor, a debug adapter that behaves as told, and a session that is made up.

mod editor;
mod fake_adapter;
mod launches;
mod passing;
mod real_debugpy;
mod troubles;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use session::{Injection, event::Observer};
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
    notes: Mutex<Vec<String>>,
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
        let injection = Injection { set: [("COLOR".into(), "blue".into())].into(), unset: vec!["SECRET".into()] };
        Self(Arc::new(Inner { plan, injection, ..Inner::default() }))
    }

    /// A layer says hello.
    fn report(&self) {
        self.0.reported.send_replace(true);
    }

    /// The session is lost.
    fn lose(&self, reason: &str) {
        self.0.lost.send_replace(Some(reason.to_owned()));
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

    pub(super) async fn lost(self) -> String {
        let mut lost = self.0.lost.subscribe();
        lost.wait_for(Option::is_some).await.expect("we hold the sender").clone().unwrap_or_default()
    }
}
