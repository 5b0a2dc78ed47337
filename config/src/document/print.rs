//! Whole documents as text: printing, formatting, conversion between syntaxes.

mod comments;
mod convert;
mod format;
mod json;
mod text;
mod toml;
mod yaml;

use serde_json::Value as Json;

use super::{Entry, Node, Syntax, Value};
use comments::Comments;
pub use convert::convert;
pub use format::format;
pub(super) use text::{key, scalar};

/// `value` as a document. TOML has no null: keys and items that are null are left out there.
pub fn print(syntax: Syntax, value: &Json) -> String {
    document(syntax, &Node::from(value), &Comments::default())
}

/// `value` on one line.
pub fn inline(syntax: Syntax, value: &Json) -> String {
    one_line(syntax, &Node::from(value))
}

/// `value` as it stands behind a key or dash of this many spaces of indentation: what follows the first line is
/// indented as it must be.
pub(super) fn nested(syntax: Syntax, value: &Json, indent: usize) -> String {
    let node = Node::from(value);
    match syntax {
        Syntax::Json => json::value(&node, "", indent, &Comments::default()),
        Syntax::Yaml => yaml::value(&node, "", indent, &Comments::default()),
        Syntax::Toml => one_line(syntax, &node),
    }
}

/// The sections of a table that stands at `path`, with its header.
pub(super) fn section(path: &[String], value: &Json) -> String {
    toml::section(path, &Node::from(value))
}

fn document(syntax: Syntax, node: &Node, comments: &Comments) -> String {
    let text = match syntax {
        Syntax::Json => json::document(node, comments),
        Syntax::Yaml => yaml::document(node, comments),
        Syntax::Toml => toml::document(node, comments),
    };
    if text.ends_with('\n') || text.is_empty() { text } else { text + "\n" }
}

fn one_line(syntax: Syntax, node: &Node) -> String {
    match &node.value {
        Value::Broken | Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => scalar(syntax, text),
        Value::Template(text) => text.clone(),
        Value::Array(items) => {
            let kept = items.iter().filter(|item| syntax != Syntax::Toml || !is_null(item));
            let items: Vec<_> = kept.map(|item| one_line(syntax, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let kept = entries.iter().filter(|entry| syntax != Syntax::Toml || !is_null(&entry.value));
            let separator = if syntax == Syntax::Toml { " =" } else { ":" };
            let entries: Vec<_> = kept
                .map(|entry| format!("{}{separator} {}", key(syntax, &entry.key), one_line(syntax, &entry.value)))
                .collect();
            // Never `{{`, which would begin a template.
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Broken | Value::Null)
}

/// Longest list that stands on one line.
const WIDTH: usize = 80;

/// A list that is short and simple enough to stand on one line.
fn short_list(syntax: Syntax, items: &[Node]) -> Option<String> {
    let is_simple = |node: &Node| match &node.value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !matches!(item.value, Value::Array(_) | Value::Object(_))),
        _ => true,
    };
    if items.len() > WIDTH || !items.iter().all(is_simple) {
        return None;
    }
    let items: Vec<_> = items.iter().map(|item| one_line(syntax, item)).collect();
    Some(format!("[{}]", items.join(", "))).filter(|list| list.len() <= WIDTH)
}
