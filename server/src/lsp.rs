//! The language server: which request goes to which feature.
//!
//! ```text
//! transport ──▶ requests/… ──▶ features (pure: documents and views in, plain data out) ──▶ convert ──▶ transport
//!                  ├── documents: the open texts, and what is derived from each version once
//!                  └── diagnostics: the same for edits, unasked
//! ```

pub mod actions;
mod bridge;
pub mod completion;
mod convert;
pub mod cursor;
mod diagnostics;
pub mod documents;
mod edits;
pub mod extension;
pub mod folding;
pub mod hover;
pub mod inlay;
pub mod known;
pub mod lens;
pub mod links;
mod live;
mod requests;
mod shared;
pub mod symbols;
mod transport;
pub mod tree;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::lsp_types::{
    CompletionParams, CompletionResponse, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, Hover, HoverParams, InitializeParams, InitializeResult, ServerInfo,
};
use tower_lsp::{LanguageServer, LspService, async_trait};

use extension::{Query, TargetSource, Targets};
use live::Live;
use requests::{completion as completions, hover as hovers, synchronize};
use shared::{Agreement, Shared, reason};
pub use transport::End;

/// LSP's `RequestFailed`: the request was right and could not be fulfilled.
const REQUEST_FAILED: i64 = -32_803;

/// Serves one editor until it closes `input` or says `exit`.
pub async fn serve<I, O>(input: I, output: O, targets: Arc<dyn TargetSource>) -> End
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let (dirty_tx, dirty_rx) = mpsc::channel(diagnostics::DIRTY_LIMIT);
    let (live, wanted_rx) = Live::new(targets);
    let (service, socket) =
        LspService::build(|client| Server { shared: Arc::new(Shared::new(client, live, dirty_tx)) })
            .custom_method("mirrord/targets", Server::targets)
            .finish();
    let shared = Arc::clone(&service.inner().shared);

    // All background work lives and dies here.
    tokio::select! {
        end = transport::run(service, socket, input, output) => end,
        () = diagnostics::run(&shared, dirty_rx) => End::Closed,
        () = shared.live.run(wanted_rx) => End::Closed,
    }
}

struct Server {
    shared: Arc<Shared>,
}

impl Server {
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
        let agreement = Agreement::with(&params.capabilities);
        self.shared.agree(agreement);
        let server_info =
            ServerInfo { name: "mirrord-ide-server".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) };
        Ok(InitializeResult { capabilities: requests::capabilities(agreement), server_info: Some(server_info) })
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
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
}

#[cfg(test)]
mod tests;
