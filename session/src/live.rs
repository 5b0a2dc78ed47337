//! What editors show of clusters: a cache that watches keep up to date, looked at without waiting.

//!
//! ```text
//! view ──▶ Known ◀── files (kubeconfigs)
//!   └─ wants ──▶ tend ─┬─▶ files
//!                      └─▶ context (connection, pulse, namespaces) ─┬─▶ space (lists of a namespace), rights
//!                                                                   └─▶ look (pods of a named target)
//! ```

mod context;
mod crew;
mod detail;
mod files;
mod follow;
mod known;
mod look;
mod names;
mod problems;
mod rights;
mod shared;
mod slot;
mod space;
mod target;
#[cfg(test)]
mod tests;
mod view;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use crew::Crew;
use futures::future::join;
use known::Task;
use shared::Shared;
use tokio::{sync::watch, task::JoinSet};

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
    /// How often and how long.
    pub pace: Pace,
}

/// How often things are done, and how long they may take.
#[derive(Clone, Debug)]
pub struct Pace {
    /// From one sign of life of a cluster to the next question for one.
    pub pulse: Duration,
    /// How long a sign of life may take. Two that stay out mean that the connection is lost.
    pub answer: Duration,
    /// How long a watch may say nothing. API servers send a bookmark about every minute.
    pub silence: Duration,
    /// From a refusal to the next try, and from one question for permissions to the next.
    pub closed: Duration,
    /// How long what nobody asks for is kept up to date.
    pub kept: Duration,
    /// From one look at the kubeconfig to the next when nothing says that it has changed.
    pub look: Duration,
    /// How long changes are collected before they are told.
    pub gather: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pulse: Duration::from_secs(15),
            answer: Duration::from_secs(5),
            silence: Duration::from_secs(75),
            closed: Duration::from_mins(3),
            kept: Duration::from_mins(5),
            look: Duration::from_secs(10),
            gather: Duration::from_millis(100),
        }
    }
}

/// From one tidying to the next.
const TIDY: Duration = Duration::from_secs(10);

/// What is known of clusters. Clones share the cache; all its work ends with the last of them.
#[derive(Clone, Debug)]
pub struct Live {
    shared: Arc<Shared>,
    _work: Arc<JoinSet<Infallible>>,
}

impl Live {
    /// A cache that knows nothing yet and asks nobody before the first view. Needs a Tokio runtime around it.
    pub fn new(options: LiveOptions) -> Self {
        let LiveOptions { environment, pace } = options;
        let shared = Arc::new(Shared::new(environment, pace));
        let mut work = JoinSet::new();
        let tended = Arc::clone(&shared);
        work.spawn(async move { join(tend(&tended), tended.gather()).await.0 });
        Self { shared, _work: Arc::new(work) }
    }

    /// What is known now. Never waits; starts what it takes to know more, and keeps it going as long as somebody asks
    /// again within [`Pace::kept`]; who asks at each of [`Live::changes`] does.
    pub fn view(&self, scope: &Scope) -> View {
        self.shared.view(scope)
    }

    /// The same, waiting at most `patience` for the first answer of the scope.
    pub async fn view_within(&self, scope: &Scope, patience: Duration) -> View {
        view_within(self, scope, patience).await
    }

    /// Bumped whenever any view may have changed; bursts are collected.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
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

/// Keeps tasks for the kubeconfigs and connections that are wanted.
async fn tend(shared: &Arc<Shared>) -> Infallible {
    let mut wanted = shared.wanted();
    let mut crew = Crew::default();
    loop {
        let ago = |span: Duration| Instant::now().checked_sub(span);
        if shared.with(|known| known.tidy(ago(shared.pace.kept))) {
            shared.want();
        }
        // Whoever listens for changes looks again, and thereby keeps what it needs.
        shared.change(|known| Some(known.is_old(ago(shared.pace.kept / 2)?)));
        let roots = shared.with(|known| known.roots());
        crew.suit(roots, |id, task| {
            let shared = Arc::clone(shared);
            async move {
                match task {
                    Task::Files(kubeconfig) => files::tend(shared, id, kubeconfig).await,
                    Task::Context(key) => context::tend(shared, id, key).await,
                    // Connections keep those.
                    Task::Space(_) | Task::Target(_) => {}
                }
            }
        });
        // Nothing to tell apart: either way it is time to look.
        let _ = tokio::time::timeout(TIDY, wanted.changed()).await;
    }
}
