//! From bytes of the output to bytes of the source.

use super::tags::{Kind, Piece};
use crate::document::Span;

/// Where a stretch of output comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) piece: usize,
    /// The first byte of the source that came out there.
    pub(super) start: usize,
}

/// The stretches of an output, in order.
pub(in crate::document) struct Map {
    stretches: Vec<Stretch>,
    /// What expressions made, by where they stand; `None` for those that failed.
    pub(in crate::document) generated: Vec<(Span, Option<String>)>,
}

struct Stretch {
    /// First byte in the output.
    at: usize,
    piece: usize,
    source: Span,
    is_text: bool,
}

/// Longest part of a generated value that is shown to people.
const SHOWN_CHARS: usize = 60;

impl Map {
    /// What `is_unknown` pieces make is not known.
    pub(super) fn new(
        output: &str,
        marks: &[(usize, Mark)],
        pieces: &[Piece],
        is_unknown: impl Fn(usize) -> bool,
    ) -> Self {
        let mut generated: Vec<(Span, Option<String>)> = Vec::new();
        let mut stretches: Vec<Stretch> = Vec::new();
        for (index, (at, mark)) in marks.iter().enumerate() {
            let Some(piece) = pieces.get(mark.piece) else { continue };
            let is_text = piece.kind == Kind::Text;
            let source = Span::new(mark.start, piece.span.end);
            stretches.push(Stretch { at: *at, piece: mark.piece, source, is_text });
            if !is_text {
                let end = marks.get(index + 1).map_or(output.len(), |(at, _)| *at);
                let made = output.get(*at..end).unwrap_or_default();
                let shown = made.chars().take(SHOWN_CHARS).collect();
                generated.push((source, Some(shown).filter(|_| !is_unknown(mark.piece))));
            }
        }
        generated.sort_by_key(|(span, _)| span.start);
        generated.dedup_by_key(|(span, _)| span.start);
        Self { stretches, generated }
    }

    /// Where a span of the output was written: an expression as a whole, text to the byte.
    pub(in crate::document) fn span(&self, span: Span) -> Span {
        let start = self.start(span.start);
        let end = if span.end > span.start { self.end(span.end) } else { start };
        Span::new(start, end.max(start))
    }

    fn start(&self, at: usize) -> usize {
        let after = self.stretches.partition_point(|stretch| stretch.at <= at);
        match after.checked_sub(1).map(|index| &self.stretches[index]) {
            None => 0,
            Some(stretch) if stretch.is_text => (stretch.source.start + at - stretch.at).min(stretch.source.end),
            Some(stretch) => stretch.source.start,
        }
    }

    fn end(&self, at: usize) -> usize {
        let after = self.stretches.partition_point(|stretch| stretch.at < at);
        match after.checked_sub(1).map(|index| &self.stretches[index]) {
            None => 0,
            Some(stretch) if stretch.is_text => (stretch.source.start + at - stretch.at).min(stretch.source.end),
            Some(stretch) => stretch.source.end,
        }
    }

    /// Where in an output of `length` bytes the pieces came out that `wanted` accepts.
    pub(super) fn outputs_of(&self, wanted: impl Fn(usize) -> bool, length: usize) -> Vec<Span> {
        let ends = self.stretches.iter().skip(1).map(|stretch| stretch.at).chain([length]);
        let spans = self.stretches.iter().zip(ends).filter(|(stretch, _)| wanted(stretch.piece));
        spans.map(|(stretch, end)| Span::new(stretch.at, end)).collect()
    }
}
