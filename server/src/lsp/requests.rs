//! What editors ask, one file for each group of requests: its capability, and how it reaches its feature.

pub(super) mod actions;
pub(super) mod completion;
pub(super) mod hover;
pub(super) mod meaning;
pub(super) mod notes;
pub(super) mod sessions;
pub(super) mod structure;
pub(super) mod synchronize;
pub(super) mod targets;
pub(super) mod workspace;

use serde_json::json;
use session::live::View;
use tower_lsp::lsp_types::{
    FoldingRangeProviderCapability, OneOf, SelectionRangeProviderCapability, ServerCapabilities,
};

use super::documents::Snapshot;
use super::extension::{NOTIFICATIONS, REQUESTS};
use super::scope;
use super::shared::{Agreement, Shared};
use super::workspace::Workspace;

/// Everything that the server can do.
pub(super) fn capabilities(agreement: Agreement) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(agreement.encoding.kind()),
        text_document_sync: Some(synchronize::capability()),
        completion_provider: Some(completion::capability()),
        hover_provider: Some(hover::capability()),
        code_action_provider: Some(actions::capability()),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(SelectionRangeProviderCapability::Simple(true)),
        document_link_provider: Some(notes::link_capability()),
        code_lens_provider: Some(notes::lens_capability()),
        inlay_hint_provider: Some(OneOf::Left(true)),
        execute_command_provider: Some(sessions::capability()),
        workspace: Some(workspace::capability()),
        experimental: Some(json!({ "mirrord": { "requests": REQUESTS, "notifications": NOTIFICATIONS } })),
        ..ServerCapabilities::default()
    }
}

/// Runs a feature that looks at the document's cluster: at what is known of it now.
async fn in_view<T: Send + 'static>(
    shared: &Shared,
    what: &'static str,
    snapshot: &Snapshot,
    feature: impl FnOnce(&Snapshot, &View, &Workspace) -> T + Send + 'static,
) -> Option<T> {
    let (workspace, views) = (shared.workspace(), std::sync::Arc::clone(&shared.views));
    let look = move |snapshot: &Snapshot| {
        let view = views.view(&scope::of(snapshot, &workspace));
        feature(snapshot, &view, &workspace)
    };
    shared.feature(what, snapshot, look).await
}
