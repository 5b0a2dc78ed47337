//! Shorthand forms: scalars that stand for lists and objects.

use crate::document::{Entry, Node, Value};
use crate::schema::{Shape, Short};
use crate::target::{self, TargetError};

/// What `node` stands for; `None` when it is no shorthand.
pub(super) fn expand(shape: &Shape, node: &Node) -> Result<Option<Node>, TargetError> {
    let span = node.span;
    let object = |key: &str, value: Node| Node { value: Value::Object(vec![Entry::implied(key, value)]), span };
    Ok(match (&shape.short, &node.value) {
        (Short::Object { on: Some(value), .. }, Value::Bool(true))
        | (Short::Object { off: Some(value), .. }, Value::Bool(false)) => Some(Node::at(value, span)),
        (Short::Object { text: Some(key), .. }, Value::String(_)) => Some(object(key, node.clone())),
        (Short::Names, Value::String(names)) => {
            let names = names.split(';').map(str::trim).filter(|name| !name.is_empty());
            let names = names.map(|name| Node { value: Value::String(name.to_owned()), span });
            Some(Node { value: Value::Array(names.collect()), span })
        }
        (Short::List | Short::Names, Value::Bool(_) | Value::Number(_) | Value::String(_))
            if accepts_item(shape, node) =>
        {
            Some(Node { value: Value::Array(vec![node.clone()]), span })
        }
        (Short::Target, Value::String(_)) => Some(object("path", node.clone())),
        (Short::Target, Value::Object(entries)) => target_keys(entries, node)?,
        (Short::Path, Value::Object(_)) => match target::from_object(node) {
            Some(path) => Some(Node { value: Value::String(path?), span }),
            None => None,
        },
        _ => None,
    })
}

/// Whether `node` has the type of an item, so that a mistake in it is reported for the item and not for the list.
fn accepts_item(shape: &Shape, node: &Node) -> bool {
    match node.value {
        Value::String(_) => shape.text.is_some(),
        Value::Number(_) => shape.integer.is_some(),
        _ => false,
    }
}

/// `{"deployment": "d", "namespace": "n"}` is short for `{"path": {"deployment": "d"}, "namespace": "n"}`.
fn target_keys(entries: &[Entry], node: &Node) -> Result<Option<Node>, TargetError> {
    let is_part = |entry: &&Entry| {
        let kind = target::Kind::ALL.iter().any(|kind| kind.key() == entry.key);
        entry.value.value != Value::Null && (kind || entry.key == "labels" || entry.key == "container")
    };
    let (parts, mut rest): (Vec<_>, Vec<_>) = entries.iter().partition::<Vec<&Entry>, _>(is_part);
    if parts.is_empty() {
        return Ok(None);
    }
    if rest.iter().any(|entry| entry.key == "path" && entry.value.value != Value::Null) {
        let (code, message) = (crate::Code::TargetSeveral, "a path beside its object form".to_owned());
        return Err(TargetError { code, message, help: "keep one".to_owned(), meant: None });
    }
    rest.retain(|entry| entry.key != "path");
    let path = Node { value: Value::Object(parts.into_iter().cloned().collect()), span: node.span };
    let keys = std::iter::once(Entry::implied("path", path)).chain(rest.into_iter().cloned());
    Ok(Some(Node { value: Value::Object(keys.collect()), span: node.span }))
}

/// The key to delete from a target's object form that names two things; `None` when it names more.
pub(super) fn spare_head(node: &Node) -> Option<&str> {
    let Value::Object(entries) = &node.value else { return None };
    let is_head =
        |key: &str| key == "path" || key == "labels" || target::Kind::ALL.iter().any(|kind| kind.key() == key);
    let heads: Vec<_> =
        entries.iter().filter(|entry| entry.value.value != Value::Null && is_head(&entry.key)).collect();
    match heads.as_slice() {
        [_, second] => Some(&second.key),
        _ => None,
    }
}
