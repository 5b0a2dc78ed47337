//! Flow style that may be broken: brackets, commas, and scalars on the way.

use super::{Entry, MAX_DEPTH, Masked, Node, Span, Value, scalar};

/// The collection that begins at `start` and ends before `limit`.
pub(super) fn parse(masked: &Masked<'_>, start: usize, limit: usize, depth: usize) -> Node {
    let text = masked.text[..limit].trim_end();
    Flow { masked, text, at: start, depth }.value()
}

/// What a scalar on one line means.
pub(super) fn value(written: &str) -> Value {
    if written.starts_with(['"', '\'']) { Value::String(unquoted(written).0) } else { scalar::plain(written) }
}

/// The text of a quoted scalar at the beginning of `written`, which may lack its closing quote, and its length there.
/// Anything else is taken as it is.
pub(super) fn unquoted(written: &str) -> (String, usize) {
    let Some(quote) = written.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return (written.to_owned(), written.len());
    };
    let mut text = String::new();
    let mut chars = written.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match c {
            '\n' | '\r' => return (text, at),
            '\'' if quote == '\'' && next == Some('\'') => {
                chars.next();
                text.push('\'');
            }
            '\\' if quote == '"' && next.is_some() => {
                let escaped = chars.next().map_or('\\', |(_, c)| c);
                text.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                });
            }
            _ if c == quote => return (text, at + 1),
            _ => text.push(c),
        }
    }
    (text, written.len())
}

struct Flow<'a> {
    masked: &'a Masked<'a>,
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Flow<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        loop {
            self.at = self.text.len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                break;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn value(&mut self) -> Node {
        let start = self.at;
        let value = match self.rest().chars().next() {
            Some('{' | '[') if self.depth >= MAX_DEPTH => {
                self.at = self.text.len();
                Value::Broken
            }
            Some(open @ ('{' | '[')) => {
                self.depth += 1;
                self.at += 1;
                let value = if open == '{' { self.entries() } else { self.items() };
                self.depth -= 1;
                value
            }
            _ => return self.scalar(),
        };
        Node { value, span: Span::new(start, self.at) }
    }

    fn scalar(&mut self) -> Node {
        let start = self.at;
        let rest = self.rest();
        let length = if rest.starts_with(['"', '\'']) {
            unquoted(rest).1
        } else {
            let end = rest.char_indices().find(|(at, c)| {
                ",[]{}\n".contains(*c)
                    || (*c == ':'
                        && rest[at + 1..].chars().next().is_none_or(|c| c.is_whitespace() || ",]}".contains(c)))
                    || (*c == '#' && rest[..*at].ends_with(char::is_whitespace))
            });
            rest[..end.map_or(rest.len(), |(at, _)| at)].trim_end().len()
        };
        self.at += length;
        let span = Span::new(start, self.at);
        let written = &self.text[start..self.at];
        let value = match self.masked.template(span) {
            Some(template) => Value::Template(template),
            None if written.is_empty() => Value::Null,
            None => value(written),
        };
        Node { value, span }
    }

    fn items(&mut self) -> Value {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.rest().chars().next() {
                None | Some('}') => break,
                Some(']') => {
                    self.at += 1;
                    break;
                }
                Some(',' | ':') => self.at += 1,
                Some(_) => items.push(self.value()),
            }
        }
        Value::Array(items)
    }

    fn entries(&mut self) -> Value {
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            match self.rest().chars().next() {
                None | Some(']') => break,
                Some('}') => {
                    self.at += 1;
                    break;
                }
                Some(',' | ':' | '{' | '[') => self.at += 1,
                Some(_) => entries.push(self.entry()),
            }
        }
        Value::Object(entries)
    }

    fn entry(&mut self) -> Entry {
        let start = self.at;
        let node = self.scalar();
        let key_span = node.span;
        let written = &self.text[key_span.start..key_span.end];
        let key = match node.value {
            Value::String(key) | Value::Template(key) => key,
            _ => written.to_owned(),
        };
        self.skip_space();
        let mut value = Node { value: Value::Broken, span: Span::new(key_span.end, key_span.end) };
        if self.rest().starts_with(':') {
            self.at += 1;
            let colon = self.at;
            self.skip_space();
            value = match self.rest().chars().next() {
                None | Some(',' | '}' | ']') => Node { value: Value::Null, span: Span::new(colon, colon) },
                Some(_) => self.value(),
            };
        }
        let span = Span::new(start, value.span.end.max(key_span.end));
        Entry { key, key_span, span, value, implied: false }
    }
}
