//! From [`Shape`] to the published JSON Schema.

use serde_json::{Map, Value, json};

use super::{Choice, Integer, Meaning, Object, Shape, Short, Status, Text, Tier, Variants};
use crate::target::Kind;

/// An address with a port, roughly.
const SOCKET_ADDRESS: &str = r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$";

/// The whole schema.
pub(super) fn document(shape: &Shape) -> Value {
    let mut root = Map::new();
    root.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".to_owned(), "mirrord configuration".into());
    let mut writer = Writer { place: Place::default(), named: Map::new() };
    root.extend(writer.write(shape).as_object().cloned().unwrap_or_default());
    root.insert("$defs".to_owned(), Value::Object(writer.named));
    let mut root = Value::Object(root);
    root["properties"][crate::shape::SCHEMA_KEY] = json!({
        "type": "string",
        "title": crate::shape::SCHEMA_KEY,
        "description": "Where an editor finds this schema.",
        "default": null,
        "examples": ["https://example.com/mirrord.schema.json"]
    });
    root
}

/// Writes shapes, and once each those that have a name.
struct Writer {
    place: Place,
    named: Map<String, Value>,
}

/// Inside of a named shape, which stands at several places, titles begin with the name.
#[derive(Clone, Default)]
struct Place {
    /// Where the named shape stands, among other places.
    title: String,
    name: String,
}

impl Writer {
    fn write(&mut self, shape: &Shape) -> Value {
        let mut schema = Map::new();
        if !shape.title.is_empty() {
            let title = match shape.title.strip_prefix(&self.place.title) {
                Some(rest) => format!("{}{rest}", self.place.name),
                None => shape.title.clone(),
            };
            schema.insert("title".to_owned(), title.into());
        }
        if !shape.description.is_empty() {
            schema.insert("description".to_owned(), description(shape).into());
        }
        if let Some(default) = &shape.default {
            schema.insert("default".to_owned(), public(shape, default));
        }
        if !shape.examples.is_empty() {
            schema.insert("examples".to_owned(), shape.examples.clone().into());
        }
        if let Status::Deprecated { replacement } = &shape.status {
            schema.insert("deprecated".to_owned(), true.into());
            let message = match replacement {
                Some(replacement) => format!("Write `{replacement}`."),
                None => "Delete it.".to_owned(),
            };
            schema.insert("deprecationMessage".to_owned(), message.into());
        }
        let mut forms = self.forms(shape);
        match forms.len() {
            0 => {}
            1 if !forms[0].contains_key("$ref") => schema.extend(forms.remove(0)),
            _ => {
                schema.insert("anyOf".to_owned(), forms.into());
            }
        }
        Value::Object(schema)
    }

    /// One schema for each JSON type that may stand here.
    fn forms(&mut self, shape: &Shape) -> Vec<Map<String, Value>> {
        let mut forms = Vec::new();
        let mut push = |schema: Value| forms.extend(schema.as_object().cloned());
        if shape.any {
            return forms;
        }
        if shape.boolean {
            push(json!({ "type": "boolean" }));
        }
        if let Some(integer) = &shape.integer {
            push(number(integer));
        }
        if let Some(form) = &shape.text {
            push(text(form));
        }
        if let Some(list) = &shape.list {
            let mut schema = json!({ "type": "array", "items": self.write(&list.item) });
            if let Some(length) = list.length {
                schema["minItems"] = length.into();
                schema["maxItems"] = length.into();
            }
            push(schema);
        }
        if let Some(form) = &shape.object {
            let mut schema = self.named(form, &shape.title);
            if shape.short == Short::Target {
                // A container is one of something.
                let heads = form.keys.iter().map(|(key, _)| key).filter(|key| key.as_str() == "labels" || is_kind(key));
                let heads: Vec<_> = heads.map(|key| json!({ "required": [key] })).collect();
                schema["dependentSchemas"] = json!({ "container": { "anyOf": heads } });
            }
            push(schema);
        }
        forms
    }

    /// A mapping, or where it is defined.
    fn named(&mut self, form: &Object, title: &str) -> Value {
        let Some(name) = &form.name else { return self.object(form) };
        if !self.named.contains_key(name) {
            let place = Place { title: title.to_owned(), name: name.clone() };
            let outside = std::mem::replace(&mut self.place, place);
            let definition = self.object(form);
            self.place = outside;
            self.named.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn object(&mut self, form: &Object) -> Value {
        let Object {
            name: _,
            keys,
            others,
            required,
            removed: _,
            sets,
            variants,
            pattern_keys: _,
            key_meaning: _,
            exclusive,
        } = form;
        if let Some(Variants { tag, cases }) = variants {
            let cases = cases.iter().map(|(word, case)| {
                let mut case = self.object(case);
                case["properties"][tag]["const"] = word.as_str().into();
                case
            });
            return json!({ "type": "object", "required": [tag], "oneOf": cases.collect::<Vec<_>>() });
        }
        let mut schema = json!({ "type": "object" });
        let mut properties = Map::new();
        for (key, shape) in keys.iter().filter(|(_, shape)| shape.status != Status::Internal) {
            properties.insert(key.clone(), self.property(shape, required.contains(key)));
        }
        if !properties.is_empty() {
            schema["properties"] = Value::Object(properties);
        }
        schema["additionalProperties"] = match others {
            Some(shape) => self.property(shape, false),
            None => Value::Bool(false),
        };
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

    /// The schema of the value under a key. Unless the key is required, `null` is allowed too: it means "not written".
    fn property(&mut self, shape: &Shape, required: bool) -> Value {
        let mut schema = self.write(shape);
        if required {
            return schema;
        }
        if schema.get("default").is_none() {
            schema["default"] = Value::Null;
        }
        // The conditions beside a type name concern that type alone, except for `oneOf`.
        if let Some(name) = schema.get("type").cloned() {
            schema["type"] = json!([name, "null"]);
            if let Some(cases) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
                cases.push(json!({ "type": "null" }));
            }
        } else if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
            forms.push(json!({ "type": "null" }));
        }
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
        schema
    }
}

/// The doc comment, and what editors that know nothing but the schema should say beside it.
fn description(shape: &Shape) -> String {
    let mut text = shape.description.clone();
    if shape.tier == Tier::Operator {
        text.push_str(" Needs the operator.");
    }
    match &shape.status {
        Status::NoEffect { why } => text.extend([" Without effect: ", why, "."]),
        Status::Unstable => text.push_str(" Unstable: it may change without notice."),
        Status::Supported | Status::Deprecated { .. } | Status::Internal => {}
    }
    text
}

fn is_kind(key: &str) -> bool {
    Kind::ALL.iter().any(|kind| kind.key() == key)
}

fn number(Integer { least, most, meaning: _ }: &Integer) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn text(Text { choices, meaning }: &Text) -> Value {
    if choices.is_empty() {
        return match meaning {
            Some(Meaning::TargetPath) => json!({ "type": "string", "pattern": crate::target::PATTERN }),
            Some(Meaning::SocketAddress) => json!({ "type": "string", "pattern": SOCKET_ADDRESS }),
            Some(Meaning::Name) => json!({ "type": "string", "pattern": "^[^/]+$" }),
            _ => json!({ "type": "string" }),
        };
    }
    let (words, meanings): (Vec<_>, Vec<_>) =
        choices.iter().map(|Choice { word, description }| (word.as_str(), description.as_str())).unzip();
    json!({ "type": "string", "enum": words, "enumDescriptions": meanings })
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
