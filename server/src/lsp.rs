//! The language server: which request goes to which feature. Features know no LSP type; this file and `convert` do.

pub mod completion;
mod convert;
pub mod cursor;
pub mod diagnostics;
pub mod documents;
pub mod extension;
pub mod hover;
mod live;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use config::Document;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::lsp_types::{
    CompletionOptions, CompletionParams, CompletionResponse, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, Hover, HoverParams, HoverProviderCapability, InitializeParams, InitializeResult,
    MessageType, ServerCapabilities, ServerInfo, TextDocumentPositionParams, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, Url,
};
use tower_lsp::{Client, LanguageServer, LspService, Server as Transport, async_trait};

use convert::{Encoding, Lines};
use documents::{Documents, Snapshot};
use extension::{Query, TargetSource, Targets};
use live::{Answer, Live};

/// How long edits are collected before they are checked: within a keystroke's pause, far below the 150 ms that an
/// editor may lag.
const DEBOUNCE: Duration = Duration::from_millis(40);

/// Documents waiting to be checked. More distinct ones within [`DEBOUNCE`] make their editors wait, and nothing is
/// lost.
const DIRTY_LIMIT: usize = 64;

/// LSP's `RequestFailed`: the request was right and could not be fulfilled.
const REQUEST_FAILED: i64 = -32_803;

/// Serves one editor until it closes `input` or says `exit`.
pub async fn serve<I, O>(input: I, output: O, targets: Arc<dyn TargetSource>)
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let (dirty_tx, dirty_rx) = mpsc::channel(DIRTY_LIMIT);
    let (live, wanted_rx) = Live::new(targets);
    let shared = Arc::new(Shared { documents: Mutex::default(), live, session: OnceLock::new() });
    let for_service = Arc::clone(&shared);
    let (service, socket) = LspService::build(|client| Server { client, shared: for_service, dirty_tx })
        .custom_method("mirrord/targets", Server::targets)
        .finish();
    let client = service.inner().client.clone();

    // All background work lives and dies here.
    tokio::select! {
        () = Transport::new(input, output, socket).serve(service) => {}
        () = check_dirty(&client, &shared, dirty_rx) => {}
        () = shared.live.run(wanted_rx) => {}
    }
}

/// What the handlers share.
struct Shared {
    documents: Mutex<Documents>,
    live: Live,
    /// What `initialize` agreed on.
    session: OnceLock<Agreement>,
}

/// What editor and server agreed on.
#[derive(Clone, Copy, Default)]
struct Agreement {
    encoding: Encoding,
    snippets: bool,
}

impl Shared {
    /// The documents. A poisoned lock means that an edit panicked half-way: the next full text repairs it.
    fn documents(&self) -> std::sync::MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agreement(&self) -> Agreement {
        self.session.get().copied().unwrap_or_default()
    }
}

struct Server {
    client: Client,
    shared: Arc<Shared>,
    /// handlers --edited documents--> checker
    dirty_tx: mpsc::Sender<Url>,
}

impl Server {
    /// Has the document checked soon. Fails only while the server ends.
    async fn touch(&self, uri: Url) {
        let _: std::result::Result<(), _> = self.dirty_tx.send(uri).await;
    }

    /// The document under a caret and the caret's offset.
    fn at(&self, at: &TextDocumentPositionParams) -> Option<(Snapshot, usize)> {
        let snapshot = self.shared.documents().get(at.text_document.uri.as_str())?;
        let offset = Lines::new(&snapshot.text, self.shared.agreement().encoding).offset(at.position);
        Some((snapshot, offset))
    }

    /// `mirrord/targets`, see `editors/PROTOCOL.md`.
    async fn targets(&self, query: Query) -> Result<Targets> {
        match self.shared.live.ask(query).await {
            Ok(targets) => Ok(Targets::clone(&targets)),
            Err(message) => {
                Err(Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: message.into(), data: None })
            }
        }
    }
}

#[async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let agreement = Agreement {
            encoding: Encoding::choose(&params.capabilities),
            snippets: convert::takes_snippets(&params.capabilities),
        };
        // A second `initialize` is refused before it comes here.
        let _: std::result::Result<(), _> = self.shared.session.set(agreement);
        let sync = TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            ..TextDocumentSyncOptions::default()
        };
        let capabilities = ServerCapabilities {
            position_encoding: Some(agreement.encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(vec!["\"".to_owned(), ":".to_owned(), "/".to_owned()]),
                ..CompletionOptions::default()
            }),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            experimental: Some(json!({ "mirrord": { "targets": true } })),
            ..ServerCapabilities::default()
        };
        let server_info =
            ServerInfo { name: "mirrord-ide-server".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) };
        Ok(InitializeResult { capabilities, server_info: Some(server_info) })
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    // Edits are applied before the first await: handlers start in the order of the messages, and go on in any.

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        if self.shared.documents().change(document.uri.as_str(), document.version, document.text) {
            self.touch(document.uri).await;
        }
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let (uri, version) = (params.text_document.uri, params.text_document.version);
        // Full synchronisation: the last change holds the whole text.
        let Some(change) = params.content_changes.into_iter().last() else { return };
        if self.shared.documents().change(uri.as_str(), version, change.text) {
            self.touch(uri).await;
        }
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let uri = params.text_document.uri;
        if self.shared.documents().close(uri.as_str()) {
            self.touch(uri).await;
        }
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let Some((snapshot, offset)) = self.at(&params.text_document_position) else { return Ok(None) };
        let cursor = guard(&self.client, "completion", || {
            cursor::locate(&Document::parse(&snapshot.name, &snapshot.text), &snapshot.text, offset)
        });
        let Some(Some(cursor)) = cursor.await else { return Ok(None) };
        let answer = match completion::wanted(&cursor) {
            Some(query) => self.shared.live.get(&query).await,
            None => Answer::Nothing,
        };
        if let Answer::Failed { message, new: true } = &answer {
            self.client.log_message(MessageType::WARNING, format!("no live values: {message}")).await;
        }
        let agreement = self.shared.agreement();
        let response = guard(&self.client, "completion", || {
            let items = completion::complete(&cursor, answer.targets());
            convert::completion(
                items,
                answer.is_pending(),
                &Lines::new(&snapshot.text, agreement.encoding),
                agreement.snippets,
            )
        });
        Ok(response.await)
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let Some((snapshot, offset)) = self.at(&params.text_document_position_params) else { return Ok(None) };
        let encoding = self.shared.agreement().encoding;
        let hover = guard(&self.client, "hover", || {
            let document = Document::parse(&snapshot.name, &snapshot.text);
            let hover = hover::hover(&document, offset)?;
            Some(convert::hover(hover, &Lines::new(&snapshot.text, encoding)))
        });
        Ok(hover.await.flatten())
    }
}

/// Checks edited documents and publishes what is wrong with them: the newest text only, and once.
async fn check_dirty(client: &Client, shared: &Shared, mut dirty_rx: mpsc::Receiver<Url>) {
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
            let Some(snapshot) = shared.documents().get(uri.as_str()) else {
                checked.remove(&uri);
                client.publish_diagnostics(uri, Vec::new(), None).await;
                continue;
            };
            let is_same = |last: &Snapshot| Arc::ptr_eq(&last.text, &snapshot.text);
            if checked.get(&uri).is_some_and(is_same) {
                continue;
            }
            let found = guard(client, "diagnostics", || {
                let lines = Lines::new(&snapshot.text, shared.agreement().encoding);
                let problems = diagnostics::problems(&snapshot.name, &snapshot.text);
                problems.into_iter().map(|problem| convert::diagnostic(problem, &lines)).collect()
            });
            if let Some(found) = found.await {
                client.publish_diagnostics(uri.clone(), found, Some(snapshot.version)).await;
            }
            checked.insert(uri, snapshot);
        }
    }
}

/// Runs a feature. A panic in it is our defect: the editor is told, and the server goes on.
fn guard<T>(client: &Client, what: &'static str, feature: impl FnOnce() -> T) -> impl Future<Output = Option<T>> {
    // The features are pure functions on snapshots: there is no state that a panic could leave half changed.
    let outcome = catch_unwind(AssertUnwindSafe(feature));
    let client = client.clone();
    async move {
        match outcome {
            Ok(value) => Some(value),
            Err(panic) => {
                let reason = panic.downcast_ref::<String>().cloned();
                let reason =
                    reason.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
                client.log_message(MessageType::ERROR, format!("{what} failed, please report this: {reason}")).await;
                None
            }
        }
    }
}
