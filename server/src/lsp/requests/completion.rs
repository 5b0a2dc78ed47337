//! `textDocument/completion`.

use tower_lsp::lsp_types::{CompletionOptions, CompletionParams, CompletionResponse, MessageType};

use crate::lsp::documents::Snapshot;
use crate::lsp::live::Answer;
use crate::lsp::shared::Shared;
use crate::lsp::{bridge, completion, convert, cursor};

pub(super) fn capability() -> CompletionOptions {
    CompletionOptions {
        trigger_characters: Some(vec!["\"".to_owned(), ":".to_owned(), "/".to_owned()]),
        ..CompletionOptions::default()
    }
}

pub(in crate::lsp) async fn completion(shared: &Shared, params: CompletionParams) -> Option<CompletionResponse> {
    let (snapshot, offset) = shared.at(&params.text_document_position)?;
    let locate = move |snapshot: &Snapshot| cursor::locate(snapshot.document(), &snapshot.text, offset);
    let cursor = shared.feature("completion", &snapshot, locate).await??;
    let answer = match bridge::wanted(&cursor, snapshot.document()) {
        Some(query) => shared.live.get(&query).await,
        None => Answer::Nothing,
    };
    if let Answer::Failed { message, new: true } = &answer {
        shared.client.log_message(MessageType::WARNING, format!("no live values: {message}")).await;
    }
    let agreement = shared.agreement();
    let complete = move |snapshot: &Snapshot| {
        let view = bridge::view(&answer);
        let found = completion::complete(&cursor, snapshot.document(), &snapshot.text, offset, &view);
        let lines = convert::Lines::new(&snapshot.text, agreement.encoding);
        convert::completion(found, &lines, agreement.snippets)
    };
    shared.feature("completion", &snapshot, complete).await
}
