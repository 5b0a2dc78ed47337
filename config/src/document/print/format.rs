//! Formatting that keeps comments, templates and meaning.
//!
//! Lines stay lines: what changes is space at their beginning, at their end and between tokens, and how many empty ones
//! follow each other.

mod braces;
mod indent;

use super::Syntax;
use crate::document::edit::apply;
use crate::document::template::{Masked, has_tags};
use crate::document::{Document, Node, Span, Value};
use crate::problem::Edit;

/// Edits that bring a document into the usual form and keep comments, templates and meaning; `None` while the text
/// does not parse.
pub fn format(name: &str, text: &str) -> Option<Vec<Edit>> {
    let document = Document::parse(name, text);
    let masked = Masked::tags(text);
    if !document.problems.is_empty() || document.root.value == Value::Broken {
        return None;
    }
    // Tags of templates are words here, so that no space of theirs is touched.
    let mut shown = text.as_bytes().to_vec();
    for hidden in &masked.hidden {
        shown[hidden.start..hidden.end].fill(b'x');
    }
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let mut edits = match document.syntax {
        Syntax::Json => braces::json(&shown),
        Syntax::Toml => braces::toml(&shown, &document.root),
        Syntax::Yaml => indent::yaml(&shown, &document.root),
    };
    let mut frozen = Vec::new();
    frozen_scalars(&document.root, text, &mut frozen);
    edits.extend(line_ends(&shown).into_iter().filter(|edit| !touches(&frozen, edit.span)));
    edits.retain(|edit| text.get(edit.span.start..edit.span.end) != Some(edit.text.as_str()));
    edits.retain(|edit| !touches(&masked.hidden, edit.span));
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits.dedup_by(|later, edit| later.span.start < edit.span.end || later.span == edit.span);
    // What would mean something else is not formatted at all.
    let formatted = apply(text, &edits);
    let again = Document::parse(name, &formatted);
    let same = again.problems.is_empty() && again.root.to_json() == document.root.to_json();
    (same && (!has_tags(text) || Masked::tags(&formatted).hidden.len() == masked.hidden.len())).then_some(edits)
}

/// Scalars that go over several lines.
fn frozen_scalars(node: &Node, text: &str, frozen: &mut Vec<Span>) {
    match &node.value {
        Value::Object(entries) => entries.iter().for_each(|entry| frozen_scalars(&entry.value, text, frozen)),
        Value::Array(items) => items.iter().for_each(|item| frozen_scalars(item, text, frozen)),
        _ if text[node.span.start..node.span.end].contains('\n') => frozen.push(node.span),
        _ => {}
    }
}

/// Whether a change at `span` would reach into one of `frozen`, which are in order and apart.
fn touches(frozen: &[Span], span: Span) -> bool {
    let first = frozen.partition_point(|one| one.end <= span.start);
    frozen.get(first).is_some_and(|one| one.start < span.end || (span.start == span.end && one.start < span.start))
}

/// No space at the end of a line, no more than one empty line together, and one line end at the end of the file.
fn line_ends(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut start = 0;
    let mut empty = 0;
    let mut blank_from = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let kept = content.trim_end_matches([' ', '\t']);
        let next = start + line.len();
        if kept.trim_start_matches('\u{feff}').is_empty() {
            empty += 1;
            if empty > 1 {
                edits.push(Edit { span: Span::new(start, next), text: String::new() });
            } else {
                blank_from = start + kept.len();
                if content.len() > kept.len() {
                    let span = Span::new(start + kept.len(), start + content.len());
                    edits.push(Edit { span, text: String::new() });
                }
            }
        } else {
            empty = 0;
            if content.len() > kept.len() {
                let span = Span::new(start + kept.len(), start + content.len());
                edits.push(Edit { span, text: String::new() });
            }
        }
        start = next;
    }
    if empty > 0 {
        // Empty lines at the end.
        edits.retain(|edit| edit.span.end <= blank_from);
        edits.push(Edit { span: Span::new(blank_from, text.len()), text: String::new() });
    } else if !text.is_empty() && !text.ends_with('\n') {
        let end = text.trim_end_matches([' ', '\t']).len();
        edits.retain(|edit| edit.span.end <= end);
        let new = if text.contains("\r\n") { "\r\n" } else { "\n" };
        edits.push(Edit { span: Span::new(end, text.len()), text: new.to_owned() });
    }
    edits
}
