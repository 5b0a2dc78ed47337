//! Flag before variable before file before default: the values that count, and who wrote them.

use serde_json::{Map, Value as Json};

use crate::document::{Document, Node, Span, Value, join};
use crate::problem::{Code, Problem};
use crate::schema::{Shape, Variable, language};
use crate::shape::{Checker, Place};
use crate::{Origin, Overrides, WrittenKey, is_at_or_below};

/// The canonical values of everything written, without defaults.
pub(crate) struct Merged {
    pub(crate) value: Json,
    pub(crate) written: Vec<WrittenKey>,
}

/// Lays variables and flags over the file, each checked on its own.
pub(crate) fn merge(document: Option<&Document>, overrides: &Overrides, problems: &mut Vec<Problem>) -> Merged {
    let mut written = Vec::new();
    let mut value = None;
    if let Some(document) = document {
        if document.root.value == Value::Null {
            problems.push(Problem::new(Code::WrongType, "", document.root.span, "expected an object, found null"));
        }
        let mut checker = Checker { origin: Origin::File, problems: &mut *problems, written: &mut written };
        value = checker.check(language(), &document.root, &Place::default());
    }
    let mut merged = Merged { value: value.unwrap_or_else(|| Json::Object(Map::new())), written };

    let mut layers = Vec::new();
    variables(language(), "", &mut |pointer, shape, variable| {
        let text = overrides.env.get(&variable.name).filter(|text| !text.is_empty());
        if let Some(value) = text.and_then(|text| read(shape, variable, text)) {
            layers.push((pointer.to_owned(), shape, value, Origin::Variable(variable.name.clone())));
            return true;
        }
        false
    });
    for (pointer, value) in &overrides.flags {
        match language().at(pointer) {
            Some(shape) => layers.push((pointer.clone(), shape, value.clone(), Origin::Flag)),
            None => problems.push(Problem::new(
                Code::BadVariable,
                pointer,
                Span::default(),
                "a flag for a key that does not exist",
            )),
        }
    }
    for (pointer, shape, value, origin) in layers {
        merged.overlay(&pointer, shape, &value, &origin, document, problems);
    }
    merged
}

impl Merged {
    fn overlay(
        &mut self,
        pointer: &str,
        shape: &Shape,
        value: &Json,
        origin: &Origin,
        document: Option<&Document>,
        problems: &mut Vec<Problem>,
    ) {
        let (mut found, mut written) = (Vec::new(), Vec::new());
        let place = Place { written: pointer.to_owned(), canonical: pointer.to_owned() };
        let mut checker = Checker { origin: origin.clone(), problems: &mut found, written: &mut written };
        let checked = checker.check(shape, &Node::from(value), &place);
        problems.extend(found.into_iter().map(|problem| blame(problem, origin, document)));
        let Some(checked) = checked else { return };
        self.written.retain(|key| written.iter().all(|newer| !is_at_or_below(&key.pointer, &newer.pointer)));
        self.written.extend(written);
        set(&mut self.value, pointer, checked);
    }
}

/// Says whose value is wrong, and points at the key in the file that it would have replaced.
fn blame(problem: Problem, origin: &Origin, document: Option<&Document>) -> Problem {
    let who = match origin {
        Origin::Variable(name) => format!("variable {name}"),
        Origin::Flag | Origin::File => "flag".to_owned(),
    };
    let span = document.map(|document| document.nearest(&problem.pointer)).unwrap_or_default();
    let message = format!("{who}: {}", problem.message);
    Problem { severity: Code::BadVariable.severity(), code: Code::BadVariable, message, span, fix: None, ..problem }
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
    if let Some(words) = &variable.words {
        return match words.iter().find(|(word, _)| word == text) {
            Some((_, value)) => Some(value.clone()),
            None if matches!(text, "true" | "false") => None,
            None => Some(Json::from(text)),
        };
    }
    Some(read_as(shape, text))
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
