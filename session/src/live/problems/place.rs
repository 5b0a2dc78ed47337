//! Where a key stands in the file, and how it is repaired there.

use config::{
    Code, Document, Loaded, Origin, Problem, Span,
    document::{Node, Value, edit, join},
};
use serde_json::Value as Json;

/// The places of one file.
pub(super) struct Places<'a> {
    document: &'a Document,
    text: &'a str,
    loaded: &'a Loaded,
    /// Where templates stand: what they make is not known.
    templates: Vec<Span>,
}

impl<'a> Places<'a> {
    pub(super) fn new(document: &'a Document, text: &'a str, loaded: &'a Loaded) -> Self {
        let mut templates = Vec::new();
        find_templates(&document.root, &mut templates);
        Self { document, text, loaded, templates }
    }

    /// A problem of the key at a canonical pointer; `None`: it stands elsewhere, or a template makes it.
    pub(super) fn problem(&self, code: Code, pointer: &str, message: impl Into<String>) -> Option<Problem> {
        let key = self.loaded.written.iter().find(|key| key.pointer == pointer)?;
        let known = key.origin == Origin::File && key.span.end > 0 && !self.is_template(key.span);
        known.then(|| Problem::new(code, pointer, key.span, message))
    }

    /// A problem of the target: of `key` where it is written in its object form.
    pub(super) fn target(&self, code: Code, key: &str, message: impl Into<String>) -> Option<Problem> {
        let mut problem = self.problem(code, "/target/path", message)?;
        let part = ["/target/path", "/target"].iter().find_map(|at| self.node(&join(at, key)));
        problem.span = part.map_or(problem.span, |node| node.span);
        Some(problem)
    }

    /// A problem of one item of the list at a canonical pointer, `parts` below it.
    pub(super) fn item(&self, code: Code, list: &str, parts: &[usize], message: impl Into<String>) -> Option<Problem> {
        let mut problem = self.problem(code, list, message)?;
        let pointer = parts.iter().fold(list.to_owned(), |pointer, part| join(&pointer, &part.to_string()));
        // A single item may stand without its list.
        problem.span = self.node(&pointer).map_or(problem.span, |node| node.span);
        problem.pointer = pointer;
        Some(problem)
    }

    /// With a repair that writes `value` at `pointer`, if text stands there.
    pub(super) fn replace(&self, problem: Problem, pointer: &str, value: &str) -> Problem {
        if !self.is_text(pointer) {
            return problem;
        }
        let edits = edit::replace(self.document, self.text, pointer, &Json::from(value));
        problem.repair(format!("Change to `{value}`"), edits.filter(|edits| !edits.is_empty()))
    }

    /// With a repair of the target: its `whole` path where it is written as one, else `name` below `key` of its object
    /// form.
    pub(super) fn retarget(&self, problem: Problem, whole: &str, key: &str, name: &str) -> Problem {
        for at in ["/target/path", "/target"] {
            if self.is_text(at) {
                return self.replace(problem, at, whole);
            }
            let part = join(at, key);
            if self.is_text(&part) {
                return self.replace(problem, &part, name);
            }
        }
        problem
    }

    /// With a repair that writes a number.
    pub(super) fn replace_number(&self, problem: Problem, value: u16) -> Problem {
        let edits = edit::replace(self.document, self.text, &problem.pointer, &Json::from(value));
        problem.repair(format!("Change to {value}"), edits.filter(|edits| !edits.is_empty()))
    }

    fn is_text(&self, pointer: &str) -> bool {
        self.node(pointer).is_some_and(|node| matches!(node.value, Value::String(_)))
    }

    fn node(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(&self.document.root, |node, part| match &node.value {
            Value::Object(entries) => entries.iter().find(|entry| entry.key == part).map(|entry| &entry.value),
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    fn is_template(&self, span: Span) -> bool {
        self.templates.iter().any(|template| template.start < span.end && span.start < template.end)
    }
}

fn find_templates(node: &Node, found: &mut Vec<Span>) {
    match &node.value {
        Value::Template(_) => found.push(node.span),
        Value::Array(items) => items.iter().for_each(|item| find_templates(item, found)),
        Value::Object(entries) => entries.iter().for_each(|entry| find_templates(&entry.value, found)),
        _ => {}
    }
}
