//! The language server: which request goes to which feature.
//!
//! ```text
//! transport ──▶ requests/… ──▶ features (pure: documents and views in, plain data out) ──▶ convert ──▶ transport
//!                  ├── documents: the open texts, and what is derived from each version once
//!                  └── diagnostics: the same for edits, unasked
//! ```

pub mod actions;
pub mod completion;
mod convert;
pub mod cursor;
mod diagnostics;
pub mod documents;
mod editor;
mod edits;
pub mod extension;
pub mod folding;
pub mod hover;
pub mod inlay;
pub mod known;
pub mod lens;
pub mod links;
mod requests;
pub mod retarget;
mod scope;
pub mod sessions;
mod shared;
mod status;
pub mod symbols;
pub mod targets;
mod transport;
pub mod tree;
mod workspace;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::session::live::Views;
use protocol::text::harmless_lines;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::lsp_types::{
    CodeActionParams, CodeActionResponse, CodeLens, CodeLensParams, CompletionParams, CompletionResponse,
    DidChangeConfigurationParams, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentFormattingParams,
    DocumentLink, DocumentLinkParams, DocumentSymbolParams, DocumentSymbolResponse, ExecuteCommandParams, FoldingRange,
    FoldingRangeParams, Hover, HoverParams, InitializeParams, InitializeResult, InitializedParams, InlayHint,
    InlayHintParams, SelectionRange, SelectionRangeParams, ServerInfo, TextEdit, Url, WorkDoneProgressCancelParams,
    WorkspaceEdit,
};
use tower_lsp::{LanguageServer, LspService, async_trait};

use extension::{
    About, Event, Explain, Explanation, Injection, Query, Resolved, SetTarget, Start, Stop, Targets, What,
};
use requests::{completion as completions, hover as hovers, synchronize};
use sessions::Sessions;
pub use sessions::{Launch, Session, SessionSource};
use shared::{Agreement, Shared, reason};
use workspace::Workspace;

/// How long starts of sessions may take to undo what they did when the server ends.
const TASKS_LIMIT: Duration = Duration::from_secs(5);

/// LSP's `RequestFailed`: the request was right and could not be fulfilled.
const REQUEST_FAILED: i64 = -32_803;

/// What the server stands on.
pub struct Surroundings {
    /// What is known of clusters.
    pub views: Arc<dyn Views>,
    /// Where sessions come from.
    pub sessions: Arc<dyn SessionSource>,
    /// Our own environment, which launches inherit.
    pub environment: BTreeMap<OsString, OsString>,
    /// Our own working directory.
    pub working_directory: PathBuf,
    /// The manual of the configuration, where it was installed: problems link to it.
    pub manual: Option<PathBuf>,
    /// Ends everything: a signal came.
    pub stop: CancellationToken,
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The editor said `shutdown` before.
    Orderly,
    /// It did not: it crashed, perhaps.
    Abrupt,
}

/// Serves one editor until it closes `input`, says `exit`, or is gone. Afterwards its sessions have ended.
pub async fn serve<I, O>(input: I, output: O, surroundings: Surroundings) -> End
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let Surroundings { views, sessions, environment, working_directory, manual, stop } = surroundings;
    let (dirty_tx, dirty_rx) = mpsc::channel(diagnostics::DIRTY_LIMIT);
    let (events_tx, events_rx) = mpsc::channel(sessions::EVENT_LIMIT);
    let sessions = Sessions::new(sessions, events_tx);
    let workspace = Workspace::new(environment, working_directory);
    let manual = manual.and_then(|manual| Url::from_file_path(manual).ok());
    let build = |client| Server { shared: Arc::new(Shared::new(client, views, sessions, workspace, manual, dirty_tx)) };
    let service = LspService::build(build)
        .custom_method("mirrord/targets", Server::targets)
        .custom_method("mirrord/start", Server::start)
        .custom_method("mirrord/stop", Server::stop)
        .custom_method("mirrord/sessions", Server::sessions)
        .custom_method("mirrord/explain", Server::explain)
        .custom_method("mirrord/config", Server::config)
        .custom_method("mirrord/setTarget", Server::set_target)
        .custom_method("window/workDoneProgress/cancel", Server::cancel);
    let (service, socket) = service.finish();
    let shared = Arc::clone(&service.inner().shared);

    // All background work lives and dies here.
    tokio::select! {
        () = transport::run(service, socket, input, output) => {}
        () = diagnostics::run(&shared, dirty_rx) => {}
        () = requests::targets::run(&shared) => {}
        () = tell(&shared, events_rx) => {}
        () = editor::gone(&shared) => {}
        () = stop.cancelled() => {}
    }
    shared.end.cancel();
    shared.sessions.stop_all().await;
    shared.tasks.close();
    // A start that does not end in time ends with the runtime; its agent ends by itself.
    let _: std::result::Result<(), _> = tokio::time::timeout(TASKS_LIMIT, shared.tasks.wait()).await;
    if shared.is_shut_down() { End::Orderly } else { End::Abrupt }
}

/// Tells what happens in sessions.
async fn tell(shared: &Shared, mut events_rx: mpsc::Receiver<Event>) {
    while let Some(event) = events_rx.recv().await {
        let is_state = matches!(event.what, What::State { .. });
        shared.tell(event).await;
        if is_state {
            shared.refresh_lenses();
        }
    }
}

/// An error that is no defect, with a sentence for the user.
fn failed(message: impl Into<Cow<'static, str>>) -> Error {
    Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: harmless_lines(&message.into()).into(), data: None }
}

struct Server {
    shared: Arc<Shared>,
}

/// Our own methods, see `editors/PROTOCOL.md`.
impl Server {
    async fn targets(&self, query: Query) -> Result<Targets> {
        requests::targets::targets(&self.shared, query).await
    }

    async fn start(&self, start: Start) -> Result<Injection> {
        requests::sessions::start(&self.shared, start).await
    }

    async fn stop(&self, stop: Stop) -> Result<()> {
        requests::sessions::stop(&self.shared, stop).await
    }

    async fn sessions(&self) -> Result<extension::Sessions> {
        Ok(requests::sessions::list(&self.shared).await)
    }

    async fn explain(&self, params: Explain) -> Result<Explanation> {
        requests::meaning::explain(&self.shared, params).await
    }

    async fn config(&self, params: About) -> Result<Resolved> {
        requests::meaning::config(&self.shared, params).await
    }

    async fn set_target(&self, params: SetTarget) -> Result<WorkspaceEdit> {
        requests::actions::set_target(&self.shared, params).await
    }

    #[expect(clippy::unused_async, reason = "as above")]
    async fn cancel(&self, params: WorkDoneProgressCancelParams) {
        requests::sessions::cancel(&self.shared, &params);
    }
}

#[async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let agreement = Agreement::with(&params.capabilities, params.process_id);
        self.shared.agree(agreement);
        requests::workspace::initialize(&self.shared, &params);
        let server_info =
            ServerInfo { name: "mirrord-ide-server".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) };
        Ok(InitializeResult { capabilities: requests::capabilities(agreement), server_info: Some(server_info) })
    }

    async fn initialized(&self, _: InitializedParams) {
        requests::workspace::initialized(&self.shared);
    }

    async fn shutdown(&self) -> Result<()> {
        self.shared.shut_down();
        Ok(())
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        requests::sessions::execute(&self.shared, params).await
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        requests::workspace::settings_changed(&self.shared, params).await;
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        requests::workspace::folders_changed(&self.shared, params).await;
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        requests::workspace::files_changed(&self.shared, params).await;
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        synchronize::open(&self.shared, params).await;
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        synchronize::change(&self.shared, params).await;
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        synchronize::close(&self.shared, params).await;
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        Ok(completions::completion(&self.shared, params).await)
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        Ok(hovers::hover(&self.shared, params).await)
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        Ok(requests::actions::actions(&self.shared, params).await)
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        Ok(requests::actions::format(&self.shared, params).await)
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        Ok(requests::structure::symbols(&self.shared, params).await)
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        Ok(requests::structure::folds(&self.shared, params).await)
    }

    async fn selection_range(&self, params: SelectionRangeParams) -> Result<Option<Vec<SelectionRange>>> {
        Ok(requests::structure::selections(&self.shared, params).await)
    }

    async fn document_link(&self, params: DocumentLinkParams) -> Result<Option<Vec<DocumentLink>>> {
        Ok(requests::notes::links(&self.shared, params).await)
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        Ok(requests::notes::lenses(&self.shared, params).await)
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        Ok(requests::notes::hints(&self.shared, params).await)
    }
}

#[cfg(test)]
mod tests;
