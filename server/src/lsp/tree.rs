//! Ways through the tree of a document: to a pointer, and to a caret.

use config::document::{Document, Entry, Node, Span, Value, join, parts};
use config::schema::{Shape, language};

/// What may stand at `pointer`, as far as what is written beside it decides that.
pub fn shape(document: &Document, pointer: &str) -> Option<&'static Shape> {
    language().at_in(pointer, &document.root)
}

/// The node at `pointer`.
pub fn find<'a>(root: &'a Node, pointer: &str) -> Option<&'a Node> {
    parts(pointer).try_fold(root, |node, part| node.child(&part))
}

/// The entry at `pointer`; the root and items of lists have none.
pub fn find_entry<'a>(root: &'a Node, pointer: &str) -> Option<&'a Entry> {
    let (object, _) = pointer.rsplit_once('/')?;
    let Value::Object(entries) = &find(root, object)?.value else { return None };
    let key = parts(pointer).last()?;
    entries.iter().find(|entry| entry.key == key)
}

/// The text at `pointer`.
pub fn text<'a>(root: &'a Node, pointer: &str) -> Option<&'a str> {
    match &find(root, pointer)?.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Something of a document that a caret can be on.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a> {
    /// Pointer of the key or item.
    pub pointer: String,
    /// The key's name or the scalar, whichever the caret is on.
    pub span: Span,
    /// The value.
    pub node: &'a Node,
    /// Whether the caret is on the name.
    pub on_key: bool,
}

/// The innermost key or scalar at `offset`.
pub fn hit(root: &Node, offset: usize) -> Option<Hit<'_>> {
    descend(root, String::new(), offset)
}

fn descend(node: &Node, pointer: String, offset: usize) -> Option<Hit<'_>> {
    match &node.value {
        Value::Object(entries) => entries.iter().find_map(|entry| {
            let own = || join(&pointer, &entry.key);
            if entry.key_span.touches(offset) {
                return Some(Hit { pointer: own(), span: entry.key_span, node: &entry.value, on_key: true });
            }
            // The parts of a TOML table may stand anywhere, so its own span is no guide.
            descend(&entry.value, own(), offset)
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| descend(item, join(&pointer, &index.to_string()), offset))
        }
        Value::Broken => None,
        _ if pointer.is_empty() || !node.span.touches(offset) => None,
        _ => Some(Hit { pointer, span: node.span, node, on_key: false }),
    }
}

/// Calls `visit` with each value that the language knows, and with what may stand there; parents first.
pub fn walk<'a>(document: &'a Document, visit: &mut impl FnMut(&'static Shape, &'a Node)) {
    descend_with(language(), &document.root, visit);
}

fn descend_with<'a>(shape: &'static Shape, node: &'a Node, visit: &mut impl FnMut(&'static Shape, &'a Node)) {
    visit(shape, node);
    match (&node.value, &shape.object, &shape.list) {
        (Value::Object(entries), Some(object), _) => {
            let exact = object.variant(|key| text(node, &join("", key)));
            for entry in entries {
                if let Some(shape) = exact.key(&entry.key).or_else(|| object.key(&entry.key)) {
                    descend_with(shape, &entry.value, visit);
                }
            }
        }
        (Value::Array(items), _, Some(list)) => items.iter().for_each(|item| descend_with(&list.item, item, visit)),
        _ => {}
    }
}
