//! A configuration file as a tree of values, each with the bytes that it was written in.

pub mod edit;
mod json;
pub mod print;
mod rendered;
mod syntax;
mod template;
mod toml;
mod yaml;

use serde_json::Number;

use crate::problem::Problem;
pub use syntax::Syntax;
use template::Masked;
pub use template::Templates;

/// A range of bytes in the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Whether a caret at `offset` touches the range; both ends count.
    pub fn touches(self, offset: usize) -> bool {
        self.start <= offset && offset <= self.end
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where; strings include their quotes, unclosed containers reach to the end of the text.
    pub span: Span,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Missing or unreadable; a problem already says so.
    Broken,
    /// `null`, which means "not written".
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(Number),
    /// Text, without quotes and escapes.
    String(String),
    /// A scalar whose value is not known, because a template makes it; as written, without quotes.
    Template(String),
    /// A list.
    Array(Vec<Node>),
    /// A mapping, in the order of the text.
    Object(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, without quotes and escapes.
    pub key: String,
    /// Where the key stands, with its quotes.
    pub key_span: Span,
    /// From the key to the comma that follows the value, for deletions.
    pub span: Span,
    /// The value; [`Value::Broken`] when there is none yet.
    pub value: Node,
    /// Whether a shorthand stands for this key, which thus is not in the text.
    pub implied: bool,
}

/// The tree of one file, and what is wrong with its syntax.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is written in.
    pub syntax: Syntax,
    /// The outermost value.
    pub root: Node,
    /// Syntax problems, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// What the templates of a rendered document made, by where they stand (`None` for those that failed); `None` if
    /// there is no template.
    generated: Option<Vec<(Span, Option<String>)>>,
}

/// Deepest nesting that is read. The language needs 9 levels; the bound keeps hostile text from exhausting the stack.
pub const MAX_DEPTH: usize = 64;

/// Most syntax problems of one text. A reader repairs the first few; text that is not JSON at all has thousands.
pub const MAX_PROBLEMS: usize = 20;

impl Document {
    /// Reads `text` as it stands in an editor, in the syntax that the extension of `name` tells. Templates are not
    /// rendered: a scalar with one is a [`Value::Template`]. Never fails: what cannot be read is a problem.
    pub fn parse(name: &str, text: &str) -> Self {
        match Syntax::of(name) {
            Ok(_) if name == "-" => Self::parse_as(Syntax::sniff(text), text),
            Ok(syntax) => Self::parse_as(syntax, text),
            Err(problem) => Self::unread(problem),
        }
    }

    /// Reads JSON with comments, trailing commas and a leading byte order mark, as it stands in an editor.
    pub fn parse_json(text: &str) -> Self {
        Self::parse_as(Syntax::Json, text)
    }

    fn parse_as(syntax: Syntax, text: &str) -> Self {
        Self::read(syntax, &Masked::tags(text))
    }

    fn read(syntax: Syntax, masked: &Masked<'_>) -> Self {
        let (root, mut problems) = match syntax {
            Syntax::Json => json::parse(masked),
            Syntax::Yaml => yaml::parse(masked),
            Syntax::Toml => toml::parse(masked),
        };
        if masked.has_blocks {
            // Both sides of an `if` stand there; only the rendered text can be judged.
            problems.clear();
        }
        Self { syntax, root, problems, generated: None }
    }

    fn unread(problem: Problem) -> Self {
        let root = Node { value: Value::Broken, span: Span::default() };
        Self { syntax: Syntax::Json, root, problems: vec![problem], generated: None }
    }

    /// The entry or list item that `pointer` names, or else its nearest ancestor that is in the text.
    ///
    /// Scalars are shown themselves, containers by their key.
    pub fn nearest(&self, pointer: &str) -> Span {
        let mut node = &self.root;
        // The opening bracket, where there is one: the first byte of anything else may be half a character.
        let is_bracket = self.syntax == Syntax::Json && matches!(node.value, Value::Object(_) | Value::Array(_));
        let end = if is_bracket { (node.span.start + 1).min(node.span.end) } else { node.span.start };
        let mut span = Span::new(node.span.start, end);
        for part in parts(pointer) {
            match &node.value {
                Value::Object(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == part) else { break };
                    node = &entry.value;
                    span = match node.value {
                        Value::Object(_) | Value::Array(_) | Value::Broken => entry.key_span,
                        _ => node.span,
                    };
                }
                Value::Array(items) => {
                    let Some(item) = part.parse::<usize>().ok().and_then(|index| items.get(index)) else { break };
                    node = item;
                    span = item.span;
                }
                _ => break,
            }
        }
        span
    }
}

/// `pointer` extended by one key or index, escaped by RFC 6901.
pub fn join(pointer: &str, part: &str) -> String {
    format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1"))
}

/// The keys and indices of a pointer, as they are written in a document: the reverse of [`join`].
pub fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// Line and column of a byte, both from 1; columns count characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1)
}

impl From<&serde_json::Value> for Node {
    /// A value that comes from no text: a flag, a shorthand.
    fn from(value: &serde_json::Value) -> Self {
        Self::at(value, Span::default())
    }
}

impl Node {
    /// `value` as if it were written at `span`; its keys are implied.
    pub(crate) fn at(value: &serde_json::Value, span: Span) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => Value::Number(number.clone()),
            serde_json::Value::String(text) => Value::String(text.clone()),
            serde_json::Value::Array(items) => Value::Array(items.iter().map(|item| Self::at(item, span)).collect()),
            serde_json::Value::Object(keys) => {
                Value::Object(keys.iter().map(|(key, value)| Entry::implied(key, Self::at(value, span))).collect())
            }
        };
        Self { value, span }
    }

    /// The value of a key, or the item at an index, that one part of a pointer names.
    pub fn child(&self, part: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(entries) => entries.iter().find(|entry| entry.key == part).map(|entry| &entry.value),
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The plain value, without positions; broken parts are left out, templates are text.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        Some(match &self.value {
            Value::Broken => return None,
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text) | Value::Template(text) => text.as_str().into(),
            Value::Array(items) => items.iter().filter_map(Self::to_json).collect(),
            Value::Object(entries) => serde_json::Value::Object(
                entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.to_json()?))).collect(),
            ),
        })
    }
}

impl Entry {
    /// A key that a shorthand stands for.
    pub(crate) fn implied(key: &str, value: Node) -> Self {
        Self { key: key.to_owned(), key_span: value.span, span: value.span, value, implied: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "\u{feff}{\n  \"é\": 1\n}";
        assert_eq!(line_column(text, 3), (1, 1));
        assert_eq!(line_column(text, text.find('1').expect("is there")), (2, 8));
        assert_eq!(line_column(text, 9999), (3, 2));
    }

    #[test]
    fn a_pointer_that_is_not_there_leads_to_its_nearest_ancestor() {
        let document = Document::parse_json(r#"{"feature": {"fs": "read"}}"#);
        assert_eq!(document.nearest("/feature/fs/mode"), Span::new(19, 25));
        assert_eq!(document.nearest("/feature/env"), Span::new(1, 10));
        assert_eq!(document.nearest("/agent"), Span::new(0, 1));
    }
}
