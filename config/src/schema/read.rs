//! From the schema that schemars generates to [`Shape`].

use serde_json::{Map, Value, json};

use super::{Choice, Flag, Integer, List, Meaning, Object, Shape, Short, Status, Text, Tier, Variable, Variants};
use crate::target;

/// The shape that `schema` describes. `pointer` says where, for the panics: a definition that is not understood is a
/// defect of this crate, which its first test finds.
pub(super) fn shape(schema: &Value, pointer: &str) -> Shape {
    let mut shape = Shape::default();
    let Some(schema) = schema.as_object() else {
        shape.any = true;
        return shape;
    };
    shape.description = paragraph(schema.get("description"));
    shape.default = schema.get("default").filter(|default| !default.is_null()).cloned();
    shape.examples = schema.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
    shape.variables = variables(schema.get("x-env"), pointer);
    shape.flags = flags(schema.get("x-flag"), pointer);
    shape.core = schema.get("x-core") == Some(&Value::Bool(true));
    shape.tier = match schema.get("x-tier").and_then(Value::as_str) {
        None => Tier::Open,
        Some("operator") => Tier::Operator,
        Some(other) => panic!("{pointer}: unknown x-tier {other}"),
    };
    shape.status = status(schema.get("x-status"), pointer);
    forms(&mut shape, schema, pointer);
    shorthand(&mut shape, schema.get("x-short"), pointer);
    shape
}

fn status(status: Option<&Value>, pointer: &str) -> Status {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match status {
        None => Status::Supported,
        Some(Value::String(word)) if word == "internal" => Status::Internal,
        Some(Value::String(word)) if word == "unstable" => Status::Unstable,
        Some(Value::Object(word)) => match (word.get("deprecated"), word.get("no-effect").and_then(text)) {
            (Some(replacement), _) => Status::Deprecated { replacement: text(replacement) },
            (None, Some(why)) => Status::NoEffect { why },
            (None, None) => panic!("{pointer}: unknown x-status {word:?}"),
        },
        Some(other) => panic!("{pointer}: unknown x-status {other}"),
    }
}

fn flags(flags: Option<&Value>, pointer: &str) -> Vec<Flag> {
    let flag = |names: &str, value: Option<&Value>| {
        let (short, long) = names.rsplit_once(' ').map_or((None, names), |(short, long)| (short.chars().nth(1), long));
        Flag { long: long.to_owned(), short, value: value.cloned() }
    };
    match flags {
        None => Vec::new(),
        Some(Value::String(names)) => vec![flag(names, None)],
        Some(Value::Object(flags)) => flags.iter().map(|(names, value)| flag(names, Some(value))).collect(),
        Some(other) => panic!("{pointer}: unknown x-flag {other}"),
    }
}

fn forms(shape: &mut Shape, schema: &Map<String, Value>, pointer: &str) {
    let meaning = schema.get("x-meaning").map(|word| meaning(word, pointer));
    for alternatives in ["anyOf", "oneOf"].iter().filter_map(|word| schema.get(*word)?.as_array()) {
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            match tag(alternative) {
                Some((tag, word)) => {
                    let about = paragraph(schema.get("x-tag"));
                    variant(shape, (tag, &about), word, alternative, pointer);
                }
                None => forms(shape, alternative, pointer),
            }
        }
    }
    if let Some(object) = shape.object.as_mut().filter(|object| object.variants.is_some()) {
        object.name = name(schema);
    }
    let words =
        schema.get("const").map(std::slice::from_ref).or_else(|| schema.get("enum")?.as_array().map(Vec::as_slice));
    if let Some(words) = words {
        let text = shape.text.get_or_insert_default();
        text.choices.extend(
            words
                .iter()
                .filter_map(Value::as_str)
                .map(|word| Choice { word: word.to_owned(), description: paragraph(schema.get("description")) }),
        );
        return;
    }
    let types = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for name in types {
        match name {
            "null" => {}
            "boolean" => shape.boolean = true,
            "integer" => shape.integer = Some(integer(schema, meaning)),
            "string" => shape.text = Some(Text { choices: Vec::new(), meaning }),
            "array" => shape.list = Some(Box::new(list(schema, pointer))),
            "object" => shape.object = Some(object(schema, pointer)),
            other => panic!("{pointer}: unknown type {other}"),
        }
    }
}

/// The key and its only word, in one alternative of a tagged enum.
fn tag(alternative: &Map<String, Value>) -> Option<(&str, &str)> {
    let keys = alternative.get("properties")?.as_object()?;
    keys.iter().find_map(|(key, value)| Some((key.as_str(), value.get("const")?.as_str()?)))
}

/// Adds one alternative of a tagged enum: by itself, and to the keys that any of them has. `about` describes the tag.
fn variant(shape: &mut Shape, (tag, about): (&str, &str), word: &str, alternative: &Map<String, Value>, pointer: &str) {
    let mut case = object(alternative, pointer);
    let description = paragraph(alternative.get("description"));
    let text = Text { choices: vec![Choice { word: word.to_owned(), description }], meaning: None };
    case.keys.retain(|(key, _)| key != tag);
    let shape_of_tag = Shape { description: about.to_owned(), text: Some(text), ..Shape::default() };
    case.keys.insert(0, (tag.to_owned(), shape_of_tag));
    let all = shape.object.get_or_insert_default();
    all.required = vec![tag.to_owned()];
    for (key, shape) in &case.keys {
        match all.keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => unite(known, shape),
            None => all.keys.push((key.clone(), shape.clone())),
        }
    }
    let variants = all.variants.get_or_insert_with(|| Variants { tag: tag.to_owned(), cases: Vec::new() });
    variants.cases.push((word.to_owned(), case));
}

/// Adds to `shape` what else `other` allows, where both are what different alternatives have under one key.
fn unite(shape: &mut Shape, other: &Shape) {
    shape.boolean |= other.boolean;
    shape.any |= other.any;
    shape.integer = shape.integer.take().or_else(|| other.integer.clone());
    shape.list = shape.list.take().or_else(|| other.list.clone());
    match (&mut shape.text, &other.text) {
        (Some(text), Some(other)) => {
            for choice in &other.choices {
                if text.choices.iter().all(|known| known.word != choice.word) {
                    text.choices.push(choice.clone());
                }
            }
        }
        (text, other) => *text = text.take().or_else(|| other.clone()),
    }
    match (&mut shape.object, &other.object) {
        (Some(object), Some(other)) => {
            for (key, shape) in &other.keys {
                match object.keys.iter_mut().find(|(known, _)| known == key) {
                    Some((_, known)) => unite(known, shape),
                    None => object.keys.push((key.clone(), shape.clone())),
                }
            }
            object.name = object.name.take().filter(|name| Some(name) == other.name.as_ref());
            object.required.retain(|key| other.required.contains(key));
            object.sets = Vec::new();
        }
        (object, other) => *object = object.take().or_else(|| other.clone()),
    }
}

fn name(schema: &Map<String, Value>) -> Option<String> {
    schema.get("x-name").and_then(Value::as_str).map(str::to_owned)
}

/// The largest whole number that every reader of JSON can represent.
pub(super) const LARGEST: i64 = (1 << 53) - 1;

fn integer(schema: &Map<String, Value>, meaning: Option<Meaning>) -> Integer {
    let bound = |word| schema.get(word).and_then(Value::as_i64);
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => i64::from(u16::MAX),
        Some("uint32") => i64::from(u32::MAX),
        _ => LARGEST,
    };
    Integer { least: bound("minimum").unwrap_or(0), most: bound("maximum").unwrap_or(most), meaning }
}

fn list(schema: &Map<String, Value>, pointer: &str) -> List {
    // The items of a pair are equal, so the first stands for both.
    let item = schema.get("items").or_else(|| schema.get("prefixItems")?.get(0)).unwrap_or(&Value::Bool(true));
    let mut item = shape(item, &format!("{pointer}[]"));
    refer(&mut item, schema.get("x-meaning"), pointer);
    let length = schema.get("maxItems").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    List { item, length }
}

/// Says what the scalars of a list or mapping refer to.
fn refer(item: &mut Shape, word: Option<&Value>, pointer: &str) {
    let Some(word) = word else { return };
    let meaning = Some(meaning(word, pointer));
    if let Some(text) = &mut item.text {
        text.meaning = meaning;
    } else if let Some(integer) = &mut item.integer {
        integer.meaning = meaning;
    } else if let Some(integer) = item.list.as_mut().and_then(|pair| pair.item.integer.as_mut()) {
        integer.meaning = meaning;
    }
}

fn object(schema: &Map<String, Value>, pointer: &str) -> Object {
    let mut object = Object::default();
    for (key, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        object.keys.push((key.clone(), shape(value, &format!("{pointer}/{key}"))));
    }
    match schema.get("additionalProperties") {
        None if schema.get("properties").is_none() => {
            object.others = Some(Box::new(Shape { any: true, ..Shape::default() }));
        }
        None | Some(Value::Bool(false)) => {}
        Some(others) => {
            let mut others = shape(others, &format!("{pointer}/*"));
            refer(&mut others, schema.get("x-values"), pointer);
            object.others = Some(Box::new(others));
        }
    }
    object.name = name(schema);
    object.required = words(schema.get("required"));
    object.required.extend(words(schema.get("x-required")));
    object.removed = words(schema.get("x-removed"));
    object.key_meaning = schema.get("x-meaning").filter(|_| object.others.is_some()).map(|word| meaning(word, pointer));
    object.pattern_keys = schema.get("x-pattern-keys") == Some(&Value::Bool(true));
    let sets = schema.get("x-sets").and_then(Value::as_array).into_iter().flatten();
    object.sets = sets.map(|set| words(Some(set))).collect();
    object.exclusive = schema.get("x-exclusive") == Some(&Value::Bool(true));
    object
}

fn shorthand(shape: &mut Shape, short: Option<&Value>, pointer: &str) {
    shape.short = match short {
        None => return,
        Some(Value::Object(forms)) => {
            let (on, off) = (forms.get("true").cloned(), forms.get("false").cloned());
            let text = forms.get("text").and_then(Value::as_str).map(str::to_owned);
            shape.boolean |= on.is_some() || off.is_some();
            if let Some(key) = &text {
                shape.text = shape.key(key).unwrap_or_else(|| panic!("{pointer}: no key {key}")).text.clone();
            }
            Short::Object { on, off, text }
        }
        Some(Value::String(word)) => match word.as_str() {
            "list" | "names" => {
                let item = shape.list.as_ref().map(|list| list.item.clone()).unwrap_or_default();
                shape.text = item.text;
                shape.integer = item.integer;
                if word == "list" { Short::List } else { Short::Names }
            }
            "target" => {
                shape.text = shape.key("path").and_then(|path| path.text.clone());
                shape.object.get_or_insert_default().keys.extend(path_keys());
                Short::Target
            }
            "path" => {
                let keys = path_keys();
                let heads = keys.iter().map(|(key, _)| key.clone()).filter(|key| key != "container");
                let sets = heads.flat_map(|head| [vec![head.clone()], vec![head, "container".to_owned()]]).collect();
                shape.object = Some(Object { keys, sets, ..Object::default() });
                Short::Path
            }
            other => panic!("{pointer}: unknown x-short {other}"),
        },
        Some(other) => panic!("{pointer}: unknown x-short {other}"),
    };
}

/// The keys of the object form of a target path.
fn path_keys() -> Vec<(String, Shape)> {
    let name = |description: String, example: &str| Shape {
        description,
        text: Some(Text { choices: Vec::new(), meaning: Some(Meaning::Name) }),
        examples: vec![example.into()],
        ..Shape::default()
    };
    let mut keys: Vec<_> = target::Kind::ALL
        .iter()
        .map(|kind| (kind.key().to_owned(), name(format!("Name of the {kind} to stand in for."), "my-app")))
        .collect();
    let value = Shape { text: Some(Text::default()), ..Shape::default() };
    let labels = Shape {
        description: "Labels, all of which the pod to stand in for has.".to_owned(),
        object: Some(Object { others: Some(Box::new(value)), ..Object::default() }),
        examples: vec![json!({ "app": "my-app" })],
        ..Shape::default()
    };
    keys.push(("labels".to_owned(), labels));
    keys.push(("container".to_owned(), name("Container of the pod; otherwise its main one.".to_owned(), "web")));
    keys
}

fn variables(schema: Option<&Value>, pointer: &str) -> Vec<Variable> {
    match schema {
        None => Vec::new(),
        Some(Value::String(name)) => vec![Variable { name: name.clone(), words: None }],
        Some(Value::Array(several)) => several
            .iter()
            .map(|variable| match (variable.as_str(), variable.get(0).and_then(Value::as_str), variable.get(1)) {
                (Some(name), ..) => Variable { name: name.to_owned(), words: None },
                (None, Some(name), Some(Value::Object(words))) => {
                    let words = words.iter().map(|(word, value)| (word.clone(), value.clone())).collect();
                    Variable { name: name.to_owned(), words: Some(words) }
                }
                _ => panic!("{pointer}: unknown x-env {variable}"),
            })
            .collect(),
        Some(other) => panic!("{pointer}: unknown x-env {other}"),
    }
}

fn meaning(word: &Value, pointer: &str) -> Meaning {
    match word.as_str().unwrap_or_default() {
        "target-path" => Meaning::TargetPath,
        "namespace" => Meaning::Namespace,
        "context" => Meaning::Context,
        "remote-port" => Meaning::RemotePort,
        "local-port" => Meaning::LocalPort,
        "port-pair" => Meaning::PortPair,
        "regex" => Meaning::Regex,
        "path" => Meaning::Path,
        "jq" => Meaning::Jq,
        "jsonpath" => Meaning::JsonPath,
        "destination" => Meaning::Destination,
        "container" => Meaning::Container,
        "variable" => Meaning::Variable,
        "file" => Meaning::File,
        "socket-address" => Meaning::SocketAddress,
        "quantity" => Meaning::Quantity,
        other => panic!("{pointer}: unknown x-meaning {other}"),
    }
}

fn words(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A doc comment without its line breaks inside paragraphs.
fn paragraph(text: Option<&Value>) -> String {
    let text = text.and_then(Value::as_str).unwrap_or_default();
    let paragraphs: Vec<_> =
        text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    paragraphs.join("\n\n")
}
