//! Whatever is printed, edited or formatted reads as what was meant.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::config::Document;
use crate::config::document::{Syntax, edit, join, print};

const SYNTAXES: [Syntax; 3] = [Syntax::Json, Syntax::Yaml, Syntax::Toml];

fn name(syntax: Syntax) -> String {
    format!("mirrord.{}", syntax.extension())
}

/// The value that `text` has, which must be without problems.
fn read(syntax: Syntax, text: &str) -> Json {
    let document = Document::parse(&name(syntax), text);
    assert_eq!(document.problems, [], "{text}");
    document.root.to_json().unwrap_or_else(|| json!({}))
}

/// Text of any kind, but without templates.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", any::<String>(), "[-:#'\"\\\\ \\[\\],?!&*|>%@`~=.0-9a-z\n\t]{0,6}"]
        .prop_map(|text| text.replace('{', "["))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![3 => prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned), 1 => text()]
}

/// Values that all three syntaxes have.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("JSON has no such number", |float| float.is_finite()).prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from), mapping(inner)]
    })
}

fn mapping(inner: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    prop::collection::vec((key(), inner), 0..4).prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into())
}

fn document() -> impl Strategy<Value = Json> {
    mapping(value())
}

/// Every place of a value but the root, in order.
fn pointers(value: &Json, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Json)> = match value {
        Json::Object(entries) => entries.iter().map(|(key, value)| (join(at, key), value)).collect(),
        Json::Array(items) => items.iter().enumerate().map(|(i, item)| (join(at, &i.to_string()), item)).collect(),
        _ => Vec::new(),
    };
    for (pointer, value) in inner {
        found.push(pointer.clone());
        pointers(value, &pointer, found);
    }
}

fn parent(pointer: &str) -> (&str, String) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    (parent, last.replace("~1", "/").replace("~0", "~"))
}

/// Without empty containers, which TOML forgets when the last header that made them goes.
fn pruned(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, pruned(value)));
            entries.filter(|(_, value)| *value != json!({}) && *value != json!([])).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// Mappings are equal whatever their order.
fn same(syntax: Syntax, left: Json, right: Json) -> bool {
    if syntax == Syntax::Toml { pruned(left) == pruned(right) } else { left == right }
}

fn edited(syntax: Syntax, text: &str, make: impl Fn(&Document) -> Option<Vec<crate::config::Edit>>) -> Option<String> {
    let document = Document::parse(&name(syntax), text);
    Some(edit::apply(text, &make(&document)?))
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(value in document()) {
        for syntax in SYNTAXES {
            let text = print::print(syntax, &value);
            prop_assert_eq!(read(syntax, &text), value.clone(), "{}", text);
        }
    }

    #[test]
    fn removals_remove_just_that(value in document(), choice in any::<prop::sample::Index>(), crlf in any::<bool>()) {
        let mut places = Vec::new();
        pointers(&value, "", &mut places);
        if places.is_empty() { return Ok(()); }
        let pointer = choice.get(&places);
        let mut expected = value.clone();
        let (outer, last) = parent(pointer);
        match expected.pointer_mut(outer).unwrap() {
            Json::Object(entries) => { entries.shift_remove(&last); }
            Json::Array(items) => { items.remove(last.parse().unwrap()); }
            _ => unreachable!(),
        }
        for syntax in SYNTAXES {
            let mut text = print::print(syntax, &value);
            if crlf { text = text.replace('\n', "\r\n"); }
            let after = edited(syntax, &text, |document| edit::remove(document, &text, pointer));
            let Some(after) = after else { panic!("{pointer} in {syntax:?}:\n{text}") };
            let got = read(syntax, &after);
            prop_assert!(same(syntax, got.clone(), expected.clone()), "{pointer} in {syntax:?}:\n{text}---\n{after}---\n{got}");
        }
    }

    #[test]
    fn renames_rename_just_that(value in document(), choice in any::<prop::sample::Index>(), new in "[e-h\" ]{1,3}") {
        let mut places = Vec::new();
        pointers(&value, "", &mut places);
        places.retain(|pointer| value.pointer(parent(pointer).0).unwrap().is_object());
        if places.is_empty() { return Ok(()); }
        let pointer = choice.get(&places);
        let mut expected = value.clone();
        let (outer, last) = parent(pointer);
        let Json::Object(entries) = expected.pointer_mut(outer).unwrap() else { unreachable!() };
        prop_assume!(!entries.contains_key(&new));
        let moved = entries.shift_remove(&last).unwrap();
        entries.insert(new.clone(), moved);
        for syntax in SYNTAXES {
            let text = print::print(syntax, &value);
            let after = edited(syntax, &text, |document| edit::rename(document, &text, pointer, &new)).unwrap();
            prop_assert_eq!(read(syntax, &after), expected.clone(), "{} in {:?}:\n{}---\n{}", pointer, syntax, text, after);
        }
    }

    #[test]
    fn replacements_replace_just_that(value in document(), choice in any::<prop::sample::Index>(), new in value()) {
        let mut places = Vec::new();
        pointers(&value, "", &mut places);
        if places.is_empty() { return Ok(()); }
        let pointer = choice.get(&places);
        let mut expected = value.clone();
        *expected.pointer_mut(pointer).unwrap() = new.clone();
        for syntax in SYNTAXES {
            let text = print::print(syntax, &value);
            let after = edited(syntax, &text, |document| edit::replace(document, &text, pointer, &new));
            // An item that is a table with tables of its own, or that becomes none, is not replaced in place.
            let Some(after) = after else {
                prop_assert_eq!(syntax, Syntax::Toml, "{}", pointer);
                continue;
            };
            let got = read(syntax, &after);
            prop_assert!(same(syntax, got.clone(), expected.clone()), "{pointer} in {syntax:?}:\n{text}---\n{after}---\n{got}");
        }
    }

    #[test]
    fn insertions_add_just_that(
        value in document(), choice in any::<prop::sample::Index>(),
        way in prop::collection::vec("[e-h]{1,2}", 1..3), new in value(), crlf in any::<bool>(),
    ) {
        let mut places = vec![String::new()];
        pointers(&value, "", &mut places);
        places.retain(|pointer| value.pointer(pointer).unwrap().is_object());
        let pointer = choice.get(&places);
        let (key, missing) = way.split_last().unwrap();
        let mut expected = value.clone();
        let mut at = expected.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        prop_assume!(!at.contains_key(&way[0]));
        for part in missing {
            at = at.entry(part.clone()).or_insert(json!({})).as_object_mut().unwrap();
        }
        prop_assume!(!at.contains_key(key));
        at.insert(key.clone(), new.clone());
        let object = missing.iter().fold(pointer.clone(), |at, part| join(&at, part));
        for syntax in SYNTAXES {
            let mut text = print::print(syntax, &value);
            if crlf { text = text.replace('\n', "\r\n"); }
            let after = edited(syntax, &text, |document| edit::insert(document, &text, &object, key, &new));
            let Some(after) = after else { panic!("{object} + {key} in {syntax:?}:\n{text}") };
            let got = read(syntax, &after);
            prop_assert!(same(syntax, got.clone(), expected.clone()), "{object} + {key} in {syntax:?}:\n{text}---\n{after}---\n{got}");
        }
    }
}

/// Another layout of the same text: more space where space means nothing.
fn untidy(syntax: Syntax, text: &str, salt: u8) -> String {
    let mut untidy = String::new();
    for (index, line) in text.lines().enumerate() {
        let odd = (index + usize::from(salt)) % 3;
        let indent = line.len() - line.trim_start().len();
        match syntax {
            Syntax::Yaml => untidy += &" ".repeat(indent * usize::from(salt % 3)),
            Syntax::Json | Syntax::Toml => untidy += &" ".repeat(odd),
        }
        untidy += line;
        untidy += ["\n", "  \n", "\n\n\n"][odd];
    }
    untidy
}

proptest! {
    #[test]
    fn formatting_keeps_the_value_and_is_done_at_once(value in document(), salt in any::<u8>(), crlf in any::<bool>()) {
        for syntax in SYNTAXES {
            let mut text = untidy(syntax, &print::print(syntax, &value), salt);
            if crlf { text = text.replace('\n', "\r\n"); }
            let name = name(syntax);
            if !Document::parse(&name, &text).problems.is_empty() { continue; }
            let before = Document::parse(&name, &text).root.to_json();
            let edits = print::format(&name, &text);
            let Some(edits) = edits else { panic!("not formatted:\n{text}") };
            let formatted = edit::apply(&text, &edits);
            prop_assert_eq!(Document::parse(&name, &formatted).root.to_json(), before, "{}---\n{}", text, formatted);
            prop_assert_eq!(print::format(&name, &formatted), Some(Vec::new()), "{}---\n{}", text, formatted);
        }
    }

    #[test]
    fn conversions_keep_the_value(value in document()) {
        for from in SYNTAXES {
            let text = print::print(from, &value);
            for to in SYNTAXES {
                let converted = print::convert(&name(from), &text, to).unwrap();
                prop_assert_eq!(read(to, &converted), value.clone(), "{}---\n{}", text, converted);
            }
        }
    }
}
