//! Text that is not a configuration: problems, never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::config::document::{MAX_PROBLEMS, Node, Value};
use crate::config::{self, Document, Overrides, Severity, Source, Span};
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

/// Values of any variables and flags of the language: garbage, or what may be right.
fn any_overrides() -> impl Strategy<Value = Overrides> {
    fn visit(shape: &config::schema::Shape, pointer: &str, found: &mut Vec<(String, Vec<String>)>) {
        let variables = shape.variables.iter().map(|variable| variable.name.clone());
        found.push((pointer.to_owned(), variables.collect()));
        for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
            visit(shape, &config::document::join(pointer, key), found);
        }
    }
    let mut keys = Vec::new();
    visit(config::schema::language(), "", &mut keys);
    let text = || {
        let words =
            vec!["", "true", "false", "5", "-1", "a;b;;", "80;443", "steal", "pod/x", "{{ key }}", "(", "label/"];
        prop_oneof![prop::sample::select(words).prop_map(str::to_owned), any::<String>()]
    };
    let variables: Vec<String> = keys.iter().flat_map(|(_, variables)| variables.clone()).collect();
    let pointers: Vec<String> = keys.into_iter().map(|(pointer, _)| pointer).collect();
    let env = prop::collection::btree_map(prop::sample::select(variables), text(), 0..6);
    let value = prop_oneof![text().prop_map(serde_json::Value::from), any_json()];
    let flags = prop::collection::vec((prop::sample::select(pointers), value), 0..4);
    (env, flags, any::<(bool, bool)>(), any::<Option<String>>()).prop_map(|(env, flags, (pending, editing), branch)| {
        let (random_key, git_branch) = (Some("1a2b3".to_owned()), branch);
        Overrides { env, flags, target_pending: pending, git_branch, random_key, editing }
    })
}

proptest! {
    #[test]
    fn any_text_survives_with_any_variables_and_flags(
        name in prop::sample::select(vec!["a.json", "a.yaml", "a.toml", "-", "a", "a.xml"]),
        text in prop_oneof![nearly_json(), any::<String>(), "[-a-z:{}\\[\\]\"'#%&*!|>=., \n]{0,60}"],
        overrides in any_overrides(),
    ) {
        let loaded = config::load(Some(Source { name, text: &text }), &overrides);
        for problem in &loaded.problems {
            let Span { start, end } = problem.span;
            prop_assert!(text.get(start..end).is_some(), "{:?}", problem);
            problem.render(name, &text);
            for edit in problem.fix.iter().flat_map(|fix| &fix.edits) {
                prop_assert!(text.get(edit.span.start..edit.span.end).is_some(), "{:?}", problem);
            }
        }
        let is_wrong = loaded.problems.iter().any(|problem| problem.severity == Severity::Error);
        prop_assert_eq!(loaded.config.is_none(), is_wrong);
        prop_assert!(loaded.problems.iter().all(|problem| !problem.help.iter().any(|help| help.contains("report it"))));
    }

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
    const BYTES: usize = 1 << 20;
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
fn a_document_has_a_bounded_number_of_patterns() {
    let patterns = |count: usize| {
        let items: Vec<_> = (0..count).map(|index| format!("\"a{}\"", index % 10)).collect();
        let text = format!("{{\"target\": \"pod/x\", \"feature\": {{\"fs\": {{\"local\": [{}]}}}}}}", items.join(","));
        let problems =
            config::load(Some(Source { name: "a.json", text: &text }), &Overrides::default()).problems.into_iter();
        problems.map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert_eq!(patterns(2000), [""; 0]);
    assert_eq!(patterns(2100), ["a document has at most 2000 patterns; this is one more"]);
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
