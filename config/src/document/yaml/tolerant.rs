//! What can be known of YAML that does not parse: half typed, as a rule. Lines and their indentation make the tree.

mod flow;

use super::{Entry, MAX_DEPTH, Masked, Node, Span, Value, scalar};

/// The tree of a text, without problems: the caller has one already.
pub(super) fn parse(masked: &Masked<'_>) -> Node {
    let text = &*masked.text;
    let mut reader = Reader { masked, text, lines: lines(text), at: 0, depth: 0 };
    let root = match reader.lines.first() {
        None => Node { value: Value::Broken, span: Span::new(text.len(), text.len()) },
        Some(_) => reader.block(0),
    };
    // Whatever stands behind a root that is no mapping is lost; a root mapping goes on to the end.
    Node { span: Span::new(root.span.start, text.len()), ..root }
}

/// A line with content. List dashes are cut off as they are read.
struct Line {
    indent: usize,
    start: usize,
    /// Without comment and trailing space.
    end: usize,
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for line in text[start..].split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        let space = &line[..line.len() - content.len()];
        let indent = space.bytes().map(|byte| if byte == b'\t' { 2 } else { 1 }).sum();
        let length = without_comment(content);
        if length > 0 && !content.starts_with('%') && !["---", "..."].contains(&&content[..length]) {
            let start = start + space.len();
            lines.push(Line { indent, start, end: start + length });
        }
        start += line.len();
    }
    lines
}

/// Length of a line without a comment and the space in front of it.
fn without_comment(line: &str) -> usize {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in line.bytes().enumerate() {
        match quote {
            Some(open) if byte == open && before != b'\\' => quote = None,
            None if byte == b'#' && before.is_ascii_whitespace() => return line[..at].trim_end().len(),
            None if matches!(byte, b'"' | b'\'') && b" [{,:-".contains(&before) => quote = Some(byte),
            _ => {}
        }
        before = byte;
    }
    line.trim_end().len()
}

struct Reader<'a> {
    masked: &'a Masked<'a>,
    text: &'a str,
    lines: Vec<Line>,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn content(&self) -> Option<&'a str> {
        self.lines.get(self.at).map(|line| &self.text[line.start..line.end])
    }

    /// The value that begins on this line and goes on while lines are indented by at least `least`.
    fn block(&mut self, least: usize) -> Node {
        let Some(Line { indent, start, end }) = self.lines.get(self.at) else {
            return Node { value: Value::Broken, span: Span::default() };
        };
        let (indent, start, end) = (*indent, *start, *end);
        let content = &self.text[start..end];
        if self.depth >= MAX_DEPTH {
            self.at = self.lines.len();
            return Node { value: Value::Broken, span: Span::new(start, end) };
        }
        self.depth += 1;
        let node = if is_item(content) {
            self.sequence(indent)
        } else if key_of(content).is_some() || (least == 0 && self.depth == 1 && !content.starts_with(['{', '['])) {
            self.mapping(indent)
        } else {
            self.inline(start, indent)
        };
        self.depth -= 1;
        node
    }

    fn sequence(&mut self, indent: usize) -> Node {
        let start = self.lines[self.at].start;
        let mut items = Vec::new();
        let mut end = start;
        while let Some(content) = self.content() {
            let line = &mut self.lines[self.at];
            if line.indent < indent || (line.indent == indent && !is_item(content)) {
                break;
            }
            if line.indent > indent {
                self.at += 1;
                continue;
            }
            let rest = content[1..].trim_start_matches([' ', '\t']);
            let cut = content.len() - rest.len();
            let after = line.start + 1;
            if rest.is_empty() {
                self.at += 1;
                items.push(self.nested(indent, after));
            } else {
                line.start += cut;
                line.indent += cut;
                items.push(self.block(indent + 1));
            }
            end = items.last().map_or(end, |item| item.span.end).max(end);
        }
        Node { value: Value::Array(items), span: Span::new(start, end) }
    }

    fn mapping(&mut self, indent: usize) -> Node {
        let start = self.lines[self.at].start;
        let mut entries = Vec::new();
        let mut end = start;
        while let Some(content) = self.content() {
            let line = &self.lines[self.at];
            if line.indent < indent || (line.indent == indent && is_item(content)) {
                break;
            }
            if line.indent > indent {
                self.at += 1;
                continue;
            }
            let entry = self.entry(content, indent);
            end = entry.span.end.max(end);
            entries.push(entry);
        }
        Node { value: Value::Object(entries), span: Span::new(start, end) }
    }

    fn entry(&mut self, content: &str, indent: usize) -> Entry {
        let Line { start, end, .. } = self.lines[self.at];
        let Some((name, colon)) = key_of(content) else {
            // A key that is being typed.
            self.at += 1;
            let key_span = Span::new(start, end);
            let value = Node { value: Value::Broken, span: Span::new(end, end) };
            return Entry { key: self.name(key_span), key_span, span: key_span, value, implied: false };
        };
        let key_span = Span::new(start, start + name);
        let after = start + colon + 1;
        let rest = self.text[after..end].trim_start_matches([' ', '\t']);
        let value = if rest.is_empty() {
            self.at += 1;
            self.nested(indent, after)
        } else {
            self.inline(end - rest.len(), indent)
        };
        let span = Span::new(start, value.span.end.max(after));
        Entry { key: self.name(key_span), key_span, span, value, implied: false }
    }

    fn name(&self, span: Span) -> String {
        let written = &self.text[span.start..span.end];
        self.masked.template(span).unwrap_or_else(|| flow::unquoted(written).0)
    }

    /// What stands on the lines below a key or dash at `indent`; null, at `after`, if that is nothing.
    fn nested(&mut self, indent: usize, after: usize) -> Node {
        match self.lines.get(self.at) {
            Some(line) if line.indent > indent => self.block(indent + 1),
            Some(line) if line.indent == indent && self.depth > 0 => {
                let content = &self.text[line.start..line.end];
                let before = &self.text[..after];
                if is_item(content) && before.ends_with(':') {
                    return self.sequence(indent);
                }
                Node { value: Value::Null, span: Span::new(after, after) }
            }
            _ => Node { value: Value::Null, span: Span::new(after, after) },
        }
    }

    /// The value that begins at `start` on this line, whose key or dash stands at `indent`.
    fn inline(&mut self, start: usize, indent: usize) -> Node {
        let end = self.lines[self.at].end;
        let rest = &self.text[start..end];
        self.at += 1;
        match rest.chars().next() {
            Some('{' | '[') => {
                // It may go on over lines that are indented further.
                let below = self.lines[self.at..].iter().find(|line| line.indent <= indent);
                let limit = below.map_or(self.text.len(), |line| line.start);
                let node = flow::parse(self.masked, start, limit, self.depth);
                while self.lines.get(self.at).is_some_and(|line| line.start < node.span.end) {
                    self.at += 1;
                }
                node
            }
            Some('|' | '>') => {
                let mut last = end;
                while let Some(line) = self.lines.get(self.at).filter(|line| line.indent > indent) {
                    last = line.end;
                    self.at += 1;
                }
                let span = Span::new(start, last);
                let text = self
                    .masked
                    .template(span)
                    .map_or_else(|| Value::String(self.text[end..last].trim().to_owned()), Value::Template);
                Node { value: text, span }
            }
            Some('&' | '!') => {
                let rest = rest.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start());
                self.at -= 1;
                if rest.is_empty() {
                    self.at += 1;
                    return self.nested(indent, end);
                }
                self.inline(end - rest.len(), indent)
            }
            Some('*') => Node { value: Value::Broken, span: Span::new(start, end) },
            _ => {
                let span = Span::new(start, end);
                let value = self.masked.template(span).map_or_else(|| flow::value(rest), Value::Template);
                Node { value, span }
            }
        }
    }
}

fn is_item(content: &str) -> bool {
    content == "-" || content.starts_with("- ")
}

/// Length of the key that a line begins with, and where its colon is.
fn key_of(content: &str) -> Option<(usize, usize)> {
    if content.starts_with(['"', '\'']) {
        let (_, length) = flow::unquoted(content);
        let space = content[length..].len() - content[length..].trim_start().len();
        return content[length + space..].starts_with(':').then_some((length, length + space));
    }
    if content.starts_with(['{', '[', '|', '>', '&', '!', '*']) {
        return None;
    }
    let colon = content.match_indices(':').map(|(at, _)| at).find(|at| {
        let after = content[at + 1..].chars().next();
        after.is_none_or(char::is_whitespace)
    })?;
    Some((content[..colon].trim_end().len(), colon))
}
