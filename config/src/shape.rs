//! Checks a document against the [`Shape`] of the language, and brings it into canonical form: shorthands expanded,
//! nulls dropped.

mod expand;
mod meaning;
mod object;
mod scalar;

use serde_json::Value as Json;

use crate::document::{Node, Span, Value, join};
use crate::problem::{Code, Problem, Severity};
use crate::repair::Repair;
use crate::schema::{Shape, Short};
use crate::{Origin, WrittenKey};

/// The key by which files name their schema to editors; the language itself ignores it.
pub(crate) const SCHEMA_KEY: &str = "$schema";

/// Most errors of one document: a reader repairs the first few, and hostile text has millions.
pub(crate) const MAX_ERRORS: usize = 1000;

/// Most patterns and programs of one document. Each process of a session compiles them again when it starts.
pub(crate) const MAX_PATTERNS: usize = 2000;

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

/// What a check finds.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Everything wrong.
    pub(crate) problems: Vec<Problem>,
    /// The keys that are written, with or without a usable value.
    pub(crate) written: Vec<WrittenKey>,
    /// Canonical pointers of what is written and has no value that later checks could use: a problem says why, or a
    /// template will make it.
    pub(crate) unknown: Vec<String>,
    /// How many errors the values have: whether something fails is whether this grows.
    errors: usize,
    /// How many patterns and programs were met.
    patterns: usize,
}

impl Findings {
    /// Whether there are so many errors that more would help nobody.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= MAX_ERRORS
    }
}

/// Checks the values of one origin.
pub(crate) struct Checker<'a> {
    /// Who wrote them.
    pub(crate) origin: Origin,
    /// For fixes; `None` when the values stand in no file.
    pub(crate) repair: Option<Repair<'a>>,
    /// What was found so far.
    pub(crate) findings: &'a mut Findings,
}

impl Checker<'_> {
    /// The canonical form of `node`; `None` when nothing usable is written. Parts with problems are left out.
    pub(crate) fn check(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        let errors = self.findings.errors;
        let value = match &node.value {
            Value::Null => return None,
            Value::Broken => None,
            Value::Template(_) => {
                self.write(node.span, place);
                None
            }
            _ => self.known(shape, node, place),
        };
        let is_unknown = matches!(node.value, Value::Broken | Value::Template(_));
        if value.is_none() && (is_unknown || self.findings.errors > errors) {
            self.findings.unknown.push(place.canonical.clone());
        }
        value
    }

    fn known(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        match expand::expand(shape, node) {
            Ok(None) => {
                let value = self.form(shape, node, place);
                // The object form of a path that is no path has been reported; only text is canonical.
                value.filter(|value| shape.short != Short::Path || value.is_string())
            }
            Ok(Some(expanded)) if expanded.value == Value::Null => None,
            Ok(Some(expanded)) => self.form(shape, &expanded, place),
            Err(error) => {
                let spare = expand::spare_head(node).filter(|_| error.code == Code::TargetSeveral);
                let edits = spare.and_then(|key| self.repair?.remove(&join(&place.written, key)));
                let problem = Problem::new(error.code, &place.written, node.span, error.message).help(error.help);
                self.push(problem.repair("Delete the second one", edits));
                None
            }
        }
    }

    fn push(&mut self, problem: Problem) {
        self.findings.errors += usize::from(problem.severity == Severity::Error);
        self.findings.problems.push(problem);
    }

    /// Remembers that somebody wrote the key.
    fn write(&mut self, span: Span, place: &Place) {
        let (pointer, origin) = (place.canonical.clone(), self.origin.clone());
        self.findings.written.push(WrittenKey { pointer, span, origin });
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
                self.wrong_type(shape, node, place);
                None
            }
        };
        if value.is_some() {
            self.write(node.span, place);
        }
        value
    }

    fn list(&mut self, shape: &Shape, items: &[Node], node: &Node, place: &Place) -> Option<Json> {
        let list = shape.list.as_ref()?;
        if let Some(length) = list.length.filter(|length| *length != items.len()) {
            let message = format!("a list of {length} values is expected here, this one has {}", items.len());
            self.push(Problem::new(Code::BadValue, &place.written, node.span, message));
            return None;
        }
        let (errors, written) = (self.findings.errors, self.findings.written.len());
        let mut checked = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if self.findings.is_full() {
                break;
            }
            let place = place.inside(&index.to_string(), false);
            if item.value == Value::Null {
                let message = format!("expected {}, found null", list.item.expected());
                let edits = self.repair.and_then(|repair| repair.remove(&place.written));
                let problem = Problem::new(Code::WrongType, &place.written, item.span, message);
                self.push(problem.repair("Delete it", edits));
            }
            checked.extend(self.check(&list.item, item, &place));
        }
        // The list as a whole is what counts as written, not its items.
        self.findings.written.truncate(written);
        // A list that lacks an item would shift the places of those that follow.
        if checked.len() == items.len() {
            return Some(Json::Array(checked));
        }
        if self.findings.errors == errors {
            // A template will make the item.
            self.write(node.span, place);
            self.findings.unknown.push(place.canonical.clone());
        }
        None
    }
}

/// The candidate that `word` most probably means; `None` when nothing is close.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No key or word is longer; comparing takes time by the product of the lengths.
    if word.len() > 64 {
        return None;
    }
    let folded = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(folded.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
