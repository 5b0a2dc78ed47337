//! What a caret stands on: a key or a value, of which place of the language, in whichever syntax.
//!
//! The text is scanned up to the caret, because half-typed text has no tree to speak of; the tree only tells which
//! keys are there already.

mod flow;
mod toml;
mod yaml;

use config::document::{Document, Node, Span, Syntax, Value, join};

use super::tree::find;

/// Where a caret stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Cursor {
    /// Where nothing is written yet.
    Empty,
    /// On a key, or where one may come.
    Key(Key),
    /// On a scalar value, or where a value may come.
    Value(Place),
}

/// A caret on a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Pointer of the object around it.
    pub object: String,
    /// The other keys of the object.
    pub present: Vec<String>,
    /// What an inserted key replaces; empty where nothing is.
    pub replace: Span,
    /// How what is inserted is written.
    pub layout: Layout,
    /// Whether a colon or equals sign follows already.
    pub has_value: bool,
    /// Where a comma is missing, behind the entry before.
    pub comma_at: Option<usize>,
    /// Whether a comma is needed, before the entry behind.
    pub comma_after: bool,
}

/// A caret on a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its pointer.
    pub pointer: String,
    /// What an inserted value replaces; empty where nothing is.
    pub replace: Span,
    /// How what is inserted is written.
    pub layout: Layout,
    /// Keys that are there already, if it is an object that goes on behind the caret.
    pub present: Vec<String>,
    /// Where a comma is missing, behind the item before.
    pub comma_at: Option<usize>,
    /// Whether a comma is needed, before the item behind.
    pub comma_after: bool,
}

/// How values are written around a caret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// JSON, one key a line.
    Json,
    /// YAML between brackets.
    YamlFlow,
    /// YAML in lines.
    Yaml {
        /// Where keys of this mapping begin, in their line.
        column: usize,
        /// White space at the begin of the line, which editors give to new lines.
        margin: usize,
        /// What may come here.
        room: Room,
    },
    /// TOML between brackets, or in front of something else.
    TomlInline,
    /// TOML, at the end of a table: another table may follow.
    TomlTable,
    /// TOML, the name of a table.
    TomlHeader,
}

/// What may come at a place of block YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// The rest of the line of a key, right behind its colon.
    AfterColon,
    /// The rest of the line of a key.
    Line,
    /// A whole node in lines of its own.
    Node,
    /// One more item of a list.
    Item,
}

impl Layout {
    /// The syntax that it belongs to.
    pub fn syntax(self) -> Syntax {
        match self {
            Layout::Json => Syntax::Json,
            Layout::YamlFlow | Layout::Yaml { .. } => Syntax::Yaml,
            Layout::TomlInline | Layout::TomlTable | Layout::TomlHeader => Syntax::Toml,
        }
    }
}

/// What stands at `offset`; `None` where nothing can be written.
pub fn locate(document: &Document, text: &str, offset: usize) -> Option<Cursor> {
    let offset = floor(text, offset);
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if text[start..].trim().is_empty() {
        return Some(Cursor::Empty);
    }
    if offset < start {
        return None;
    }
    let mut cursor = match document.syntax {
        Syntax::Json => flow::locate_json(text, start, offset),
        Syntax::Yaml => yaml::locate(text, start, offset),
        Syntax::Toml => toml::locate(text, start, offset),
    }?;
    match &mut cursor {
        Cursor::Empty => {}
        Cursor::Key(key) => key.present = keys(&document.root, &key.object, key.replace),
        Cursor::Value(place) => place.present = keys(&document.root, &place.pointer, place.replace),
    }
    Some(cursor)
}

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The keys of the object at `pointer`, without the one that stands at `current`.
fn keys(root: &Node, pointer: &str, current: Span) -> Vec<String> {
    let Some(Value::Object(entries)) = find(root, pointer).map(|node| &node.value) else { return Vec::new() };
    let is_current = |span: Span| span.start < current.end && current.start < span.end;
    entries.iter().filter(|entry| !is_current(entry.key_span)).map(|entry| entry.key.clone()).collect()
}

/// `pointer` extended by several keys.
fn join_all<'a>(pointer: &str, parts: impl IntoIterator<Item = &'a String>) -> String {
    parts.into_iter().fold(pointer.to_owned(), |pointer, part| join(&pointer, part))
}

#[cfg(test)]
mod tests;
