//! JSON as people type it: with comments and trailing commas, and half finished.
//!
//! The parser always returns a tree. It repairs what it can (a missing comma, an open bracket) and reports it,
//! because completion and checks must work while the text is broken.

use serde_json::Number;

use super::template::Masked;
use super::{Entry, MAX_DEPTH, MAX_PROBLEMS, Node, Span, Value};
use crate::problem::{Code, Problem};

/// The tree of a text and its syntax problems.
pub(super) fn parse(masked: &Masked<'_>) -> (Node, Vec<Problem>) {
    let text = &*masked.text;
    let mut parser = Parser { masked, text, at: 0, depth: 0, arrays: 0, ended: false, problems: Vec::new() };
    if text.starts_with('\u{feff}') {
        parser.at = '\u{feff}'.len_utf8();
    }
    parser.skip_space();
    let root = if parser.peek().is_none() {
        parser.ended_early(Span::new(parser.at, parser.at), "the file is empty", "write at least {}");
        Node { value: Value::Broken, span: Span::new(parser.at, parser.at) }
    } else {
        parser.value()
    };
    parser.skip_space();
    if parser.peek().is_some() {
        let span = Span::new(parser.at, text.len());
        parser.problem(span, "text after the end of the document", "delete it");
    }
    (root, parser.problems)
}

struct Parser<'a> {
    masked: &'a Masked<'a>,
    text: &'a str,
    at: usize,
    depth: usize,
    /// How many of the open containers are lists: only then may a `]` close something outside.
    arrays: usize,
    /// Whether the early end of the text has been reported; the open containers around are the same mistake.
    ended: bool,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_while(&mut self, accept: impl Fn(char) -> bool) {
        self.at = self.text[self.at..].find(|c| !accept(c)).map_or(self.text.len(), |length| self.at + length);
    }

    fn problem(&mut self, span: Span, message: &str, help: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(Code::Syntax, "", span, message).help(help));
        }
    }

    fn ended_early(&mut self, span: Span, message: &str, help: &str) {
        if !self.ended {
            self.ended = true;
            self.problem(span, message, help);
        }
    }

    fn skip_space(&mut self) {
        loop {
            self.skip_while(char::is_whitespace);
            let rest = &self.text[self.at..];
            if rest.starts_with("//") {
                self.skip_while(|c| c != '\n');
            } else if let Some(comment) = rest.strip_prefix("/*") {
                if let Some(length) = comment.find("*/") {
                    self.at += length + 4;
                } else {
                    let span = Span::new(self.at, self.at + 2);
                    self.at = self.text.len();
                    self.ended_early(span, "the comment is not closed", "close it with */");
                }
            } else {
                break;
            }
        }
    }

    fn value(&mut self) -> Node {
        let start = self.at;
        let known = self.problems.len();
        let value = match self.peek() {
            Some('{') => self.nested(Self::object),
            Some('[') => {
                self.arrays += 1;
                let value = self.nested(Self::array);
                self.arrays -= 1;
                value
            }
            Some('"' | '\'') => Value::String(self.string()),
            Some(c) if c == '-' || c == '+' || c.is_ascii_digit() => self.number(),
            Some(c) if is_word(c) => self.word(),
            Some(c) if !",:]}".contains(c) => {
                self.bump();
                self.problem(
                    Span::new(start, self.at),
                    "this is not JSON",
                    "a value is true, false, a number, \"text\", […] or {…}",
                );
                Value::Broken
            }
            _ => Value::Broken,
        };
        let span = Span::new(start, self.at);
        let value = match value {
            Value::Object(_) | Value::Array(_) => value,
            scalar => self.template(span, known).map_or(scalar, Value::Template),
        };
        Node { value, span }
    }

    /// What was written at `span`, if a template is in it; what is wrong with its filling is no problem of the user.
    fn template(&mut self, span: Span, known: usize) -> Option<String> {
        let template = self.masked.template(span)?;
        if !self.text[span.start..].starts_with(['"', '\'']) {
            self.problems.truncate(known);
        }
        Some(template)
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Value) -> Value {
        if self.depth >= MAX_DEPTH {
            let span = Span::new(self.at, self.at + 1);
            self.at = self.text.len();
            self.ended_early(span, "nested too deeply", "no configuration needs more than ten levels");
            return Value::Broken;
        }
        self.depth += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Value {
        let start = self.at;
        self.bump();
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some('}') => {
                    self.bump();
                    break;
                }
                Some('"' | '\'') => entries.push(self.entry()),
                Some(c) if is_word(c) => entries.push(self.entry()),
                Some(']') if self.arrays > 0 => {
                    self.problem(
                        Span::new(self.at, self.at + 1),
                        "a `}` is missing before this",
                        "close the object first",
                    );
                    break;
                }
                Some(_) => self.skip_unexpected("a key is expected here", "keys are written \"key\": value"),
                None => {
                    self.ended_early(Span::new(start, start + 1), "this `{` is never closed", "add a `}`");
                    break;
                }
            }
            if self.separator()
                && let Some(entry) = entries.last_mut()
            {
                entry.span.end = self.at;
            }
        }
        Value::Object(entries)
    }

    fn array(&mut self) -> Value {
        let start = self.at;
        self.bump();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(']') => {
                    self.bump();
                    break;
                }
                Some('}') => {
                    self.problem(
                        Span::new(self.at, self.at + 1),
                        "a `]` is missing before this",
                        "close the list first",
                    );
                    break;
                }
                Some(',' | ':') => self.skip_unexpected("a value is expected here", "separate values by single commas"),
                Some(_) => items.push(self.value()),
                None => {
                    self.ended_early(Span::new(start, start + 1), "this `[` is never closed", "add a `]`");
                    break;
                }
            }
            self.separator();
        }
        Value::Array(items)
    }

    /// Takes the comma after an item; reports a missing one. Whether there was one.
    fn separator(&mut self) -> bool {
        let end = self.at;
        self.skip_space();
        match self.peek() {
            Some(',') => {
                self.bump();
                true
            }
            Some('}' | ']') | None => false,
            Some(_) => {
                // An unclosed string swallows the comma of its line; that mistake is already reported.
                let reported = self.problems.last().is_some_and(|problem| problem.span.end == end);
                if !reported {
                    self.problem(Span::new(end.saturating_sub(1), end), "a comma is missing after this", "add `,`");
                }
                false
            }
        }
    }

    fn skip_unexpected(&mut self, message: &str, help: &str) {
        let start = self.at;
        self.bump();
        self.problem(Span::new(start, self.at), message, help);
    }

    fn entry(&mut self) -> Entry {
        let start = self.at;
        let known = self.problems.len();
        let key = if matches!(self.peek(), Some('"' | '\'')) {
            self.string()
        } else {
            self.skip_while(is_word);
            let span = Span::new(start, self.at);
            self.problem(span, "keys stand in double quotes", "write \"key\": value");
            self.text[start..self.at].to_owned()
        };
        let key_span = Span::new(start, self.at);
        let key = self.template(key_span, known).unwrap_or(key);
        self.skip_space();
        let mut value = Node { value: Value::Broken, span: Span::new(self.at, self.at) };
        if self.peek() == Some(':') {
            self.bump();
            let colon = self.at;
            self.skip_space();
            value = self.value();
            if value.value == Value::Broken && value.span.start == value.span.end {
                value.span = Span::new(colon, colon);
                self.ended |= self.peek().is_none();
                self.problem(key_span, "a value is missing after this key", "add one after the `:`");
            }
        } else if self.problems.len() == known {
            self.ended |= self.peek().is_none();
            self.problem(key_span, "a `:` and a value are missing after this key", "write \"key\": value");
        }
        if self.peek().is_some_and(|c| c == '{' || c == '[') && value.value == Value::Broken {
            value = self.value();
        }
        Entry { key, key_span, span: Span::new(start, self.at), value, implied: false }
    }

    fn word(&mut self) -> Value {
        let start = self.at;
        self.skip_while(is_word);
        match &self.text[start..self.at] {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => {
                self.problem(Span::new(start, self.at), "this is not a value", "text stands in double quotes");
                Value::Broken
            }
        }
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        self.skip_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if let Ok(number) = serde_json::from_str::<Number>(&self.text[start..self.at]) {
            return Value::Number(number);
        }
        self.problem(Span::new(start, self.at), "this is not a number", "text stands in double quotes");
        Value::Broken
    }

    /// The string that begins here, decoded. One that is not closed ends with its line.
    fn string(&mut self) -> String {
        let start = self.at;
        let quote = self.peek().unwrap_or('"');
        self.bump();
        let mut decoded = String::new();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => {
                    self.problem(Span::new(start, self.at), "this text is not closed", "add the closing quote");
                    self.ended |= self.peek().is_none();
                    return decoded;
                }
                Some('\\') => self.escape(&mut decoded),
                Some(c) => {
                    let at = self.at;
                    self.bump();
                    if c == quote {
                        break;
                    }
                    if c < ' ' {
                        self.problem(
                            Span::new(at, self.at),
                            "a control character inside text",
                            "write it as an escape, such as \\t",
                        );
                    }
                    decoded.push(c);
                }
            }
        }
        if quote == '\'' {
            self.problem(Span::new(start, self.at), "text stands in double quotes", "replace the single quotes");
        }
        decoded
    }

    fn escape(&mut self, decoded: &mut String) {
        let start = self.at;
        self.bump();
        let escaped = self.peek();
        if !matches!(escaped, None | Some('\n' | '\r')) {
            self.bump();
        }
        let character = match escaped {
            Some('"' | '\\' | '/' | '\'') => escaped,
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.code_point(),
            _ => None,
        };
        match character {
            Some('\'') | None => {
                self.problem(Span::new(start, self.at), "this is not an escape", "a backslash itself is written \\\\");
                decoded.push('\u{fffd}');
            }
            Some(character) => decoded.push(character),
        }
    }

    /// Four hexadecimal digits, or two such escapes that form one character.
    fn code_point(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return None;
        }
        self.at += 2;
        let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}
