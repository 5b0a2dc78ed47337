//! The comparison for programs.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use config::feature::env::{
    ImportRule, Origin,
    account::{Entry, Source},
};
use serde_json::{Map, Value, json};

use super::{Change, Report, differs, reason};

/// One object; `variables` has one for each variable, by name.
pub(super) fn of(report: &Report<'_>) -> Value {
    let shown = report.account.iter().filter(|(_, entry)| report.all || differs(entry));
    let variables: Value = shown.map(|(name, entry)| variable(report, name, entry)).collect();
    json!({ "values_shown": report.show, "variables": variables })
}

fn variable(report: &Report<'_>, name: &OsStr, entry: &Entry) -> Value {
    let Entry { local, remote, rule, effective, source } = entry;
    let side = |value: Option<&OsStr>| side(value, report.show);
    let mut object = Map::new();
    for (key, value) in text("name", name) {
        object.insert(key, value);
    }
    let change = match Change::of(entry) {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
        Change::Kept => "kept",
    };
    let source = match source {
        Source::Local => "local",
        Source::Remote => "remote",
        Source::File => "env_file",
        Source::Mapping(_) => "mapping",
        Source::Override => "override",
        Source::Unset(_) => "unset",
    };
    let rest = json!({
        "change": change,
        "local": side(local.as_deref()),
        "remote": side(remote.as_ref().map(|variable| variable.value.as_os_str())),
        "effective": side(effective.as_deref()),
        "source": source,
        "origin": remote.as_ref().map(|variable| origin(&variable.origin)),
        "rule": rule.map(import_rule),
        "reason": reason::of(report.env, entry),
    });
    object.extend(rest.as_object().cloned().unwrap_or_default());
    Value::Object(object)
}

/// `null`: not set. Without leave to show it, nothing tells even how long the value is.
fn side(value: Option<&OsStr>, show: bool) -> Value {
    match value {
        None => Value::Null,
        Some(value) if show => text("value", value).collect::<Map<_, _>>().into(),
        Some(_) => json!({ "hidden": true }),
    }
}

/// The text, and, when it is none, its bytes.
fn text(key: &str, text: &OsStr) -> impl Iterator<Item = (String, Value)> {
    let bytes = text.to_str().is_none().then(|| (format!("{key}_bytes"), text.as_bytes().into()));
    [(key.to_owned(), text.to_string_lossy().into())].into_iter().chain(bytes)
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Spec => json!({ "kind": "spec" }),
        Origin::Field => json!({ "kind": "field" }),
        Origin::ConfigMap(name) => json!({ "kind": "configmap", "name": name }),
        Origin::Secret(name) => json!({ "kind": "secret", "name": name }),
        Origin::Bulk(objects) => json!({ "kind": "env_from_or_image", "objects": objects }),
        Origin::Kubernetes => json!({ "kind": "kubernetes" }),
        Origin::Image => json!({ "kind": "image" }),
        Origin::Unknown => json!({ "kind": "unknown" }),
    }
}

fn import_rule(rule: ImportRule) -> Value {
    match rule {
        ImportRule::Off => json!({ "kind": "off", "key": "/feature/env" }),
        ImportRule::Included(number) => json!({ "kind": "included", "key": format!("/feature/env/include/{number}") }),
        ImportRule::NotIncluded => json!({ "kind": "not_included", "key": "/feature/env/include" }),
        ImportRule::Excluded(number) => json!({ "kind": "excluded", "key": format!("/feature/env/exclude/{number}") }),
        ImportRule::ExcludedByDefault(pattern) => json!({ "kind": "excluded_by_default", "pattern": pattern }),
        ImportRule::Plumbing(pattern) => json!({ "kind": "of_the_image", "pattern": pattern }),
        ImportRule::Default => json!({ "kind": "default" }),
    }
}
