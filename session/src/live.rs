//! What editors show of clusters: a cache that watches keep up to date, looked at without waiting.

mod problems;
mod view;

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::watch;

pub use problems::problems;
pub use view::{
    ContainerDetail, Denied, Detail, Health, LabelItem, PodDetail, Port, Scope, ServiceDetail, State, TargetItem, View,
};

/// Where views come from: [`Live`], or a script in tests.
pub trait Views: Send + Sync {
    /// What is known now. Never waits.
    fn view(&self, scope: &Scope) -> View;
    /// Bumped whenever any view may have changed; bursts are collected.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The same as [`Views::view`], waiting at most `patience` for the first answer of the scope.
pub async fn view_within(views: &dyn Views, scope: &Scope, patience: Duration) -> View {
    let mut changes = views.changes();
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        changes.mark_unchanged();
        let view = views.view(scope);
        if view.state != State::Loading {
            return view;
        }
        if !matches!(tokio::time::timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            return views.view(scope);
        }
    }
}

/// How clusters are looked at.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    /// The environment: `KUBECONFIG`, `HOME`, proxies, what kubeconfig paths name.
    pub environment: BTreeMap<String, String>,
}

/// What is known of clusters. Clones share the cache; all its work ends with the last of them.
#[derive(Clone, Debug)]
pub struct Live {
    changes: std::sync::Arc<watch::Sender<u64>>,
}

impl Live {
    /// A cache that knows nothing yet and asks nobody before the first view. Needs a Tokio runtime around it.
    pub fn new(options: LiveOptions) -> Self {
        let LiveOptions { environment: _ } = options;
        Self { changes: std::sync::Arc::new(watch::Sender::new(0)) }
    }

    /// What is known now. Never waits; starts what it takes to know more, and keeps it going for some minutes.
    pub fn view(&self, _scope: &Scope) -> View {
        View::default()
    }

    /// The same, waiting at most `patience` for the first answer of the scope.
    pub async fn view_within(&self, scope: &Scope, patience: Duration) -> View {
        view_within(self, scope, patience).await
    }

    /// Bumped whenever any view may have changed; bursts are collected.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Views for Live {
    fn view(&self, scope: &Scope) -> View {
        Self::view(self, scope)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }
}
