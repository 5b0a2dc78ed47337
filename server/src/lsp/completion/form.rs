//! Values with stops for typing on, written in each syntax.

use config::document::{Syntax, edit, print};
use config::schema::{Shape, Short, Text};
use serde_json::Value as Json;

use crate::lsp::cursor::{Layout, Room};

/// A value that a suggestion writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// As it stands.
    Value(Json),
    /// A proposal, which typing replaces.
    Stop(Json),
    /// One of several scalars.
    Choice(Vec<Json>),
    /// A list of these.
    List(Vec<Form>),
    /// An object of these.
    Object(Vec<(&'static str, Form)>),
    /// An object that is still to be filled.
    OpenObject,
    /// A list that is still to be filled.
    OpenList,
}

impl Form {
    /// What a new key of this shape begins with.
    pub(super) fn of(shape: &Shape) -> Self {
        let Shape { boolean, integer, text, list, object, default, .. } = shape;
        if shape.short == Short::Target {
            return Self::object_of(shape);
        }
        match text {
            Some(Text { choices, meaning: _ }) if !choices.is_empty() => {
                let own = match &shape.short {
                    Short::Object { text: Some(key), .. } => default.as_ref().and_then(|default| default.get(key)),
                    _ => default.as_ref(),
                };
                let mut words: Vec<Json> = choices.iter().map(|choice| Json::from(choice.word.as_str())).collect();
                words.sort_by_key(|word| Some(word) != own);
                if *boolean {
                    words.extend([Json::from(true), Json::from(false)]);
                }
                return Self::Choice(words);
            }
            _ => {}
        }
        if object.is_some() {
            return Self::OpenObject;
        }
        if list.is_some() {
            return Self::list_of(shape);
        }
        if *boolean {
            // Who writes a switch wants to flip it.
            let flipped = default != &Some(Json::from(true));
            return Self::Choice(vec![flipped.into(), (!flipped).into()]);
        }
        match integer {
            Some(range) => Self::Stop(default.clone().unwrap_or_else(|| range.least.max(0).into())),
            None => Self::Stop(Json::from("")),
        }
    }

    /// The object form of a value.
    pub(super) fn object_of(shape: &Shape) -> Self {
        if shape.short != Short::Target {
            return Self::OpenObject;
        }
        let path = Self::Stop(Json::from("deployment/my-app"));
        Self::Object(vec![("path", path), ("namespace", Self::Stop(Json::from("default")))])
    }

    /// The list form of a value: a first item, where items are lists themselves.
    pub(super) fn list_of(shape: &Shape) -> Self {
        let pairs = shape.list.as_ref().is_some_and(|list| list.item.list.is_some());
        let pair = shape.examples.first().and_then(|example| example.get(0)?.as_array()).filter(|_| pairs);
        match pair {
            Some(pair) => Self::List(vec![Self::List(pair.iter().cloned().map(Self::Stop).collect())]),
            None => Self::OpenList,
        }
    }
}

/// Writes forms at one place of a document.
pub(super) struct Writer<'a> {
    layout: Layout,
    /// Pointer of the object that entries go into.
    object: &'a str,
    /// The quote that is replaced, and thus wanted.
    quote: Option<char>,
    /// What further lines begin with.
    margin: String,
    /// The number of the next stop; `None`: without stops.
    stop: Option<usize>,
}

impl<'a> Writer<'a> {
    /// `margin` is the white space of the line. Editors that take stops add it themselves.
    pub(super) fn new(layout: Layout, object: &'a str, quote: Option<char>, margin: &str, stops: bool) -> Self {
        let margin = match layout {
            // A key behind a dash is further to the right than its line.
            Layout::Yaml { column, margin, room: _ } => {
                " ".repeat(if stops { column - margin.min(column) } else { column })
            }
            _ if stops => String::new(),
            _ => margin.to_owned(),
        };
        Self { layout, object, quote, margin, stop: stops.then_some(1) }
    }

    /// A key with its value, at the caret.
    pub(super) fn entry_here(&mut self, key: &str, form: &Form) -> String {
        if self.layout == Layout::TomlTable && matches!(form, Form::Object(_) | Form::OpenObject) {
            return self.table(key, form);
        }
        self.entry(key, form, 0)
    }

    /// A value, at the caret.
    pub(super) fn value_here(&mut self, form: &Form) -> String {
        match (self.layout, form) {
            (Layout::Yaml { room: Room::Item, .. }, _) => self.item_here(form),
            (Layout::Yaml { room: Room::Node, .. }, Form::Object(entries)) => self.yaml_entries(entries, 0),
            (Layout::Yaml { room, .. }, _) => {
                let value = self.yaml_value(form, 1);
                // The caret is behind the space, or should be.
                match room {
                    Room::AfterColon => value,
                    _ => value.strip_prefix(' ').map(str::to_owned).unwrap_or(value),
                }
            }
            (Layout::TomlTable, Form::Object(entries)) => {
                let (tables, lines): (Vec<_>, Vec<_>) =
                    entries.iter().partition(|(_, form)| matches!(form, Form::Object(_) | Form::OpenObject));
                let mut parts: Vec<String> = lines.iter().map(|(key, form)| self.entry(key, form, 0)).collect();
                parts.extend(tables.iter().map(|(key, form)| self.table(key, form)));
                parts.join("\n")
            }
            _ => self.value(form, 0),
        }
    }

    /// The first item of a YAML list, at the caret.
    pub(super) fn item_here(&mut self, form: &Form) -> String {
        match form {
            Form::Object(entries) => format!("- {}", self.yaml_entries(entries, 1)),
            Form::OpenObject => format!("- {}", self.hole("{}")),
            _ => format!("- {}", self.inline(form)),
        }
    }

    /// `[path.key]` and what belongs to it.
    fn table(&mut self, key: &str, form: &Form) -> String {
        let parts = self.object.split('/').skip(1).chain([key]).map(|part| edit::key(Syntax::Toml, part));
        let header = format!("[{}]", parts.collect::<Vec<_>>().join("."));
        let body = match form {
            Form::Object(entries) => entries.iter().map(|(key, form)| self.entry(key, form, 0)).collect(),
            _ => vec![self.hole("")],
        };
        format!("{}\n{}", self.literal_text(&header), body.join("\n"))
    }

    fn entry(&mut self, key: &str, form: &Form, depth: usize) -> String {
        let key = self.literal_text(&edit::key(self.layout.syntax(), key));
        match self.layout {
            Layout::Json | Layout::YamlFlow => format!("{key}: {}", self.value(form, depth)),
            Layout::Yaml { .. } => format!("{key}:{}", self.yaml_value(form, depth + 1)),
            Layout::TomlInline | Layout::TomlTable => format!("{key} = {}", self.value(form, depth)),
            Layout::TomlHeader => key,
        }
    }

    /// A value of JSON, or one in a line.
    fn value(&mut self, form: &Form, depth: usize) -> String {
        if self.layout != Layout::Json {
            return self.inline(form);
        }
        match form {
            Form::Object(entries) => {
                let inner = self.new_line(depth + 1);
                let entries: Vec<_> = entries.iter().map(|(key, form)| self.entry(key, form, depth + 1)).collect();
                format!("{{{inner}{}{}}}", entries.join(&format!(",{inner}")), self.new_line(depth))
            }
            Form::OpenObject if self.stop.is_some() => {
                format!("{{{}{}{}}}", self.new_line(depth + 1), self.hole(""), self.new_line(depth))
            }
            _ => self.inline(form),
        }
    }

    /// A value that stays in its line.
    fn inline(&mut self, form: &Form) -> String {
        match form {
            Form::Value(value) => {
                let literal = self.literal(value);
                self.literal_text(&literal)
            }
            Form::Stop(value) => {
                let literal = self.literal(value);
                self.stop_in(&literal)
            }
            Form::Choice(values) => self.choice(values),
            Form::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Form::OpenList => format!("[{}]", self.hole("")),
            Form::Object(entries) => {
                let colon = if self.layout.syntax() == Syntax::Toml { " =" } else { ":" };
                let entry = |(key, form): &(&str, Form)| {
                    let key = edit::key(self.layout.syntax(), key);
                    format!("{key}{colon} {}", self.inline(form))
                };
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
            Form::OpenObject if self.stop.is_some() => format!("{{ {} }}", self.hole("")),
            Form::OpenObject => "{}".to_owned(),
        }
    }

    /// What comes behind the colon of a key in block YAML.
    fn yaml_value(&mut self, form: &Form, depth: usize) -> String {
        match form {
            Form::Object(entries) => format!("{}{}", self.new_line(depth), self.yaml_entries(entries, depth)),
            Form::OpenObject if self.stop.is_some() => format!("{}{}", self.new_line(depth), self.hole("")),
            Form::OpenList if self.stop.is_some() => format!("{}- {}", self.new_line(depth), self.hole("")),
            Form::List(items) => {
                let line = self.new_line(depth);
                let items: Vec<_> = items.iter().map(|item| self.item_at(item, depth)).collect();
                format!("{line}{}", items.join(&line))
            }
            _ => format!(" {}", self.inline(form)),
        }
    }

    fn item_at(&mut self, form: &Form, depth: usize) -> String {
        match form {
            Form::Object(entries) => format!("- {}", self.yaml_entries(entries, depth + 1)),
            _ => format!("- {}", self.inline(form)),
        }
    }

    fn yaml_entries(&mut self, entries: &[(&'static str, Form)], depth: usize) -> String {
        let line = self.new_line(depth);
        let entries: Vec<_> = entries.iter().map(|(key, form)| self.entry(key, form, depth)).collect();
        entries.join(&line)
    }

    fn new_line(&self, depth: usize) -> String {
        let tabs = self.stop.is_some() && self.layout == Layout::Json;
        format!("\n{}{}", self.margin, if tabs { "\t" } else { "  " }.repeat(depth))
    }

    /// Where typing goes on, last of all; `plain` where there are no stops.
    fn hole(&self, plain: &str) -> String {
        if self.stop.is_some() { "$0".to_owned() } else { plain.to_owned() }
    }

    /// `value` in the syntax of the place, in the quotes that are there.
    fn literal(&self, value: &Json) -> String {
        let syntax = self.layout.syntax();
        match (value, self.quote) {
            (Json::String(text), Some('"')) => Json::from(text.as_str()).to_string(),
            (Json::String(text), Some('\'')) if syntax == Syntax::Yaml && !text.contains('\n') => {
                format!("'{}'", text.replace('\'', "''"))
            }
            (Json::String(text), _) => edit::scalar(syntax, text),
            _ => print::inline(syntax, value),
        }
    }

    /// `text` where `$` and `}` mean themselves.
    fn literal_text(&self, text: &str) -> String {
        if self.stop.is_some() { escape(text) } else { text.to_owned() }
    }

    /// A stop around a literal, inside of its quotes.
    fn stop_in(&mut self, literal: &str) -> String {
        let Some(number) = &mut self.stop else { return literal.to_owned() };
        let own = *number;
        *number += 1;
        let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (open, inner) = match quote {
            Some(quote) => (quote.to_string(), literal[1..].strip_suffix(quote).unwrap_or(&literal[1..])),
            None => (String::new(), literal),
        };
        let proposal = if inner.is_empty() { String::new() } else { format!(":{}", escape(inner)) };
        format!("{open}${{{own}{proposal}}}{open}")
    }

    fn choice(&mut self, values: &[Json]) -> String {
        let literals: Vec<_> = values.iter().map(|value| self.literal(value)).collect();
        let Some(number) = &mut self.stop else { return literals.into_iter().next().unwrap_or_default() };
        let own = *number;
        *number += 1;
        let is_quoted = |literal: &String| literal.len() > 1 && literal.starts_with('"') && literal.ends_with('"');
        let all_quoted = literals.iter().all(is_quoted);
        let open = if all_quoted { "\"" } else { "" };
        let words = literals.iter().map(|literal| if all_quoted { &literal[1..literal.len() - 1] } else { literal });
        let words: Vec<&str> = words.collect();
        let words: Vec<_> = words.iter().map(|word| escape(word).replace(',', "\\,").replace('|', "\\|")).collect();
        format!("{open}${{{own}|{}|}}{open}", words.join(","))
    }
}

/// `text` where `$` and `}` mean themselves in a snippet.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}
