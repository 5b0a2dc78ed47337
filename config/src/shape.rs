//! Checks a document against the [`Shape`] of the language, and brings it into canonical form: shorthands expanded,
//! nulls dropped.

mod expand;
mod meaning;

use serde_json::{Map, Value as Json};

use crate::document::{Entry, Node, Span, Value, join};
use crate::problem::{Code, Problem};
use crate::schema::{Object, Shape, Short, Status, language};
use crate::{Origin, WrittenKey};

/// The key by which files name their schema to editors; the language itself ignores it.
pub(crate) const SCHEMA_KEY: &str = "$schema";

/// Where a value stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// As in the text, for messages.
    pub(crate) written: String,
    /// With shorthands expanded.
    pub(crate) canonical: String,
}

impl Place {
    fn inside(&self, key: &str, implied: bool) -> Self {
        let written = if implied { self.written.clone() } else { join(&self.written, key) };
        Self { written, canonical: join(&self.canonical, key) }
    }
}

/// Collects what a check finds.
pub(crate) struct Checker<'a> {
    pub(crate) origin: Origin,
    pub(crate) problems: &'a mut Vec<Problem>,
    pub(crate) written: &'a mut Vec<WrittenKey>,
}

impl Checker<'_> {
    /// The canonical form of `node`; `None` when nothing usable is written. Parts with problems are left out.
    pub(crate) fn check(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        if matches!(node.value, Value::Broken | Value::Null) {
            return None;
        }
        if let Value::Template(_) = node.value {
            let (pointer, origin) = (place.canonical.clone(), self.origin.clone());
            self.written.push(WrittenKey { pointer, span: node.span, origin });
            return None;
        }
        match expand::expand(shape, node) {
            Ok(None) => {
                let value = self.form(shape, node, place);
                // The object form of a path that is no path has been reported; only text is canonical.
                value.filter(|value| shape.short != Short::Path || value.is_string())
            }
            Ok(Some(expanded)) if expanded.value == Value::Null => None,
            Ok(Some(expanded)) => self.form(shape, &expanded, place),
            Err(error) => {
                self.push(Problem::new(error.code, &place.written, node.span, error.message).help(error.help));
                None
            }
        }
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn form(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        let value = match (&node.value, shape) {
            (Value::Object(entries), Shape { object: Some(object), .. }) => {
                return self.object(object, entries, node, place);
            }
            (_, Shape { any: true, .. }) => node.to_json(),
            (Value::Bool(flag), Shape { boolean: true, .. }) => Some(Json::from(*flag)),
            (Value::Number(_), Shape { integer: Some(_), .. }) => self.number(shape, node, place),
            (Value::String(text), Shape { text: Some(_), .. }) => self.text(shape, text, node.span, place),
            (Value::Array(items), Shape { list: Some(_), .. }) => self.list(shape, items, node, place),
            _ => {
                let message = format!("expected {}, found {}", shape.expected(), found(&node.value));
                self.push(Problem::new(Code::WrongType, &place.written, node.span, message));
                None
            }
        };
        if value.is_some() {
            let (pointer, origin) = (place.canonical.clone(), self.origin.clone());
            self.written.push(WrittenKey { pointer, span: node.span, origin });
        }
        value
    }

    fn number(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        let (Value::Number(number), Some(range)) = (&node.value, &shape.integer) else { return None };
        // Draft 2020-12 counts 8.0 as an integer, and so do we.
        let whole = number.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it far inside of i64")]
            number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15).map(|float| float as i64)
        });
        match whole {
            Some(whole) if (range.least..=range.most).contains(&whole) => Some(whole.into()),
            _ => {
                let message = format!("{number} is not {}", shape.expected());
                self.push(Problem::new(Code::BadValue, &place.written, node.span, message));
                None
            }
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, span: Span, place: &Place) -> Option<Json> {
        let form = shape.text.as_ref()?;
        if text.contains("{{") || text.contains("{%") {
            let problem = Problem::new(Code::Template, &place.written, span, "templates are not rendered yet");
            self.push(problem.help("write the value itself"));
            return None;
        }
        if !form.choices.is_empty() && form.choices.iter().all(|choice| choice.word != text) {
            let message = format!("`{text}` is not {}", shape.expected());
            let mut problem = Problem::new(Code::BadValue, &place.written, span, message);
            if let Some(near) = nearest(text, form.choices.iter().map(|choice| choice.word.as_str())) {
                problem = problem.help(format!("did you mean `{near}`?"));
                if self.origin == Origin::File {
                    problem = problem.fix(format!("Replace by `{near}`"), span, format!("\"{near}\""));
                }
            }
            self.push(problem);
            return None;
        }
        if let Some(problem) = form.meaning.and_then(|meaning| meaning::problem(meaning, text, span, place)) {
            self.push(problem);
            return None;
        }
        Some(text.into())
    }

    fn list(&mut self, shape: &Shape, items: &[Node], node: &Node, place: &Place) -> Option<Json> {
        let list = shape.list.as_ref()?;
        if let Some(length) = list.length.filter(|length| *length != items.len()) {
            let message = format!("a list of {length} values is expected here, this one has {}", items.len());
            self.push(Problem::new(Code::BadValue, &place.written, node.span, message));
            return None;
        }
        // The list as a whole is what counts as written, not its items.
        let mut inner = Vec::new();
        let mut checker = Checker { origin: self.origin.clone(), problems: &mut *self.problems, written: &mut inner };
        let mut checked = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let place = place.inside(&index.to_string(), false);
            if item.value == Value::Null {
                let message = format!("expected {}, found null", list.item.expected());
                checker.push(Problem::new(Code::WrongType, &place.written, item.span, message));
            }
            checked.extend(checker.check(&list.item, item, &place));
        }
        // A list that lacks an item would shift the places of those that follow.
        (checked.len() == items.len()).then_some(Json::Array(checked))
    }

    fn object(&mut self, object: &Object, entries: &[Entry], node: &Node, place: &Place) -> Option<Json> {
        let problems = self.problems.len();
        let mut checked = Map::new();
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].iter().any(|earlier| earlier.key == entry.key) {
                let place = place.inside(&entry.key, entry.implied);
                let problem =
                    Problem::new(Code::DuplicateKey, place.written, entry.key_span, "this key stands here twice");
                self.push(problem.help("delete one").fix("Delete this one", entry.span, ""));
            } else if let Some(value) = self.entry(object, entry, place) {
                checked.insert(entry.key.clone(), value);
            }
        }
        if object.others.is_some() {
            // A mapping with free keys is one key of the language.
            self.written.retain(|key| !crate::is_at_or_below(&key.pointer, &place.canonical));
            let (pointer, origin) = (place.canonical.clone(), self.origin.clone());
            self.written.push(WrittenKey { pointer, span: node.span, origin });
        }
        if object.exclusive && checked.len() > 1 {
            let keys: Vec<_> = checked.keys().map(|key| format!("`{key}`")).collect();
            let message = format!("{} exclude each other", keys.join(" and "));
            self.push(Problem::new(Code::NetFilterBoth, &place.written, node.span, message).help("keep one"));
            return None;
        }
        if object.exclusive && checked.is_empty() {
            return None;
        }
        // What a template will make is not known to be wrong.
        let unknown = entries.iter().any(|entry| matches!(entry.value.value, Value::Template(_)));
        let absent: Vec<_> = object.required.iter().filter(|key| !checked.contains_key(*key)).collect();
        if !absent.is_empty() {
            if self.problems.len() == problems && !unknown {
                let names: Vec<_> = absent.iter().map(|key| format!("`{key}`")).collect();
                let problem =
                    Problem::new(Code::MissingKey, &place.written, node.span, format!("{} missing", names.join(", ")));
                self.push(problem.help("add it, or delete the whole object"));
            }
            return None;
        }
        if self.problems.len() == problems
            && !unknown
            && !object.sets.is_empty()
            && !object.sets.iter().any(|set| is_set(set, &checked))
        {
            let keys: Vec<_> = checked.keys().map(|key| format!("`{key}`")).collect();
            let message = if keys.is_empty() {
                "an empty condition".to_owned()
            } else {
                format!("{} do not make a condition", keys.join(", "))
            };
            let sets: Vec<_> = object.sets.iter().map(|set| set.join(" + ")).collect();
            self.push(
                Problem::new(Code::BadValue, &place.written, node.span, message)
                    .help(format!("write one of {}", sets.join("; "))),
            );
        }
        Some(Json::Object(checked)).filter(|_| object.sets.is_empty() || self.problems.len() == problems)
    }

    fn entry(&mut self, object: &Object, entry: &Entry, place: &Place) -> Option<Json> {
        let inner = place.inside(&entry.key, entry.implied);
        if place.canonical.is_empty() && entry.key == SCHEMA_KEY {
            return None;
        }
        let known = object.keys.iter().find(|(key, _)| *key == entry.key).map(|(_, shape)| shape);
        let Some(shape) = known.or(object.others.as_deref()) else {
            self.push(unknown_key(object, entry, place));
            return None;
        };
        if object.pattern_keys
            && let Some(problem) = meaning::bad_regex(&entry.key, entry.key_span, &inner)
        {
            self.push(problem);
            return None;
        }
        match shape.status {
            Status::Supported => {}
            Status::Internal if entry.implied => {}
            Status::Internal => {
                self.push(unknown_key(object, entry, place));
                return None;
            }
            Status::NoEffect => {
                let message = format!("`{}` is accepted and has no effect", entry.key);
                self.push(Problem::new(Code::NoEffect, &inner.written, entry.key_span, message));
            }
            Status::Later => {
                let message = format!("`{}` is not supported yet and is ignored", entry.key);
                self.push(Problem::new(Code::UnsupportedKey, &inner.written, entry.key_span, message));
            }
        }
        let value = self.check(shape, &entry.value, &inner);
        // What no field holds is recorded as written, and goes no further.
        let is_field = !(shape.any && shape.status != Status::Supported);
        value.filter(|_| is_field)
    }
}

fn unknown_key(object: &Object, entry: &Entry, place: &Place) -> Problem {
    let inner = place.inside(&entry.key, entry.implied);
    if object.removed.contains(&entry.key) {
        let problem =
            Problem::new(Code::RemovedKey, inner.written, entry.key_span, format!("`{}` no longer exists", entry.key));
        return problem.help("delete it").fix(format!("Delete `{}`", entry.key), entry.span, "");
    }
    let problem = Problem::new(Code::UnknownKey, inner.written, entry.key_span, "unknown key");
    let writable =
        object.keys.iter().filter(|(_, shape)| shape.status != Status::Internal).map(|(key, _)| key.as_str());
    if let Some(near) = nearest(&entry.key, writable.clone()) {
        let problem = problem.help(format!("did you mean `{near}`?"));
        return problem.fix(format!("Rename to `{near}`"), entry.key_span, format!("\"{near}\""));
    }
    if let Some(home) = find(language(), "", &entry.key).filter(|home| !place.canonical.starts_with(home.as_str())) {
        return problem.help(format!("`{}` belongs in `{}`", entry.key, home[1..].replace('/', ".")));
    }
    let keys: Vec<_> = writable.map(|key| format!("`{key}`")).collect();
    if keys.is_empty() || keys.len() > 8 { problem } else { problem.help(format!("known here: {}", keys.join(", "))) }
}

/// The object below `pointer` that has `key`, if `key` is a name of the language elsewhere.
fn find(shape: &Shape, pointer: &str, key: &str) -> Option<String> {
    let keys = &shape.object.as_ref()?.keys;
    if !pointer.is_empty() && keys.iter().any(|(name, shape)| name == key && shape.status != Status::Internal) {
        return Some(pointer.to_owned());
    }
    keys.iter().find_map(|(name, shape)| find(shape, &join(pointer, name), key))
}

/// The candidate that `word` most probably means; `None` when nothing is close.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(folded.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn is_set(set: &[String], keys: &Map<String, Json>) -> bool {
    set.len() == keys.len() && set.iter().all(|key| keys.contains_key(key))
}

fn found(value: &Value) -> String {
    match value {
        Value::Broken => "nothing".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) | Value::Template(text) => {
            format!("the text \"{}\"", text.chars().take(40).collect::<String>())
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
