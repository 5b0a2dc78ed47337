//! Edits of YAML in block style: lines and indentation.

use serde_json::Value as Json;

use super::place::{Place, members};
use super::{flow, lines, print};
use crate::document::{Span, Syntax, Value};
use crate::problem::Edit;

pub(super) fn remove(text: &str, place: &Place<'_>) -> Option<Vec<Edit>> {
    let parent = place.parent()?;
    let whole = place.whole();
    let start = match place.entry() {
        Some(entry) => entry.key_span.start,
        None => text[parent.span.start..whole.start].rfind('-')? + parent.span.start,
    };
    let siblings = place.siblings();
    if siblings.len() < 2 && !has_merge_key(text, parent.span, &siblings) {
        let empty =
            if place.entry().is_some() { Json::Object(serde_json::Map::new()) } else { Json::Array(Vec::new()) };
        return replace(text, &place.outer()?, &empty);
    }
    let span = if lines::begins(text, start) {
        Span::new(lines::start(text, start), lines::next(text, whole.end))
    } else {
        // The first one, behind a dash: the next takes its place.
        let next = siblings.into_iter().find(|span| span.start > whole.start)?;
        let next =
            if place.entry().is_some() { next.start } else { text[whole.end..next.start].rfind('-')? + whole.end };
        Span::new(start, next)
    };
    Some(vec![Edit { span, text: String::new() }])
}

/// Whether `<<` stands between the members of a mapping, where it is a key.
fn has_merge_key(text: &str, parent: Span, members: &[Span]) -> bool {
    let mut at = parent.start;
    let ends = members.iter().map(|member| (member.start, member.end)).chain([(parent.end, parent.end)]);
    ends.into_iter().any(|(start, end)| {
        let gap = text.get(at..start).unwrap_or_default();
        at = end;
        gap.contains("<<")
    })
}

/// Replaces a value that stands in a block; the root, too.
pub(super) fn replace(text: &str, place: &Place<'_>, value: &Json) -> Option<Vec<Edit>> {
    let old = place.node.span;
    let Some(parent) = place.parent() else {
        let new = print::print(Syntax::Yaml, value);
        let new = lines::with_ends_of(text, new.trim_end());
        return Some(vec![Edit { span: old, text: new }]);
    };
    // Behind the colon or dash.
    let (head, indent) = if let Some(entry) = place.entry() {
        let after = &text[entry.key_span.end..];
        let colon = entry.key_span.end + after.find(':')? + 1;
        (colon, lines::column(text, entry.key_span.start))
    } else {
        let dash = text[parent.span.start..old.start].rfind('-')? + parent.span.start;
        (dash + 1, lines::column(text, dash))
    };
    let head = behind_anchor(text, head);
    let new = match place.entry() {
        Some(_) => print::nested(Syntax::Yaml, value, indent),
        None if value.is_array() => format!(" {}", print::inline(Syntax::Yaml, value)),
        None => behind_dash(print::nested(Syntax::Yaml, value, indent), indent),
    };
    let new = lines::with_ends_of(text, &new);
    let is_multi_line = new.starts_with(['\n', '\r']);
    let line_end = lines::end(text, head);
    let comment = text[head..line_end].trim_start().starts_with('#');
    if old.start > line_end && comment {
        // The value begins on a later line: what is said behind the key stays.
        if is_multi_line {
            return Some(vec![Edit { span: Span::new(line_end, old.end), text: new }]);
        }
        return Some(vec![
            Edit { span: Span::new(head, head), text: new },
            Edit { span: Span::new(line_end, old.end), text: String::new() },
        ]);
    }
    let old_end = old.end.max(head);
    if is_multi_line && !text[old_end..lines::end(text, old_end)].trim().is_empty() {
        // A comment behind the old value stays behind the key.
        let end = lines::end(text, old_end);
        let insertion = Edit { span: Span::new(end, end), text: new };
        return Some(vec![Edit { span: Span::new(head, old_end), text: String::new() }, insertion]);
    }
    Some(vec![Edit { span: Span::new(head, old_end), text: new }])
}

/// Behind the anchor that follows `at`, which others may refer to.
fn behind_anchor(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches(' ');
    if !rest.starts_with('&') {
        return at;
    }
    text.len() - rest.len() + rest.find(char::is_whitespace).unwrap_or(rest.len())
}

/// A block that stood below a key, moved up behind a dash.
fn behind_dash(block: String, indent: usize) -> String {
    match block.strip_prefix('\n').and_then(|block| block.strip_prefix(&" ".repeat(indent + 2))) {
        Some(rest) => format!(" {rest}"),
        None => block,
    }
}

/// Adds a key at the end of a mapping.
pub(super) fn insert(text: &str, place: &Place<'_>, key: &str, value: &Json) -> Option<Vec<Edit>> {
    let Value::Object(_) = place.node.value else { return None };
    let members = members(place.node);
    let column = lines::column(text, members.first()?.start);
    let last = members.iter().map(|span| span.end).max()?;
    let new = format!(
        "\n{}{}:{}",
        " ".repeat(column),
        print::key(Syntax::Yaml, key),
        print::nested(Syntax::Yaml, value, column)
    );
    let end = lines::end(text, last);
    Some(vec![Edit { span: Span::new(end, end), text: lines::with_ends_of(text, &new) }])
}

/// Whether a block may stand at a place: nothing around it is between brackets.
pub(super) fn takes_block(text: &str, place: &Place<'_>) -> bool {
    place.way.iter().all(|(node, _)| !flow::is_flow(text, node))
}
