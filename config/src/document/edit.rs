//! Edits of a document by pointer, in the syntax of the document.
//!
//! They keep comments, line ends and the style around them. `None` means that the place is not in the text.

use serde_json::Value as Json;

use super::{Document, Syntax, print};
use crate::problem::Edit;

/// Deletes a key or list item with its separator and, if it is alone there, its lines.
pub fn remove(_document: &Document, _text: &str, _pointer: &str) -> Option<Vec<Edit>> {
    None
}

/// Gives a key another name.
pub fn rename(_document: &Document, _text: &str, _pointer: &str, _key: &str) -> Option<Vec<Edit>> {
    None
}

/// Replaces a value.
pub fn replace(_document: &Document, _text: &str, _pointer: &str, _value: &Json) -> Option<Vec<Edit>> {
    None
}

/// Adds a key to the object at `pointer`, which is made if it is not there.
pub fn insert(_document: &Document, _text: &str, _pointer: &str, _key: &str, _value: &Json) -> Option<Vec<Edit>> {
    None
}

/// A text value on one line, in quotes where the syntax needs them.
pub fn scalar(syntax: Syntax, text: &str) -> String {
    print::scalar(syntax, text)
}

/// A key, in quotes where the syntax needs them.
pub fn key(syntax: Syntax, key: &str) -> String {
    print::key(syntax, key)
}
