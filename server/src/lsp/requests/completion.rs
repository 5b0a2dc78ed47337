//! `textDocument/completion`: from what is known of the cluster at once, or very soon.

use std::sync::Arc;
use std::time::Duration;

use session::live::{Scope, State, View, view_within};
use tower_lsp::lsp_types::{CompletionOptions, CompletionParams, CompletionResponse};

use crate::lsp::documents::Snapshot;
use crate::lsp::shared::Shared;
use crate::lsp::{completion, convert, cursor, scope};

/// Longest wait for a cluster that has said nothing yet: with the work before and after it, an answer takes less than
/// 100 ms, beyond which typing feels slow.
const PATIENCE: Duration = Duration::from_millis(70);

/// What asks for suggestions beside letters: values and names in JSON and YAML, paths, headers and dotted keys in TOML.
const TRIGGERS: [&str; 5] = ["\"", ":", "/", "[", "."];

pub(super) fn capability() -> CompletionOptions {
    CompletionOptions { trigger_characters: Some(TRIGGERS.map(str::to_owned).to_vec()), ..CompletionOptions::default() }
}

pub(in crate::lsp) async fn completion(shared: &Shared, params: CompletionParams) -> Option<CompletionResponse> {
    let (snapshot, offset) = shared.at(&params.text_document_position)?;
    let (first, scope) = complete(shared, &snapshot, offset, None).await?;
    let Some(scope) = scope else { return Some(first) };
    let view = view_within(shared.views.as_ref(), &scope, PATIENCE).await;
    complete(shared, &snapshot, offset, Some(view)).await.map(|(answer, _)| answer)
}

/// The suggestions in view of the cluster, and where to look when they would be more if it were known.
async fn complete(
    shared: &Shared,
    snapshot: &Snapshot,
    offset: usize,
    view: Option<View>,
) -> Option<(CompletionResponse, Option<Scope>)> {
    let (agreement, workspace, views) = (shared.agreement(), shared.workspace(), Arc::clone(&shared.views));
    let complete = move |snapshot: &Snapshot| {
        let cursor = cursor::locate(snapshot.document(), &snapshot.text, offset)?;
        let scope = scope::of(snapshot, &workspace);
        let view = view.unwrap_or_else(|| views.view(&scope));
        let found = completion::complete(&cursor, snapshot.document(), &snapshot.text, offset, &view);
        let lacking = found.incomplete && view.state == State::Loading;
        let lines = convert::Lines::new(&snapshot.text, agreement.encoding);
        Some((convert::completion(found, &lines, agreement.snippets), lacking.then_some(scope)))
    };
    shared.feature("completion", snapshot, complete).await.flatten()
}
