//! Folders, settings and watched files: what documents depend on beside their text.

use std::sync::Arc;

use serde_json::json;
use tower_lsp::lsp_types::{
    ConfigurationItem, DidChangeConfigurationParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    InitializeParams, MessageType, OneOf, Registration, Url, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};

use crate::lsp::shared::Shared;

/// Files that documents of ours depend on: themselves when they are closed, `.env` files, and the branch.
const WATCHED: [&str; 4] = ["**/.mirrord/*", "**/*mirrord.{json,jsonc,yaml,yml,toml}", "**/*.env", "**/.git/HEAD"];

pub(super) fn capability() -> WorkspaceServerCapabilities {
    let folders =
        WorkspaceFoldersServerCapabilities { supported: Some(true), change_notifications: Some(OneOf::Left(true)) };
    WorkspaceServerCapabilities { workspace_folders: Some(folders), ..WorkspaceServerCapabilities::default() }
}

/// Takes what `initialize` says of the surroundings.
pub(in crate::lsp) fn initialize(shared: &Shared, params: &InitializeParams) {
    let folders: Vec<&Url> = match &params.workspace_folders {
        Some(folders) => folders.iter().map(|folder| &folder.uri).collect(),
        None => params.root_uri.iter().collect(),
    };
    let settings = params.initialization_options.clone().unwrap_or_default();
    shared.change_workspace(|workspace| {
        workspace.change_folders(folders, []);
        // Options of another shape are none of ours: settings may follow.
        let _: Result<_, _> = workspace.configure(settings);
    });
}

/// Asks the editor for what it offers only to those who ask.
pub(in crate::lsp) fn initialized(shared: &Arc<Shared>) {
    let agreement = shared.agreement();
    let here = Arc::clone(shared);
    // Beside the conversation, as the answers come over it.
    shared.beside(async move {
        if agreement.watches_files {
            let watchers: Vec<_> = WATCHED.iter().map(|glob| json!({ "globPattern": glob })).collect();
            let watch = Registration {
                id: "mirrord-files".to_owned(),
                method: "workspace/didChangeWatchedFiles".to_owned(),
                register_options: Some(json!({ "watchers": watchers })),
            };
            if let Err(error) = here.client.register_capability(vec![watch]).await {
                tracing::warn!(%error, "the editor does not watch files");
            }
        }
        if agreement.tells_settings {
            pull(&here).await;
        }
    });
}

/// Asks for the settings.
async fn pull(shared: &Shared) {
    let item = ConfigurationItem { scope_uri: None, section: Some("mirrord".to_owned()) };
    match shared.client.configuration(vec![item]).await {
        Ok(mut sections) if !sections.is_empty() => configure(shared, sections.swap_remove(0)).await,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the editor does not tell its settings"),
    }
}

pub(in crate::lsp) async fn settings_changed(shared: &Arc<Shared>, params: DidChangeConfigurationParams) {
    if shared.agreement().tells_settings {
        let here = Arc::clone(shared);
        shared.beside(async move { pull(&here).await });
    } else {
        configure(shared, params.settings).await;
    }
}

async fn configure(shared: &Shared, settings: serde_json::Value) {
    let mut outcome = Ok(false);
    shared.change_workspace(|workspace| outcome = workspace.configure(settings));
    match outcome {
        Ok(true) => shared.reconsider().await,
        Ok(false) => {}
        Err(message) => shared.client.show_message(MessageType::WARNING, message).await,
    }
}

pub(in crate::lsp) async fn folders_changed(shared: &Shared, params: DidChangeWorkspaceFoldersParams) {
    let (added, removed) = (params.event.added, params.event.removed);
    shared.change_workspace(|workspace| {
        workspace.change_folders(added.iter().map(|folder| &folder.uri), removed.iter().map(|folder| &folder.uri));
    });
    shared.reconsider().await;
}

pub(in crate::lsp) async fn files_changed(shared: &Shared, params: DidChangeWatchedFilesParams) {
    // An open document is what its editor says, whatever the file holds.
    let is_open = |uri: &Url| shared.document(uri).is_some();
    if params.changes.iter().any(|change| !is_open(&change.uri)) {
        shared.reconsider().await;
    }
}
