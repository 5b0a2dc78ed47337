//! What an inserted key brings with it: its value's form with stops, and blocks that people write often.

use config::document::Span;
use config::schema::{Shape, Short, Text};
use serde_json::Value as Json;

use super::{Item, ItemKind};

/// The value of a new key, with stops.
pub(super) fn value(shape: &Shape) -> String {
    let Shape { boolean, integer, text, list, object, default, .. } = shape;
    if shape.short == Short::Target {
        return "{\n\t\"path\": \"${1:deployment/my-app}\",\n\t\"namespace\": \"${2:default}\"\n}".to_owned();
    }
    match text {
        Some(Text { choices, meaning: _ }) if !choices.is_empty() => {
            let words = choices.iter().map(|choice| choice.word.as_str()).collect::<Vec<_>>().join(",");
            // A switch with words is `true`, `false` or one of them: all stand in one list.
            return if *boolean {
                format!("${{1|{},true,false|}}", quoted(&words))
            } else {
                format!("\"${{1|{words}|}}\"")
            };
        }
        _ => {}
    }
    if object.is_some() {
        return "{\n\t$0\n}".to_owned();
    }
    if list.is_some() {
        return "[$1]".to_owned();
    }
    if *boolean {
        // Who writes a switch wants to flip it.
        let words = if default == &Some(Json::from(true)) { "false,true" } else { "true,false" };
        return format!("${{1|{words}|}}");
    }
    if integer.is_some() {
        return format!("${{1:{}}}", default.as_ref().unwrap_or(&Json::from(0)));
    }
    "\"$1\"".to_owned()
}

fn quoted(words: &str) -> String {
    words.split(',').map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(",")
}

/// The value of a new key, for editors without stops.
pub(super) fn plain_value(shape: &Shape) -> String {
    let Shape { boolean, integer, text, list, object, default, .. } = shape;
    let is_word = text.as_ref().is_some_and(|text| !text.choices.is_empty());
    let default = match &shape.short {
        Short::Object { text: Some(key), .. } => default.as_ref().and_then(|default| default.get(key)),
        _ => default.as_ref(),
    };
    match default {
        Some(default) if !default.is_object() && !default.is_array() => default.to_string(),
        _ if is_word => "\"\"".to_owned(),
        _ if object.is_some() => "{}".to_owned(),
        _ if list.is_some() => "[]".to_owned(),
        _ if *boolean => "true".to_owned(),
        _ if integer.is_some() => "0".to_owned(),
        _ => "\"\"".to_owned(),
    }
}

/// The object form of a value.
pub(super) fn object(shape: &Shape) -> String {
    if shape.short == Short::Target { value(shape) } else { "{\n\t$0\n}".to_owned() }
}

/// `text` where `$` and `}` mean themselves.
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

/// A key with a value of several lines, as people often write it.
pub(super) struct Block {
    object: &'static str,
    key: &'static str,
    label: &'static str,
    about: &'static str,
    body: &'static str,
}

const BLOCKS: &[Block] = &[
    Block {
        object: "",
        key: "feature",
        label: "feature: network, files, environment",
        about: "What most projects take from the cluster.",
        body: "{\n\t\"network\": {\n\t\t\"incoming\": \"${1|mirror,steal,off|}\",\n\t\t\"outgoing\": true\n\t},\n\t\"fs\": \"${2|read,write,local|}\",\n\t\"env\": true\n}",
    },
    Block {
        object: "/feature/network",
        key: "incoming",
        label: "incoming: steal my requests",
        about: "Only requests with a header of yours come to you; the target handles all others.",
        body: "{\n\t\"mode\": \"steal\",\n\t\"http_filter\": {\n\t\t\"header_filter\": \"${1:^x-session: me$}\"\n\t}\n}",
    },
    Block {
        object: "/feature/network",
        key: "outgoing",
        label: "outgoing: some connections from here",
        about: "Listed destinations are reached from this machine, all others through the target.",
        body: "{\n\t\"filter\": {\n\t\t\"local\": [\"${1:localhost}\"]\n\t}\n}",
    },
];

/// The blocks that fit into an object.
pub(super) fn blocks<'a>(object: &'a str, present: &'a [String]) -> impl Iterator<Item = &'static Block> + 'a {
    BLOCKS.iter().filter(move |block| block.object == object && present.iter().all(|key| key != block.key))
}

impl Block {
    /// The suggestion, still without a place.
    pub(super) fn item(&self, tail: &str) -> Item {
        let Self { object: _, key, label, about, body } = self;
        let snippet = format!("\"{key}\": {}{tail}", body.replace("me$}", "me\\$}"));
        Item {
            label: (*label).to_owned(),
            kind: ItemKind::Block,
            detail: None,
            documentation: Some((*about).to_owned()),
            replace: Span::default(),
            plain: without_stops(&snippet),
            snippet,
            comma_at: None,
        }
    }
}

/// A whole new document.
pub(super) fn whole_document() -> Item {
    let [feature, ..] = BLOCKS else { unreachable!("the list is not empty") };
    let item = feature.item("");
    let target = "\t\"target\": {\n\t\t\"path\": \"${3:deployment/my-app}\",\n\t\t\"namespace\": \"${4:default}\"\n\t}";
    let snippet = format!("{{\n{target},\n\t{}\n}}", item.snippet.replace('\n', "\n\t"));
    Item { label: "configuration".to_owned(), plain: without_stops(&snippet), snippet, ..item }
}

/// A snippet with the first proposal at each stop.
fn without_stops(snippet: &str) -> String {
    let mut plain = String::new();
    let mut rest = snippet;
    while let Some(at) = rest.find(['$', '\\']) {
        plain.push_str(&rest[..at]);
        let (stop, after) = if rest[at..].starts_with('\\') {
            let end = (at + 2).min(rest.len());
            (rest[at + 1..end].to_owned(), end)
        } else if rest[at..].starts_with("${") {
            stop(rest, at)
        } else {
            (String::new(), at + 2)
        };
        plain.push_str(&stop);
        rest = rest.get(after..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain.replace('\t', "  ")
}

/// The first proposal of the stop at `at`, and where the text goes on.
fn stop(snippet: &str, at: usize) -> (String, usize) {
    let body = &snippet[at + 2..];
    let end = body
        .char_indices()
        .find(|(index, c)| *c == '}' && !body[..*index].ends_with('\\'))
        .map_or(body.len(), |(index, _)| index);
    let inner = body[..end].trim_start_matches(|c: char| c.is_ascii_digit());
    let proposal = match inner.strip_prefix('|') {
        Some(words) => words.trim_end_matches('|').split(',').next().unwrap_or_default().to_owned(),
        None => inner.trim_start_matches(':').replace('\\', ""),
    };
    (proposal, at + 2 + end + 1)
}

#[cfg(test)]
mod tests {
    use config::{Overrides, Source};

    use super::*;

    #[test]
    fn blocks_are_valid_configurations() {
        let load =
            |text: &str| config::load(Some(Source { name: "mirrord.json", text }), &Overrides::default()).problems;
        let document = whole_document().plain;
        assert_eq!(load(&document), [], "{document}");
        for block in BLOCKS {
            let keys: Vec<_> = block.object.split('/').skip(1).collect();
            let body = format!("{{{}}}", block.item("").plain);
            let text = keys.iter().rev().fold(body, |inner, key| format!("{{\"{key}\": {inner}}}"));
            let problems = load(&text);
            assert!(
                problems.iter().all(|problem| problem.code == config::Code::TargetlessSteal),
                "{text}\n{problems:?}"
            );
        }
    }

    #[test]
    fn stops_become_their_first_proposal() {
        assert_eq!(without_stops("a ${1|x,y|} ${2:b\\$} $0 c"), "a x b$  c");
    }
}
