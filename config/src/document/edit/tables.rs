//! Edits of TOML: a table may be spread over headers and dotted keys, so edits work on statements.

use serde_json::Value as Json;

use super::place::Place;
use super::{flow, lines, print};
use crate::document::template::Masked;
use crate::document::toml::{Kind, Statement, statements};
use crate::document::{Document, Span, Syntax, join, parts};
use crate::is_at_or_below;
use crate::problem::Edit;

/// A statement and what it is about.
struct Located {
    statement: Statement,
    /// Pointer of the header above it; its own for a header.
    header: String,
    /// Pointer of each of its keys.
    pointers: Vec<String>,
}

impl Located {
    fn pointer(&self) -> &str {
        self.pointers.last().map_or("", String::as_str)
    }

    fn is_pair(&self) -> bool {
        matches!(self.statement.kind, Kind::Pair(_))
    }

    /// The pair whose value holds what `pointer` names, or is it.
    fn holds(&self, pointer: &str) -> bool {
        self.is_pair() && is_at_or_below(pointer, self.pointer())
    }
}

/// All statements with their pointers: items of lists of tables are counted.
fn located(text: &str) -> Vec<Located> {
    let (statements, _) = statements(&Masked::tags(text));
    let mut counts: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut header = String::new();
    let mut located = Vec::new();
    for statement in statements {
        let is_pair = matches!(statement.kind, Kind::Pair(_));
        let mut pointer = if is_pair { header.clone() } else { String::new() };
        let mut pointers = Vec::new();
        let length = statement.keys.len();
        for (index, key) in statement.keys.iter().enumerate() {
            pointer = join(&pointer, &key.name);
            pointers.push(pointer.clone());
            if !is_pair && index + 1 == length && matches!(statement.kind, Kind::Item) {
                *counts.entry(pointer.clone()).or_default() += 1;
            }
            if let Some(count) = counts.get(&pointer).filter(|_| !is_pair) {
                pointer = join(&pointer, &(count - 1).to_string());
            }
        }
        if !is_pair {
            header.clone_from(&pointer);
            if let (Some(last), Kind::Item) = (pointers.last_mut(), &statement.kind) {
                last.clone_from(&pointer);
            }
        }
        located.push(Located { statement, header: header.clone(), pointers });
    }
    located
}

pub(super) fn remove(document: &Document, text: &str, pointer: &str) -> Option<Vec<Edit>> {
    Place::find(document, pointer).filter(|_| !pointer.is_empty())?;
    let located = located(text);
    if located.iter().any(|one| one.holds(pointer) && one.pointer() != pointer) {
        return flow::remove(text, &Place::find(document, pointer)?);
    }
    let gone: Vec<_> = located.iter().filter(|one| is_at_or_below(one.pointer(), pointer)).collect();
    if gone.is_empty() { None } else { Some(delete(text, gone.into_iter().map(|one| &one.statement))) }
}

pub(super) fn remove_key(document: &Document, text: &str, key_span: Span) -> Option<Vec<Edit>> {
    let located = located(text);
    let found = located.iter().find(|one| one.statement.keys.iter().any(|key| key.span == key_span));
    match found {
        Some(one) if one.is_pair() => Some(delete(text, std::iter::once(&one.statement))),
        Some(_) => None,
        None => flow::remove(text, &Place::of_key(document, key_span)?),
    }
}

/// Deletes whole lines; a header takes the empty line in front of it along.
fn delete<'a>(text: &str, statements: impl Iterator<Item = &'a Statement>) -> Vec<Edit> {
    let mut spans: Vec<Span> = Vec::new();
    for Statement { span, kind, .. } in statements {
        let mut start = lines::start(text, span.start);
        let before = lines::previous(text, start).filter(|before| text[*before..start].trim().is_empty());
        if let (false, Some(before)) = (matches!(kind, Kind::Pair(_)), before) {
            start = before;
        }
        let end = lines::next(text, span.end);
        match spans.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => spans.push(Span::new(start, end)),
        }
    }
    spans.into_iter().map(|span| Edit { span, text: String::new() }).collect()
}

pub(super) fn rename(document: &Document, text: &str, pointer: &str, name: &str) -> Option<Vec<Edit>> {
    let mut spans = Vec::new();
    for one in located(text) {
        let mut pointers = one.pointers;
        if let (Some(last), Kind::Item) = (pointers.last_mut(), &one.statement.kind) {
            // The header of an item names the list.
            last.truncate(last.rfind('/').unwrap_or(0));
        }
        let keys = one.statement.keys.iter().zip(&pointers);
        spans.extend(keys.filter(|(_, at)| *at == pointer).map(|(key, _)| key.span));
    }
    if spans.is_empty() {
        spans.push(Place::find(document, pointer)?.entry()?.key_span);
    }
    Some(spans.into_iter().map(|span| Edit { span, text: name.to_owned() }).collect())
}

pub(super) fn replace(document: &Document, text: &str, pointer: &str, value: &Json) -> Option<Vec<Edit>> {
    if pointer.is_empty() {
        let new = lines::with_ends_of(text, &print::print(Syntax::Toml, value));
        return Some(vec![Edit { span: Span::new(0, text.len()), text: new }]);
    }
    let place = Place::find(document, pointer)?;
    let located = located(text);
    if located.iter().any(|one| one.holds(pointer)) {
        let span = place.node.span;
        let gap = if span.start == span.end && text[..span.start].ends_with('=') { " " } else { "" };
        return Some(vec![Edit { span, text: format!("{gap}{}", print::inline(Syntax::Toml, value)) }]);
    }
    // A table, which may be anywhere: what it was goes, and the new one comes where there is room for it.
    let Some(key) = place.entry().map(|entry| entry.key.clone()) else {
        return replace_item(text, &located, pointer, value);
    };
    let parent: Vec<_> = parts(pointer).collect();
    let without = super::apply(text, &remove(document, text, pointer)?);
    let changed = Document::parse_as(Syntax::Toml, &without);
    let parent = parent[..parent.len() - 1].iter().fold(String::new(), |at, part| join(&at, part));
    let edits = super::insert(&changed, &without, &parent, &key, value)?;
    Some(difference(text, &super::apply(&without, &edits)))
}

/// Replaces one `[[table]]` by another.
fn replace_item(text: &str, located: &[Located], pointer: &str, value: &Json) -> Option<Vec<Edit>> {
    let first = located.iter().position(|one| one.pointer() == pointer)?;
    let is_below = |one: &&Located| is_at_or_below(one.pointer(), pointer);
    let path: Vec<_> = located[first].statement.keys.iter().map(|key| key.name.clone()).collect();
    let section = print::section(&path, value);
    let section = section.replacen(&format!("[{}]", header(&path)), &format!("[[{}]]", header(&path)), 1);
    let last = located[first..].iter().filter(is_below).map(|one| one.statement.span.end).max()?;
    let span = Span::new(located[first].statement.span.start, last);
    // Only if it stands in one piece, and if the new one needs no sections of its own below.
    let whole =
        located[first..].iter().take_while(is_below).count() == located[first..].iter().filter(is_below).count();
    let flat = value.as_object()?.values().all(|value| !value.is_object());
    (whole && flat).then(|| vec![Edit { span, text: lines::with_ends_of(text, section.trim_end()) }])
}

fn header(path: &[String]) -> String {
    path.iter().map(|part| print::key(Syntax::Toml, part)).collect::<Vec<_>>().join(".")
}

/// Adds `key` to the table at `path`, which is there.
pub(super) fn insert(document: &Document, text: &str, path: &[String], key: &str, value: &Json) -> Option<Vec<Edit>> {
    let pointer = path.iter().fold(String::new(), |at, part| join(&at, part));
    let located = located(text);
    if located.iter().any(|one| one.holds(&pointer)) {
        return flow::insert(Syntax::Toml, text, Place::at(document, path)?.node, key, value);
    }
    let pair = format!("{} = {}", print::key(Syntax::Toml, key), print::inline(Syntax::Toml, value));
    let line = |at: usize, new: String| {
        let new = lines::with_ends_of(text, &new);
        Some(vec![Edit { span: Span::new(at, at), text: new }])
    };
    // A dotted key has made the table: only another dotted key may add to it.
    let dotted = located
        .iter()
        .rfind(|one| one.is_pair() && one.header.len() < pointer.len() && is_at_or_below(one.pointer(), &pointer));
    if let Some(one) = dotted {
        let prefix: Vec<_> = parts(&pointer).skip(parts(&one.header).count()).collect();
        return line(lines::end(text, one.statement.span.end), format!("\n{}.{pair}", header(&prefix)));
    }
    let names = header_of(&located, path);
    let as_section = value.as_object().is_some_and(|value| !value.is_empty() || pointer.is_empty());
    let own = located.iter().find(|one| !one.is_pair() && one.pointer() == pointer);
    if as_section || (own.is_none() && !pointer.is_empty()) {
        let (path, table) = if as_section {
            ([names.as_slice(), &[key.to_owned()]].concat(), value.clone())
        } else {
            (names, Json::Object([(key.to_owned(), value.clone())].into_iter().collect()))
        };
        let last =
            located.iter().filter(|one| is_at_or_below(one.pointer(), &pointer)).map(|one| one.statement.span.end);
        let end = if pointer.is_empty() { text.len() } else { lines::end(text, last.max()?) };
        let section = print::section(&path, &table);
        let section = section.trim_end();
        let gap = if text[..end].trim_start_matches('\u{feff}').is_empty() {
            ""
        } else if text[..end].ends_with('\n') {
            "\n"
        } else {
            "\n\n"
        };
        let tail = if end == text.len() { "\n" } else { "" };
        return line(end, format!("{gap}{section}{tail}"));
    }
    // Behind the last pair that stands directly below the header.
    let pairs = located.iter().filter(|one| one.is_pair() && one.header == pointer);
    if let Some(end) = pairs.map(|one| one.statement.span.end).max().or(own.map(|own| own.statement.span.end)) {
        return line(lines::end(text, end), format!("\n{pair}"));
    }
    // The root, before the first header and the comment above that.
    let first = located.first().map_or(text.len(), |one| lines::start(text, one.statement.span.start));
    let at = above_comments(text, first);
    let gap = if at < text.len() { "\n" } else { "" };
    let lead = if text[..at].is_empty() || text[..at].ends_with(['\n', '\u{feff}']) { "" } else { "\n" };
    line(at, format!("{lead}{pair}\n{gap}"))
}

/// The keys that a header for the table at `pointer` has: those of the path without indices.
fn header_of(located: &[Located], path: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = String::new();
    for part in path {
        let is_index =
            located.iter().any(|one| matches!(one.statement.kind, Kind::Item) && one.pointer() == join(&at, part));
        at = join(&at, part);
        if !is_index {
            names.push(part.clone());
        }
    }
    names
}

/// Where the comment that ends right before `at` begins.
fn above_comments(text: &str, at: usize) -> usize {
    let mut at = at;
    while let Some(start) = lines::previous(text, at) {
        if !text[start..at].trim_start().starts_with('#') {
            break;
        }
        at = start;
    }
    at
}

/// One edit that makes `new` of `old`.
fn difference(old: &str, new: &str) -> Vec<Edit> {
    let start = old.char_indices().zip(new.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let start = start.unwrap_or(old.len().min(new.len()));
    let common = |a: &str, b: &str| -> usize {
        a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let end = common(&old[start..], &new[start..]);
    vec![Edit { span: Span::new(start, old.len() - end), text: new[start..new.len() - end].to_owned() }]
}
