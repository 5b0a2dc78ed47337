//! What is wrong with the open documents, told as they and their clusters change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use config::problem::{Code, Problem};
use config::{Loaded, Source, Span};
use session::live::{Detail, Scope, View};
use tokio::sync::mpsc;
use tower_lsp::lsp_types::{Diagnostic, Url};

use super::convert::{self, Lines};
use super::documents::{LIMIT, Snapshot};
use super::scope;
use super::shared::Shared;
use super::status::Status;
use super::workspace::Workspace;

/// How long edits are collected before they are checked: within a keystroke's pause, far below the 150 ms that an
/// editor may lag.
const DEBOUNCE: Duration = Duration::from_millis(40);

/// Documents waiting to be checked. More distinct ones within [`DEBOUNCE`] make their editors wait, and nothing is
/// lost.
pub(super) const DIRTY_LIMIT: usize = 64;

/// Loads a document as a launch from this editor would.
pub(super) fn load(snapshot: &Snapshot, workspace: &Workspace) -> Loaded {
    let source = Source { name: &snapshot.name, text: &snapshot.text };
    config::load(Some(source), &workspace.overrides(&snapshot.uri))
}

/// Everything wrong with a document, in view of its cluster, in the order of the text.
pub(super) fn problems(snapshot: &Snapshot, loaded: &Loaded, view: &View) -> Vec<Problem> {
    let mut problems = loaded.problems.clone();
    problems.extend(session::live::problems(snapshot.document(), &snapshot.text, loaded, view));
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems
}

/// The problem of a document that is not read at all.
fn oversized(snapshot: &Snapshot) -> Problem {
    let (size, limit) = (snapshot.text.len() >> 20, LIMIT >> 20);
    let message = format!("the document has {size} MiB, and nothing over {limit} MiB is read");
    Problem::new(Code::Syntax, "", Span::new(0, 0), message).help("is this a configuration?")
}

/// What was told last of a document.
struct Told {
    snapshot: Snapshot,
    diagnostics: Vec<Diagnostic>,
    /// What inlay hints show of the cluster.
    target: Option<Arc<Detail>>,
}

/// Checks documents when they are edited and when a cluster changes, and publishes what is wrong with them: the
/// newest text only, and once.
pub(super) async fn run(shared: &Shared, mut dirty_rx: mpsc::Receiver<Url>) {
    let mut told: HashMap<Url, Told> = HashMap::new();
    let mut status = Status::default();
    let mut changes = shared.views.changes();
    let mut lively = true;
    loop {
        let mut due = Vec::new();
        tokio::select! {
            first = dirty_rx.recv() => match first {
                Some(first) => {
                    due.push(first);
                    tokio::time::sleep(DEBOUNCE).await;
                }
                None => return,
            },
            changed = changes.changed(), if lively => match changed {
                Ok(()) => due.extend(told.keys().cloned()),
                // No view will ever change again.
                Err(_) => lively = false,
            },
        }
        while let Ok(uri) = dirty_rx.try_recv() {
            if !due.contains(&uri) {
                due.push(uri);
            }
        }
        for uri in due {
            let Some(snapshot) = shared.document(&uri) else {
                told.remove(&uri);
                shared.client.publish_diagnostics(uri, Vec::new(), None).await;
                continue;
            };
            let Some((diagnostics, seen)) = check(shared, &snapshot).await else { continue };
            let mut target = None;
            if let Some((scope, view)) = seen {
                status.tell(shared, &scope, &view).await;
                target = view.target;
            }
            let last = told.get(&uri);
            if last.is_some_and(|last| last.snapshot.is(&snapshot) && last.target != target) {
                shared.refresh_hints();
            }
            if !last.is_some_and(|last| last.snapshot.is(&snapshot) && last.diagnostics == diagnostics) {
                shared.client.publish_diagnostics(uri.clone(), diagnostics.clone(), Some(snapshot.version)).await;
            }
            told.insert(uri, Told { snapshot, diagnostics, target });
        }
    }
}

/// The diagnostics of a document, and what was seen of its cluster.
pub(super) async fn check(shared: &Shared, snapshot: &Snapshot) -> Option<(Vec<Diagnostic>, Option<(Scope, View)>)> {
    let encoding = shared.agreement().encoding;
    if snapshot.is_oversized() {
        return Some((vec![convert::diagnostic(oversized(snapshot), &Lines::new("", encoding), None)], None));
    }
    let (workspace, views, manual) = (shared.workspace(), Arc::clone(&shared.views), shared.manual.clone());
    let check = move |snapshot: &Snapshot| {
        let scope = scope::of(snapshot, &workspace);
        let view = views.view(&scope);
        let loaded = snapshot.loaded(|snapshot| load(snapshot, &workspace));
        let lines = Lines::new(&snapshot.text, encoding);
        let found = problems(snapshot, loaded, &view).into_iter();
        (found.map(|problem| convert::diagnostic(problem, &lines, manual.as_ref())).collect(), Some((scope, view)))
    };
    shared.feature("diagnostics", snapshot, check).await
}
