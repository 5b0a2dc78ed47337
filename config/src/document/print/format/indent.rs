//! YAML: the tree tells the indentation.

use std::collections::BTreeMap;

use super::{Edit, Node, Span, Value};

/// Moves each line to the column that its key or dash should have; lines in between go with the line before.
pub(super) fn yaml(text: &str, root: &Node) -> Vec<Edit> {
    let mut columns = Columns { text, wanted: BTreeMap::new(), edits: Vec::new() };
    columns.node(root, 0);
    let Columns { wanted, mut edits, .. } = columns;
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut shift = 0_isize;
    let mut lines = Vec::new();
    for line in text[start..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        lines.push((start, indent, line.trim().is_empty(), line.trim_start().starts_with('#')));
        start += line.len();
    }
    for (index, (start, indent, is_empty, is_comment)) in lines.iter().enumerate() {
        let new = match wanted.get(&(start + indent)) {
            _ if *is_empty => continue,
            Some(new) => *new,
            None if *is_comment => {
                // A comment goes with the line below if it is indented like that.
                let below = lines[index..].iter().take(100).find(|(_, _, empty, comment)| !empty && !comment);
                let below = below.filter(|(_, below, ..)| below == indent);
                let new = below.and_then(|(start, indent, ..)| wanted.get(&(start + indent)));
                new.copied().unwrap_or_else(|| indent.saturating_add_signed(shift))
            }
            None => indent.saturating_add_signed(shift),
        };
        if !is_comment {
            shift = new.cast_signed() - indent.cast_signed();
        }
        edits.push(Edit { span: Span::new(*start, start + indent), text: " ".repeat(new) });
    }
    edits
}

struct Columns<'a> {
    text: &'a str,
    /// The column for what begins at a byte, of lines that begin with it.
    wanted: BTreeMap<usize, usize>,
    edits: Vec<Edit>,
}

impl Columns<'_> {
    /// What is in `node`, whose keys or dashes come to stand at `column`.
    fn node(&mut self, node: &Node, column: usize) {
        if self.text[node.span.start..].starts_with(['{', '[', '*']) {
            return;
        }
        match &node.value {
            Value::Object(entries) => {
                let inside = |span: Span| node.span.start <= span.start && span.end <= node.span.end;
                for entry in entries.iter().filter(|entry| inside(entry.key_span)) {
                    self.wanted.insert(entry.key_span.start, column);
                    self.gap_behind(entry.key_span.end, entry.value.span.start, ':');
                    let is_list = matches!(entry.value.value, Value::Array(_));
                    let own = self.column(entry.key_span.start);
                    let inner = if is_list && self.column(entry.value.span.start) == own { column } else { column + 2 };
                    self.node(&entry.value, inner);
                }
            }
            Value::Array(items) => {
                let mut from = node.span.start;
                for item in items {
                    let Some(dash) = self.text.get(from..item.span.start.max(from)).and_then(|gap| gap.rfind('-'))
                    else {
                        continue;
                    };
                    let dash = from + dash;
                    self.wanted.insert(dash, column);
                    let gap = &self.text[dash + 1..item.span.start.max(dash + 1)];
                    if !gap.is_empty() && gap.bytes().all(|byte| byte == b' ' || byte == b'\t') {
                        let span = Span::new(dash + 1, item.span.start);
                        self.edits.push(Edit { span, text: " ".to_owned() });
                    }
                    self.node(item, column + 2);
                    from = item.span.end.max(from);
                }
            }
            _ => {}
        }
    }

    /// One space between a mark and the value on its line.
    fn gap_behind(&mut self, from: usize, to: usize, mark: char) {
        let Some(gap) = self.text.get(from..to) else { return };
        let Some(space) = gap.trim_start_matches([' ', '\t']).strip_prefix(mark) else { return };
        if !space.is_empty() && space.bytes().all(|byte| byte == b' ' || byte == b'\t') {
            self.edits.push(Edit { span: Span::new(from, to), text: format!("{mark} ") });
        }
    }

    fn column(&self, at: usize) -> usize {
        at - self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }
}
