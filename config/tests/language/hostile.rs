//! Text that is not a configuration: problems, never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::config::document::{MAX_PROBLEMS, Node, Value};
use crate::config::{self, Document, Overrides, Severity, Source};
use crate::{load, rendered};

/// Broken text has an error, unless it can be read as JSON by an independent parser too.
fn survives(text: &str) {
    let loaded = load(text);
    assert_eq!(loaded.config.is_none(), loaded.problems.iter().any(|problem| problem.severity == Severity::Error));
    for problem in &loaded.problems {
        assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len(), "{problem:?}");
        assert!(text.is_char_boundary(problem.span.start) && text.is_char_boundary(problem.span.end), "{problem:?}");
    }
    rendered(&loaded, text);
}

#[test]
fn each_beginning_of_a_document_survives() {
    let text = r#"{"target": {"path": "deploy/é😀\u00e9\n"}, /* c */ "feature": {"env": {"include": ["A", 1.5e3, null]}, "fs": tru}} // x"#;
    for (end, _) in text.char_indices() {
        survives(&text[..end]);
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for open in ["[", "{\"a\":", "{\"feature\":", "[{\"a\":["] {
        let text = open.repeat(200_000);
        let document = Document::parse_json(&text);
        assert!(document.problems.len() <= MAX_PROBLEMS);
        survives(&text);
    }
}

#[test]
fn the_problems_of_garbage_are_few() {
    assert!(load(&"}{".repeat(10_000)).problems.len() <= MAX_PROBLEMS + 1);
}

fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Broken => panic!("a valid document has no broken part"),
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => serde_json::Value::Number(number.clone()),
        Value::String(text) | Value::Template(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(entries) => entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect(),
    }
}

/// Text without templates, which the other parsers do not know.
fn plain_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('{', "["))
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("JSON has no such number", |float| float.is_finite()).prop_map(Into::into),
        plain_text().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(plain_text(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Text that is nearly a configuration.
fn nearly_json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "'",
        "\\",
        "\\u",
        "/*",
        "*/",
        "//",
        "\n",
        " ",
        "null",
        "true",
        "1e9",
        "-",
        "{{",
        "😀",
        "\"target\"",
        "\"path\"",
        "\"feature\"",
        "\"network\"",
        "\"fs\"",
        "\"incoming\"",
        "\"http_filter\"",
        "\"all_of\"",
        "\"label/\"",
        "\"pod/x\"",
        "\"deployment\"",
        "\"labels\"",
        "\"env\"",
        "\"include\"",
        "\"filter\"",
        "\"remote\"",
        "\"port_mapping\"",
        "[80,80]",
        "\"agent\"",
        "\"image\"",
        "\"mapping\"",
        "\"(\"",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nearly_json_survives(text in nearly_json()) {
        survives(&text);
    }

    #[test]
    fn valid_json_is_read_as_others_read_it(value in any_json()) {
        let text = format!("{value:#}");
        let document = Document::parse_json(&text);
        prop_assert_eq!(&document.problems, &[]);
        let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(plain(&document.root), reference);
        survives(&text);
    }

    #[test]
    fn what_we_accept_another_parser_accepts(text in nearly_json()) {
        let document = Document::parse_json(&text);
        if document.problems.is_empty() && !text.contains("{{") {
            let reference = jsonc_parser::parse_to_serde_value::<serde_json::Value>(&text, &jsonc_parser::ParseOptions::default());
            prop_assert_eq!(reference.unwrap(), plain(&document.root));
        }
    }
}

/// Documents that take hours where time grows with the square of the length.
#[test]
fn large_documents_end() {
    const BYTES: usize = 2 << 20;
    let repeat = |part: &dyn Fn(usize) -> String| {
        let mut text = String::with_capacity(BYTES + 100);
        for index in 0.. {
            text += &part(index);
            if text.len() > BYTES {
                break;
            }
        }
        text
    };
    let names = repeat(&|index| format!("\"NAME_{index}\": \"value\",\n"));
    let documents = [
        ("a.json", format!("{{\"feature\": {{\"env\": {{\"override\": {{{names}\"A\": \"b\"}}}}}}}}")),
        ("b.json", repeat(&|_| "\"feature\": {},".to_owned())),
        ("c.json", format!("{{{}}}", repeat(&|index| format!("\"feature{index}\": {{}},")))),
        ("d.json", format!("{{\"skip_processes\": [{}1]}}", repeat(&|_| "\"a\", ".to_owned()))),
        ("e.json", format!("{{\"feature\": {{\"fs\": {{\"local\": \"{}\"}}}}}}", "(a".repeat(BYTES / 2))),
        ("f.json", format!("{{\"target\": \"{}\"}}", "label/a=b,".repeat(BYTES / 10))),
        ("g.json", format!("{{\"agent\": {{\"ttl\": {}}}}}", "9".repeat(BYTES))),
        ("h.yaml", repeat(&|index| format!("NAME_{index}: value\n"))),
        ("i.yaml", format!("skip_processes:\n{}", repeat(&|_| "  - a\n".to_owned()))),
        ("j.toml", format!("[feature.env.override]\n{}", repeat(&|index| format!("NAME_{index} = \"value\"\n")))),
    ];
    for (name, text) in documents {
        let start = Instant::now();
        let loaded = config::load(Some(Source { name, text: &text }), &Overrides::default());
        assert!(start.elapsed() < Duration::from_mins(1), "{name}: {:?}", start.elapsed());
        assert!(loaded.problems.len() <= 1000 + MAX_PROBLEMS, "{name}");
    }
}

#[test]
fn ten_thousand_levels_are_refused() {
    for (name, open) in [
        ("a.json", "{\"feature\":"),
        ("b.json", "["),
        ("c.yaml", "["),
        ("d.yaml", "{a: "),
        ("e.yaml", "- "),
        ("f.toml", "a = [["),
        ("g.toml", "a.b."),
    ] {
        let text = open.repeat(10_000);
        let loaded = config::load(Some(Source { name, text: &text }), &Overrides::default());
        assert!(loaded.config.is_none(), "{name}");
    }
    let indented: String = (0..10_000).map(|level| format!("{}a:\n", " ".repeat(level.min(500)))).collect();
    assert!(config::load(Some(Source { name: "h.yaml", text: &indented }), &Overrides::default()).config.is_none());
}
