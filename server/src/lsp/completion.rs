//! What can be written at a caret: keys, values, common blocks, and what the cluster has.

mod snippet;

use config::Kind;
use config::document::Span;
use config::schema::{Meaning, Shape, Status, Text, language};
use serde_json::Value as Json;

use super::cursor::{Cluster, Cursor};
use super::extension::{Query, Targets};

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What the list shows.
    pub label: String,
    /// What sort of thing it is.
    pub kind: ItemKind,
    /// A few words beside the label.
    pub detail: Option<String>,
    /// More to read, as Markdown.
    pub documentation: Option<String>,
    /// The bytes that it replaces.
    pub replace: Span,
    /// What comes instead, with `$1`-style stops.
    pub snippet: String,
    /// The same for editors without stops.
    pub plain: String,
    /// Where a comma has to be added, so that the document stays well-formed.
    pub comma_at: Option<usize>,
}

/// What sort of thing a suggestion is, for its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A key of the language.
    Key,
    /// A value of the language.
    Value,
    /// Several keys with values.
    Block,
    /// Something in the cluster.
    Live,
}

/// The question to the cluster whose answer [`complete`] can use here.
pub fn wanted(cursor: &Cursor) -> Option<Query> {
    let Cursor::Value { pointer, cluster, .. } = cursor else { return None };
    let Cluster { namespace, context, kubeconfig } = cluster.clone();
    let query = Query { namespace, context, kubeconfig, types: Vec::new() };
    match meaning(language().at(pointer)?)? {
        Meaning::TargetPath | Meaning::Name => Some(query),
        // A namespace that is being typed is no place to look for namespaces.
        Meaning::Namespace => Some(Query { namespace: None, ..query }),
        _ => None,
    }
}

/// The suggestions at `cursor`, best first. `live` is what the cluster has, as far as it is known.
pub fn complete(cursor: &Cursor, live: Option<&Targets>) -> Vec<Item> {
    match cursor {
        Cursor::Empty => vec![snippet::whole_document()],
        Cursor::Key { .. } => keys(cursor),
        Cursor::Value { pointer, replace, .. } => {
            let Some(shape) = language().at(pointer) else { return Vec::new() };
            let mut items = live.map(|live| live_values(shape, pointer, live, *replace)).unwrap_or_default();
            let known = values(shape, *replace);
            items.extend(
                known
                    .into_iter()
                    .filter(|item| item.kind != ItemKind::Value || live.is_none() || shape.examples.is_empty()),
            );
            items
        }
    }
}

fn keys(cursor: &Cursor) -> Vec<Item> {
    let Cursor::Key { object, present, replace, has_value, comma_at, comma_after } = cursor else { return Vec::new() };
    let Some(form) = language().at(object).and_then(|shape| shape.object.as_ref()) else { return Vec::new() };
    let tail = if *comma_after { "," } else { "" };
    let mut items = Vec::new();
    for (key, shape) in &form.keys {
        if shape.status != Status::Supported || present.contains(key) || excluded(form, present, key) {
            continue;
        }
        let (snippet, plain) = match has_value {
            true => (format!("\"{key}\""), format!("\"{key}\"")),
            false => (
                format!("\"{key}\": {}{tail}", snippet::value(shape)),
                format!("\"{key}\": {}{tail}", snippet::plain_value(shape)),
            ),
        };
        items.push(Item {
            label: key.clone(),
            kind: ItemKind::Key,
            detail: Some(shape.expected()),
            documentation: Some(shape.description.clone()),
            replace: *replace,
            snippet,
            plain,
            comma_at: *comma_at,
        });
    }
    if !has_value {
        items.extend(snippet::blocks(object, present).map(|block| Item {
            replace: *replace,
            comma_at: *comma_at,
            ..block.item(tail)
        }));
    }
    items
}

/// Whether the keys that are present leave no room for `key`.
fn excluded(form: &config::schema::Object, present: &[String], key: &str) -> bool {
    let fits = |set: &Vec<String>| set.iter().any(|name| name == key) && present.iter().all(|name| set.contains(name));
    (form.exclusive && !present.is_empty()) || (!form.sets.is_empty() && !form.sets.iter().any(fits))
}

fn values(shape: &Shape, replace: Span) -> Vec<Item> {
    let is_default = |value: &Json| shape.default.as_ref() == Some(value);
    let item = |value: &Json, documentation: &str| {
        let text = value.to_string();
        Item {
            label: value.as_str().map_or_else(|| text.clone(), str::to_owned),
            kind: ItemKind::Value,
            detail: is_default(value).then(|| "default".to_owned()),
            documentation: Some(documentation.to_owned()).filter(|text| !text.is_empty()),
            replace,
            snippet: snippet::escape(&text),
            plain: text,
            comma_at: None,
        }
    };
    let mut items = Vec::new();
    if let Some(Text { choices, meaning: _ }) = &shape.text {
        items.extend(choices.iter().map(|choice| item(&Json::from(choice.word.as_str()), &choice.description)));
    }
    if shape.boolean {
        items.extend([item(&Json::from(true), ""), item(&Json::from(false), "")]);
    }
    // A known object is better built key by key than copied.
    let is_known =
        |example: &&Json| example.is_object() && shape.object.as_ref().is_some_and(|object| object.others.is_none());
    let examples = shape.examples.iter().filter(|example| !is_known(example));
    items.extend(examples.map(|example| Item { detail: Some("example".to_owned()), ..item(example, "") }));
    if let Some(default) = shape.default.as_ref().filter(|default| !default.is_object() && !default.is_array()) {
        let default = item(default, "");
        if items.iter().all(|item| item.plain != default.plain) {
            items.push(default);
        }
    }
    if shape.object.is_some() {
        items.push(Item {
            label: "{…}".to_owned(),
            kind: ItemKind::Block,
            snippet: snippet::object(shape),
            plain: "{}".to_owned(),
            ..item(&Json::Null, &shape.description)
        });
    }
    items
}

fn live_values(shape: &Shape, pointer: &str, live: &Targets, replace: Span) -> Vec<Item> {
    let item = |label: &str, detail: String| {
        let text = Json::from(label).to_string();
        Item {
            label: label.to_owned(),
            kind: ItemKind::Live,
            detail: Some(detail),
            documentation: None,
            replace,
            snippet: snippet::escape(&text),
            plain: text,
            comma_at: None,
        }
    };
    let state = |available: bool| if available { "" } else { ", not ready" };
    let Targets { targets, namespaces, current_namespace, context: _ } = live;
    match meaning(shape) {
        Some(Meaning::TargetPath) => {
            let mut items = Vec::new();
            for target in targets {
                let detail = format!("{}{}", target.namespace, state(target.available));
                items.push(item(&target.path, detail.clone()));
                if target.containers.len() > 1 {
                    let paths =
                        target.containers.iter().map(|container| format!("{}/container/{container}", target.path));
                    items.extend(paths.map(|path| item(&path, detail.clone())));
                }
            }
            items
        }
        Some(Meaning::Name) => {
            let key = pointer.rsplit('/').next().unwrap_or_default();
            let kind = Kind::ALL.into_iter().find(|kind| kind.key() == key).map(Kind::as_str);
            let of_kind = targets.iter().filter(|target| Some(target.kind.as_str()) == kind);
            of_kind
                .filter_map(|target| {
                    let (_, name) = target.path.split_once('/')?;
                    Some(item(name, format!("{}{}", target.kind, state(target.available))))
                })
                .collect()
        }
        Some(Meaning::Namespace) => {
            let mut names: Vec<_> = namespaces.iter().collect();
            names.sort_by_key(|name| *name != current_namespace);
            let detail = |name: &String| if name == current_namespace { "current namespace" } else { "namespace" };
            names.into_iter().map(|name| item(name, detail(name).to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

fn meaning(shape: &Shape) -> Option<Meaning> {
    shape.text.as_ref().and_then(|text| text.meaning)
}

#[cfg(test)]
mod tests;
