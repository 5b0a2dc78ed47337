//! `mirrord/targets`, and the notification that its answers have changed.

use std::time::{Duration, Instant};

use session::live::{State, View, view_within};
use tower_lsp::jsonrpc::{Error, Result};

use crate::lsp::extension::{Query, Targets, TargetsChanged, Where};
use crate::lsp::shared::Shared;
use crate::lsp::{failed, targets};

/// Longest wait for the cluster; covers a slow login helper of the kubeconfig.
const LIMIT: Duration = Duration::from_secs(20);

/// How long changes are told after somebody has asked. A picker that is open that long is forgotten.
const INTEREST: Duration = Duration::from_mins(5);

/// Places whose changes are told at once: one for each picker.
const PLACES: usize = 8;

pub(in crate::lsp) async fn targets(shared: &Shared, mut query: Query) -> Result<Targets> {
    query.place.kubeconfig = query.place.kubeconfig.or_else(|| shared.workspace().kubeconfig().map(str::to_owned));
    let view = view_within(shared.views.as_ref(), &query.place.scope(), LIMIT).await;
    let answer = targets::page(&query, &view);
    // What was known last is better than nothing.
    let failure = view.targets.is_none().then(|| missing(&view));
    shared.pickers().ask(query.place, view);
    match failure {
        // A picker needs what is known all the same, for the way to another place.
        Some(reason) => Err(Error { data: serde_json::to_value(answer).ok(), ..failed(reason) }),
        None => Ok(answer),
    }
}

/// Why no targets are known.
fn missing(view: &View) -> String {
    let namespace = view.namespace.as_deref().unwrap_or("default");
    match &view.state {
        State::Failed(reason) => reason.clone(),
        State::Loading => format!("the cluster did not answer within {} s", LIMIT.as_secs()),
        State::Ready if view.namespaces.as_ref().is_some_and(|all| all.iter().all(|name| name != namespace)) => {
            format!("there is no namespace `{namespace}`")
        }
        State::Ready => format!(
            "listing pods and workloads of namespace `{namespace}` is forbidden to you: ask for the verb `list` on them there, \
             or name a target that you know in the configuration"
        ),
    }
}

/// What pickers have been told.
#[derive(Default)]
pub(in crate::lsp) struct Pickers {
    asked: Vec<Asked>,
}

struct Asked {
    place: Where,
    at: Instant,
    view: View,
}

impl Pickers {
    fn ask(&mut self, place: Where, view: View) {
        self.asked.retain(|asked| asked.place != place);
        if self.asked.len() >= PLACES {
            self.asked.remove(0);
        }
        self.asked.push(Asked { place, at: Instant::now(), view });
    }

    /// Places whose answers are others now than when somebody asked.
    fn changed(&mut self, view: impl Fn(&Where) -> View) -> Vec<Where> {
        self.asked.retain(|asked| asked.at.elapsed() < INTEREST);
        let mut changed = Vec::new();
        for asked in &mut self.asked {
            let now = view(&asked.place);
            let last = &asked.view;
            let differs = now.targets != last.targets
                || now.namespaces != last.namespaces
                || now.contexts != last.contexts
                || now.namespace != last.namespace;
            if differs {
                asked.view = now;
                changed.push(asked.place.clone());
            }
        }
        changed
    }
}

/// Tells pickers that their lists have changed.
pub(in crate::lsp) async fn run(shared: &Shared) {
    let mut changes = shared.views.changes();
    while changes.changed().await.is_ok() {
        let changed = shared.pickers().changed(|place| shared.views.view(&place.scope()));
        for place in changed {
            shared.client.send_notification::<TargetsChanged>(place).await;
        }
    }
    // No view will ever change again.
    futures::future::pending::<()>().await;
}
