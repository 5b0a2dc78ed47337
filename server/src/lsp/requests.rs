//! What editors ask, one file for each group of requests: its capability, and how it reaches its feature.

pub(super) mod completion;
pub(super) mod hover;
pub(super) mod meaning;
pub(super) mod sessions;
pub(super) mod synchronize;
pub(super) mod targets;
pub(super) mod workspace;

use serde_json::json;
use tower_lsp::lsp_types::ServerCapabilities;

use super::extension::{NOTIFICATIONS, REQUESTS};
use super::shared::Agreement;

/// Everything that the server can do.
pub(super) fn capabilities(agreement: Agreement) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(agreement.encoding.kind()),
        text_document_sync: Some(synchronize::capability()),
        completion_provider: Some(completion::capability()),
        hover_provider: Some(hover::capability()),
        execute_command_provider: Some(sessions::capability()),
        workspace: Some(workspace::capability()),
        experimental: Some(json!({ "mirrord": { "requests": REQUESTS, "notifications": NOTIFICATIONS } })),
        ..ServerCapabilities::default()
    }
}
