//! Between a shorthand and what it stands for.

use config::document::{Value, edit};
use config::schema::{Shape, Short};
use serde_json::{Map, Value as Json, json};

use super::{Action, ActionKind, Change, Place};
use crate::lsp::tree::{self, hit};

/// Expands the shorthand under the caret, or collapses an object or list that has one.
pub(super) fn shorthands(place: &Place<'_>) -> Vec<Action> {
    let Some(hit) = hit(&place.document.root, place.span.start) else { return Vec::new() };
    let Some(shape) = tree::shape(place.document, &hit.pointer) else { return Vec::new() };
    let Some(value) = hit.node.to_json() else { return Vec::new() };
    let key = hit.pointer.rsplit('/').next().unwrap_or_default();
    let rewritten = [
        (expand(shape, &value), format!("Write `{key}` out")),
        (collapse(shape, &value).filter(|_| hit.on_key), format!("Write `{key}` in short")),
    ];
    let action = |(value, title): (Option<Json>, String)| {
        let edits = edit::replace(place.document, place.text, &hit.pointer, &value?)?;
        let change = Change::Edits(edits);
        Some(Action { title, kind: ActionKind::Rewrite, preferred: false, repairs: None, change })
    };
    // A template has no value that could be moved.
    let is_plain = !matches!(hit.node.value, Value::Template(_));
    rewritten.into_iter().filter(|_| is_plain).filter_map(action).collect()
}

/// What a shorthand stands for.
pub(super) fn expand(shape: &Shape, value: &Json) -> Option<Json> {
    match (&shape.short, value) {
        (Short::Object { on: Some(stands_for), .. }, Json::Bool(true))
        | (Short::Object { off: Some(stands_for), .. }, Json::Bool(false)) => {
            Some(stands_for.clone()).filter(|value| can_be_written(shape, value))
        }
        (Short::Object { text: Some(key), .. }, Json::String(_)) => Some(json!({ key: value })),
        (Short::Target, Json::String(_)) => Some(json!({ "path": value })),
        (Short::Names, Json::String(names)) => {
            let names = names.split(';').map(str::trim).filter(|name| !name.is_empty());
            Some(names.map(Json::from).collect())
        }
        (Short::List | Short::Names, Json::String(_) | Json::Number(_)) => Some(json!([value])),
        _ => None,
    }
}

/// Whether an object consists of keys that users write.
fn can_be_written(shape: &Shape, value: &Json) -> bool {
    let internal = |key: &String| shape.key(key).is_some_and(|shape| shape.status == config::schema::Status::Internal);
    value.as_object().is_some_and(|keys| !keys.is_empty() && !keys.keys().any(internal))
}

/// The shorthand of a value, if it has one.
fn collapse(shape: &Shape, value: &Json) -> Option<Json> {
    let only = |keys: &Map<String, Json>, key: &str| keys.get(key).filter(|_| keys.len() == 1).cloned();
    match (&shape.short, value) {
        (Short::Object { text: Some(key), .. }, Json::Object(keys)) => only(keys, key).filter(Json::is_string),
        (Short::Target, Json::Object(keys)) => only(keys, "path").filter(Json::is_string),
        (Short::List | Short::Names, Json::Array(items)) => match items.as_slice() {
            [one @ (Json::String(_) | Json::Number(_))] => Some(one.clone()),
            _ => None,
        },
        _ => None,
    }
}
