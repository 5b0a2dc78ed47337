//! The manual of the configuration, `docs/configuration.md`: written from the definitions, so that it cannot differ.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::problem::{Code, Severity};
use crate::schema::{Flag, Object, Shape, Short, Status, Tier, Variants, home, inside, language};

/// Where the manual is, from the root of the repository.
pub const PATH: &str = "docs/configuration.md";

const INTRODUCTION: &str = include_str!("manual/introduction.md");

/// The whole manual, as Markdown. Each key has the anchor that [`crate::schema::anchor`] tells, each problem the one of
/// [`Code::anchor`].
pub fn manual() -> String {
    let mut manual = Manual { text: INTRODUCTION.to_owned(), anchors: HashSet::new() };
    manual.group("Keys", "", language());
    manual.problems();
    manual.text
}

struct Manual {
    text: String,
    /// The keys that are told already: two forms of a value may have some in common.
    anchors: HashSet<String>,
}

/// A key to tell about.
struct Key<'a> {
    name: &'a str,
    anchor: String,
    shape: &'a Shape,
    /// When it may be written, where that depends on another key.
    when: Option<String>,
}

impl Manual {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A group: an overview of its keys, each key that is none itself, and then the groups inside.
    fn group(&mut self, heading: &str, anchor: &str, shape: &Shape) {
        let keys = self.keys(anchor, shape);
        self.line(&format!("\n## {heading}\n"));
        self.facts(shape, None);
        for home in objects(shape).filter_map(home).filter(|home| *home != anchor) {
            self.line(&format!("\nIts keys are those of [`{}`](#{home}).", home.replace('-', ".")));
        }
        if keys.is_empty() {
            return;
        }
        self.line("");
        self.line("| key | takes | default | |\n|---|---|---|---|");
        for Key { name, anchor, shape, when: _ } in &keys {
            let default = default(shape).unwrap_or_default();
            let about = first_sentence(&shape.description);
            self.line(&format!(
                "| [`{name}`](#{anchor}) | {} | {} | {} |",
                cell(&shape.expected()),
                cell(&default),
                cell(about)
            ));
        }
        let (groups, single): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| has_keys(key.shape));
        for Key { name: _, anchor, shape, when } in single {
            self.line(&format!("\n<a id=\"{anchor}\"></a>\n### `{}`\n", shape.title));
            self.facts(shape, when.as_deref());
        }
        for Key { name: _, anchor, shape, when } in groups {
            self.line(&format!("\n<a id=\"{anchor}\"></a>"));
            if let Some(when) = when {
                self.line(&format!("\n{when}"));
            }
            self.group(&format!("`{}`", shape.title), &anchor, shape);
        }
    }

    /// The keys inside `shape` that have not been told, whatever form of it has them.
    fn keys<'a>(&mut self, anchor: &str, shape: &'a Shape) -> Vec<Key<'a>> {
        let mut keys = Vec::new();
        for object in objects(shape).filter(|object| home(object).is_none_or(|home| home == anchor)) {
            for (name, shape) in object.keys.iter().filter(|(_, shape)| shape.status != Status::Internal) {
                let anchor = inside(anchor, name);
                if self.anchors.insert(anchor.clone()) {
                    keys.push(Key { name, anchor, shape, when: when(object, name) });
                }
            }
        }
        keys
    }

    /// Everything about one key but its name.
    fn facts(&mut self, shape: &Shape, when: Option<&str>) {
        let Shape { description, variables, flags, tier, status, examples, text, .. } = shape;
        self.line(description);
        let choices = text.iter().flat_map(|text| &text.choices);
        let choices: Vec<_> = choices.map(|choice| format!("- `{}`: {}", choice.word, choice.description)).collect();
        if !choices.is_empty() {
            self.line(&format!("\n{}", choices.join("\n")));
        }
        let mut facts: Vec<String> = when.map(str::to_owned).into_iter().collect();
        if !shape.title.is_empty() {
            facts.push(format!("Takes {}.", shape.expected()));
        }
        facts.extend(short(&shape.short));
        facts.extend(default(shape).map(|default| format!("Default: {default}.")));
        if !variables.is_empty() {
            let names: Vec<_> = variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
            facts.push(format!("Variable: {}.", names.join(", ")));
        }
        if !flags.is_empty() {
            let flags: Vec<_> = flags.iter().map(flag).collect();
            facts.push(format!("Flag: {}.", flags.join(", ")));
        }
        if *tier == Tier::Operator {
            facts.push("*Needs the operator.*".to_owned());
        }
        match status {
            Status::Supported | Status::Internal => {}
            Status::Unstable => facts.push("*Unstable.*".to_owned()),
            Status::NoEffect { why } => facts.push(format!("*Without effect: {why}.*")),
            Status::Deprecated { replacement: None } => facts.push("*Deprecated: delete it.*".to_owned()),
            Status::Deprecated { replacement: Some(new) } => facts.push(format!("*Deprecated: write `{new}`.*")),
        }
        if !facts.is_empty() {
            self.line(&format!("\n{}", facts.join(" ")));
        }
        let name = shape.title.rsplit(['.', ' ']).next().unwrap_or_default();
        if let (Some(example), false) = (examples.first(), shape.title.is_empty()) {
            self.line(&format!("\n```json\n\"{name}\": {example}\n```"));
        }
    }

    fn problems(&mut self) {
        self.line("\n## Problems\n");
        self.line("What `mirrord check`, the editor and a launch find. Only errors stop a launch.\n");
        self.line("| code | | when |\n|---|---|---|");
        for code in Code::ALL {
            let severity = match code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Hint => "hint",
            };
            let (name, anchor) = (code.as_str(), code.anchor());
            self.line(&format!("| <a id=\"{anchor}\"></a>`{name}` | {severity} | {} |", cell(code.meaning())));
        }
    }
}

/// The objects that stand here, in a list here, or under free keys here.
fn objects(shape: &Shape) -> impl Iterator<Item = &Object> {
    let items = shape.list.iter().filter_map(|list| list.item.object.as_ref());
    let here = items.chain(shape.object.as_ref());
    here.flat_map(|object| {
        let free = object.others.as_ref().and_then(|others| others.object.as_ref());
        [Some(object), free].into_iter().flatten()
    })
}

fn has_keys(shape: &Shape) -> bool {
    objects(shape).any(|object| !object.keys.is_empty())
}

/// When `key` may be written, if only some alternatives of `object` have it.
fn when(object: &Object, key: &str) -> Option<String> {
    let Variants { tag, cases } = object.variants.as_ref()?;
    let having = cases.iter().filter(|(_, case)| case.key(key).is_some());
    let words: Vec<_> = having.map(|(word, _)| format!("`{word}`")).collect();
    (words.len() < cases.len()).then(|| format!("Only with the {tag} {}.", words.join(", ")))
}

fn short(short: &Short) -> Option<String> {
    match short {
        Short::Object { on, off, text } => {
            let form = |word: &str, value: &Option<Value>| {
                let meaning = match value {
                    None => return None,
                    Some(Value::Object(keys)) if keys.is_empty() => "an object without keys".to_owned(),
                    Some(Value::Null) => "no object".to_owned(),
                    Some(value) => format!("`{value}`"),
                };
                Some(format!("`{word}` is short for {meaning}."))
            };
            let text = text.as_ref().map(|key| format!("A text is short for an object with that `{key}`."));
            Some([form("true", on), form("false", off), text].into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        Short::List => Some("One value is short for a list of it.".to_owned()),
        Short::Names => Some("One text, separated by `;`, is short for the list.".to_owned()),
        Short::None | Short::Target | Short::Path => None,
    }
}

fn flag(Flag { long, short, value }: &Flag) -> String {
    let mut text = short.map(|letter| format!("`-{letter}`, ")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = match value {
        Some(value) => write!(text, "`{long}` ({value})"),
        None => write!(text, "`{long}`"),
    };
    text
}

/// The default, unless a group's keys tell it or something else decides.
fn default(shape: &Shape) -> Option<String> {
    let default = shape.default.as_ref()?;
    let empty_or_scalar = default.as_object().is_none_or(|keys| keys.is_empty() && !has_keys(shape));
    empty_or_scalar.then(|| format!("`{default}`"))
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

/// `text` inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
