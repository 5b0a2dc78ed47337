//! Our checker and the published schema accept the same documents.

use serde_json::{Value, json};

use crate::config::{self, Code, Severity};
use crate::{load, rendered};

/// Rules that no JSON Schema expresses.
pub(super) const BEYOND_SCHEMA: &[Code] = &[
    Code::TargetSeveral,
    Code::LabelEmpty,
    Code::BadRegex,
    Code::BadJsonPath,
    Code::BadJq,
    Code::NetFilterSyntax,
    Code::Template,
    Code::TargetlessSteal,
    Code::TargetlessEphemeral,
    Code::FilterSeveral,
    Code::FilterEmpty,
    Code::PortsBoth,
    Code::PortTwice,
    Code::EnvBoth,
    Code::LabelWith,
    Code::TargetlessCopy,
    Code::CopyWithoutOperator,
    Code::CopyService,
    Code::ExclusiveKeys,
    Code::TlsBoth,
    Code::TlsRoots,
    Code::TlsName,
    Code::EnvOverrideBranch,
    Code::QueueProtobuf,
    Code::RetryRange,
    Code::BufferSize,
];

/// Values that are put at every key of the language.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(80),
        json!(-1),
        json!(70000),
        json!(2.5),
        json!(8.0),
        json!(""),
        json!("read"),
        json!("steal"),
        json!("auto"),
        json!("Always"),
        json!("pod/x"),
        json!("pods/x"),
        json!("targetless"),
        json!([]),
        json!(["a"]),
        json!([1]),
        json!([null]),
        json!([[1, 2]]),
        json!([[1, 2, 3]]),
        json!([["a", "b"]]),
        json!([{"header": "a"}]),
        json!([{"header": "a", "path": "b"}]),
        json!([{"query": "a", "body": "json"}]),
        json!([{}]),
        json!([{"name": "a"}]),
        json!({}),
        json!({"a": "b"}),
        json!({"a": 1}),
        json!({"a": null}),
        json!({"pod": "x"}),
        json!({"pod": "x", "container": "c", "namespace": "n"}),
        json!({"labels": {"a": "b"}}),
        json!({"registry": "r"}),
        json!({"remote": "r"}),
        json!({"remote": "r", "local": "l"}),
        json!({"body": "json", "query": "$"}),
        json!({"body": "json"}),
        json!({"enabled": true}),
        json!({"mode": "write"}),
    ]
}

fn pointers(shape: &config::schema::Shape, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
        pointers(shape, &format!("{pointer}/{key}"), found);
    }
}

/// Whether the object around `key` allows only some combinations of keys.
fn counts_keys(key: &str) -> bool {
    let parent = key.rsplit_once('/').and_then(|(parent, _)| config::schema::language().at(parent));
    parent.and_then(|parent| parent.object.as_ref()).is_some_and(|object| object.exclusive || !object.sets.is_empty())
}

#[test]
fn every_value_at_every_key() {
    let validator = jsonschema::draft202012::new(&config::schema()).unwrap();
    let mut keys = Vec::new();
    pointers(config::schema::language(), "", &mut keys);
    let mut compared = 0;
    keys.retain(|key| key != "/target/container"); // It needs a pod beside it, which the schema does not say.
    for key in keys {
        for value in values() {
            if value.is_null() && counts_keys(&key) {
                continue; // JSON Schema counts a key that is null, and we do not.
            }
            let document = key
                .split('/')
                .skip(1)
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .fold(value, |inner, key| json!({ *key: inner }));
            let text = document.to_string();
            let loaded = load(&text);
            let errors: Vec<_> = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
            if !errors.is_empty() && errors.iter().all(|problem| BEYOND_SCHEMA.contains(&problem.code)) {
                continue;
            }
            compared += 1;
            assert_eq!(errors.is_empty(), validator.is_valid(&document), "{text}\n{}", rendered(&loaded, &text));
        }
    }
    assert!(compared > 2000, "{compared}");
}
