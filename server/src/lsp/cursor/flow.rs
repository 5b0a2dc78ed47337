//! The caret inside brackets: JSON, flow collections of YAML, arrays and inline tables of TOML.

use config::document::{Span, Syntax, join};

use super::{Cursor, Key, Layout, Place, join_all};

/// What came of walking through a collection.
pub(super) enum Walk {
    /// The caret is inside, and this is where.
    Caret(Option<Cursor>),
    /// The collection ends here, before the caret.
    End(usize),
}

/// A collection to walk through.
#[derive(Clone, Copy)]
pub(super) struct Flow<'a> {
    pub(super) text: &'a str,
    pub(super) syntax: Syntax,
    /// The caret.
    pub(super) offset: usize,
    /// Column of the key whose value it is; lines that do not reach beyond it end an unclosed YAML collection.
    pub(super) margin: Option<usize>,
}

/// The caret in a JSON text.
pub(super) fn locate_json(text: &str, start: usize, offset: usize) -> Option<Cursor> {
    let flow = Flow { text, syntax: Syntax::Json, offset, margin: None };
    let Token { kind, span } = flow.token(start, false)?;
    match kind {
        Mark::Open(_) => match flow.walk(span.start, "") {
            Walk::Caret(cursor) => cursor,
            Walk::End(_) => None,
        },
        Mark::Comment => {
            // A comment in front of the document.
            let after = locate_json(text, span.end, offset);
            after.filter(|_| offset > span.end)
        }
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Open(char),
    Close,
    Comma,
    /// `:` or `=`.
    Separator,
    /// Between the parts of a dotted key.
    Dot,
    /// Text in quotes, and whether the last one is there.
    Quoted(bool),
    Word,
    Comment,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Mark,
    span: Span,
}

/// Where in an object or list a walk is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A key or an item may come.
    Start,
    /// A key has come.
    Named,
    /// A separator has come.
    Separated,
    /// A value has come, which ends here.
    Filled(usize),
}

struct Frame {
    pointer: String,
    is_object: bool,
    prefix: Vec<String>,
    key: String,
    index: usize,
    state: State,
}

impl Frame {
    fn new(open: char, pointer: String) -> Self {
        Self { pointer, is_object: open == '{', prefix: Vec::new(), key: String::new(), index: 0, state: State::Start }
    }

    /// Whether a value comes next, rather than a key.
    fn wants_value(&self) -> bool {
        if self.is_object { self.state == State::Separated } else { !matches!(self.state, State::Filled(_)) }
    }

    fn value_pointer(&self) -> String {
        if self.is_object {
            return join(&join_all(&self.pointer, &self.prefix), &self.key);
        }
        join(&self.pointer, &self.index.to_string())
    }

    /// After a comma.
    fn next(&mut self) {
        self.state = State::Start;
        self.prefix.clear();
        self.index += 1;
    }
}

impl Flow<'_> {
    /// Walks through the collection that opens at `start` and stands at `pointer`.
    pub(super) fn walk(&self, start: usize, pointer: &str) -> Walk {
        let mut frames: Vec<Frame> = Vec::new();
        let mut at = start;
        loop {
            let in_key = frames.last().is_some_and(|frame| frame.is_object && frame.state != State::Separated);
            let Some(token) = self.token(at, in_key) else {
                return Walk::Caret(frames.last().and_then(|frame| self.in_space(frame, at, None)));
            };
            let Token { kind, span } = token;
            if let Some(end) = self.broken_off(at, span.start) {
                return if self.offset <= end {
                    Walk::Caret(frames.last().and_then(|frame| self.in_space(frame, at, None)))
                } else {
                    Walk::End(end)
                };
            }
            if let Some(frame) = frames.last() {
                let word_begins = kind == Mark::Word && span.start == self.offset;
                if self.offset <= span.start && !(word_begins && frame.wants_value()) {
                    return Walk::Caret(self.in_space(frame, at, Some(token)));
                }
                let inside = match kind {
                    Mark::Word | Mark::Quoted(false) | Mark::Comment => self.offset <= span.end,
                    Mark::Quoted(true) => self.offset < span.end,
                    _ => false,
                };
                if inside {
                    return Walk::Caret((kind != Mark::Comment).then(|| self.in_scalar(frame, span)).flatten());
                }
            }
            at = span.end;
            match (kind, frames.last_mut()) {
                (Mark::Comment, _) => {}
                (Mark::Open(open), None) => frames.push(Frame::new(open, pointer.to_owned())),
                (Mark::Open(open), Some(frame)) => {
                    let inner = frame.value_pointer();
                    frames.push(Frame::new(open, inner));
                }
                (Mark::Close, _) => {
                    frames.pop();
                    match frames.last_mut() {
                        Some(frame) => frame.state = State::Filled(at),
                        None => return Walk::End(at),
                    }
                }
                (Mark::Comma, Some(frame)) => frame.next(),
                (Mark::Separator, Some(frame)) => frame.state = State::Separated,
                (Mark::Dot, Some(frame)) => frame.prefix.push(std::mem::take(&mut frame.key)),
                (Mark::Quoted(_) | Mark::Word, Some(frame)) if frame.is_object && !frame.wants_value() => {
                    frame.key = unquote(&self.text[span.start..span.end], self.syntax);
                    frame.state = State::Named;
                }
                (Mark::Quoted(_) | Mark::Word, Some(frame)) => frame.state = State::Filled(at),
                (_, None) => return Walk::End(at),
            }
        }
    }

    /// Where an unclosed collection ends between `at` and the next token: at a line that is not its own.
    fn broken_off(&self, at: usize, next: usize) -> Option<usize> {
        let newline = self.text[at..next].rfind('\n')? + at;
        let line = &self.text[newline + 1..];
        let content = line.trim_start_matches([' ', '\t']);
        let column = line.len() - content.len();
        let ends = match self.syntax {
            Syntax::Json => false,
            Syntax::Yaml => self.margin.is_some_and(|margin| column <= margin) && !content.starts_with(['}', ']', ',']),
            Syntax::Toml => {
                let word = content.trim_start_matches(|c: char| c.is_alphanumeric() || "_-.".contains(c));
                let is_key = word.len() < content.len() && word.trim_start().starts_with('=');
                let header = content.strip_prefix('[').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
                column == 0 && (is_key || header)
            }
        };
        ends.then_some(newline)
    }

    fn layout(&self) -> Layout {
        match self.syntax {
            Syntax::Json => Layout::Json,
            Syntax::Yaml => Layout::YamlFlow,
            Syntax::Toml => Layout::TomlInline,
        }
    }

    /// The caret between tokens; `before` is where the space begins, `next` what comes behind it.
    fn in_space(&self, frame: &Frame, before: usize, next: Option<Token>) -> Option<Cursor> {
        let filled_here = matches!(frame.state, State::Filled(end) if end == self.offset);
        if self.offset < before || filled_here {
            return None;
        }
        let replace = Span::new(self.offset, self.offset);
        let next = next.and_then(|next| self.significant(next.span.start));
        let needs_comma = next.is_some_and(|next| !matches!(next.kind, Mark::Comma | Mark::Close));
        let comma_at = match frame.state {
            State::Filled(end) => Some(end),
            _ => None,
        };
        match (frame.is_object, frame.state) {
            (true, State::Named) => None,
            (true, State::Separated) => {
                let is_value = |next: Token| match next.kind {
                    Mark::Open(_) => true,
                    Mark::Quoted(_) | Mark::Word => !self.is_key(next.span.end),
                    _ => false,
                };
                (!next.is_some_and(is_value)).then(|| self.value(frame, replace, None, needs_comma))
            }
            (true, _) => Some(self.key(frame, replace, comma_at, needs_comma)),
            (false, _) => {
                let mut cursor = self.value(frame, replace, comma_at, needs_comma);
                if let (Cursor::Value(place), Some(_)) = (&mut cursor, comma_at) {
                    place.pointer = join(&frame.pointer, &(frame.index + 1).to_string());
                }
                Some(cursor)
            }
        }
    }

    fn in_scalar(&self, frame: &Frame, span: Span) -> Option<Cursor> {
        let next = self.significant(span.end);
        let needs_comma = next.is_some_and(|next| !matches!(next.kind, Mark::Comma | Mark::Close));
        let comma_at = match frame.state {
            State::Filled(end) => Some(end),
            _ => None,
        };
        if frame.is_object && !frame.wants_value() {
            return (frame.state != State::Named).then(|| self.key(frame, span, comma_at, needs_comma));
        }
        Some(self.value(frame, span, comma_at, needs_comma && !frame.is_object))
    }

    fn key(&self, frame: &Frame, replace: Span, comma_at: Option<usize>, needs_comma: bool) -> Cursor {
        let has_value = self.is_key(replace.end) && replace.start < replace.end;
        // A value behind the caret starts a new prefix.
        let prefix = if comma_at.is_some() { &[][..] } else { &frame.prefix[..] };
        Cursor::Key(Key {
            object: join_all(&frame.pointer, prefix),
            present: Vec::new(),
            replace,
            layout: self.layout(),
            has_value,
            comma_at,
            comma_after: needs_comma && !has_value,
        })
    }

    fn value(&self, frame: &Frame, replace: Span, comma_at: Option<usize>, comma_after: bool) -> Cursor {
        Cursor::Value(Place {
            pointer: frame.value_pointer(),
            replace,
            layout: self.layout(),
            present: Vec::new(),
            comma_at,
            comma_after,
        })
    }

    /// Whether a separator comes behind `at`.
    fn is_key(&self, at: usize) -> bool {
        self.significant(at).is_some_and(|next| next.kind == Mark::Separator)
    }

    /// The next token that is no comment.
    fn significant(&self, mut at: usize) -> Option<Token> {
        loop {
            let token = self.token(at, true)?;
            if token.kind != Mark::Comment {
                return Some(token);
            }
            at = token.span.end;
        }
    }

    /// The next token from `at`; `in_key`: where a key may stand.
    fn token(&self, at: usize, in_key: bool) -> Option<Token> {
        let text = self.text;
        let start = at + text[at..].find(|c: char| !c.is_whitespace())?;
        let rest = &text[start..];
        let first = rest.chars().next()?;
        let token = |kind, length: usize| Some(Token { kind, span: Span::new(start, start + length) });
        let to_end_of_line = rest.find('\n').unwrap_or(rest.len());
        match first {
            '{' if rest.starts_with("{{") || rest.starts_with("{%") || rest.starts_with("{#") => {
                let close = match rest.as_bytes()[1] {
                    b'{' => "}}",
                    b'%' => "%}",
                    _ => "#}",
                };
                let length = rest[2..].find(close).map_or(to_end_of_line, |at| at + 4);
                token(if close == "}}" { Mark::Word } else { Mark::Comment }, length)
            }
            '{' | '[' => token(Mark::Open(first), 1),
            '}' | ']' => token(Mark::Close, 1),
            ',' => token(Mark::Comma, 1),
            ':' if self.syntax == Syntax::Json => token(Mark::Separator, 1),
            ':' if self.syntax == Syntax::Yaml && self.is_yaml_separator(start) => token(Mark::Separator, 1),
            '=' if self.syntax == Syntax::Toml => token(Mark::Separator, 1),
            '.' if self.syntax == Syntax::Toml && in_key => token(Mark::Dot, 1),
            '/' if self.syntax == Syntax::Json && rest.starts_with("//") => token(Mark::Comment, to_end_of_line),
            '/' if self.syntax == Syntax::Json && rest.starts_with("/*") => {
                token(Mark::Comment, rest.find("*/").map_or(rest.len(), |length| length + 2))
            }
            '#' if self.syntax != Syntax::Json => token(Mark::Comment, to_end_of_line),
            '"' | '\'' => {
                let (length, closed) = quoted(rest, self.syntax);
                token(Mark::Quoted(closed), length)
            }
            _ => token(Mark::Word, self.word(rest, in_key)),
        }
    }

    fn is_yaml_separator(&self, at: usize) -> bool {
        let after = self.text[at + 1..].chars().next();
        let before = self.text[..at].chars().next_back();
        after.is_none_or(|c| c.is_whitespace() || ",[]{}".contains(c)) || before == Some('"') || before == Some('\'')
    }

    /// Bytes of the word that `rest` begins with.
    fn word(&self, rest: &str, in_key: bool) -> usize {
        let mut previous = ' ';
        let end = rest.char_indices().find(|(at, c)| {
            let ends = match self.syntax {
                Syntax::Json => c.is_whitespace() || ",:[]{}\"'".contains(*c) || rest[*at..].starts_with("//"),
                Syntax::Toml => c.is_whitespace() || ",=[]{}\"'#".contains(*c) || (in_key && *c == '.'),
                Syntax::Yaml => {
                    let after = rest[*at + c.len_utf8()..].chars().next();
                    let separator = *c == ':' && after.is_none_or(|c| c.is_whitespace() || ",[]{}".contains(c));
                    *c == '\n' || ",[]{}".contains(*c) || separator || (*c == '#' && previous.is_whitespace())
                }
            };
            previous = *c;
            ends
        });
        let word = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        word.trim_end().len().max(rest.chars().next().map_or(0, char::len_utf8))
    }
}

/// Bytes of the quoted text that `rest` begins with, and whether it is closed. It ends with its line at the latest,
/// except in triple quotes.
pub(super) fn quoted(rest: &str, syntax: Syntax) -> (usize, bool) {
    let Some(quote) = rest.chars().next() else { return (0, false) };
    let triple = if quote == '"' { "\"\"\"" } else { "'''" };
    if syntax == Syntax::Toml && rest.starts_with(triple) {
        return rest[3..].find(triple).map_or((rest.len(), false), |at| (at + 6, true));
    }
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => return (rest[..at].trim_end_matches('\r').len(), false),
            '\\' if quote == '"' || syntax == Syntax::Json => {
                chars.next_if(|(_, next)| *next != '\n');
            }
            '\'' if quote == '\'' && syntax == Syntax::Yaml && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            _ if c == quote => return (at + 1, true),
            _ => {}
        }
    }
    (rest.len(), false)
}

/// The text of a key without its quotes. Escapes matter little: no key of ours has any.
pub(super) fn unquote(written: &str, syntax: Syntax) -> String {
    let quote = written.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else { return written.to_owned() };
    let inner = written[1..].strip_suffix(quote).unwrap_or(&written[1..]);
    match (quote, syntax) {
        ('\'', Syntax::Yaml) => inner.replace("''", "'"),
        ('\'', _) => inner.to_owned(),
        _ => serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned()),
    }
}
