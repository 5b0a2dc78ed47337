//! What the key under a caret means, and what the cluster says about its value.

mod live;

use std::collections::BTreeMap;

use config::document::{Document, Span, Syntax, Value, edit, print};
use config::schema::{Flag, Shape, Short, Status, Tier, Variable, anchor};
use session::live::View;

use super::tree::{self, Hit, hit};

/// Text about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The key or its value.
    pub span: Span,
    /// Markdown.
    pub markdown: String,
}

/// The meaning of the key at `offset`, the value in effect where one of `variables` overrides it, and what the cluster
/// says.
pub fn hover(document: &Document, offset: usize, view: &View, variables: &BTreeMap<String, String>) -> Option<Hover> {
    let hit = hit(&document.root, offset)?;
    let shape = tree::shape(document, &hit.pointer).filter(|shape| shape.status != Status::Internal)?;
    let mut parts = describe(document.syntax, &hit.pointer, shape);
    if let Some((variable, value)) = in_effect(shape, &hit.node.value, variables) {
        parts.insert(1, format!("**In effect here**: `{value}`, because the variable `{variable}` is set."));
    }
    parts.extend(live::tell(document, &hit, shape, view));
    parts.retain(|part| !part.is_empty());
    Some(Hover { span: hit.span, markdown: parts.join("\n\n") })
}

/// The variable, with its value, that beats what is written for a key.
pub fn in_effect<'a>(
    shape: &Shape,
    written: &Value,
    variables: &'a BTreeMap<String, String>,
) -> Option<(String, &'a str)> {
    // A scalar that stands for an object is the value of one of its keys.
    let key = match (&shape.short, written) {
        (Short::Object { text: Some(key), .. }, Value::String(_)) => Some(key.as_str()),
        (Short::Target, Value::String(_)) => Some("path"),
        _ => None,
    };
    let of_key = key.and_then(|key| shape.key(key)).map(|shape| shape.variables.as_slice()).unwrap_or_default();
    let set = |variable: &Variable| {
        let value = variables.get(&variable.name).filter(|value| !value.is_empty())?;
        let counts = variable.words.as_ref().is_none_or(|words| {
            words.iter().any(|(word, _)| word == value) || !matches!(value.as_str(), "true" | "false")
        });
        counts.then(|| (variable.name.clone(), value.as_str()))
    };
    shape.variables.iter().chain(of_key).find_map(set)
}

fn describe(syntax: Syntax, pointer: &str, shape: &Shape) -> Vec<String> {
    let Shape { description, default, examples, variables, flags, tier, status, .. } = shape;
    let mut parts = vec![format!("`{}`: {}", pointer[1..].replace('/', "."), shape.expected())];
    parts.push(description.clone());
    match status {
        Status::NoEffect { why } => parts.push(format!("**Without effect**: {why}.")),
        Status::Unstable => parts.push("**Unstable**: it may change or go without notice.".to_owned()),
        Status::Deprecated { replacement: Some(new) } => parts.push(format!("**Deprecated**: write `{new}` instead.")),
        Status::Deprecated { replacement: None } => parts.push("**Deprecated**.".to_owned()),
        Status::Supported | Status::Internal => {}
    }
    if *tier == Tier::Operator {
        parts.push("Needs the operator in the cluster.".to_owned());
    }
    let choices = shape.text.iter().flat_map(|text| &text.choices);
    let choices: Vec<_> = choices.map(|choice| format!("- `{}`: {}", choice.word, choice.description)).collect();
    parts.push(choices.join("\n"));
    if let Some(default) = default.as_ref().filter(|default| !default.is_object()) {
        parts.push(format!("Default: `{}`", print::inline(syntax, default)));
    }
    if !variables.is_empty() {
        let names: Vec<_> = variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
        parts.push(format!("Variable: {}", names.join(", ")));
    }
    if !flags.is_empty() {
        let flags: Vec<_> = flags.iter().map(flag).collect();
        parts.push(format!("Flag: {}", flags.join(", ")));
    }
    let key = pointer.rsplit('/').next().unwrap_or_default();
    if let Some(example) = examples.first().filter(|_| key.parse::<usize>().is_err()) {
        let equals = if syntax == Syntax::Toml { " =" } else { ":" };
        let language = syntax.extension();
        let example = print::inline(syntax, example);
        parts.push(format!("```{language}\n{}{equals} {example}\n```", edit::key(syntax, key)));
    }
    parts.push(format!("Manual: `docs/configuration.md#{}`", anchor(pointer)));
    parts
}

fn flag(flag: &Flag) -> String {
    let Flag { long, short, value: _ } = flag;
    short.map_or_else(|| format!("`{long}`"), |short| format!("`-{short}`, `{long}`"))
}

/// Whether the caret is on the value, or on a key that has a scalar one.
fn is_about_value(hit: &Hit<'_>) -> bool {
    !hit.on_key || !matches!(hit.node.value, Value::Object(_) | Value::Array(_) | Value::Broken)
}

#[cfg(test)]
mod tests;
