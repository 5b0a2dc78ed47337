//! Actions and edits as LSP has them.

use std::collections::HashMap;

use config::{Edit, Problem};
use tower_lsp::lsp_types::{
    ClientCapabilities, CodeAction, CodeActionKind, CreateFile, DeleteFile, DocumentChangeOperation, DocumentChanges,
    OneOf, OptionalVersionedTextDocumentIdentifier, Position, Range, ResourceOp, ResourceOperationKind,
    TextDocumentEdit, TextEdit, Url, WorkspaceEdit,
};

use super::{Lines, diagnostic};
use crate::lsp::actions::{Action, ActionKind, Change};

/// Repairs everything that can be repaired.
pub(in crate::lsp) const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.mirrord");

/// Which changes an editor takes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::lsp) struct Changes {
    /// Edits that hold for one version of a document.
    versioned: bool,
    /// New files, and files that go.
    files: bool,
}

impl Changes {
    /// What the editor says of itself.
    pub(in crate::lsp) fn of(client: &ClientCapabilities) -> Self {
        let edit = client.workspace.as_ref().and_then(|workspace| workspace.workspace_edit.as_ref());
        let operations = edit.and_then(|edit| edit.resource_operations.as_deref()).unwrap_or_default();
        let files = [ResourceOperationKind::Create, ResourceOperationKind::Delete];
        let versioned = edit.and_then(|edit| edit.document_changes).unwrap_or(false);
        Self { versioned, files: versioned && files.iter().all(|operation| operations.contains(operation)) }
    }
}

/// A document that actions change.
pub(in crate::lsp) struct Changed<'a> {
    pub(in crate::lsp) uri: &'a Url,
    pub(in crate::lsp) version: i32,
    pub(in crate::lsp) lines: &'a Lines<'a>,
    pub(in crate::lsp) takes: Changes,
    pub(in crate::lsp) manual: Option<&'a Url>,
}

/// The action; `None` when the editor cannot do it.
pub(in crate::lsp) fn action(action: Action, problems: &[Problem], changed: &Changed<'_>) -> Option<CodeAction> {
    let Action { title, kind, preferred, repairs, change } = action;
    let kind = match kind {
        ActionKind::QuickFix => CodeActionKind::QUICKFIX,
        ActionKind::Rewrite => CodeActionKind::REFACTOR_REWRITE,
        ActionKind::FixAll => FIX_ALL,
    };
    let edit = match change {
        Change::Edits(edits) => edited(edits, changed),
        Change::Convert { extension, text } => converted(extension, text, changed)?,
    };
    let repaired = repairs.and_then(|index| problems.get(index)).cloned();
    Some(CodeAction {
        title,
        kind: Some(kind),
        diagnostics: repaired.map(|problem| vec![diagnostic(problem, changed.lines, changed.manual)]),
        edit: Some(edit),
        is_preferred: preferred.then_some(true),
        ..CodeAction::default()
    })
}

pub(in crate::lsp) fn text_edits(edits: Vec<Edit>, lines: &Lines<'_>) -> Vec<TextEdit> {
    edits.into_iter().map(|Edit { span, text }| TextEdit { range: lines.range(span), new_text: text }).collect()
}

/// Edits of one version of the document, where the editor knows versions.
pub(in crate::lsp) fn edited(edits: Vec<Edit>, changed: &Changed<'_>) -> WorkspaceEdit {
    let edits = text_edits(edits, changed.lines);
    if !changed.takes.versioned {
        return WorkspaceEdit::new(HashMap::from([(changed.uri.clone(), edits)]));
    }
    let text_document =
        OptionalVersionedTextDocumentIdentifier { uri: changed.uri.clone(), version: Some(changed.version) };
    let edit = TextDocumentEdit { text_document, edits: edits.into_iter().map(OneOf::Left).collect() };
    WorkspaceEdit { document_changes: Some(DocumentChanges::Edits(vec![edit])), ..WorkspaceEdit::default() }
}

/// A new file beside the old one, which goes. Fails to apply where a file of that name is.
fn converted(extension: &str, text: String, changed: &Changed<'_>) -> Option<WorkspaceEdit> {
    let (stem, _) = changed.uri.path().rsplit_once('.')?;
    let mut uri = changed.uri.clone();
    uri.set_path(&format!("{stem}.{extension}"));
    if !changed.takes.files {
        return None;
    }
    let create = ResourceOp::Create(CreateFile { uri: uri.clone(), options: None, annotation_id: None });
    let start = Range::new(Position::new(0, 0), Position::new(0, 0));
    let fill = TextDocumentEdit {
        text_document: OptionalVersionedTextDocumentIdentifier { uri, version: None },
        edits: vec![OneOf::Left(TextEdit { range: start, new_text: text })],
    };
    let delete = ResourceOp::Delete(DeleteFile { uri: changed.uri.clone(), options: None });
    let operations = vec![
        DocumentChangeOperation::Op(create),
        DocumentChangeOperation::Edit(fill),
        DocumentChangeOperation::Op(delete),
    ];
    Some(WorkspaceEdit { document_changes: Some(DocumentChanges::Operations(operations)), ..WorkspaceEdit::default() })
}
