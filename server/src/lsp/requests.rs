//! What editors ask, one file for each group of requests: its capability, and how it reaches its feature.

pub(super) mod completion;
pub(super) mod hover;
pub(super) mod synchronize;

use serde_json::json;
use tower_lsp::lsp_types::ServerCapabilities;

use super::shared::Agreement;

/// Everything that the server can do.
pub(super) fn capabilities(agreement: Agreement) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(agreement.encoding.kind()),
        text_document_sync: Some(synchronize::capability()),
        completion_provider: Some(completion::capability()),
        hover_provider: Some(hover::capability()),
        experimental: Some(json!({ "mirrord": { "targets": true } })),
        ..ServerCapabilities::default()
    }
}
