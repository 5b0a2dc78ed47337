//! What views and tasks share: everything that is known, and the signals between them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, watch};

use super::{Pace, known::Known, view::Scope, view::View};

/// What views and tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    known: Mutex<Known>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) pace: Pace,
    /// views --something new is wanted--> tasks
    wanted: watch::Sender<()>,
    /// tasks --something has changed--> `gather`
    changed: Notify,
    /// `gather` --bursts of changes--> everybody
    changes: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(environment: BTreeMap<String, String>, pace: Pace) -> Self {
        Self {
            known: Mutex::default(),
            environment,
            pace,
            wanted: watch::Sender::new(()),
            changed: Notify::new(),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn view(&self, scope: &Scope) -> View {
        let (view, wants_more) = self.with(|known| known.view(scope, Instant::now()));
        if wants_more {
            self.want();
        }
        view
    }

    /// Looks at what is known. No waiting in `look`: views come this way.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        // Nothing that panics leaves half a change behind.
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is known; `change` says whether views differ afterwards.
    pub(super) fn change(&self, change: impl FnOnce(&mut Known) -> Option<bool>) -> bool {
        let changed = self.with(change) == Some(true);
        if changed {
            self.changed.notify_one();
        }
        changed
    }

    /// Makes tasks look at what is wanted.
    pub(super) fn want(&self) {
        self.wanted.send_replace(());
    }

    pub(super) fn wanted(&self) -> watch::Receiver<()> {
        self.wanted.subscribe()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells everybody of changes: of the first at once, then of what comes together.
    pub(super) async fn gather(&self) -> std::convert::Infallible {
        loop {
            self.changed.notified().await;
            self.changes.send_modify(|count| *count += 1);
            tokio::time::sleep(self.pace.gather).await;
        }
    }

    /// A variable of the environment that clusters are looked at with.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }
}
