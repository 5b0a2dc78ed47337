//! JSON, indented by two spaces, with comments.

use super::{Comments, Entry, Node, Syntax, Value, key, one_line, short_list};
use crate::document::join;

pub(super) fn document(node: &Node, comments: &Comments) -> String {
    let mut text = lines(&comments.head, 0);
    text += &value(node, "", 0, comments);
    text.push('\n');
    text + &lines(&comments.tail, 0)
}

/// `node` behind a key that is indented by `indent`.
pub(super) fn value(node: &Node, pointer: &str, indent: usize, comments: &Comments) -> String {
    let inner = indent + 2;
    let pad = " ".repeat(inner);
    let (open, close, parts): (_, _, Vec<(String, String)>) = match &node.value {
        Value::Object(entries) if !entries.is_empty() => {
            let part = |entry: &Entry| {
                let pointer = join(pointer, &entry.key);
                let value = value(&entry.value, &pointer, inner, comments);
                (format!("{}: {value}", key(Syntax::Json, &entry.key)), pointer)
            };
            ('{', '}', entries.iter().map(part).collect())
        }
        Value::Array(items) if !items.is_empty() => {
            if let Some(list) = short_list(Syntax::Json, items).filter(|_| !comments.any_below(pointer)) {
                return list;
            }
            let part = |(index, item): (usize, &Node)| {
                let pointer = join(pointer, &index.to_string());
                (value(item, &pointer, inner, comments), pointer)
            };
            ('[', ']', items.iter().enumerate().map(part).collect())
        }
        _ => return one_line(Syntax::Json, node),
    };
    let mut text = format!("{open}\n");
    let count = parts.len();
    for (index, (part, pointer)) in parts.into_iter().enumerate() {
        let comma = if index + 1 < count { "," } else { "" };
        text += &lines(comments.before(&pointer), inner);
        let comment = comments.behind(&pointer).map(|comment| format!(" //{comment}")).unwrap_or_default();
        // Behind the first line, which opens a container.
        let line = match part.split_once('\n') {
            Some((first, rest)) => format!("{pad}{first}{comment}\n{rest}{comma}\n"),
            None => format!("{pad}{part}{comma}{comment}\n"),
        };
        text += &line;
    }
    text + &format!("{}{close}", " ".repeat(indent))
}

fn lines(comments: &[String], indent: usize) -> String {
    let pad = " ".repeat(indent);
    comments.iter().flat_map(|comment| [pad.as_str(), "//", comment.as_str(), "\n"]).collect()
}
