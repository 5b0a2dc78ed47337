//! Anything that may stand in a file, in all three syntaxes: no panic, no hang, spans inside of the text.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use crate::config::document::{MAX_PROBLEMS, Node, Span, Syntax, Templates, Value, edit, print};
use crate::config::{self, Document, Overrides, Source};

const NAMES: [&str; 4] = ["m.json", "m.yaml", "m.toml", "-"];

fn inside(span: Span, text: &str) {
    assert!(span.start <= span.end && span.end <= text.len(), "{span:?} in {text:?}");
    assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{span:?} in {text:?}");
}

fn walk(node: &Node, text: &str) {
    inside(node.span, text);
    match &node.value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, text)),
        Value::Object(entries) => {
            for entry in entries {
                inside(entry.key_span, text);
                inside(entry.span, text);
                walk(&entry.value, text);
            }
        }
        _ => {}
    }
}

fn sound(document: &Document, text: &str) {
    walk(&document.root, text);
    assert!(document.problems.len() <= MAX_PROBLEMS);
    document.problems.iter().for_each(|problem| inside(problem.span, text));
}

/// Does to a text whatever can be done to it.
fn survives(text: &str) {
    let env = BTreeMap::new();
    for name in NAMES {
        let document = Document::parse(name, text);
        sound(&document, text);
        for editing in [false, true] {
            let templates = Templates { key: Some("k"), git_branch: None, env: &env, editing };
            let rendered = Document::render(Source { name, text }, &templates);
            sound(&rendered, text);
            edits(&rendered, text);
        }
        edits(&document, text);
        if let Some(edits) = print::format(name, text) {
            for edit in edits {
                inside(edit.span, text);
            }
        }
        for to in [Syntax::Json, Syntax::Yaml, Syntax::Toml] {
            let _converted = print::convert(name, text, to);
        }
        config::load(Some(Source { name, text }), &Overrides::default());
    }
}

fn edits(document: &Document, text: &str) {
    for pointer in ["", "/a", "/a/b", "/a/0", "/0", "/feature/fs"] {
        let all = [
            edit::remove(document, text, pointer),
            edit::rename(document, text, pointer, "new"),
            edit::replace(document, text, pointer, &json!({"x": [1]})),
            edit::replace(document, text, pointer, &json!(1)),
            edit::insert(document, text, pointer, "new", &json!({"x": 1})),
        ];
        all.into_iter().flatten().flatten().for_each(|edit| inside(edit.span, text));
    }
    if let Value::Object(entries) = &document.root.value {
        for entry in entries.iter().take(4) {
            edit::remove_key(document, text, entry.key_span);
        }
    }
}

/// Text that is nearly a document.
fn nearly() -> impl Strategy<Value = String> {
    let words = "a|b|a:|b: |a = |[a]|[[a]]|[a.b]|a.b = |\n|\n  |\n    |\r\n|\t|- |-|{|}|[|]|,|:|=|\"|'|\"\"\"|'''|\"x\"|'y'|\\|#| # c|//|/*|*/|{{|}}|{{ key }}|{{ x }}|{% if key %}|{% endif %}|{% raw %}|{%- -%}|{#|#}|&a |*a|<<: |? |!!str |!x |%YAML|---|...|\\||>|> |\\|+|1|1.5|0x1F|null|~|true|2001-01-01|😀|é|\u{feff}|\0|\u{85}|feature|fs";
    let words: Vec<String> = words.replace("\\|", "\u{1}").split('|').map(|word| word.replace('\u{1}', "|")).collect();
    prop::collection::vec(prop::sample::select(words), 0..30).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nearly_documents_survive(text in nearly()) {
        survives(&text);
    }
}

#[test]
fn each_beginning_of_a_document_survives() {
    for text in [
        "a: &x {b: [1, 'é']}\nfeature:\n  fs: |\n    {{ key }}\n  - c\n? d\n: <<: *x\n",
        "a = {b = [1, \"é\"]}\n[feature.fs]\nc = \"\"\"{{ key }}\"\"\"\n[[d]]\ne.f = 2001-01-01\n",
        "{% for i in range(end=2) %}{\"a\": {{ i }}{% if i > 0 %}, {# c #}{% endif %}}{% endfor %}",
    ] {
        for (end, _) in text.char_indices() {
            survives(&text[..end]);
        }
    }
}

#[test]
fn deep_nesting_survives() {
    for open in ["[", "{a: ", "{\"a\":", "- ", "a:\n", "{a = ", "a = [", "[a.", "a.", "? ", "{{ [", "{% if 1 %}"] {
        survives(&open.repeat(500));
    }
    for open in ["{{\n", "{{ \"", "{% x\n", "{# ", "{{ x }}", "{% if x %}"] {
        for name in NAMES {
            let document = Document::parse(name, &open.repeat(10_000));
            assert!(document.problems.len() <= MAX_PROBLEMS);
        }
    }
    let stairs: String = (0..200).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    survives(&stairs);
}

/// Reading takes time in proportion to the text; tests are not optimised, so the text is small and the bound wide.
#[test]
fn large_documents_are_read_in_a_moment() {
    let size = 2 << 20;
    let json = format!(
        "{{\"feature\": {{\"env\": {{\"override\": {{{}\"z\": \"\"}}}}}}}}",
        many(size, |i| format!("\"k{i}\": \"värde\",\n"))
    );
    let yaml = format!("feature:\n  env:\n    override:\n{}", many(size, |i| format!("      k{i}: värde\n")));
    let toml = format!("[feature.env.override]\n{}", many(size, |i| format!("k{i} = \"värde\"\n")));
    for (name, text) in [("m.json", json), ("m.yaml", yaml), ("m.toml", toml)] {
        let started = Instant::now();
        let document = Document::parse(name, &text);
        let took = started.elapsed();
        assert_eq!(document.problems, []);
        assert!(took < Duration::from_secs(50), "{name}: {took:?}");
    }
}

fn many(size: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut index = 0;
    while text.len() < size {
        text += &line(index);
        index += 1;
    }
    text
}
