//! What is wrong with the open documents, told as they change.

use std::collections::HashMap;

use config::problem::{Code, Problem};
use config::{Loaded, Overrides, Source, Span};
use tokio::sync::mpsc;
use tower_lsp::lsp_types::Url;

use super::convert::{self, Lines};
use super::documents::{LIMIT, Snapshot};
use super::shared::Shared;

/// How long edits are collected before they are checked: within a keystroke's pause, far below the 150 ms that an
/// editor may lag.
const DEBOUNCE: std::time::Duration = std::time::Duration::from_millis(40);

/// Documents waiting to be checked. More distinct ones within [`DEBOUNCE`] make their editors wait, and nothing is
/// lost.
pub(super) const DIRTY_LIMIT: usize = 64;

/// Loads a document that is being edited: flags of a later launch are not known, a target may still be picked.
pub(super) fn load(snapshot: &Snapshot) -> Loaded {
    let overrides = Overrides { target_pending: true, editing: true, ..Overrides::default() };
    config::load(Some(Source { name: &snapshot.name, text: &snapshot.text }), &overrides)
}

/// The problem of a document that is not read at all.
fn oversized(snapshot: &Snapshot) -> Problem {
    let (size, limit) = (snapshot.text.len() >> 20, LIMIT >> 20);
    let message = format!("the document has {size} MiB, and nothing over {limit} MiB is read");
    Problem::new(Code::Syntax, "", Span::new(0, 0), message).help("is this a configuration?")
}

/// Checks edited documents and publishes what is wrong with them: the newest text only, and once.
pub(super) async fn run(shared: &Shared, mut dirty_rx: mpsc::Receiver<Url>) {
    let mut checked: HashMap<Url, Snapshot> = HashMap::new();
    while let Some(first) = dirty_rx.recv().await {
        tokio::time::sleep(DEBOUNCE).await;
        let mut due = vec![first];
        while let Ok(uri) = dirty_rx.try_recv() {
            if !due.contains(&uri) {
                due.push(uri);
            }
        }
        for uri in due {
            let Some(snapshot) = shared.document(&uri) else {
                checked.remove(&uri);
                shared.client.publish_diagnostics(uri, Vec::new(), None).await;
                continue;
            };
            if checked.get(&uri).is_some_and(|last| last.is(&snapshot)) {
                continue;
            }
            check(shared, &uri, &snapshot).await;
            checked.insert(uri, snapshot);
        }
    }
}

async fn check(shared: &Shared, uri: &Url, snapshot: &Snapshot) {
    let encoding = shared.agreement().encoding;
    let found = if snapshot.is_oversized() {
        Some(vec![convert::diagnostic(oversized(snapshot), &Lines::new("", encoding))])
    } else {
        let find = move |snapshot: &Snapshot| {
            let lines = Lines::new(&snapshot.text, encoding);
            let problems = snapshot.loaded(load).problems.iter();
            problems.map(|problem| convert::diagnostic(problem.clone(), &lines)).collect()
        };
        shared.feature("diagnostics", snapshot, find).await
    };
    if let Some(found) = found {
        shared.client.publish_diagnostics(uri.clone(), found, Some(snapshot.version)).await;
    }
}
