//! From characters, which the YAML parser counts, to bytes.

use super::Span;

/// Distance of the characters whose bytes are remembered: lookups walk at most this far, and a table of 10 MiB of text
/// stays small.
const STRIDE: usize = 64;

pub(super) struct Offsets<'a> {
    text: &'a str,
    /// Bytes in front of `text`.
    before: usize,
    /// Bytes at each `STRIDE`th character; empty when characters are bytes.
    stops: Vec<usize>,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(text: &'a str, before: usize) -> Self {
        let stops =
            if text.is_ascii() { Vec::new() } else { text.char_indices().step_by(STRIDE).map(|(at, _)| at).collect() };
        Self { text, before, stops }
    }

    /// The byte at which character `index` begins.
    pub(super) fn byte(&self, index: usize) -> usize {
        let byte = match self.stops.get(index / STRIDE) {
            _ if self.stops.is_empty() => index.min(self.text.len()),
            None => self.text.len(),
            Some(stop) => {
                let rest = &self.text[*stop..];
                stop + rest.char_indices().nth(index % STRIDE).map_or(rest.len(), |(at, _)| at)
            }
        };
        self.before + byte
    }

    pub(super) fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        Span::new(start, self.byte(span.end.index()).max(start))
    }
}
