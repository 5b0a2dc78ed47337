//! Checks scalars: types, ranges, words.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{Checker, MAX_PATTERNS, Place, meaning, nearest};
use crate::document::{Node, Span, Value};
use crate::problem::{Code, Problem};
use crate::schema::{Meaning, Shape, Text};

impl Checker<'_> {
    pub(super) fn number(&mut self, shape: &Shape, node: &Node, place: &Place) -> Option<Json> {
        let (Value::Number(number), Some(range)) = (&node.value, &shape.integer) else { return None };
        // Draft 2020-12 counts 8.0 as an integer, and so do we.
        let whole = number.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it far inside of i64")]
            number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|float| float as i64)
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

    pub(super) fn text(&mut self, shape: &Shape, text: &str, span: Span, place: &Place) -> Option<Json> {
        let form = shape.text.as_ref()?;
        if !form.choices.is_empty() && form.choices.iter().all(|choice| choice.word != text) {
            let message = format!("`{}` is not {}", start(text), shape.expected());
            let mut problem = Problem::new(code(place), &place.written, span, message);
            if let Some(near) = nearest(text, form.choices.iter().map(|choice| choice.word.as_str())) {
                let edits = self.repair.and_then(|repair| repair.replace(&place.written, &near.into()));
                problem = problem.help(format!("did you mean `{near}`?"));
                problem = problem.repair(format!("Replace by `{near}`"), edits);
            }
            self.push(problem);
            return None;
        }
        if let Some(problem) = form.meaning.and_then(|meaning| self.content(meaning, text, span, place)) {
            self.push(problem);
            return None;
        }
        Some(text.into())
    }

    /// What is wrong with `text` in view of what it refers to. Patterns beyond [`MAX_PATTERNS`] are not compiled.
    pub(super) fn content(&mut self, meaning: Meaning, text: &str, span: Span, place: &Place) -> Option<Problem> {
        if matches!(meaning, Meaning::Regex | Meaning::Path | Meaning::JsonPath | Meaning::Jq) {
            self.findings.patterns += 1;
            match self.findings.patterns.cmp(&(MAX_PATTERNS + 1)) {
                Ordering::Less => {}
                Ordering::Equal => {
                    let message = format!("a document has at most {MAX_PATTERNS} patterns; this is one more");
                    let problem = Problem::new(Code::BadValue, &place.written, span, message);
                    return Some(problem.help("join patterns by `|`, or name their common folder"));
                }
                Ordering::Greater => return None,
            }
        }
        meaning::problem(meaning, text, span, place, self.repair)
    }

    /// Reports a value of a type that does not fit, with the value that was probably meant.
    pub(super) fn wrong_type(&mut self, shape: &Shape, node: &Node, place: &Place) {
        let message = format!("expected {}, found {}", shape.expected(), found(&node.value));
        let meant = meant(shape, &node.value);
        let edits = self.repair.and_then(|repair| repair.replace(&place.written, meant.as_ref()?));
        let mut problem = Problem::new(Code::WrongType, &place.written, node.span, message);
        if let Some(meant) = meant {
            problem = problem.repair(format!("Replace by {meant}"), edits);
        }
        self.push(problem);
    }
}

/// The same value in a type that fits: `"true"` for `true`, `5` for `"5"`, a scalar for a list of one.
fn meant(shape: &Shape, value: &Value) -> Option<Json> {
    let checked = [Meaning::TargetPath, Meaning::Destination, Meaning::Jq, Meaning::JsonPath, Meaning::SocketAddress];
    let is_free =
        |text: &Text| text.choices.is_empty() && text.meaning.is_none_or(|meaning| !checked.contains(&meaning));
    let free_text = shape.text.as_ref().is_some_and(is_free);
    let whole = |number: i64| shape.integer.as_ref().is_some_and(|range| (range.least..=range.most).contains(&number));
    let scalar = match value {
        Value::String(text) => match (text.as_str(), text.parse::<i64>()) {
            ("true", _) if shape.boolean => Some(Json::from(true)),
            ("false", _) if shape.boolean => Some(Json::from(false)),
            (_, Ok(number)) if whole(number) => Some(Json::from(number)),
            _ => None,
        },
        Value::Number(number) if free_text => Some(Json::from(number.to_string())),
        Value::Bool(flag) if free_text => Some(Json::from(flag.to_string())),
        _ => None,
    };
    let in_a_list = || {
        let list = shape.list.as_ref().filter(|list| list.length.is_none())?;
        let one = match value {
            Value::String(text) if list.item.text.is_some() => Json::from(text.as_str()),
            Value::Number(number) if list.item.integer.is_some() => Json::Number(number.clone()),
            _ => return None,
        };
        Some(Json::Array(vec![one]))
    };
    scalar.or_else(in_a_list)
}

fn found(value: &Value) -> String {
    match value {
        Value::Broken => "nothing".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) | Value::Template(text) => format!("the text \"{}\"", start(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The code of a word that is not among those that may stand at `place`.
fn code(place: &Place) -> Code {
    let is_queue_type =
        place.canonical.starts_with("/feature/split_queues/") && place.canonical.ends_with("/queue_type");
    if is_queue_type { Code::QueueType } else { Code::BadValue }
}

/// As much of `text` as fits into a sentence.
pub(super) fn start(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
