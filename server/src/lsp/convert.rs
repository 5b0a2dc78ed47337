//! Between LSP's types and ours.

pub(super) mod changes;
pub(super) mod structure;

use config::document::Span;
use config::{Code, Problem, Severity};
use protocol::text::harmless_lines;
use tower_lsp::lsp_types::{
    self as lsp, ClientCapabilities, CodeDescription, CompletionItem, CompletionItemKind, CompletionItemTag,
    CompletionList, CompletionResponse, CompletionTextEdit, Diagnostic, DiagnosticSeverity, DiagnosticTag,
    Documentation, HoverContents, InsertTextFormat, InsertTextMode, MarkupContent, MarkupKind, NumberOrString,
    Position, PositionEncodingKind, Range, TextEdit, Url,
};

use super::completion::{Completions, Item, ItemKind};
use super::hover::Hover;

/// The name beside our diagnostics.
const SOURCE: &str = "mirrord";

/// In which units an editor counts columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, which every editor knows.
    #[default]
    Utf16,
}

impl Encoding {
    /// UTF-8 if the editor knows it: no conversion.
    pub(super) fn choose(client: &ClientCapabilities) -> Self {
        let offered = client.general.as_ref().and_then(|general| general.position_encodings.as_ref());
        match offered {
            Some(kinds) if kinds.contains(&PositionEncodingKind::UTF8) => Encoding::Utf8,
            _ => Encoding::Utf16,
        }
    }

    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn length(self, text: &str) -> usize {
        match self {
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// Whether inserted text may have stops.
pub(super) fn takes_snippets(client: &ClientCapabilities) -> bool {
    let completion = client.text_document.as_ref().and_then(|document| document.completion.as_ref());
    completion.and_then(|completion| completion.completion_item.as_ref()?.snippet_support).unwrap_or(false)
}

/// A text and where its lines begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, encoding: Encoding) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts, encoding }
    }

    /// The position of a byte; bytes past the end mean the end.
    pub(super) fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let column = self.encoding.length(&self.text[self.starts[line]..offset]);
        Position::new(count(line), count(column))
    }

    /// The byte at a position. Columns past the end of a line mean its end, as LSP has it.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else { return self.text.len() };
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let content = self.text[start..end].trim_end_matches('\r');
        let mut left = position.character as usize;
        for (at, c) in content.char_indices() {
            let width = match self.encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
            };
            if left < width {
                return start + at;
            }
            left -= width;
        }
        start + content.len()
    }

    /// The bytes of a range.
    pub(super) fn span(&self, range: Range) -> Span {
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        Span::new(start, end.max(start))
    }

    pub(super) fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }
}

/// LSP counts in 32 bits; a text beyond that is cut off, not wrapped.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn diagnostic(problem: Problem, lines: &Lines<'_>, manual: Option<&Url>) -> Diagnostic {
    let Problem { severity, code, pointer: _, span, message, help, fix: _ } = problem;
    let severity = match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Hint => DiagnosticSeverity::HINT,
    };
    let tags = match code {
        Code::NoEffect => Some(vec![DiagnosticTag::UNNECESSARY]),
        Code::DeprecatedKey => Some(vec![DiagnosticTag::DEPRECATED]),
        _ => None,
    };
    let explained = manual.map(|manual| {
        let mut href = manual.clone();
        href.set_fragment(Some(&code.anchor()));
        CodeDescription { href }
    });
    Diagnostic {
        range: lines.range(span),
        severity: Some(severity),
        code: Some(NumberOrString::String(code.as_str().to_owned())),
        source: Some(SOURCE.to_owned()),
        message: harmless_lines(&help.map_or(message.clone(), |help| format!("{message}; {help}"))),
        code_description: explained,
        tags,
        ..Diagnostic::default()
    }
}

pub(super) fn completion(found: Completions, lines: &Lines<'_>, snippets: bool) -> CompletionResponse {
    let Completions { items, incomplete } = found;
    let items =
        items.into_iter().enumerate().map(|(rank, item)| completion_item(rank, item, lines, snippets)).collect();
    CompletionResponse::List(CompletionList { is_incomplete: incomplete, items })
}

fn completion_item(rank: usize, item: Item, lines: &Lines<'_>, snippets: bool) -> CompletionItem {
    let Item { label, kind, detail, documentation, filter, deprecated, replace, snippet, plain, comma_at } = item;
    let kind = match kind {
        ItemKind::Key => CompletionItemKind::PROPERTY,
        ItemKind::Value => CompletionItemKind::VALUE,
        ItemKind::Block => CompletionItemKind::SNIPPET,
        ItemKind::Live => CompletionItemKind::REFERENCE,
    };
    // What has no stops is written as it is, with the margins that it brings.
    let (new_text, format, mode) = if snippets && snippet.contains('$') {
        (snippet, InsertTextFormat::SNIPPET, None)
    } else {
        let several_lines = plain.contains('\n');
        (plain, InsertTextFormat::PLAIN_TEXT, several_lines.then_some(InsertTextMode::AS_IS))
    };
    let comma = |at| TextEdit { range: lines.range(Span::new(at, at)), new_text: ",".to_owned() };
    // What is shown; what is written is the document's own business.
    let shown = |text: String| harmless_lines(&text);
    CompletionItem {
        label: shown(label),
        filter_text: Some(filter),
        kind: Some(kind),
        detail: detail.map(shown),
        documentation: documentation
            .map(shown)
            .map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
        tags: deprecated.then(|| vec![CompletionItemTag::DEPRECATED]),
        sort_text: Some(format!("{rank:04}")),
        insert_text_format: Some(format),
        insert_text_mode: mode,
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: lines.range(replace), new_text })),
        additional_text_edits: comma_at.map(|at| vec![comma(at)]),
        ..CompletionItem::default()
    }
}

pub(super) fn hover(hover: Hover, lines: &Lines<'_>) -> lsp::Hover {
    let Hover { span, markdown } = hover;
    let contents =
        HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: harmless_lines(&markdown) });
    lsp::Hover { contents, range: Some(lines.range(span)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_in_the_agreed_units() {
        let text = "a\r\n😀é\"x\n";
        for (encoding, column) in [(Encoding::Utf8, 6), (Encoding::Utf16, 3)] {
            let lines = Lines::new(text, encoding);
            let offset = text.find('"').expect("is there");
            assert_eq!(lines.position(offset), Position::new(1, column));
            assert_eq!(lines.offset(Position::new(1, column)), offset);
        }
    }

    #[test]
    fn what_a_cluster_says_turns_nothing_around_in_an_editor() {
        let text = "a\u{1b}]0;x\u{7}\u{202e}\nb";
        let lines = Lines::new("", Encoding::Utf16);
        let shown = hover(Hover { span: Span::new(0, 0), markdown: text.to_owned() }, &lines);
        let HoverContents::Markup(MarkupContent { value, .. }) = shown.contents else { panic!("{shown:?}") };
        assert_eq!(value, "a\\u{1b}]0;x\\u{7}\\u{202e}\nb");
    }

    #[test]
    fn every_boundary_survives_a_round_trip() {
        let text = "{\n  \"é\": \"😀\u{1f468}\u{200d}\u{1f469}\",\n}";
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let lines = Lines::new(text, encoding);
            for (offset, _) in text.char_indices() {
                assert_eq!(lines.offset(lines.position(offset)), offset);
            }
        }
    }

    #[test]
    fn positions_outside_mean_the_nearest_place() {
        let lines = Lines::new("ab\r\nc", Encoding::Utf16);
        assert_eq!(lines.offset(Position::new(0, 99)), 2);
        assert_eq!(lines.offset(Position::new(9, 0)), 5);
        assert_eq!(lines.position(99), Position::new(1, 1));
        // The middle of a character that two units form.
        assert_eq!(Lines::new("😀", Encoding::Utf16).offset(Position::new(0, 1)), 0);
    }
}
