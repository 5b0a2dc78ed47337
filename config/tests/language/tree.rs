//! Pictures of trees, for expectations about spans.

use std::fmt::Write;

use crate::config::Document;
use crate::config::document::{Node, Span, Value, join};

/// One line per key and item: its pointer, what was read, and the text of the key, the value, and the whole entry.
pub(crate) fn picture(name: &str, text: &str) -> String {
    let document = Document::parse(name, text);
    let mut lines = String::new();
    draw(&document.root, "", text, &mut lines);
    for problem in &document.problems {
        lines += &problem.render(name, text);
        lines += &format!(" <{}>\n", slice(text, problem.span));
    }
    lines
}

fn draw(node: &Node, pointer: &str, text: &str, lines: &mut String) {
    match &node.value {
        Value::Object(entries) => {
            for entry in entries {
                let inner = join(pointer, &entry.key);
                let (key, value) = (slice(text, entry.key_span), slice(text, entry.value.span));
                let kind = kind(&entry.value);
                writeln!(lines, "{inner} = {kind} <{key}> <{value}> <{}>", slice(text, entry.span)).unwrap();
                draw(&entry.value, &inner, text, lines);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let inner = join(pointer, &index.to_string());
                writeln!(lines, "{inner} = {} <{}>", kind(item), slice(text, item.span)).unwrap();
                draw(item, &inner, text, lines);
            }
        }
        _ if pointer.is_empty() => writeln!(lines, "root = {} <{}>", kind(node), slice(text, node.span)).unwrap(),
        _ => {}
    }
}

fn slice(text: &str, span: Span) -> String {
    text[span.start..span.end].escape_debug().to_string()
}

fn kind(node: &Node) -> String {
    match &node.value {
        Value::Broken => "broken".to_owned(),
        Value::Template(raw) => format!("template {raw:?}"),
        Value::Array(_) => "list".to_owned(),
        Value::Object(_) => "object".to_owned(),
        _ => node.to_json().unwrap().to_string(),
    }
}
