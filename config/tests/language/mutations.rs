//! Checker and published schema agree about documents that are nearly right.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::config::{self, Severity};
use crate::language::agreement::BEYOND_SCHEMA;
use crate::{load, rendered};

/// Valid documents that between them use most of the language.
static CORPUS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let documents: Vec<Value> = serde_json::from_str(include_str!("corpus.json")).unwrap();
    for document in &documents {
        let text = document.to_string();
        let loaded = load(&text);
        assert!(loaded.config.is_some(), "{text}\n{}", rendered(&loaded, &text));
    }
    documents
});

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&config::schema()).unwrap());

/// What happens to one place of a document.
#[derive(Clone, Debug)]
enum Mutation {
    /// It goes.
    Drop,
    /// Its key gets a typo, or another key of the language's.
    Rename(Option<Index>),
    /// It gets another value.
    Replace(Value),
    /// It gets the value of another place.
    Copy(Index),
    /// It becomes a list of itself.
    Wrap,
    /// A list or mapping becomes its first part.
    Unwrap,
    /// It gets one more part.
    Insert(Index, Value),
}

fn values() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(u32::MAX),
        json!(u64::from(u32::MAX) + 1),
        json!(u64::MAX),
        json!(65535),
        json!(65536),
        json!(1.5),
        json!(3.0),
        json!(""),
        json!("x"),
        json!("true"),
        json!("auto"),
        json!("infinite"),
        json!("steal"),
        json!("local"),
        json!("pod/x"),
        json!([]),
        json!(["a"]),
        json!([[1, 2]]),
        json!([{}]),
        json!({}),
        json!({"a": "b"}),
        json!({"type": "env", "variable": "A"}),
        json!({"enabled": true}),
    ])
}

fn mutations() -> impl Strategy<Value = (Index, Mutation)> {
    let mutation = prop_oneof![
        Just(Mutation::Drop),
        any::<Option<Index>>().prop_map(Mutation::Rename),
        values().prop_map(Mutation::Replace),
        any::<Index>().prop_map(Mutation::Copy),
        Just(Mutation::Wrap),
        Just(Mutation::Unwrap),
        (any::<Index>(), values()).prop_map(|(key, value)| Mutation::Insert(key, value)),
    ];
    (any::<Index>(), mutation)
}

/// Every key of the language.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    fn visit(shape: &config::schema::Shape, keys: &mut Vec<String>) {
        for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
            keys.push(key.clone());
            visit(shape, keys);
        }
    }
    let mut keys = Vec::new();
    visit(config::schema::language(), &mut keys);
    keys.sort();
    keys.dedup();
    keys
});

fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(keys) => {
            keys.iter().for_each(|(key, value)| places(value, &config::document::join(pointer, key), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
}

fn mutate(document: &mut Value, place: Index, mutation: &Mutation) {
    let mut found = Vec::new();
    places(document, "", &mut found);
    let pointer: String = place.get(&found).clone();
    let copied = match mutation {
        Mutation::Copy(from) => document.pointer(from.get::<String>(&found)).cloned(),
        _ => None,
    };
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    match mutation {
        Mutation::Drop => match document.pointer_mut(parent) {
            Some(Value::Object(keys)) => {
                keys.remove(&key);
            }
            Some(Value::Array(items)) if !key.is_empty() => {
                items.remove(key.parse().unwrap());
            }
            _ => {}
        },
        Mutation::Rename(to) => {
            let Some(Value::Object(keys)) = document.pointer_mut(parent) else { return };
            let name = to.map_or_else(|| format!("{key}s"), |to| to.get(&KEYS).clone());
            if let Some(value) = keys.remove(&key) {
                keys.insert(name, value);
            }
        }
        Mutation::Insert(name, value) => match document.pointer_mut(&pointer) {
            Some(Value::Object(keys)) => {
                keys.insert(name.get(&KEYS).clone(), value.clone());
            }
            Some(Value::Array(items)) => items.push(value.clone()),
            _ => {}
        },
        Mutation::Replace(_) | Mutation::Copy(_) | Mutation::Wrap | Mutation::Unwrap => {
            let Some(place) = document.pointer_mut(&pointer) else { return };
            *place = match (mutation, place.take(), copied) {
                (Mutation::Replace(value), ..) => value.clone(),
                (Mutation::Copy(_), _, Some(copied)) => copied,
                (Mutation::Wrap, value, _) => Value::Array(vec![value]),
                (_, Value::Array(mut items), _) if !items.is_empty() => items.swap_remove(0),
                (_, Value::Object(keys), _) if !keys.is_empty() => keys.into_iter().next().unwrap().1,
                (_, value, _) => value,
            };
        }
    }
}

/// Without the keys that are null, which mean "not written": a schema that counts keys counts them.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(keys) => Value::Object(
            keys.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        value => value.clone(),
    }
}

/// What only one of the two accepts, if they disagree.
fn disagreement(document: &Value) -> Option<String> {
    let text = document.to_string();
    let loaded = load(&text);
    let errors: Vec<_> = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let beyond = !errors.is_empty() && errors.iter().all(|problem| BEYOND_SCHEMA.contains(&problem.code));
    (!beyond && errors.is_empty() != VALIDATOR.is_valid(document))
        .then(|| format!("{text}\n{}", rendered(&loaded, &text)))
}

#[test]
fn the_corpus_is_valid() {
    assert_eq!(CORPUS.iter().find_map(disagreement), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_documents(
        document in any::<Index>(),
        mutations in prop::collection::vec(mutations(), 1..4),
    ) {
        let mut document = document.get(&CORPUS).clone();
        for (place, mutation) in &mutations {
            mutate(&mut document, *place, mutation);
        }
        prop_assert_eq!(disagreement(&without_nulls(&document)), None);
    }

    /// `null` means "not written" wherever keys are not counted.
    #[test]
    fn a_null_is_as_good_as_nothing(document in any::<Index>(), place in any::<Index>()) {
        let mut document = document.get(&CORPUS).clone();
        mutate(&mut document, place, &Mutation::Replace(Value::Null));
        let (text, without) = (document.to_string(), without_nulls(&document).to_string());
        if !document.is_object() {
            return Ok(());
        }
        let in_list = rendered(&load(&text), &text).contains("found null");
        prop_assert!(in_list || load(&text).config == load(&without).config, "{}", text);
    }
}
