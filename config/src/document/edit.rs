//! Edits of a document by pointer, in the syntax of the document.
//!
//! They keep comments, line ends and the style around them. `None` means that the place is not in the text: it is not
//! written, or it comes from an anchor or a shorthand.

mod block;
mod flow;
mod lines;
mod place;
mod tables;

use std::borrow::Cow;

use serde_json::Value as Json;

use super::template::Masked;
use super::{Document, Span, Syntax, Value, parts, print};
use crate::problem::Edit;
use place::Place;

/// Deletes a key or list item with its separator and, if it is alone there, its lines.
pub fn remove(document: &Document, text: &str, pointer: &str) -> Option<Vec<Edit>> {
    let document = &*as_written(document, text)?;
    if document.syntax == Syntax::Toml {
        return tables::remove(document, text, pointer);
    }
    let place = Place::find(document, pointer)?;
    remove_at(document, text, &place)
}

/// Deletes the key that stands at `key_span`: one of two with the same name, for example.
pub fn remove_key(document: &Document, text: &str, key_span: Span) -> Option<Vec<Edit>> {
    let document = &*as_written(document, text)?;
    if document.syntax == Syntax::Toml {
        return tables::remove_key(document, text, key_span);
    }
    let place = Place::of_key(document, key_span)?;
    remove_at(document, text, &place)
}

fn remove_at(document: &Document, text: &str, place: &Place<'_>) -> Option<Vec<Edit>> {
    match document.syntax {
        Syntax::Yaml if !flow::is_flow(text, place.parent()?) => block::remove(text, place),
        _ => flow::remove(text, place),
    }
}

/// Gives a key another name.
pub fn rename(document: &Document, text: &str, pointer: &str, key: &str) -> Option<Vec<Edit>> {
    let document = &*as_written(document, text)?;
    let name = print::key(document.syntax, key);
    if document.syntax == Syntax::Toml {
        return tables::rename(document, text, pointer, &name);
    }
    let span = Place::find(document, pointer)?.entry()?.key_span;
    Some(vec![Edit { span, text: name }])
}

/// Replaces a value.
pub fn replace(document: &Document, text: &str, pointer: &str, value: &Json) -> Option<Vec<Edit>> {
    let document = &*as_written(document, text)?;
    let place = match document.syntax {
        Syntax::Toml => return tables::replace(document, text, pointer, value),
        Syntax::Json | Syntax::Yaml => Place::find(document, pointer)?,
    };
    let is_block = document.syntax == Syntax::Yaml && place.parent().is_some_and(|parent| !flow::is_flow(text, parent));
    if is_block {
        return block::replace(text, &place, value);
    }
    let span = place.node.span;
    let new = match document.syntax {
        _ if pointer.is_empty() => print::print(document.syntax, value).trim_end().to_owned(),
        Syntax::Json => print::nested(Syntax::Json, value, lines::indent(text, span.start)),
        Syntax::Yaml | Syntax::Toml => print::inline(document.syntax, value),
    };
    let before = &text[..span.start];
    let gap = if span.start == span.end && before.ends_with([':', ',']) { " " } else { "" };
    Some(vec![Edit { span, text: gap.to_owned() + &lines::with_ends_of(text, &new) }])
}

/// Adds a key to the object at `pointer`, which is made if it is not there.
///
/// `None` also where a value that is no object is in the way, and where the key is there already.
pub fn insert(document: &Document, text: &str, pointer: &str, key: &str, value: &Json) -> Option<Vec<Edit>> {
    let document = &*as_written(document, text)?;
    let mut path: Vec<_> = parts(pointer).collect();
    path.push(key.to_owned());
    let known = (0..path.len()).rev().find(|length| {
        Place::at(document, &path[..*length]).is_some_and(|place| !is_unwritten(&place.node.value) || *length == 0)
    })?;
    let ancestor = Place::at(document, &path[..known])?;
    // What is missing on the way comes with the value.
    let wrap = |inner: Json, key: &String| Json::Object([(key.clone(), inner)].into_iter().collect());
    let new = path[known + 1..].iter().rev().fold(value.clone(), wrap);
    let key = &path[known];
    match &ancestor.node.value {
        Value::Object(entries) => {
            if let Some(entry) = entries.iter().find(|entry| entry.key == *key) {
                if !is_unwritten(&entry.value.value) {
                    return None;
                }
                // A key without a value is there: it gets one.
                let pointer = path[..=known].iter().fold(String::new(), |at, part| super::join(&at, part));
                return replace(document, text, &pointer, &new);
            }
        }
        other if known == 0 && is_unwritten(other) => {
            let whole = print::print(document.syntax, &wrap(new, key));
            let span = if *other == Value::Null { ancestor.node.span } else { Span::new(text.len(), text.len()) };
            return Some(vec![Edit { span, text: lines::with_ends_of(text, &whole) }]);
        }
        _ => return None,
    }
    match document.syntax {
        Syntax::Toml => tables::insert(document, text, &path[..known], key, &new),
        Syntax::Yaml if !flow::is_flow(text, ancestor.node) => block::insert(text, &ancestor, key, &new),
        Syntax::Yaml if is_empty(ancestor.node) && block::takes_block(text, &ancestor) => {
            block::replace(text, &ancestor, &wrap(new, key))
        }
        Syntax::Json | Syntax::Yaml => flow::insert(document.syntax, text, ancestor.node, key, &new),
    }
}

/// A text value on one line, in quotes where the syntax needs them.
pub fn scalar(syntax: Syntax, text: &str) -> String {
    print::scalar(syntax, text)
}

/// A key, in quotes where the syntax needs them.
pub fn key(syntax: Syntax, key: &str) -> String {
    print::key(syntax, key)
}

/// The document as it stands in the text: what was rendered is read anew. `None` if blocks of templates decide what
/// stands there.
fn as_written<'a>(document: &'a Document, text: &str) -> Option<Cow<'a, Document>> {
    if document.generated.is_none() {
        return Some(Cow::Borrowed(document));
    }
    let masked = Masked::tags(text);
    (!masked.has_blocks).then(|| Cow::Owned(Document::read(document.syntax, &masked)))
}

/// The text after the edits, which must not overlap.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        edited += text.get(at..edit.span.start).unwrap_or_default();
        edited += &edit.text;
        at = edit.span.end.max(at);
    }
    edited + text.get(at..).unwrap_or_default()
}

fn is_unwritten(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Broken)
}

fn is_empty(node: &super::Node) -> bool {
    matches!(&node.value, Value::Object(entries) if entries.is_empty())
}
