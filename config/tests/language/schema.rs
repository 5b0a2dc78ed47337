//! The published schema is what the types say.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::schema::{Shape, Status, Tier, anchor, language};
use crate::config::{self, Code, Severity};
use crate::load;

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/mirrord.schema.json");
    let generated = format!("{:#}\n", config::schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "schema/mirrord.schema.json is out of date: run the test with UPDATE_EXPECT=1");
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&config::schema()));
}

/// Every key of the language with its tier, whether ordinary users write it, and its variables: written by hand from
/// the description of the language.
const KEYS: &str = include_str!("keys.txt");

#[test]
fn the_keys_are_those_of_the_language() {
    let mut defined = BTreeSet::new();
    each(language(), "", &mut |pointer, shape| {
        let tier = if shape.tier == Tier::Operator { "operator" } else { "open" };
        let core = if shape.core { "core" } else { "more" };
        let variables = shape.variables.iter().map(|variable| variable.name.as_str());
        let key = anchor(pointer).replace('-', ".");
        let words: Vec<_> = [key.as_str(), tier, core].into_iter().chain(variables).collect();
        defined.insert(words.join(" "));
    });
    let listed: BTreeSet<String> = KEYS.lines().map(str::to_owned).collect();
    let missing: Vec<_> = listed.difference(&defined).collect();
    let unlisted: Vec<_> = defined.difference(&listed).collect();
    assert!(missing.is_empty() && unlisted.is_empty(), "not defined: {missing:#?}\nnot listed: {unlisted:#?}");
}

/// Calls `visit` with each key and its shape, in whatever form of a value it stands.
fn each(shape: &Shape, pointer: &str, visit: &mut impl FnMut(&str, &Shape)) {
    if let Some(list) = &shape.list {
        each(&list.item, &format!("{pointer}/0"), visit);
    }
    let Some(object) = &shape.object else { return };
    for (key, shape) in object.keys.iter().filter(|(_, shape)| shape.status != Status::Internal) {
        let pointer = format!("{pointer}/{key}");
        visit(&pointer, shape);
        each(shape, &pointer, visit);
    }
    if let Some(others) = &object.others {
        each(others, &format!("{pointer}/NAME"), visit);
    }
}

#[test]
fn every_key_has_all_that_editors_show() {
    each(language(), "", &mut |_, shape| {
        let Shape { title, description, examples, text, .. } = shape;
        assert!(!title.is_empty(), "{description} has no title");
        assert!(!description.is_empty(), "{title} has no doc comment");
        assert!(!examples.is_empty(), "{title} has no example");
        for choice in text.iter().flat_map(|text| &text.choices) {
            assert!(!choice.description.is_empty(), "{title}: `{}` has no doc comment", choice.word);
        }
    });
}

/// Every property of the published schema with its place, references followed.
fn properties(schema: &Value, place: &str, visit: &mut impl FnMut(&str, &str, &Value, bool)) {
    let required = schema.get("required").and_then(Value::as_array);
    for (key, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_required = required.is_some_and(|required| required.iter().any(|name| name == key));
        visit(place, key, value, is_required);
        properties(value, &format!("{place}/{key}"), visit);
    }
    for word in ["anyOf", "oneOf"] {
        for schema in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            properties(schema, place, visit);
        }
    }
    for word in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(word) {
            properties(schema, &format!("{place}/{word}"), visit);
        }
    }
}

#[test]
fn every_published_key_is_told_in_full() {
    let schema = config::schema();
    let mut seen = 0;
    let mut visit = |place: &str, key: &str, value: &Value, is_required: bool| {
        seen += 1;
        for word in ["title", "description", "examples"] {
            assert!(value.get(word).is_some(), "{place}/{key} has no {word}");
        }
        assert!(is_required || value.get("default").is_some(), "{place}/{key} has no default");
    };
    properties(&schema, "", &mut visit);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        properties(definition, name, &mut visit);
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn references_lead_somewhere() {
    let schema = config::schema();
    for reference in schema.to_string().split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(schema.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn deprecated_keys_are_marked() {
    let mut deprecated = Vec::new();
    properties(&config::schema(), "", &mut |_, key, value, _| {
        if value.get("deprecated") == Some(&json!(true)) {
            deprecated.push(format!("{key}: {}", value["deprecationMessage"]));
        }
    });
    assert_eq!(
        deprecated,
        [
            "https_delivery: \"Write `tls_delivery`.\"",
            "latency: \"Delete it.\"",
            "non_blocking_tcp_connect: \"Delete it.\""
        ]
    );
}

/// A document that has only `value` at a place such as `/feature/split_queues/0/queue_id`.
fn only(pointer: &str, value: Value) -> Value {
    let parts: Vec<_> = pointer.split('/').skip(1).collect();
    parts.into_iter().rev().fold(value, |inner, part| match part {
        "0" => json!([inner]),
        key => json!({ key: inner }),
    })
}

#[test]
fn defaults_and_examples_are_values() {
    let validator = jsonschema::draft202012::new(&config::schema()).unwrap();
    let mut checked = 0;
    let mut check = |pointer: &str, value: &Value| {
        let document = only(pointer, value.clone());
        let text = document.to_string();
        let loaded = load(&text);
        let mut errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
        // What a value alone means is right; what it needs beside it is another matter.
        let alone = [Code::MissingKey, Code::BadValue, Code::TargetSyntax, Code::QueueProtobuf];
        let is_group = pointer.matches('/').count() > 1;
        let error = errors.find(|problem| {
            let lonely = is_group && alone.contains(&problem.code);
            !lonely && !problem.code.as_str().starts_with("targetless-")
        });
        assert!(error.is_none(), "{text}: {error:?}");
        if let Some(config) = loaded.config {
            checked += 1;
            assert!(validator.is_valid(&document), "{text}");
            let again: config::Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
            assert_eq!(again, config, "{text}");
        }
    };
    each(language(), "", &mut |pointer, shape| {
        let written = shape.default.iter().filter(|default| !default.is_object());
        shape.examples.iter().chain(written).for_each(|value| check(pointer, value));
    });
    assert!(checked > 200, "{checked}");
}
