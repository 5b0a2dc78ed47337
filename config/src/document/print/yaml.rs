//! YAML in block style, indented by two spaces, with comments.

use super::{Comments, Node, Syntax, Value, key, one_line, short_list};
use crate::document::join;

pub(super) fn document(node: &Node, comments: &Comments) -> String {
    let mut text = lines(&comments.head, 0);
    if !text.is_empty() {
        text.push('\n');
    }
    let value = match &node.value {
        Value::Object(entries) if !entries.is_empty() => block(node, "", 0, comments),
        Value::Array(items) if !items.is_empty() => block(node, "", 0, comments),
        _ => one_line(Syntax::Yaml, node),
    };
    text += value.trim_start_matches('\n');
    text.push('\n');
    text + &lines(&comments.tail, 0)
}

/// `node` behind the colon of a key that is indented by `indent`: on its line, or below it.
pub(super) fn value(node: &Node, pointer: &str, indent: usize, comments: &Comments) -> String {
    match &node.value {
        Value::Object(entries) if !entries.is_empty() => block(node, pointer, indent + 2, comments),
        Value::Array(items) if !items.is_empty() => block(node, pointer, indent + 2, comments),
        Value::Broken | Value::Null => " null".to_owned(),
        _ => format!(" {}", one_line(Syntax::Yaml, node)),
    }
}

/// A container that is not empty, each line with its line end in front.
fn block(node: &Node, pointer: &str, indent: usize, comments: &Comments) -> String {
    let pad = " ".repeat(indent);
    let mut text = String::new();
    let mut line = |pointer: &str, head: String, value: String| {
        text.push('\n');
        text += &lines(comments.before(pointer), indent);
        let comment = comments.behind(pointer).map(|comment| format!(" #{comment}")).unwrap_or_default();
        // A comment stands behind the first line, unless that goes on as a scalar.
        let (first, rest) = value.split_once('\n').map_or((value.as_str(), None), |(first, rest)| (first, Some(rest)));
        text.extend([pad.as_str(), head.as_str(), first, comment.as_str()]);
        if let Some(rest) = rest {
            text.push('\n');
            text += rest;
        }
    };
    match &node.value {
        Value::Object(entries) => {
            for entry in entries {
                let inner = join(pointer, &entry.key);
                let value = value(&entry.value, &inner, indent, comments);
                line(&inner, format!("{}:", key(Syntax::Yaml, &entry.key)), value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let inner = join(pointer, &index.to_string());
                let value = match &item.value {
                    Value::Object(entries) if !entries.is_empty() => {
                        let text = block(item, &inner, indent + 2, comments);
                        // The first key stands behind the dash, unless a comment stands above it.
                        match text[1..].strip_prefix(&" ".repeat(indent + 2)) {
                            Some(rest) if !rest.starts_with('#') => format!(" {rest}"),
                            _ => text,
                        }
                    }
                    Value::Array(items) if !items.is_empty() => match short_list(Syntax::Yaml, items) {
                        Some(list) if !comments.any_below(&inner) => format!(" {list}"),
                        _ => block(item, &inner, indent + 2, comments),
                    },
                    _ => format!(" {}", one_line(Syntax::Yaml, item)),
                };
                line(&inner, "-".to_owned(), value);
            }
        }
        _ => {}
    }
    text
}

fn lines(comments: &[String], indent: usize) -> String {
    let pad = " ".repeat(indent);
    comments.iter().flat_map(|comment| [pad.as_str(), "#", comment.as_str(), "\n"]).collect()
}
