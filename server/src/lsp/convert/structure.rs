//! Outlines, folds, selections, links, lenses and notes as LSP has them.

use serde_json::json;
use tower_lsp::lsp_types::{
    CodeLens, Command, DocumentLink, DocumentSymbol, FoldingRange, FoldingRangeKind, InlayHint, InlayHintLabel,
    InlayHintTooltip, SelectionRange, SymbolKind as LspSymbolKind, Url,
};

use super::Lines;
use crate::lsp::folding::Fold;
use crate::lsp::inlay::Hint;
use crate::lsp::lens::{Act, Lens};
use crate::lsp::links::Link;
use crate::lsp::symbols::{Symbol, SymbolKind};
use config::Span;

pub(in crate::lsp) fn symbol(symbol: Symbol, lines: &Lines<'_>) -> DocumentSymbol {
    let Symbol { name, detail, kind, span, name_span, inner } = symbol;
    let kind = match kind {
        SymbolKind::Object => LspSymbolKind::OBJECT,
        SymbolKind::List => LspSymbolKind::ARRAY,
        SymbolKind::Text => LspSymbolKind::STRING,
        SymbolKind::Number => LspSymbolKind::NUMBER,
        SymbolKind::Bool => LspSymbolKind::BOOLEAN,
        SymbolKind::Null => LspSymbolKind::NULL,
    };
    let children: Vec<_> = inner.into_iter().map(|inner| self::symbol(inner, lines)).collect();
    #[expect(deprecated, reason = "the type has a field that is")]
    DocumentSymbol {
        name,
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: lines.range(span),
        selection_range: lines.range(name_span),
        children: (!children.is_empty()).then_some(children),
    }
}

pub(in crate::lsp) fn fold(fold: Fold, lines: &Lines<'_>) -> FoldingRange {
    let Fold { span, is_comment } = fold;
    let range = lines.range(span);
    FoldingRange {
        start_line: range.start.line,
        end_line: range.end.line,
        kind: is_comment.then_some(FoldingRangeKind::Comment),
        ..FoldingRange::default()
    }
}

/// A selection and what it grows to; `spans` begin with the innermost.
pub(in crate::lsp) fn selection(spans: &[Span], lines: &Lines<'_>) -> SelectionRange {
    let grown = spans
        .iter()
        .rev()
        .fold(None, |parent, span| Some(SelectionRange { range: lines.range(*span), parent: parent.map(Box::new) }));
    grown.unwrap_or_else(|| SelectionRange { range: lines.range(Span::default()), parent: None })
}

pub(in crate::lsp) fn link(link: &Link, target: Url, lines: &Lines<'_>) -> DocumentLink {
    let Link { span, file: _ } = link;
    DocumentLink { range: lines.range(*span), target: Some(target), tooltip: None, data: None }
}

/// A lens with the command that `editors/PROTOCOL.md` describes.
pub(in crate::lsp) fn lens(lens: Lens, uri: &Url, lines: &Lines<'_>) -> CodeLens {
    let Lens { span, title, act } = lens;
    let (command, argument) = match act {
        Act::Run(target) => ("mirrord.run", json!({ "uri": uri, "target": target })),
        Act::Debug(target) => ("mirrord.debug", json!({ "uri": uri, "target": target })),
        Act::Pick => ("mirrord.pick", json!({ "uri": uri })),
        Act::Stop(session) => ("mirrord.stop", json!(session)),
    };
    let command = Command { title, command: command.to_owned(), arguments: Some(vec![argument]) };
    CodeLens { range: lines.range(span), command: Some(command), data: None }
}

pub(in crate::lsp) fn hint(hint: Hint, lines: &Lines<'_>) -> InlayHint {
    let Hint { offset, label, tooltip } = hint;
    InlayHint {
        position: lines.position(offset),
        label: InlayHintLabel::String(label),
        kind: None,
        text_edits: None,
        tooltip: Some(InlayHintTooltip::String(tooltip)),
        padding_left: Some(true),
        padding_right: None,
        data: None,
    }
}
