//! Flag before variable before file before default: the values that count, and who wrote them.

use serde_json::{Map, Value as Json};

use crate::agent::ImageParts;
use crate::document::{Node, Span, Value, join};
use crate::problem::{Code, Problem, Severity};
use crate::repair::Repair;
use crate::schema::{Flag, Shape, Variable, language};
use crate::shape::{Checker, Findings, Place};
use crate::{Origin, Overrides, is_at_or_below};

/// Lays variables and flags over the file, each checked on its own: the canonical values of everything written,
/// without defaults.
pub(crate) fn merge(file: Option<Repair<'_>>, overrides: &Overrides, findings: &mut Findings) -> Json {
    let mut merged = Json::Object(Map::new());
    if let Some(Repair { document, text: _ }) = file {
        if document.root.value == Value::Null {
            let problem = Problem::new(Code::WrongType, "", document.root.span, "expected an object, found null");
            findings.problems.push(problem);
        }
        let mut checker = Checker { origin: Origin::File, repair: file, findings: &mut *findings };
        merged = checker.check(language(), &document.root, &Place::default()).unwrap_or(merged);
    }
    let mut layers = Layers { merged, file, findings };
    variables(language(), "", &mut |pointer, shape, variable| {
        let text = overrides.env.get(&variable.name).filter(|text| !text.is_empty());
        let value = text.and_then(|text| read(shape, variable, text));
        if let Some(value) = &value {
            layers.overlay(pointer, shape, value, &Origin::Variable(variable.name.clone()));
        }
        value.is_some()
    });
    for (pointer, value) in &overrides.flags {
        if let Some(shape) = language().at(pointer) {
            layers.overlay(pointer, shape, value, &Origin::Flag);
        } else {
            let problem = Problem::new(Code::BadVariable, pointer, Span::default(), "there is no such key");
            layers.findings.problems.push(problem.help("flags are named by their keys: see `mirrord schema`"));
        }
    }
    layers.merged
}

/// The values so far, and what was found about them.
struct Layers<'a> {
    merged: Json,
    file: Option<Repair<'a>>,
    findings: &'a mut Findings,
}

impl Layers<'_> {
    fn overlay(&mut self, pointer: &str, shape: &Shape, value: &Json, origin: &Origin) {
        let place = Place { written: pointer.to_owned(), canonical: pointer.to_owned() };
        let mut found = Findings::default();
        let mut checker = Checker { origin: origin.clone(), repair: None, findings: &mut found };
        let checked = checker.check(shape, &Node::from(value), &place);
        let Findings { problems, written, unknown, .. } = found;
        let blamed = problems.into_iter().map(|problem| blame(problem, origin, shape, value, self.file));
        self.findings.problems.extend(blamed);
        if let Some(checked) = checked {
            self.findings
                .written
                .retain(|key| written.iter().all(|newer| !is_at_or_below(&key.pointer, &newer.pointer)));
            self.findings.unknown.retain(|key| written.iter().all(|newer| !is_at_or_below(key, &newer.pointer)));
            self.findings.written.extend(written);
            set(&mut self.merged, pointer, checked);
        }
        self.findings.unknown.extend(unknown);
    }
}

/// Says whose value is wrong, and points at the key in the file that it would have replaced.
fn blame(problem: Problem, origin: &Origin, shape: &Shape, value: &Json, file: Option<Repair<'_>>) -> Problem {
    let who = match origin {
        Origin::Variable(name) => format!("variable {name}"),
        Origin::Flag | Origin::File => {
            let fits = |flag: &&Flag| flag.value.as_ref().is_none_or(|stands_for| stands_for == value);
            shape.flags.iter().find(fits).map_or_else(|| "flag".to_owned(), |flag| format!("flag {}", flag.long))
        }
    };
    let span = file.map(|file| file.document.nearest(&problem.pointer)).unwrap_or_default();
    let message = format!("{who}: {}", problem.message);
    // What is only worth a word in a file is worth no more in a variable.
    let (severity, code) = match problem.severity {
        Severity::Error => (Severity::Error, Code::BadVariable),
        lesser => (lesser, problem.code),
    };
    Problem { severity, code, message, span, fix: None, ..problem }
}

/// Calls `visit` with the variables of each key, best first, until it says that one was used.
fn variables<'a>(shape: &'a Shape, pointer: &str, visit: &mut impl FnMut(&str, &'a Shape, &Variable) -> bool) {
    for variable in &shape.variables {
        if visit(pointer, shape, variable) {
            break;
        }
    }
    for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
        variables(shape, &join(pointer, key), visit);
    }
}

/// The value that `text` stands for, in the type of the key; `None` when a legacy variable's text stands for nothing.
fn read(shape: &Shape, variable: &Variable, text: &str) -> Option<Json> {
    let Some(words) = &variable.words else { return Some(read_as(shape, text)) };
    match words.iter().find(|(word, _)| word == text) {
        Some((_, value)) => Some(value.clone()),
        None if matches!(text, "true" | "false") => None,
        None => Some(Json::from(text)),
    }
}

fn read_as(shape: &Shape, text: &str) -> Json {
    if let Some(list) = &shape.list {
        let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
        return items.map(|item| read_as(&list.item, item)).collect();
    }
    match (text, text.parse::<i64>()) {
        ("true", _) if shape.boolean => true.into(),
        ("false", _) if shape.boolean => false.into(),
        (_, Ok(number)) if shape.integer.is_some() => number.into(),
        _ => text.into(),
    }
}

/// Puts `value` at `pointer`, merging objects; what is in the way is replaced.
fn set(root: &mut Json, pointer: &str, value: Json) {
    let mut at = root;
    for part in pointer.split('/').skip(1) {
        if let Json::String(reference) = at
            && pointer.starts_with("/agent/image/")
        {
            // The other half of a reference stays.
            *at = serde_json::to_value(ImageParts::of(reference)).unwrap_or_default();
        }
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        at = match at {
            Json::Object(keys) => keys.entry(part).or_insert(Json::Null),
            _ => return,
        };
    }
    lay_over(at, value);
}

fn lay_over(below: &mut Json, above: Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Json::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}
