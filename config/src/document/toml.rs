//! TOML: the events of a parser that recovers from mistakes become statements, and statements a tree.

mod tables;
mod value;

use toml_parser::decoder::Encoding;
use toml_parser::parser::{Event, EventKind, RecursionGuard, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Source};

use super::template::Masked;
use super::{MAX_DEPTH, MAX_PROBLEMS, Node, Span};
use crate::problem::{Code, Problem};

/// A header or a pair, as it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// The key, or what stands between the brackets of a header.
    pub(super) keys: Vec<Key>,
    /// Without trailing space.
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `[a.b]`
    Table,
    /// `[[a.b]]`
    Item,
    /// `a.b = value`
    Pair(Node),
}

/// One part of a dotted key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Span,
}

/// How deep the parser itself may go: somewhat deeper than [`MAX_DEPTH`], so that we are the ones to report it.
const GUARD_DEPTH: u32 = 80;

/// The tree of a text and its syntax problems.
pub(super) fn parse(masked: &Masked<'_>) -> (Node, Vec<Problem>) {
    let (statements, mut problems) = statements(masked);
    let root = tables::tree(statements, masked.text.len(), &mut problems);
    problems.truncate(MAX_PROBLEMS);
    (root, problems)
}

/// The headers and pairs of a text in their order, and its syntax problems.
pub(super) fn statements(masked: &Masked<'_>) -> (Vec<Statement>, Vec<Problem>) {
    let text = &*masked.text;
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { masked, mark, events: Vec::new(), at: 0, problems: Vec::new(), depth: 0 };
    let source = Source::new(&text[mark..]);
    let tokens = source.lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    {
        let mut sink = Sink { masked, mark, problems: &mut reader.problems };
        let mut guard = RecursionGuard::new(&mut events, GUARD_DEPTH);
        parse_document(&tokens, &mut guard, &mut sink);
    }
    reader.events = events;
    let mut statements = Vec::new();
    while let Some(statement) = reader.statement(source) {
        statements.push(statement);
    }
    (statements, reader.problems)
}

struct Sink<'a> {
    masked: &'a Masked<'a>,
    mark: usize,
    problems: &'a mut Vec<Problem>,
}

impl ErrorSink for Sink<'_> {
    fn report_error(&mut self, error: ParseError) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let place = error.unexpected().or(error.context()).unwrap_or_default();
        let span = widened(&self.masked.text, place.start() + self.mark, place.end() + self.mark);
        let context = error.context().map(|context| Span::new(context.start() + self.mark, context.end() + self.mark));
        if self.masked.hides(span) || context.is_some_and(|context| self.masked.hides(context)) {
            return;
        }
        // The reader of the events says that once.
        if error.description().contains("recursion") {
            return;
        }
        let mut problem = Problem::new(Code::Syntax, "", span, error.description());
        if let Some(expected) = error.expected().filter(|expected| !expected.is_empty()) {
            let names: Vec<_> = expected.iter().filter_map(name).collect();
            problem = problem.help(format!("expected {}", names.join(", ")));
        }
        self.problems.push(problem);
    }
}

fn name(expected: &Expected) -> Option<String> {
    match expected {
        Expected::Literal(text) => Some(format!("`{}`", text.escape_debug())),
        Expected::Description(text) => Some((*text).to_owned()),
        _ => None,
    }
}

/// A span that shows at least one character, where there is one.
fn widened(text: &str, start: usize, end: usize) -> Span {
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    if start == end {
        match text[start..].chars().next().filter(|c| *c != '\n' && *c != '\r') {
            Some(c) => end += c.len_utf8(),
            None => start -= text[..start].chars().next_back().filter(|c| *c != '\n').map_or(0, char::len_utf8),
        }
    }
    Span::new(start, end)
}

struct Reader<'a> {
    masked: &'a Masked<'a>,
    /// Length of the byte order mark, which the parser is not shown.
    mark: usize,
    events: Vec<Event>,
    at: usize,
    problems: Vec<Problem>,
    /// How many containers are open.
    depth: usize,
}

impl Reader<'_> {
    fn span(&self, event: &Event) -> Span {
        let span = event.span();
        Span::new(span.start() + self.mark, span.end() + self.mark)
    }

    /// The next event that is no space and no comment, without taking it.
    fn peek(&mut self) -> Option<EventKind> {
        loop {
            match self.events.get(self.at)?.kind() {
                EventKind::Whitespace | EventKind::Comment | EventKind::Newline | EventKind::Error => self.at += 1,
                kind => return Some(kind),
            }
        }
    }

    fn next(&mut self) -> Option<(EventKind, Option<Encoding>, Span)> {
        self.peek()?;
        let event = self.events.get(self.at)?;
        let found = (event.kind(), event.encoding(), self.span(event));
        self.at += 1;
        Some(found)
    }

    fn statement(&mut self, source: Source<'_>) -> Option<Statement> {
        loop {
            match self.peek()? {
                kind @ (EventKind::StdTableOpen | EventKind::ArrayTableOpen) => {
                    let (_, _, open) = self.next()?;
                    let keys = self.keys(source);
                    let mut end = keys.last().map_or(open.end, |key| key.span.end);
                    if matches!(self.peek(), Some(EventKind::StdTableClose | EventKind::ArrayTableClose)) {
                        let (_, _, close) = self.next()?;
                        end = close.end;
                    }
                    let is_item = matches!(kind, EventKind::ArrayTableOpen);
                    let kind = if is_item { Kind::Item } else { Kind::Table };
                    return Some(Statement { keys, span: Span::new(open.start, end), kind });
                }
                EventKind::SimpleKey => {
                    let (keys, value) = self.pair(source);
                    let start = keys.first().map_or(value.span.start, |key| key.span.start);
                    let end = keys.last().map_or(value.span.end, |key| key.span.end).max(value.span.end);
                    return Some(Statement { keys, span: Span::new(start, end), kind: Kind::Pair(value) });
                }
                // A piece of something broken; the parser has said so.
                _ => self.at += 1,
            }
        }
    }

    /// A dotted key. One that has not been typed yet is empty.
    fn keys(&mut self, source: Source<'_>) -> Vec<Key> {
        let mut keys = Vec::new();
        while matches!(self.peek(), Some(EventKind::SimpleKey)) {
            let key = self.key(source);
            if keys.len() < MAX_DEPTH {
                keys.extend(key);
            } else if let Some(key) = key {
                self.problem(
                    Code::Syntax,
                    key.span,
                    "nested too deeply",
                    "no configuration needs more than ten levels",
                );
            }
            if !matches!(self.peek(), Some(EventKind::KeySep)) {
                break;
            }
            self.at += 1;
        }
        keys
    }

    /// A key, its equals sign and its value.
    fn pair(&mut self, source: Source<'_>) -> (Vec<Key>, Node) {
        let keys = self.keys(source);
        let after = keys.last().map_or(0, |key| key.span.end);
        let value = if matches!(self.peek(), Some(EventKind::KeyValSep)) {
            let equals = self.next().map_or(after, |(_, _, span)| span.end);
            self.value(source, equals)
        } else {
            value::broken(after)
        };
        (keys, value)
    }
}
