//! JSON and TOML: brackets tell the indentation.

use super::{Edit, Node, Span, Value};

/// What stands at a byte of the text.
struct Scanner<'a> {
    text: &'a str,
    edits: Vec<Edit>,
}

impl Scanner<'_> {
    fn replace(&mut self, start: usize, end: usize, text: &str) {
        self.edits.push(Edit { span: Span::new(start, end), text: text.to_owned() });
    }

    /// Space from `at` on, on this line.
    fn space(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        rest.len() - rest.trim_start_matches([' ', '\t']).len()
    }

    /// Indents the line that begins at `start` by `depth` levels, less one for each bracket that it closes first.
    fn indent(&mut self, start: usize, depth: usize) {
        let space = self.space(start);
        let rest = &self.text[start + space..];
        if rest.is_empty() || rest.starts_with(['\n', '\r']) {
            return;
        }
        let closing = rest.bytes().take_while(|byte| b"]} \t,".contains(byte)).filter(|byte| b"]}".contains(byte));
        let depth = depth.saturating_sub(closing.count());
        self.replace(start, start + space, &"  ".repeat(depth));
    }

    /// Behind the text in quotes that begins at `at`.
    fn quoted(&self, at: usize) -> usize {
        let quote = self.text.as_bytes()[at];
        let mut escaped = false;
        for (index, byte) in self.text.bytes().enumerate().skip(at + 1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quote == b'"' => escaped = true,
                b'\n' => return index,
                _ if byte == quote => return index + 1,
                _ => {}
            }
        }
        self.text.len()
    }

    /// One space behind a comma or colon, unless the line ends there.
    fn one_space_behind(&mut self, at: usize) {
        let space = self.space(at);
        if !self.text[at + space..].starts_with(['\n', '\r']) && at + space < self.text.len() {
            self.replace(at, at + space, " ");
        }
    }

    /// No space in front of a comma or colon, unless its line begins there.
    fn no_space_before(&mut self, at: usize) {
        let kept = self.text[..at].trim_end_matches([' ', '\t']).len();
        let starts_line = self.text[..kept].is_empty() || self.text[..kept].ends_with('\n');
        if !starts_line && kept < at {
            self.replace(kept, at, "");
        }
    }
}

pub(super) fn json(text: &str) -> Vec<Edit> {
    let mut scanner = Scanner { text, edits: Vec::new() };
    let mut depth = 0_usize;
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    scanner.indent(at, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' | b'\'' => {
                at = scanner.quoted(at);
                continue;
            }
            b'/' if text[at..].starts_with("//") => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
                continue;
            }
            b'/' if text[at..].starts_with("/*") => {
                let end = text[at..].find("*/").map_or(text.len(), |length| at + length + 2);
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' => {
                scanner.no_space_before(at);
                scanner.one_space_behind(at + 1);
            }
            b'\n' => scanner.indent(at + 1, depth),
            _ => {}
        }
        at += 1;
    }
    scanner.edits
}

/// Pairs and headers stand at the beginning of their lines; lists over several lines are indented.
pub(super) fn toml(text: &str, root: &Node) -> Vec<Edit> {
    let mut scanner = Scanner { text, edits: Vec::new() };
    let mut ends = Vec::new();
    scalar_ends(root, &mut ends);
    ends.sort_by_key(|span| span.start);
    let mut depth = 0_usize;
    let mut is_header = false;
    let mut seen_equals = false;
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    scanner.indent(at, 0);
    let mut line_start = true;
    while let Some(byte) = text.as_bytes().get(at) {
        // Text may go over lines and hold anything.
        if let Ok(found) = ends.binary_search_by_key(&at, |span| span.start)
            && ends[found].end > at
        {
            at = ends[found].end;
            line_start = false;
            continue;
        }
        match byte {
            b'"' | b'\'' => {
                at = scanner.quoted(at);
                line_start = false;
                continue;
            }
            b'#' => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
                continue;
            }
            b'[' if depth == 0 && line_start => is_header = true,
            b'{' | b'[' if !is_header => depth += 1,
            b'}' | b']' if !is_header => depth = depth.saturating_sub(1),
            b'=' if depth == 0 && !seen_equals => {
                seen_equals = true;
                let kept = text[..at].trim_end_matches([' ', '\t']).len();
                scanner.replace(kept, at, " ");
                scanner.one_space_behind(at + 1);
            }
            b',' => {
                scanner.no_space_before(at);
                scanner.one_space_behind(at + 1);
            }
            b'\n' => {
                scanner.indent(at + 1, depth);
                if depth == 0 {
                    (is_header, seen_equals) = (false, false);
                }
                line_start = true;
                at += 1;
                continue;
            }
            b' ' | b'\t' => {
                at += 1;
                continue;
            }
            _ => {}
        }
        line_start = false;
        at += 1;
    }
    scanner.edits
}

fn scalar_ends(node: &Node, ends: &mut Vec<Span>) {
    match &node.value {
        Value::Object(entries) => {
            for entry in entries {
                ends.push(entry.key_span);
                scalar_ends(&entry.value, ends);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| scalar_ends(item, ends)),
        _ => ends.push(node.span),
    }
}
