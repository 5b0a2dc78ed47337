//! What follows from a definition: titles from the place, tiers from the group, examples from the type.

use serde_json::{Map, Value, json};

use super::{List, Object, Shape, Status, Text, Tier};

/// Completes `shape`, which stands at `title`.
pub(super) fn derive(shape: &mut Shape, title: &str) {
    title.clone_into(&mut shape.title);
    let tier = shape.tier;
    let inside = |inner: &mut Shape, title: &str| {
        if tier == Tier::Operator {
            inner.tier = tier;
        }
        derive(inner, title);
    };
    if let Some(object) = &mut shape.object {
        each_object(object, title, &inside);
    }
    if let Some(list) = &mut shape.list {
        inside(&mut list.item, &format!("{title}[]"));
    }
    if shape.examples.is_empty() {
        shape.examples = examples(shape);
    }
}

fn each_object(object: &mut Object, title: &str, inside: &impl Fn(&mut Shape, &str)) {
    let dot = if title.is_empty() { "" } else { "." };
    for (key, inner) in &mut object.keys {
        inside(inner, &format!("{title}{dot}{key}"));
    }
    if let Some(others) = &mut object.others {
        inside(others, &format!("{title}{dot}<name>"));
    }
    for (_, case) in object.variants.iter_mut().flat_map(|variants| &mut variants.cases) {
        each_object(case, title, inside);
    }
}

/// One value that may stand here, unlike the default where that is known; none for text of any sort.
fn examples(shape: &Shape) -> Vec<Value> {
    let Shape { boolean, integer, text, list, object, default, .. } = shape;
    if let Some(object) = object
        && let Some(example) = whole(object)
    {
        return vec![example];
    }
    if let Some(Text { choices, meaning: _ }) = text
        && !choices.is_empty()
    {
        let words = choices.iter().map(|choice| Value::from(choice.word.as_str()));
        return words.filter(|word| Some(word) != default.as_ref()).collect();
    }
    if *boolean {
        return vec![json!(default != &Some(Value::Bool(true)))];
    }
    if let (Some(_), Some(default)) = (integer, default) {
        return vec![default.clone()];
    }
    match list.as_deref() {
        Some(List { item, length: None }) => {
            item.examples.first().map(|example| json!([example])).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A mapping with what it must have, or else with its first ordinary key.
fn whole(object: &Object) -> Option<Value> {
    if let Some(variants) = &object.variants {
        return variants.cases.iter().find_map(|(_, case)| whole(case));
    }
    let writable = |shape: &Shape| matches!(shape.status, Status::Supported | Status::Unstable);
    let mut written = object.required.clone();
    if let Some(set) = object.sets.first() {
        written.clone_from(set);
    }
    if written.is_empty() {
        let mut ordinary = object.keys.iter().filter(|(_, shape)| writable(shape) && !shape.examples.is_empty());
        written.push(ordinary.next()?.0.clone());
    }
    let mut example = Map::new();
    for key in written {
        let value = object.key(&key)?.examples.first()?.clone();
        example.insert(key, value);
    }
    Some(Value::Object(example))
}
