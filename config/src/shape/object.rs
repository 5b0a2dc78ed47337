//! Checks mappings: their keys, and which of them go together.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{Checker, Place, SCHEMA_KEY, nearest};
use crate::document::{Entry, Node, Value, join};
use crate::problem::{Code, Edit, Problem};
use crate::schema::{Meaning, Object, Shape, Status, language};

impl Checker<'_> {
    pub(super) fn object(&mut self, object: &Object, entries: &[Entry], node: &Node, place: &Place) -> Option<Json> {
        let (errors, written) = (self.findings.errors, self.findings.written.len());
        let object = object.variant(|tag| text_of(entries, tag));
        let mut checked = Map::new();
        let mut seen = HashSet::new();
        for entry in entries {
            if self.findings.is_full() {
                break;
            }
            if !seen.insert(entry.key.as_str()) {
                self.duplicate(entry, place);
            } else if let Some(value) = self.entry(object, entries, entry, place) {
                checked.insert(entry.key.clone(), value);
            }
        }
        if object.others.is_some() {
            // A mapping with free keys is one key of the language.
            self.findings.written.truncate(written);
            self.write(node.span, place);
        } else if checked.is_empty() && self.findings.errors == errors && !place.canonical.is_empty() {
            // To write nothing in an object can turn it on.
            self.write(node.span, place);
        }
        if object.exclusive && checked.len() > 1 {
            let keys: Vec<_> = checked.keys().map(|key| format!("`{key}`")).collect();
            let message = format!("{} exclude each other", keys.join(" and "));
            self.push(Problem::new(Code::NetFilterBoth, &place.written, node.span, message).help("keep one"));
            return None;
        }
        if object.exclusive && checked.is_empty() {
            return None;
        }
        // What a template will make is not known to be wrong.
        let unknown = entries.iter().any(|entry| matches!(entry.value.value, Value::Template(_)));
        let absent: Vec<_> = object.required.iter().filter(|key| !checked.contains_key(*key)).collect();
        if !absent.is_empty() {
            if self.findings.errors == errors && !unknown {
                let names: Vec<_> = absent.iter().map(|key| format!("`{key}`")).collect();
                let problem =
                    Problem::new(Code::MissingKey, &place.written, node.span, format!("{} missing", names.join(", ")));
                self.push(problem.help("add it, or delete the whole object"));
            }
            return None;
        }
        if self.findings.errors == errors
            && !unknown
            && !object.sets.is_empty()
            && !object.sets.iter().any(|set| is_set(set, &checked))
        {
            let keys: Vec<_> = checked.keys().map(|key| format!("`{key}`")).collect();
            let message = match keys.as_slice() {
                [] => "an empty object".to_owned(),
                [key] => format!("{key} is not enough"),
                several => format!("{} do not go together", several.join(", ")),
            };
            let sets: Vec<_> = object.sets.iter().map(|set| set.join(" + ")).collect();
            self.push(
                Problem::new(Code::BadValue, &place.written, node.span, message)
                    .help(format!("write one of {}", sets.join("; "))),
            );
        }
        Some(Json::Object(checked)).filter(|_| object.sets.is_empty() || self.findings.errors == errors)
    }

    fn duplicate(&mut self, entry: &Entry, place: &Place) {
        let place = place.inside(&entry.key, entry.implied);
        let problem = Problem::new(Code::DuplicateKey, place.written, entry.key_span, "this key stands here twice");
        let edits = self.repair.and_then(|repair| repair.remove_key(entry.key_span));
        self.push(problem.help("delete one").repair("Delete this one", edits));
    }

    fn entry(&mut self, object: &Object, entries: &[Entry], entry: &Entry, place: &Place) -> Option<Json> {
        let inner = place.inside(&entry.key, entry.implied);
        if place.canonical.is_empty() && entry.key == SCHEMA_KEY {
            return None;
        }
        let known = object.keys.iter().find(|(key, _)| *key == entry.key).map(|(_, shape)| shape);
        let Some(shape) = known.or(object.others.as_deref()) else {
            let problem = self.unknown_key(object, entries, entry, place);
            self.push(problem);
            return None;
        };
        if object.pattern_keys
            && let Some(problem) = self.content(Meaning::Regex, &entry.key, entry.key_span, &inner)
        {
            self.push(problem);
            return None;
        }
        match &shape.status {
            Status::Supported => {}
            Status::Internal if entry.implied => {}
            Status::Internal => {
                let problem = self.unknown_key(object, entries, entry, place);
                self.push(problem);
                return None;
            }
            status => {
                let problem = self.remark(status, entries, entry, &inner);
                self.push(problem);
            }
        }
        self.check(shape, &entry.value, &inner)
    }

    /// What a key's status makes worth saying where it is written.
    fn remark(&self, status: &Status, entries: &[Entry], entry: &Entry, inner: &Place) -> Problem {
        let key = &entry.key;
        let problem = |code, message| Problem::new(code, &inner.written, entry.key_span, message);
        let delete = || self.repair.and_then(|repair| repair.remove(&inner.written));
        match status {
            Status::Unstable | Status::Supported | Status::Internal => {
                problem(Code::UnstableKey, format!("`{key}` may change or go without notice"))
            }
            Status::NoEffect { why } => {
                problem(Code::NoEffect, format!("`{key}` is accepted and has no effect: {why}"))
                    .repair(format!("Delete `{key}`"), delete())
            }
            Status::Deprecated { replacement: None } => problem(Code::DeprecatedKey, format!("`{key}` is deprecated"))
                .help("delete it")
                .repair(format!("Delete `{key}`"), delete()),
            Status::Deprecated { replacement: Some(new) } => {
                let edits = self.renamed(entries, &inner.written, new);
                problem(Code::DeprecatedKey, format!("`{key}` is deprecated"))
                    .help(format!("write `{new}` instead"))
                    .repair(format!("Rename to `{new}`"), edits)
            }
        }
    }

    /// Edits that give the key at `pointer` another name, unless there is such a key beside it.
    fn renamed(&self, entries: &[Entry], pointer: &str, name: &str) -> Option<Vec<Edit>> {
        let is_free = entries.iter().all(|entry| entry.key != name);
        self.repair.filter(|_| is_free)?.rename(pointer, name)
    }

    fn unknown_key(&self, object: &Object, entries: &[Entry], entry: &Entry, place: &Place) -> Problem {
        let inner = place.inside(&entry.key, entry.implied);
        if object.removed.contains(&entry.key) {
            let problem = Problem::new(
                Code::RemovedKey,
                inner.written,
                entry.key_span,
                format!("`{}` no longer exists", entry.key),
            );
            let edits = self.repair.and_then(|repair| repair.remove(&problem.pointer));
            return problem.help("delete it").repair(format!("Delete `{}`", entry.key), edits);
        }
        let problem = Problem::new(Code::UnknownKey, inner.written, entry.key_span, "unknown key");
        let writable =
            object.keys.iter().filter(|(_, shape)| shape.status != Status::Internal).map(|(key, _)| key.as_str());
        if let Some(near) = nearest(&entry.key, writable.clone()) {
            let problem = problem.help(format!("did you mean `{near}`?"));
            let edits = self.renamed(entries, &problem.pointer, near);
            return problem.repair(format!("Rename to `{near}`"), edits);
        }
        if let Some(home) = find(language(), "", &entry.key).filter(|home| !place.canonical.starts_with(home.as_str()))
        {
            return problem.help(format!("`{}` belongs in `{}`", entry.key, home[1..].replace('/', ".")));
        }
        let keys: Vec<_> = writable.map(|key| format!("`{key}`")).collect();
        if keys.is_empty() || keys.len() > 8 {
            problem
        } else {
            problem.help(format!("known here: {}", keys.join(", ")))
        }
    }
}

/// The object below `pointer` that has `key`, if `key` is a name of the language elsewhere.
fn find(shape: &Shape, pointer: &str, key: &str) -> Option<String> {
    let keys = &shape.object.as_ref()?.keys;
    if !pointer.is_empty() && keys.iter().any(|(name, shape)| name == key && shape.status != Status::Internal) {
        return Some(pointer.to_owned());
    }
    keys.iter().find_map(|(name, shape)| find(shape, &join(pointer, name), key))
}

fn text_of<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    match &entries.iter().find(|entry| entry.key == key)?.value.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn is_set(set: &[String], keys: &Map<String, Json>) -> bool {
    set.len() == keys.len() && set.iter().all(|key| keys.contains_key(key))
}
