//! The caret in TOML: tables, dotted keys and their values.

use std::collections::BTreeMap;

use config::document::{Span, Syntax, join};

use super::flow::{Flow, Walk, quoted, unquote};
use super::{Cursor, Key, Layout, Place, join_all};

/// What stands at `offset` in a text that is not empty.
pub(super) fn locate(text: &str, start: usize, offset: usize) -> Option<Cursor> {
    let mut reader = Reader { text, offset, table: String::new(), counts: BTreeMap::new() };
    let mut at = start;
    loop {
        let blank = text[at..].find(|c: char| !c.is_whitespace()).map_or(text.len(), |length| at + length);
        if offset < blank || blank == text.len() {
            return reader.on_blank(at);
        }
        let line_end = text[blank..].find('\n').map_or(text.len(), |length| blank + length);
        let end_of_line = blank + text[blank..line_end].trim_end_matches('\r').len();
        let step = match text[blank..].chars().next() {
            Some('#') if offset > blank && offset <= end_of_line => return None,
            Some('#') => Ok(end_of_line),
            Some('[') => reader.header(blank, end_of_line),
            _ => reader.statement(blank, end_of_line),
        };
        match step {
            Ok(next) => at = next.max(blank + 1),
            Err(cursor) => return cursor,
        }
    }
}

/// The byte where reading goes on, or the caret.
type Step = Result<usize, Option<Cursor>>;

struct Reader<'a> {
    text: &'a str,
    offset: usize,
    /// Pointer of the table that is open.
    table: String,
    /// How many tables each array of tables has so far.
    counts: BTreeMap<String, usize>,
}

/// A part of a dotted key.
struct Part {
    name: String,
    span: Span,
}

impl Reader<'_> {
    /// `[a.b]` or `[[a.b]]` at byte `at`.
    fn header(&mut self, at: usize, end: usize) -> Step {
        let brackets = if self.text[at..end].starts_with("[[") { 2 } else { 1 };
        let inner = at + brackets;
        let parts = self.parts(inner, end, ']');
        let close = parts.last().map_or(inner, |part| part.span.end);
        if self.offset > at && self.offset <= end {
            let closed_at = self.text[close..end].find(']').map_or(end, |length| close + length);
            if self.offset < inner || self.offset > closed_at {
                return Err(None);
            }
            let (before, replace) = self.split(&parts);
            let object = self.resolve(before.iter().map(|part| part.name.as_str()));
            let has_value = closed_at < end;
            return Err(Some(key(object, replace, Layout::TomlHeader, has_value)));
        }
        let mut pointer = self.resolve(parts.iter().map(|part| part.name.as_str()));
        if brackets == 2 {
            // `resolve` leads to the last table there is; this is one more.
            let array = match self.counts.keys().find(|array| join_index(array, &self.counts) == pointer) {
                Some(array) => array.clone(),
                None => pointer,
            };
            let count = self.counts.entry(array.clone()).or_default();
            *count += 1;
            pointer = join(&array, &(*count - 1).to_string());
        }
        self.table = pointer;
        Ok(end)
    }

    /// `a.b = value` at byte `at`.
    fn statement(&mut self, at: usize, end: usize) -> Step {
        let parts = self.parts(at, end, '=');
        let key_end = parts.last().map_or(at, |part| part.span.end);
        let equals = self.text[key_end..end].find('=').map(|length| key_end + length);
        let gap = &self.text[key_end..equals.unwrap_or(end)];
        let is_clean = gap.trim().is_empty();
        if self.offset <= equals.unwrap_or(end).min(key_end) && !parts.is_empty() {
            let (before, replace) = self.split(&parts);
            let object = join_all(&self.table, before.iter().map(|part| &part.name));
            let layout = if before.is_empty() { self.layout(end) } else { Layout::TomlInline };
            return Err(Some(key(object, replace, layout, equals.is_some())));
        }
        let Some(equals) = equals.filter(|_| is_clean && !parts.is_empty()) else {
            return if self.offset <= end { Err(None) } else { Ok(end) };
        };
        if self.offset <= equals {
            return Err(None);
        }
        let pointer = join_all(&self.table, parts.iter().map(|part| &part.name));
        let rest = &self.text[equals + 1..end];
        let value = equals + 1 + (rest.len() - rest.trim_start().len());
        self.value(&pointer, value, end)
    }

    fn value(&self, pointer: &str, at: usize, end: usize) -> Step {
        let written = &self.text[at..end];
        let place = |replace| {
            let (layout, present) = (Layout::TomlInline, Vec::new());
            Err(Some(Cursor::Value(Place {
                pointer: pointer.to_owned(),
                replace,
                layout,
                present,
                comma_at: None,
                comma_after: false,
            })))
        };
        if written.is_empty() || written.starts_with('#') {
            let free = self.offset <= at || written.is_empty();
            return match self.offset <= end {
                true if free => place(Span::new(self.offset, self.offset)),
                true => Err(None),
                false => Ok(end),
            };
        }
        if self.offset < at {
            return Err(None);
        }
        if written.starts_with(['{', '[']) && !written.starts_with("{{") && !written.starts_with("{%") {
            let flow = Flow { text: self.text, syntax: Syntax::Toml, offset: self.offset, margin: None };
            return match flow.walk(at, pointer) {
                Walk::Caret(cursor) => Err(cursor),
                Walk::End(end) => self.rest_of_line(end),
            };
        }
        let length = if written.starts_with(['"', '\'']) {
            quoted(&self.text[at..], Syntax::Toml).0
        } else {
            written.find('#').map_or(written, |comment| &written[..comment]).trim_end().len()
        };
        if self.offset <= at + length {
            return place(Span::new(at, at + length));
        }
        self.rest_of_line(at + length)
    }

    /// Behind a value nothing can be written.
    fn rest_of_line(&self, at: usize) -> Step {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        if self.offset <= end { Err(None) } else { Ok(end) }
    }

    /// The caret in the white space from `at` on, which is in a line of its own or at the end of one.
    fn on_blank(&self, at: usize) -> Option<Cursor> {
        let line = self.text[..self.offset].rfind('\n').map_or(0, |newline| newline + 1);
        if line < at && at > 0 && !self.text[line..at].trim_matches(['\u{feff}', ' ', '\t']).is_empty() {
            return None;
        }
        let here = Span::new(self.offset, self.offset);
        Some(key(self.table.clone(), here, self.layout(self.offset), false))
    }

    /// How a key is written when the text goes on at `at`.
    fn layout(&self, at: usize) -> Layout {
        let has_index = self.table.split('/').any(|part| part.parse::<usize>().is_ok());
        let mut rest = self.text[at..].lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let is_last = rest.next().is_none_or(|line| line.starts_with('['));
        if is_last && !has_index { Layout::TomlTable } else { Layout::TomlInline }
    }

    /// The parts of the dotted key from `at`, up to `stop` or the end of the line. A part that is still to be typed,
    /// behind the last dot, is empty.
    fn parts(&self, mut at: usize, end: usize, stop: char) -> Vec<Part> {
        let mut parts = Vec::new();
        loop {
            let rest = &self.text[at..end];
            at += rest.len() - rest.trim_start().len();
            let rest = &self.text[at..end];
            let length = if rest.starts_with(['"', '\'']) {
                quoted(rest, Syntax::Toml).0
            } else {
                let ends = |c: char| c == '.' || c == stop || c.is_whitespace() || c == '#';
                rest.find(ends).unwrap_or(rest.len())
            };
            let span = Span::new(at, at + length);
            parts.push(Part { name: unquote(&self.text[at..span.end], Syntax::Toml), span });
            let after = self.text[span.end..end].trim_start();
            let Some(next) = after.strip_prefix('.') else { return parts };
            at = end - next.len();
        }
    }

    /// The parts in front of the one with the caret, and its place.
    fn split<'a>(&self, parts: &'a [Part]) -> (&'a [Part], Span) {
        let here = Span::new(self.offset, self.offset);
        match parts.iter().position(|part| part.span.touches(self.offset)) {
            Some(index) => (&parts[..index], parts[index].span),
            None => (&parts[..parts.iter().filter(|part| part.span.end < self.offset).count()], here),
        }
    }

    /// The pointer of a table by its dotted name: in arrays of tables, that of the last one.
    fn resolve<'b>(&self, parts: impl Iterator<Item = &'b str>) -> String {
        parts.fold(String::new(), |pointer, part| {
            let pointer = join(&pointer, part);
            if self.counts.contains_key(&pointer) { join_index(&pointer, &self.counts) } else { pointer }
        })
    }
}

/// The pointer of the last table of an array of tables.
fn join_index(array: &str, counts: &BTreeMap<String, usize>) -> String {
    let count = counts.get(array).copied().unwrap_or_default();
    join(array, &count.saturating_sub(1).to_string())
}

fn key(object: String, replace: Span, layout: Layout, has_value: bool) -> Cursor {
    let present = Vec::new();
    Cursor::Key(Key { object, present, replace, layout, has_value, comma_at: None, comma_after: false })
}
