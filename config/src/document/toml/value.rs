//! Values of TOML: scalars, arrays, inline tables.

use serde_json::Number;
use toml_parser::decoder::{Encoding, IntegerRadix, ScalarKind};
use toml_parser::parser::EventKind;
use toml_parser::{Raw, Source, Span as RawSpan};

use super::{Code, Key, Node, Problem, Reader, Sink, Span, Statement, tables};
use crate::document::{MAX_DEPTH, MAX_PROBLEMS, Value};

/// A value that is not there yet.
pub(super) fn broken(at: usize) -> Node {
    Node { value: Value::Broken, span: Span::new(at, at) }
}

impl Reader<'_> {
    /// The value that comes next; `after` is where it would begin.
    pub(super) fn value(&mut self, source: Source<'_>, after: usize) -> Node {
        match self.peek() {
            Some(EventKind::Scalar) => match self.next() {
                Some((_, encoding, span)) => self.scalar(source, encoding, span),
                None => broken(after),
            },
            Some(EventKind::ArrayOpen) => self.array(source),
            Some(EventKind::InlineTableOpen) => self.inline_table(source),
            _ => broken(after),
        }
    }

    fn array(&mut self, source: Source<'_>) -> Node {
        let start = self.next().map_or(0, |(_, _, span)| span.start);
        let mut items = Vec::new();
        let mut end = start + 1;
        if self.is_too_deep(start) {
            return Node { value: Value::Broken, span: Span::new(start, end) };
        }
        loop {
            match self.peek() {
                Some(EventKind::ArrayClose) => {
                    end = self.next().map_or(end, |(_, _, span)| span.end);
                    break;
                }
                Some(EventKind::ValueSep) => end = self.next().map_or(end, |(_, _, span)| span.end),
                Some(EventKind::Scalar | EventKind::ArrayOpen | EventKind::InlineTableOpen) => {
                    let item = self.value(source, end);
                    end = item.span.end;
                    items.push(item);
                }
                _ => break,
            }
        }
        self.depth -= 1;
        Node { value: Value::Array(items), span: Span::new(start, end) }
    }

    fn inline_table(&mut self, source: Source<'_>) -> Node {
        let start = self.next().map_or(0, |(_, _, span)| span.start);
        let mut pairs: Vec<Statement> = Vec::new();
        let mut end = start + 1;
        if self.is_too_deep(start) {
            return Node { value: Value::Broken, span: Span::new(start, end) };
        }
        loop {
            match self.peek() {
                Some(EventKind::InlineTableClose) => {
                    end = self.next().map_or(end, |(_, _, span)| span.end);
                    break;
                }
                Some(EventKind::ValueSep) => {
                    end = self.next().map_or(end, |(_, _, span)| span.end);
                    if let Some(pair) = pairs.last_mut() {
                        pair.span.end = end;
                    }
                }
                Some(EventKind::SimpleKey) => {
                    let (keys, value) = self.pair(source);
                    let first = keys.first().map_or(value.span.start, |key: &Key| key.span.start);
                    end = keys.last().map_or(end, |key| key.span.end).max(value.span.end);
                    pairs.push(Statement { keys, span: Span::new(first, end), kind: super::Kind::Pair(value) });
                }
                _ => break,
            }
        }
        self.depth -= 1;
        tables::inline(pairs, Span::new(start, end), &mut self.problems)
    }

    /// Goes one level down, or says that there are too many.
    fn is_too_deep(&mut self, start: usize) -> bool {
        // The parser's own bound has dropped what lies deeper.
        if self.depth + 1 < MAX_DEPTH {
            self.depth += 1;
            return false;
        }
        // What the parser says about the many brackets must not hide it.
        self.problems.truncate(MAX_PROBLEMS - 1);
        self.problem(
            Code::Syntax,
            Span::new(start, start + 1),
            "nested too deeply",
            "no configuration needs more than ten levels",
        );
        while !matches!(self.peek(), None | Some(EventKind::StdTableOpen | EventKind::ArrayTableOpen)) {
            self.at += 1;
        }
        true
    }

    pub(super) fn key(&mut self, source: Source<'_>) -> Option<Key> {
        let (_, encoding, span) = self.next()?;
        if let Some(name) = self.masked.template(span) {
            return Some(Key { name, span });
        }
        let mut name = String::new();
        let raw = self.raw(source, encoding, span)?;
        let mut sink = Sink { masked: self.masked, mark: self.mark, problems: &mut self.problems };
        raw.decode_key(&mut Text(&mut name), &mut sink);
        Some(Key { name, span })
    }

    fn raw<'s>(&self, source: Source<'s>, encoding: Option<Encoding>, span: Span) -> Option<Raw<'s>> {
        let raw = RawSpan::new_unchecked(span.start - self.mark, span.end - self.mark);
        Some(Raw::new_unchecked(source.input().get(raw.start()..raw.end())?, encoding, raw))
    }

    fn scalar(&mut self, source: Source<'_>, encoding: Option<Encoding>, span: Span) -> Node {
        if let Some(template) = self.masked.template(span) {
            return Node { value: Value::Template(template), span };
        }
        if span.start == span.end {
            let before = self.masked.text[..span.start].trim_end();
            let shown = before.len() - before.chars().next_back().map_or(0, char::len_utf8);
            self.problem(Code::Syntax, Span::new(shown, before.len()), "a value is missing after this", "write one");
            return broken(span.start);
        }
        let Some(raw) = self.raw(source, encoding, span) else { return broken(span.start) };
        let known = self.problems.len();
        let mut text = String::new();
        let mut sink = Sink { masked: self.masked, mark: self.mark, problems: &mut self.problems };
        let kind = raw.decode_scalar(&mut Text(&mut text), &mut sink);
        if self.problems.len() > known {
            // Text keeps what could be read of it; anything else means nothing.
            let value = if encoding.is_some() { Value::String(text) } else { Value::Broken };
            return Node { value, span };
        }
        let value = match kind {
            ScalarKind::String => Value::String(text),
            ScalarKind::Boolean(flag) => Value::Bool(flag),
            ScalarKind::DateTime => {
                self.problem(Code::WrongType, span, "no key takes a date", "write it as text, in quotes");
                Value::Broken
            }
            ScalarKind::Integer(radix) => integer(&text, radix).map_or_else(
                || {
                    self.problem(Code::Syntax, span, "this number is too large", "no key takes so large a number");
                    Value::Broken
                },
                Value::Number,
            ),
            ScalarKind::Float => text.parse().ok().and_then(Number::from_f64).map_or_else(
                || {
                    self.problem(Code::WrongType, span, "no key takes this number", "write a finite one");
                    Value::Broken
                },
                Value::Number,
            ),
        };
        Node { value, span }
    }

    pub(super) fn problem(&mut self, code: Code, span: Span, message: &str, help: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(code, "", span, message).help(help));
        }
    }
}

/// The decoder leaves the digits without underscores and prefix.
fn integer(text: &str, radix: IntegerRadix) -> Option<Number> {
    i64::from_str_radix(text, radix.value()).ok().map(Number::from)
}

/// Collects decoded text.
struct Text<'a>(&'a mut String);

impl<'s> toml_parser::decoder::StringBuilder<'s> for Text<'_> {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn push_str(&mut self, append: &'s str) -> bool {
        self.0.push_str(append);
        true
    }

    fn push_char(&mut self, append: char) -> bool {
        self.0.push(append);
        true
    }
}
