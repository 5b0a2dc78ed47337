//! What can be written at a caret: keys, values, common blocks, and what the cluster has.

mod blocks;
mod form;
mod live;

use config::Document;
use config::document::{Span, Syntax, edit, join};
use config::schema::{Object, Shape, Short, Status, Text, Tier};
use serde_json::Value as Json;
use session::live::{State, View};

use super::cursor::{Cursor, Key, Layout, Place, Room};
use super::tree;
use form::{Form, Writer};

/// Most suggestions of one answer; beyond, typing on narrows them.
const LIMIT: usize = 200;

/// What is offered at a caret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// The suggestions, best first.
    pub items: Vec<Item>,
    /// Whether asking again, after typing or after a while, may tell more.
    pub incomplete: bool,
}

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What the list shows.
    pub label: String,
    /// What sort of thing it is.
    pub kind: ItemKind,
    /// A few words beside the label.
    pub detail: Option<String>,
    /// More to read, as Markdown.
    pub documentation: Option<String>,
    /// What editors compare with the text that is replaced.
    pub filter: String,
    /// Whether it had better not be used any more.
    pub deprecated: bool,
    /// The bytes that it replaces.
    pub replace: Span,
    /// What comes instead, with `$1`-style stops; the margin of the line is added to its further lines.
    pub snippet: String,
    /// The same for editors without stops, with all margins.
    pub plain: String,
    /// Where a comma has to be added, so that the document stays well-formed.
    pub comma_at: Option<usize>,
}

/// What sort of thing a suggestion is, for its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A key of the language.
    Key,
    /// A value of the language.
    Value,
    /// Several keys with values.
    Block,
    /// Something in the cluster.
    Live,
}

/// The suggestions at `cursor`, which `locate` found at `offset` of a document.
pub fn complete(cursor: &Cursor, document: &Document, text: &str, offset: usize, view: &View) -> Completions {
    let room = Writing { document, text, offset, view };
    let ideas = match cursor {
        Cursor::Empty => return Completions { items: vec![room.whole_document()], incomplete: false },
        Cursor::Key(key) => room.keys(key),
        Cursor::Value(place) => room.values(place),
    };
    let is_live = |idea: &Idea| idea.kind == ItemKind::Live;
    let live = ideas.iter().filter(|idea| is_live(idea)).count();
    // Nothing of the language is ever left out: only what the cluster has is that much.
    let mut dropped = (ideas.len()).saturating_sub(LIMIT).min(live);
    let incomplete = dropped > 0 || view.state == State::Loading && room.wants_live(cursor);
    let mut kept: Vec<Idea> = Vec::with_capacity(ideas.len() - dropped);
    for idea in ideas.into_iter().rev() {
        if dropped > 0 && is_live(&idea) {
            dropped -= 1;
        } else {
            kept.push(idea);
        }
    }
    let items = kept.into_iter().rev().map(|idea| room.item(idea, cursor)).collect();
    Completions { items, incomplete }
}

/// A suggestion before it is written in the syntax of the document.
struct Idea {
    label: String,
    kind: ItemKind,
    detail: Option<String>,
    documentation: Option<String>,
    deprecated: bool,
    /// In front of the label when it is compared with what is typed.
    typed_before: String,
    write: Write,
}

/// What a suggestion writes.
enum Write {
    /// A key whose value is there already.
    Name(String),
    /// A key and its value.
    Entry(String, Form),
    /// A value.
    Value(Form),
    /// A value as an item of a list that begins with it.
    Item(Form),
}

impl Idea {
    fn new(label: impl Into<String>, kind: ItemKind, write: Write) -> Self {
        let (detail, documentation, deprecated, typed_before) = (None, None, false, String::new());
        Self { label: label.into(), kind, detail, documentation, deprecated, typed_before, write }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into()).filter(|detail| !detail.is_empty());
        self
    }

    fn about(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = Some(documentation.into()).filter(|text| !text.is_empty());
        self
    }
}

struct Writing<'a> {
    document: &'a Document,
    text: &'a str,
    offset: usize,
    view: &'a View,
}

impl Writing<'_> {
    /// The form of the object at a pointer; where a word in it decides that, by the word that is written.
    fn object(&self, pointer: &str) -> Option<&'static Object> {
        let word = |key: &str| tree::text(&self.document.root, &join(pointer, key));
        Some(tree::shape(self.document, pointer)?.object.as_ref()?.variant(word))
    }

    fn keys(&self, key: &Key) -> Vec<Idea> {
        let Some(form) = self.object(&key.object) else { return Vec::new() };
        let is_header = key.layout == Layout::TomlHeader;
        if key.has_value || is_header {
            let fits = |shape: &Shape| !is_header || shape.object.is_some();
            let ideas = self.entries(form, &key.object, &key.present);
            let name = |idea: Idea| match &idea.write {
                Write::Entry(name, _) if form.keys.iter().any(|(key, shape)| key == name && fits(shape)) => {
                    let write = Write::Name(name.clone());
                    Some(Idea { write, ..idea })
                }
                _ => None,
            };
            return ideas.into_iter().filter(|idea| idea.kind != ItemKind::Block).filter_map(name).collect();
        }
        self.entries(form, &key.object, &key.present)
    }

    /// The keys that may be added to an object, with values.
    fn entries(&self, form: &Object, object: &str, present: &[String]) -> Vec<Idea> {
        let mut ideas: Vec<(bool, Idea)> = Vec::new();
        for (key, shape) in &form.keys {
            if shape.status == Status::Internal || present.contains(key) || excluded(form, present, key) {
                continue;
            }
            let last = shape.status != Status::Supported || shape.tier == Tier::Operator;
            let note = match shape.status {
                Status::Deprecated { .. } => " (deprecated)",
                Status::Unstable => " (unstable)",
                Status::NoEffect { .. } => " (no effect)",
                Status::Supported | Status::Internal if shape.tier == Tier::Operator => " (needs the operator)",
                Status::Supported | Status::Internal => "",
            };
            let write = Write::Entry(key.clone(), Form::of(shape));
            let idea = Idea::new(key.clone(), ItemKind::Key, write).about(&*shape.description);
            let deprecated = matches!(shape.status, Status::Deprecated { .. });
            ideas.push((last, Idea { deprecated, ..idea.detail(format!("{}{note}", shape.expected())) }));
        }
        // Stable: the order of the documentation otherwise.
        ideas.sort_by_key(|(last, _)| *last);
        let mut ideas: Vec<Idea> = ideas.into_iter().map(|(_, idea)| idea).collect();
        if let (Some(meaning), Some(_)) = (form.key_meaning, &form.others) {
            let value = || Form::Stop(Json::from(""));
            let names = live::names(meaning, form.pattern_keys, self.document, self.view);
            let names = names.into_iter().filter(|(name, _)| !present.contains(name));
            ideas.extend(names.map(|(name, detail)| {
                let write = Write::Entry(name.clone(), value());
                Idea::new(name, ItemKind::Live, write).detail(detail)
            }));
        }
        ideas.extend(blocks::fitting(object, present));
        ideas
    }

    fn values(&self, place: &Place) -> Vec<Idea> {
        let Some(shape) = tree::shape(self.document, &place.pointer) else { return Vec::new() };
        let own_lines = matches!(place.layout, Layout::Yaml { room: Room::Node, .. });
        let mut ideas = Vec::new();
        if own_lines {
            ideas.extend(self.in_own_lines(shape, place));
        }
        // An object that goes on below takes keys only, a list in lines of its own takes items.
        let is_list = own_lines && shape.list.is_some() && place.replace.start == place.replace.end;
        if is_list || !place.present.is_empty() {
            return ideas;
        }
        ideas.extend(self.live(shape, &place.pointer, place.replace));
        let is_known = ideas.iter().any(|idea| idea.kind == ItemKind::Live);
        let example = |idea: &Idea| idea.detail.as_deref() == Some("example");
        ideas.extend(constants(shape).into_iter().filter(|idea| !(is_known && example(idea))));
        if shape.object.is_some() && !own_lines {
            let write = Write::Value(Form::object_of(shape));
            ideas.push(Idea::new("{…}", ItemKind::Block, write).about(&*shape.description));
        }
        if shape.list.is_some() && !own_lines {
            let write = Write::Value(Form::list_of(shape));
            ideas.push(Idea::new("[…]", ItemKind::Block, write).about(&*shape.description));
        }
        ideas
    }

    /// Keys and items, where YAML gives a value lines of its own.
    fn in_own_lines(&self, shape: &Shape, place: &Place) -> Vec<Idea> {
        let mut ideas = Vec::new();
        if let Some(form) = self.object(&place.pointer).filter(|_| shape.object.is_some()) {
            ideas.extend(self.entries(form, &place.pointer, &place.present));
        }
        let is_blank = place.replace.start == place.replace.end;
        if let Some(list) = shape.list.as_ref().filter(|_| is_blank && place.present.is_empty()) {
            let pointer = join(&place.pointer, "0");
            let items = self.live(&list.item, &pointer, place.replace).into_iter().chain(constants(&list.item));
            ideas.extend(items.filter_map(|idea| match idea.write {
                Write::Value(form) => Some(Idea { write: Write::Item(form), ..idea }),
                _ => None,
            }));
            let hole = Write::Item(Form::of(&list.item));
            ideas.push(Idea::new("- …", ItemKind::Block, hole).about(&*shape.description));
        }
        ideas
    }

    /// What the cluster has for a place.
    fn live(&self, shape: &Shape, pointer: &str, replace: Span) -> Vec<Idea> {
        let Some(meaning) = meaning(shape) else { return Vec::new() };
        let typed = self.text.get(replace.start..self.offset).unwrap_or_default().trim_start_matches(['"', '\'']);
        // In `"A;B;C"` only the name that is being typed changes.
        let before = match (&shape.short, typed.rfind(';')) {
            (Short::Names, Some(at)) => &typed[..=at],
            _ => "",
        };
        let mut ideas = live::values(meaning, pointer, self.document, self.view, &typed[before.len()..]);
        if !before.is_empty() {
            for idea in &mut ideas {
                before.clone_into(&mut idea.typed_before);
                idea.write = Write::Value(Form::Value(Json::from(format!("{before}{}", idea.label))));
            }
        }
        ideas
    }

    /// Whether the cluster might have something for the cursor.
    fn wants_live(&self, cursor: &Cursor) -> bool {
        match cursor {
            Cursor::Empty => false,
            Cursor::Key(key) => {
                let form = self.object(&key.object);
                form.is_some_and(|form| form.key_meaning.is_some_and(live::is_live))
            }
            Cursor::Value(place) => tree::shape(self.document, &place.pointer).is_some_and(|shape| {
                let inner = shape.list.as_ref().and_then(|list| meaning(&list.item));
                meaning(shape).or(inner).is_some_and(live::is_live)
            }),
        }
    }

    fn whole_document(&self) -> Item {
        let layout = match self.document.syntax {
            Syntax::Json => Layout::Json,
            Syntax::Yaml => Layout::Yaml { column: 0, margin: 0, room: Room::Node },
            Syntax::Toml => Layout::TomlTable,
        };
        let here = Span::new(self.offset, self.offset);
        let (present, comma_at, comma_after) = (Vec::new(), None, false);
        let place = Place { pointer: String::new(), replace: here, layout, present, comma_at, comma_after };
        let idea = Idea::new("configuration", ItemKind::Block, Write::Value(blocks::document()));
        self.item(idea.about("What most projects take from the cluster."), &Cursor::Value(place))
    }

    fn item(&self, idea: Idea, cursor: &Cursor) -> Item {
        let Idea { label, kind, detail, documentation, deprecated, typed_before, write } = idea;
        let (replace, layout, object, comma_at, comma_after) = match cursor {
            Cursor::Key(key) => (key.replace, key.layout, key.object.as_str(), key.comma_at, key.comma_after),
            Cursor::Value(place) => {
                (place.replace, place.layout, place.pointer.as_str(), place.comma_at, place.comma_after)
            }
            Cursor::Empty => (Span::default(), Layout::Json, "", None, false),
        };
        let line = self.text[..replace.start].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = self.text[line..].len() - self.text[line..].trim_start_matches([' ', '\t']).len();
        let margin = &self.text[line..(line + indent).min(replace.start)];
        let quote = self.text[replace.start..replace.end].chars().next().filter(|c| matches!(c, '"' | '\''));
        let written = |stops: bool| {
            let mut writer = Writer::new(layout, object, quote, margin, stops);
            let mut text = match &write {
                Write::Name(name) => edit::key(layout.syntax(), name),
                Write::Entry(name, form) => writer.entry_here(name, form),
                Write::Value(form) => writer.value_here(form),
                Write::Item(form) => writer.item_here(form),
            };
            if comma_after {
                text.push(',');
            }
            text
        };
        let quotes = quote.map(String::from).unwrap_or_default();
        let filter = format!("{quotes}{typed_before}{label}{quotes}");
        let (snippet, plain) = (written(true), written(false));
        Item { label, kind, detail, documentation, filter, deprecated, replace, snippet, plain, comma_at }
    }
}

/// Whether the keys that are present leave no room for `key`.
fn excluded(form: &Object, present: &[String], key: &str) -> bool {
    let fits = |set: &Vec<String>| set.iter().any(|name| name == key) && present.iter().all(|name| set.contains(name));
    (form.exclusive && !present.is_empty()) || (!form.sets.is_empty() && !form.sets.iter().any(fits))
}

/// The values that the language itself knows.
fn constants(shape: &Shape) -> Vec<Idea> {
    let is_default = |value: &Json| shape.default.as_ref() == Some(value);
    let idea = |value: &Json, about: &str| {
        let label = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let idea = Idea::new(label, ItemKind::Value, Write::Value(Form::Value(value.clone()))).about(about);
        if is_default(value) { idea.detail("default") } else { idea }
    };
    let mut ideas = Vec::new();
    if let Some(Text { choices, meaning: _ }) = &shape.text {
        ideas.extend(choices.iter().map(|choice| idea(&Json::from(choice.word.as_str()), &choice.description)));
    }
    if shape.boolean {
        ideas.extend([idea(&Json::from(true), ""), idea(&Json::from(false), "")]);
    }
    // A known object is better built key by key than copied.
    let is_known =
        |example: &&Json| example.is_object() && shape.object.as_ref().is_some_and(|object| object.others.is_none());
    for example in shape.examples.iter().filter(|example| !is_known(example)) {
        if ideas.iter().all(|known| !known.is(example)) {
            ideas.push(idea(example, "").detail("example"));
        }
    }
    let plain = shape.default.as_ref().filter(|default| !default.is_object() && !default.is_array());
    if let Some(default) = plain.filter(|default| ideas.iter().all(|known| !known.is(default))) {
        ideas.push(idea(default, ""));
    }
    ideas
}

impl Idea {
    /// Whether it writes exactly `value`.
    fn is(&self, value: &Json) -> bool {
        matches!(&self.write, Write::Value(Form::Value(own)) if own == value)
    }
}

/// What the text or number at a place refers to.
fn meaning(shape: &Shape) -> Option<config::schema::Meaning> {
    let number = || shape.integer.as_ref().and_then(|integer| integer.meaning);
    shape.text.as_ref().and_then(|text| text.meaning).or_else(number)
}

#[cfg(test)]
mod tests;
