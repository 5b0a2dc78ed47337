//! Edits between brackets: JSON, flow style of YAML, inline tables and arrays of TOML.

use serde_json::Value as Json;

use super::place::{Place, members};
use super::{lines, print};
use crate::document::{Node, Span, Syntax, Value};
use crate::problem::Edit;

/// Whether a node is a container between brackets.
pub(super) fn is_flow(text: &str, node: &Node) -> bool {
    text[node.span.start..].starts_with(['{', '['])
}

pub(super) fn remove(text: &str, place: &Place<'_>) -> Option<Vec<Edit>> {
    let (parent, index) = place.way.last()?;
    let whole = place.whole();
    let comma = comma_after(text, whole.end);
    let end = comma.unwrap_or(whole.end);
    let mut edits = Vec::new();
    let before = place.siblings().into_iter().rfind(|span| span.end <= whole.start);
    if comma.is_none()
        && *index > 0
        && let Some(comma) = before.and_then(|before| comma_after(text, before.end))
    {
        edits.push(Edit { span: Span::new(comma - 1, comma), text: String::new() });
    }
    let line_end = lines::end(text, end);
    let rest = text[end..line_end].trim_start();
    let alone =
        lines::begins(text, whole.start) && (rest.is_empty() || rest.starts_with("//") || rest.starts_with('#'));
    let inside = parent.span.start < lines::start(text, whole.start) && lines::next(text, end) <= parent.span.end;
    let span = if alone && inside {
        Span::new(lines::start(text, whole.start), lines::next(text, end))
    } else {
        let after = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
        let before = text[..whole.start].trim_end_matches([' ', '\t']).len();
        match comma {
            Some(_) => Span::new(whole.start, end + after),
            // The last of several on one line takes the space in front with it.
            None if *index > 0 => Span::new(before, end),
            None => Span::new(before, end + after),
        }
    };
    match edits.first_mut() {
        // The comma and what follows it are one deletion.
        Some(edit) if edit.span.end >= span.start => edit.span.end = span.end,
        _ => edits.push(Edit { span, text: String::new() }),
    }
    Some(edits)
}

/// Adds a key at the end of an object.
pub(super) fn insert(syntax: Syntax, text: &str, node: &Node, key: &str, value: &Json) -> Option<Vec<Edit>> {
    let Value::Object(_) = node.value else { return None };
    let separator = if syntax == Syntax::Toml { " =" } else { ":" };
    let name = print::key(syntax, key) + separator;
    let base = lines::indent(text, node.span.start);
    let open = node.span.start + 1;
    let insertion = |at: usize, text: String| Edit { span: Span::new(at, at), text };
    let Some(last) = members(node).into_iter().max_by_key(|span| span.end) else {
        if syntax != Syntax::Json {
            let closed = text[open..node.span.end].trim_start_matches([' ', '\t']).starts_with('}');
            let end = if closed { node.span.end - 1 } else { open };
            let text = format!(" {name} {} ", print::inline(syntax, value));
            return Some(vec![Edit { span: Span::new(open, end), text }]);
        }
        let pad = " ".repeat(base + 2);
        let line = format!("\n{pad}{name} {}", print::nested(syntax, value, base + 2));
        let inside = &text[open..node.span.end];
        let blank = inside.trim_end_matches('}').trim().is_empty() && inside.ends_with('}');
        let edit = if blank {
            let text = lines::with_ends_of(text, &format!("{line}\n{}", " ".repeat(base)));
            Edit { span: Span::new(open, node.span.end - 1), text }
        } else {
            insertion(open, lines::with_ends_of(text, &line))
        };
        return Some(vec![edit]);
    };
    let comma = comma_after(text, last.end);
    let own_line = lines::begins(text, last.start) && lines::start(text, last.start) > node.span.start;
    if !own_line {
        let (at, lead) = comma.map_or((last.end, ", "), |comma| (comma, " "));
        let value = print::inline(syntax, value);
        return Some(vec![insertion(at, format!("{lead}{name} {value}"))]);
    }
    let indent = lines::indent(text, last.start);
    let value = match syntax {
        Syntax::Json => print::nested(syntax, value, indent),
        Syntax::Yaml | Syntax::Toml => print::inline(syntax, value),
    };
    let line = lines::with_ends_of(text, &format!("\n{}{name} {value}", " ".repeat(indent)));
    let after = comma.unwrap_or(last.end);
    let at = end_of_line_inside(text, after, node);
    Some(match comma {
        Some(_) => vec![insertion(at, line)],
        None if at == last.end => vec![insertion(at, format!(",{line}"))],
        None => vec![insertion(last.end, ",".to_owned()), insertion(at, line)],
    })
}

/// Behind a comment that ends the line of `at`; `at` itself if anything else follows on the line.
fn end_of_line_inside(text: &str, at: usize, node: &Node) -> usize {
    let end = lines::end(text, at);
    let rest = text[at..end].trim_start();
    let is_comment =
        rest.starts_with("//") || rest.starts_with('#') || (rest.starts_with("/*") && rest.ends_with("*/"));
    if (rest.is_empty() || is_comment) && end < node.span.end { end } else { at }
}

/// The byte behind the comma that follows `at`, with nothing but space and comments between.
fn comma_after(text: &str, at: usize) -> Option<usize> {
    let mut rest = &text[at..];
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            return Some(text.len() - after.len());
        }
        rest = if rest.starts_with("//") || rest.starts_with('#') {
            &rest[rest.find('\n')?..]
        } else if let Some(comment) = rest.strip_prefix("/*") {
            &comment[comment.find("*/")? + 2..]
        } else {
            return None;
        };
    }
}
