//! `textDocument/codeAction`, `textDocument/formatting` and `mirrord/setTarget`: what changes a document.

use config::Target;
use config::document::print;
use tower_lsp::jsonrpc::Result;
use tower_lsp::lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionOrCommand, CodeActionParams, CodeActionProviderCapability,
    CodeActionResponse, DocumentFormattingParams, TextEdit, Url, WorkspaceEdit,
};

use crate::lsp::convert::Lines;
use crate::lsp::convert::changes::{self, Changed, FIX_ALL};
use crate::lsp::extension::SetTarget;
use crate::lsp::retarget::{Wanted, retarget};
use crate::lsp::shared::Shared;
use crate::lsp::{actions, diagnostics, failed};

pub(super) fn capability() -> CodeActionProviderCapability {
    CodeActionProviderCapability::Options(CodeActionOptions {
        code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::REFACTOR_REWRITE, FIX_ALL]),
        ..CodeActionOptions::default()
    })
}

pub(in crate::lsp) async fn actions(shared: &Shared, params: CodeActionParams) -> Option<CodeActionResponse> {
    let CodeActionParams { text_document, range, context, .. } = params;
    let snapshot = shared.document(&text_document.uri)?;
    let (agreement, manual) = (shared.agreement(), shared.manual.clone());
    let offer = super::in_view(shared, "code actions", &snapshot, move |snapshot, view, workspace| {
        let lines = Lines::new(&snapshot.text, agreement.encoding);
        let loaded = snapshot.loaded(|snapshot| diagnostics::load(snapshot, workspace));
        let problems = diagnostics::problems(snapshot, loaded, view);
        let place = actions::Place {
            document: snapshot.document(),
            name: &snapshot.name,
            text: &snapshot.text,
            span: lines.span(range),
            problems: &problems,
            view,
        };
        let changed = Changed {
            uri: &text_document.uri,
            version: snapshot.version,
            lines: &lines,
            takes: agreement.changes,
            manual: manual.as_ref(),
        };
        let offered = actions::actions(&place).into_iter();
        offered.filter_map(|action| changes::action(action, &problems, &changed)).collect::<Vec<_>>()
    });
    let wanted = |kind: &CodeActionKind| {
        let is_below = |wanted: &CodeActionKind| {
            let rest = kind.as_str().strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| wanted.as_str().is_empty() || rest.is_empty() || rest.starts_with('.'))
        };
        context.only.as_ref().is_none_or(|only| only.iter().any(is_below))
    };
    let offered = offer.await?.into_iter().filter(|action| action.kind.as_ref().is_some_and(&wanted));
    Some(offered.map(CodeActionOrCommand::CodeAction).collect())
}

pub(in crate::lsp) async fn format(shared: &Shared, params: DocumentFormattingParams) -> Option<Vec<TextEdit>> {
    let snapshot = shared.document(&params.text_document.uri)?;
    let encoding = shared.agreement().encoding;
    let format = shared.feature("formatting", &snapshot, move |snapshot| {
        let edits = print::format(&snapshot.name, &snapshot.text)?;
        Some(changes::text_edits(edits, &Lines::new(&snapshot.text, encoding)))
    });
    format.await.flatten()
}

pub(in crate::lsp) async fn set_target(shared: &Shared, params: SetTarget) -> Result<WorkspaceEdit> {
    let SetTarget { uri, target, namespace, context } = params;
    let snapshot = super::meaning::open(shared, &uri)?;
    let target = Target::parse(&target).map_err(|error| failed(error.to_string()))?;
    let told = target.to_string();
    let wanted = Wanted { target: Target { namespace, ..target }, context };
    let agreement = shared.agreement();
    let edit = shared.feature("writing the target", &snapshot, move |snapshot| {
        let edits = retarget(&snapshot.name, &snapshot.text, &wanted)?;
        let uri = Url::parse(&snapshot.uri).ok()?;
        let lines = Lines::new(&snapshot.text, agreement.encoding);
        let changed =
            Changed { uri: &uri, version: snapshot.version, lines: &lines, takes: agreement.changes, manual: None };
        Some(changes::edited(edits, &changed))
    });
    edit.await.flatten().ok_or_else(|| {
        failed(format!(
            "{told} cannot be written into {}: its target stands somewhere else, and comes here by an anchor; change it there",
            snapshot.name
        ))
    })
}
