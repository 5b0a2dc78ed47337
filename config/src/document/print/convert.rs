//! From one syntax to another.

use serde_json::Value as Json;

use super::comments;
use super::{Syntax, document, is_null};
use crate::document::template::Masked;
use crate::document::{Document, Entry, Node, Span, Value, join};
use crate::problem::{Code, Problem};
use crate::schema::language;

/// The document in another syntax, with its comments. Aliases of YAML become what they stand for; TOML has no null,
/// which means "not written" anyhow.
///
/// Fails where something would be lost: while the text does not parse, or where a template would change its meaning.
pub fn convert(name: &str, text: &str, to: Syntax) -> Result<String, Problem> {
    let read = Document::parse(name, text);
    if let Some(problem) = read.problems.first() {
        return Err(problem.clone());
    }
    let masked = Masked::tags(text);
    let found = comments::find(read.syntax, &masked, &read.root);
    let notes = comments::placed(&found, &read.root, text);
    let mut converter = Converter { text, from: read.syntax, to, carried: found.iter().map(|one| one.span).collect() };
    let root = converter.node(&read.root, "")?;
    if to == Syntax::Toml && !matches!(root.value, Value::Object(_)) {
        return Err(refusal(read.root.span, "a document of TOML is a table", "wrap it in an object"));
    }
    let lost = masked
        .hidden
        .iter()
        .find(|hidden| !converter.carried.iter().any(|span| span.start <= hidden.start && hidden.end <= span.end));
    if let Some(lost) = lost {
        let help = "only values, keys and comments can hold templates when the syntax changes";
        return Err(refusal(*lost, "this template would be lost", help));
    }
    let converted = document(to, &root, &notes);
    let again = Document::parse(&format!("x.{}", to.extension()), &converted);
    if !again.problems.is_empty() || without_nulls(again.root.to_json()) != without_nulls(read.root.to_json()) {
        return Err(refusal(read.root.span, "this text has no equal in the other syntax", "convert it by hand"));
    }
    Ok(converted)
}

fn refusal(span: Span, message: &str, help: &str) -> Problem {
    Problem::new(Code::Syntax, "", span, message).help(help)
}

fn without_nulls(value: Option<Json>) -> Option<Json> {
    Some(match value? {
        Json::Null => return None,
        Json::Array(items) => items.into_iter().filter_map(|item| without_nulls(Some(item))).collect(),
        Json::Object(entries) => {
            let entries = entries.into_iter().filter_map(|(key, value)| Some((key, without_nulls(Some(value))?)));
            Json::Object(entries.collect())
        }
        other => other,
    })
}

struct Converter<'a> {
    text: &'a str,
    from: Syntax,
    to: Syntax,
    /// Where templates may stand, because they come along.
    carried: Vec<Span>,
}

impl Converter<'_> {
    /// The node as it is to be printed: templates as they are to stand in the text.
    fn node(&mut self, node: &Node, pointer: &str) -> Result<Node, Problem> {
        let span = node.span;
        let value = match &node.value {
            Value::Template(raw) => Value::Template(self.template(raw, span, pointer)?),
            Value::Array(items) => {
                if let Some(item) = items.iter().find(|item| self.to == Syntax::Toml && is_null(item)) {
                    return Err(refusal(item.span, "TOML has no null", "delete this item"));
                }
                let items = items.iter().enumerate();
                let items: Result<_, _> =
                    items.map(|(index, item)| self.node(item, &join(pointer, &index.to_string()))).collect();
                Value::Array(items?)
            }
            Value::Object(entries) => {
                let entries: Result<_, _> = entries.iter().map(|entry| self.entry(entry, pointer)).collect();
                Value::Object(entries?)
            }
            other => other.clone(),
        };
        Ok(Node { value, span })
    }

    fn entry(&mut self, entry: &Entry, pointer: &str) -> Result<Entry, Problem> {
        if entry.key.contains("{{") {
            if entry.key.contains(['"', '\\']) {
                let help = "write it without double quotes and backslashes";
                return Err(refusal(entry.key_span, "the template in this key would change", help));
            }
            self.carried.push(entry.key_span);
        }
        let value = self.node(&entry.value, &join(pointer, &entry.key))?;
        Ok(Entry { value, ..entry.clone() })
    }

    /// What a scalar with templates is in the other syntax: in quotes if it is text.
    fn template(&mut self, raw: &str, span: Span, pointer: &str) -> Result<String, Problem> {
        self.carried.push(span);
        let written = &self.text[span.start..span.end];
        let tags = Masked::tags(raw);
        let is_one_tag = tags.hidden.len() == 1 && tags.hidden[0] == Span::new(0, raw.len());
        let is_quoted = written.starts_with(['"', '\'']);
        // Plain YAML gets its type when it is rendered; the language knows which one it should have.
        let is_text = |pointer: &str| language().at(pointer).is_none_or(|shape| shape.text.is_some());
        if !is_quoted && is_one_tag && (self.from != Syntax::Yaml || !is_text(pointer)) {
            return Ok(raw.to_owned());
        }
        // Without the tags, whose quotes are gone when the text is read.
        let mut plain = tags.text.into_owned();
        for hidden in tags.hidden.iter().rev() {
            plain.replace_range(hidden.start..hidden.end, "");
        }
        if plain.contains(['"', '\'', '\\', '\n']) || written.starts_with(['|', '>']) {
            let help = "write the text around it without quotes, backslashes and line ends";
            return Err(refusal(span, "this template would change its meaning", help));
        }
        Ok(format!("\"{raw}\""))
    }
}
