//! Where things stand that the parser places elsewhere.

use super::{Node, Span, Value};

/// A value that is not written stands right behind the colon of its key.
pub(super) fn placed(node: Node, key: Span, text: &str) -> Node {
    if node.span.start < node.span.end || node.value != Value::Null {
        return node;
    }
    let after = &text[key.end..];
    let gap = after.len() - after.trim_start_matches([' ', '\t']).len();
    let end = if after[gap..].starts_with(':') { key.end + gap + 1 } else { key.end };
    Node { value: node.value, span: Span::new(end, end) }
}

/// An item that is not written stands right behind its dash.
pub(super) fn item_placed(node: Node, before: usize, text: &str) -> Node {
    if node.span.start < node.span.end || node.value != Value::Null {
        return node;
    }
    let dash = text.get(before..node.span.start).and_then(|gap| gap.find('-'));
    let end = dash.map_or(node.span.start, |dash| before + dash + 1);
    Node { value: node.value, span: Span::new(end, end) }
}

/// A tab that indents one of the lines around `at`.
pub(super) fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let mut start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    for line in text[start..].split_inclusive('\n').take(2) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}
