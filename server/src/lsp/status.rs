//! Whether the clusters of the open documents can be asked, told when it changes.

use std::collections::HashMap;

use protocol::text::harmless_lines;
use session::live::{Scope, State, View};
use tower_lsp::lsp_types::MessageType;

use super::extension::{ClusterState, Event, What};
use super::shared::Shared;

/// Clusters whose state is remembered; more are told anew.
const CLUSTERS: usize = 64;

/// What was told last of each cluster.
#[derive(Default)]
pub(super) struct Status {
    told: HashMap<(Option<String>, Option<String>), State>,
}

impl Status {
    /// Tells the state of the cluster behind `view` if it is news.
    pub(super) async fn tell(&mut self, shared: &Shared, scope: &Scope, view: &View) {
        let key = (scope.kubeconfig.clone(), view.context.clone().or_else(|| scope.context.clone()));
        if self.told.get(&key) == Some(&view.state) {
            return;
        }
        if self.told.len() >= CLUSTERS {
            self.told.clear();
        }
        // A cluster that cannot be asked and is tried again is not news; neither is the same reason once more.
        let (state, text) = match &view.state {
            State::Loading if self.told.contains_key(&key) => return,
            State::Loading => (ClusterState::Loading, None),
            State::Ready => (ClusterState::Ready, None),
            State::Failed(reason) => (ClusterState::Failed, Some(harmless_lines(reason))),
        };
        if let Some(reason) = &text {
            shared.client.log_message(MessageType::WARNING, format!("no live values: {reason}")).await;
        }
        let context = key.1.clone();
        self.told.insert(key, view.state.clone());
        shared.tell(Event { session: None, what: What::Cluster { context, state, text } }).await;
    }
}
