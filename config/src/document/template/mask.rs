//! A text whose tags are hidden from the parsers, byte for byte.

use std::borrow::Cow;

use super::render::Rendered;
use super::tags::{Kind, Piece, pieces};
use crate::document::Span;

/// A text for a parser: what it must not see is filled up, with the same number of bytes.
pub(in crate::document) struct Masked<'a> {
    /// What the parser reads.
    pub(in crate::document) text: Cow<'a, str>,
    /// What a user wrote there.
    pub(in crate::document) raw: Cow<'a, str>,
    /// What is filled up, in order.
    pub(in crate::document) hidden: Vec<Span>,
    /// Whether blocks are hidden: then text that excludes each other stands side by side.
    pub(in crate::document) has_blocks: bool,
}

impl<'a> Masked<'a> {
    /// Hides the tags of `text`: an expression looks like a word, anything else like space.
    pub(in crate::document) fn tags(text: &'a str) -> Self {
        let tags: Vec<Piece> = pieces(text).into_iter().filter(|piece| piece.kind != Kind::Text).collect();
        let mut filled = Cow::Borrowed(text);
        if !tags.is_empty() {
            let mut bytes = text.as_bytes().to_vec();
            for Piece { kind, span, .. } in &tags {
                bytes[span.start..span.end].fill(if *kind == Kind::Expression { b'x' } else { b' ' });
            }
            // Tags begin and end at characters, so this never replaces anything.
            filled = Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
        }
        Self {
            text: filled,
            raw: Cow::Borrowed(text),
            has_blocks: tags.iter().any(|piece| piece.kind == Kind::Block),
            hidden: tags.into_iter().map(|piece| piece.span).collect(),
        }
    }

    /// A text without anything to hide.
    pub(in crate::document) fn plain(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), raw: Cow::Borrowed(text), hidden: Vec::new(), has_blocks: false }
    }

    /// A rendered text, in which expressions without a value are hidden; `source` is what it was rendered from.
    pub(in crate::document) fn rendered(rendered: &'a Rendered, source: &str) -> Self {
        let mut raw = Cow::Borrowed(rendered.text.as_str());
        for hidden in rendered.unknown.iter().rev() {
            let written = rendered.map.span(*hidden);
            if written.end - written.start == hidden.end - hidden.start {
                raw.to_mut().replace_range(hidden.start..hidden.end, &source[written.start..written.end]);
            }
        }
        Self { text: Cow::Borrowed(&rendered.text), raw, hidden: rendered.unknown.clone(), has_blocks: false }
    }

    /// Whether something hidden lies in `span`.
    pub(in crate::document) fn hides(&self, span: Span) -> bool {
        let first = self.hidden.partition_point(|hidden| hidden.end <= span.start);
        self.hidden.get(first).is_some_and(|hidden| hidden.start < span.end)
    }

    /// What the user wrote at `span`, without quotes, if something in it is hidden.
    pub(in crate::document) fn template(&self, span: Span) -> Option<String> {
        if self.hidden.is_empty() || !self.hides(span) {
            return None;
        }
        let raw = &self.raw[span.start..span.end];
        let inner = ["\"\"\"", "'''", "\"", "'"].iter().find_map(|quote| {
            let inner = raw.strip_prefix(quote)?;
            Some(inner.strip_suffix(quote).unwrap_or(inner))
        });
        Some(inner.unwrap_or(raw).to_owned())
    }
}
