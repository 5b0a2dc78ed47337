//! From [`Shape`] to the published JSON Schema.

use serde_json::{Map, Value, json};

use super::{Choice, Integer, Meaning, Object, Shape, Status, Text};

/// The whole schema.
pub(super) fn document(shape: &Shape) -> Value {
    let mut root = Map::new();
    root.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".to_owned(), "mirrord configuration".into());
    root.extend(write(shape, "").as_object().cloned().unwrap_or_default());
    let mut root = Value::Object(root);
    root["properties"][crate::shape::SCHEMA_KEY] =
        json!({ "type": "string", "description": "Where an editor finds this schema." });
    root
}

fn write(shape: &Shape, path: &str) -> Value {
    let mut schema = Map::new();
    if !path.is_empty() {
        schema.insert("title".to_owned(), path.into());
    }
    if !shape.description.is_empty() {
        schema.insert("description".to_owned(), shape.description.clone().into());
    }
    if let Some(default) = &shape.default {
        schema.insert("default".to_owned(), public(shape, default));
    }
    if !shape.examples.is_empty() {
        schema.insert("examples".to_owned(), shape.examples.clone().into());
    }
    let mut forms = forms(shape, path);
    match forms.len() {
        0 => {}
        1 => schema.extend(forms.remove(0)),
        _ => {
            schema.insert("anyOf".to_owned(), forms.into());
        }
    }
    Value::Object(schema)
}

/// One schema for each JSON type that may stand here.
fn forms(shape: &Shape, path: &str) -> Vec<Map<String, Value>> {
    let mut forms = Vec::new();
    let mut push = |schema: Value| forms.extend(schema.as_object().cloned());
    if shape.any {
        return forms;
    }
    if shape.boolean {
        push(json!({ "type": "boolean" }));
    }
    if let Some(Integer { least, most, meaning: _ }) = &shape.integer {
        let mut schema = json!({ "type": "integer", "minimum": least });
        if *most < i64::MAX {
            schema["maximum"] = (*most).into();
        }
        push(schema);
    }
    match &shape.text {
        None => {}
        Some(Text { choices, meaning }) if choices.is_empty() => match meaning {
            Some(Meaning::TargetPath) => push(json!({ "type": "string", "pattern": crate::target::PATTERN })),
            Some(Meaning::Name) => push(json!({ "type": "string", "pattern": "^[^/]+$" })),
            _ => push(json!({ "type": "string" })),
        },
        Some(Text { choices, meaning: _ }) => {
            let (words, meanings): (Vec<_>, Vec<_>) =
                choices.iter().map(|Choice { word, description }| (word.as_str(), description.as_str())).unzip();
            push(json!({ "type": "string", "enum": words, "enumDescriptions": meanings }));
        }
    }
    if let Some(list) = &shape.list {
        let mut schema = json!({ "type": "array", "items": write(&list.item, "") });
        if let Some(length) = list.length {
            schema["minItems"] = length.into();
            schema["maxItems"] = length.into();
        }
        push(schema);
    }
    if let Some(form) = &shape.object {
        push(object(form, path));
    }
    forms
}

fn object(form: &Object, path: &str) -> Value {
    let Object { keys, others, required, removed: _, sets, pattern_keys: _, key_meaning: _, exclusive } = form;
    let mut schema = json!({ "type": "object" });
    let mut properties = Map::new();
    for (key, shape) in keys.iter().filter(|(_, shape)| shape.status != Status::Internal) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        properties.insert(key.clone(), or_null(write(shape, &path), required.contains(key)));
    }
    if !properties.is_empty() {
        schema["properties"] = Value::Object(properties);
    }
    schema["additionalProperties"] =
        others.as_ref().map_or(Value::Bool(false), |shape| or_null(write(shape, ""), false));
    if !required.is_empty() {
        schema["required"] = required.clone().into();
    }
    if !sets.is_empty() {
        let sets = sets.iter().map(|set| json!({ "required": set, "maxProperties": set.len() }));
        schema["anyOf"] = sets.collect();
    }
    if *exclusive {
        schema["maxProperties"] = 1.into();
    }
    schema
}

/// Allows `null`, which means "not written", beside what `schema` allows.
fn or_null(mut schema: Value, required: bool) -> Value {
    if required {
        return schema;
    }
    if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.push(json!({ "type": "null" }));
        return schema;
    }
    if let Some(name) = schema.get("type").cloned() {
        schema["type"] = json!([name, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

/// A default without the keys that cannot be written.
fn public(shape: &Shape, default: &Value) -> Value {
    let (Value::Object(keys), Some(_)) = (default, &shape.object) else { return default.clone() };
    let keys = keys.iter().filter(|(_, value)| !value.is_null());
    let kept = keys.filter_map(|(key, value)| {
        let shape = shape.key(key)?;
        (shape.status != Status::Internal).then(|| (key.clone(), public(shape, value)))
    });
    Value::Object(kept.collect())
}
