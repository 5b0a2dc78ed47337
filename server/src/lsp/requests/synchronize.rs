//! Opening, editing and closing documents.
//!
//! Nothing here waits before the edit is made: handlers are begun in the order of the messages.

use tower_lsp::lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions,
};

use crate::lsp::edits;
use crate::lsp::shared::Shared;

pub(super) fn capability() -> TextDocumentSyncCapability {
    TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        ..TextDocumentSyncOptions::default()
    })
}

pub(in crate::lsp) async fn open(shared: &Shared, params: DidOpenTextDocumentParams) {
    let document = params.text_document;
    let ours = shared.documents().open(document.uri.as_str(), document.version, document.text);
    if ours {
        shared.touch(document.uri).await;
    }
}

pub(in crate::lsp) async fn change(shared: &Shared, params: DidChangeTextDocumentParams) {
    let (document, changes) = (params.text_document, params.content_changes);
    let encoding = shared.agreement().encoding;
    let known =
        shared.documents().edit(document.uri.as_str(), document.version, |text| edits::apply(text, changes, encoding));
    if known {
        shared.touch(document.uri).await;
    }
}

pub(in crate::lsp) async fn close(shared: &Shared, params: DidCloseTextDocumentParams) {
    let uri = params.text_document.uri;
    let known = shared.documents().close(uri.as_str());
    if known {
        shared.touch(uri).await;
    }
}
