//! Where the tags of a template stand in a text.

use crate::document::Span;

/// A stretch of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// With the brackets.
    pub(super) span: Span,
    /// Whether the closing bracket is there.
    pub(super) closed: bool,
}

/// What a stretch of a template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes out as it is, whatever it looks like.
    Text,
    /// `{{ … }}`
    Expression,
    /// `{% … %}`
    Block,
    /// `{# … #}`
    Comment,
}

impl Piece {
    /// What stands between the brackets, without the dashes that trim the text around.
    pub(super) fn inner(self, text: &str) -> &str {
        let inner = text[self.span.start..self.span.end].get(2..).unwrap_or_default();
        let inner = if self.closed { &inner[..inner.len() - 2] } else { inner };
        let inner = inner.strip_prefix('-').unwrap_or(inner);
        inner.strip_suffix('-').unwrap_or(inner).trim()
    }

    /// The first word of a block: `if`, `for`, `endif`, …
    pub(super) fn word(self, text: &str) -> &str {
        self.inner(text).split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    }

    pub(super) fn trims_before(self, text: &str) -> bool {
        self.kind != Kind::Text && text[self.span.start..].get(2..3) == Some("-")
    }

    pub(super) fn trims_after(self, text: &str) -> bool {
        let inner = self.span.start + 2..self.span.end.saturating_sub(2);
        self.kind != Kind::Text && self.closed && text.get(inner).is_some_and(|inner| inner.ends_with('-'))
    }
}

/// The stretches of `text`, one after the other, without gaps.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut raw = false;
    let mut unclosed = Vec::new();
    while let Some(found) = text[at..].find('{') {
        let open = at + found;
        let kind = match text.as_bytes().get(open + 1) {
            Some(b'{') if !raw => Kind::Expression,
            Some(b'#') if !raw => Kind::Comment,
            Some(b'%') => Kind::Block,
            _ => {
                at = open + 1;
                continue;
            }
        };
        let (end, closed) = end_of(text, open, kind, &mut unclosed);
        let piece = Piece { kind, span: Span::new(open, end), closed };
        if kind == Kind::Block {
            let word = piece.word(text);
            if raw && word != "endraw" {
                at = open + 2;
                continue;
            }
            raw = word == "raw";
        }
        if start < open {
            pieces.push(Piece { kind: Kind::Text, span: Span::new(start, open), closed: true });
        }
        pieces.push(piece);
        (start, at) = (end, end);
    }
    if start < text.len() {
        pieces.push(Piece { kind: Kind::Text, span: Span::new(start, text.len()), closed: true });
    }
    pieces
}

/// Where the tag at `open` ends, and whether it does. One that is never closed ends with its line, or before the
/// quote that closes the text around it.
///
/// `unclosed` remembers the brackets that were looked for to the end of the text in vain: each is looked for once.
fn end_of(text: &str, open: usize, kind: Kind, unclosed: &mut Vec<&'static str>) -> (usize, bool) {
    let close = match kind {
        Kind::Expression => "}}",
        Kind::Block => "%}",
        Kind::Comment | Kind::Text => "#}",
    };
    let inside = &text[open + 2..];
    // Quotes hide brackets; quotes that do not fit are mistakes inside of the tag, which ends all the same.
    if !unclosed.contains(&close) {
        let quoted = if kind == Kind::Comment { None } else { end_outside_quotes(inside, close) };
        if let Some(length) = quoted.or_else(|| inside.find(close)) {
            return (open + 2 + length + 2, true);
        }
        unclosed.push(close);
    }
    (open + 2 + inside.find(['\n', '\r', '"', '\'']).unwrap_or(inside.len()), false)
}

/// Longest tag in which quotes are looked at, so that many open quotes do not cost quadratic time.
const MAX_TAG_BYTES: usize = 4096;

fn end_outside_quotes(inside: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate().take(MAX_TAG_BYTES) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some(open) if byte == open => quote = None,
            None if matches!(byte, b'"' | b'\'' | b'`') => quote = Some(byte),
            None if inside.as_bytes()[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let pieces = pieces(text);
        let lines: Vec<_> = pieces
            .iter()
            .map(|piece| {
                let open = if piece.closed { "" } else { " open" };
                format!("{:?}{open} {:?}\n", piece.kind, &text[piece.span.start..piece.span.end])
            })
            .collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn tags_end_where_a_reader_sees_it() {
        check(
            r#"a {{ x }} b{% raw %}{{ y }}{% endraw %}{# {{ #}{{ "}}" }}{{ 'a' "#,
            &expect![[r#"
                Text "a "
                Expression "{{ x }}"
                Text " b"
                Block "{% raw %}"
                Text "{{ y }}"
                Block "{% endraw %}"
                Comment "{# {{ #}"
                Expression "{{ \"}}\" }}"
                Expression open "{{ "
                Text "'a' "
            "#]],
        );
    }
}
