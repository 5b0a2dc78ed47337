//! Edits keep what people wrote around them.

use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use crate::config::Document;
use crate::config::document::edit;

fn after(name: &str, text: &str, edits: impl Fn(&Document) -> Option<Vec<crate::config::Edit>>) -> String {
    edits(&Document::parse(name, text)).map_or_else(|| "none".to_owned(), |edits| edit::apply(text, &edits))
}

fn insert(name: &str, text: &str, pointer: &str, key: &str, value: &Json, expected: &Expect) {
    expected.assert_eq(&after(name, text, |document| edit::insert(document, text, pointer, key, value)));
}

fn remove(name: &str, text: &str, pointer: &str, expected: &Expect) {
    expected.assert_eq(&after(name, text, |document| edit::remove(document, text, pointer)));
}

fn replace(name: &str, text: &str, pointer: &str, value: &Json, expected: &Expect) {
    expected.assert_eq(&after(name, text, |document| edit::replace(document, text, pointer, value)));
}

const JSON: &str = "{\n  // who\n  \"target\": \"pod/x\", // the old one\n  \"feature\": {\n    \"fs\": \"read\", \"env\": {\"include\": [\"A\", \"B\"]}\n  } // last\n}\n";
const YAML: &str = "# who\ntarget: pod/x # the old one\nfeature: # all\n  fs: read\n\n  # names\n  env:\n    include: [A, B]\nports:\n- 80 # web\n- 81\n";
const TOML: &str = "# who\ntarget = \"pod/x\" # the old one\n\n[feature]\nfs = \"read\"\n\n# names\n[feature.env]\ninclude = [\"A\", \"B\"]\n\n[[rules]]\nport = 80\n";

#[test]
fn removals_take_their_separators_along() {
    let j = "m.json";
    remove(
        j,
        JSON,
        "/target",
        &expect![[r#"
        {
          // who
          "feature": {
            "fs": "read", "env": {"include": ["A", "B"]}
          } // last
        }
    "#]],
    );
    remove(
        j,
        JSON,
        "/feature",
        &expect![[r#"
        {
          // who
          "target": "pod/x" // the old one
        }
    "#]],
    );
    remove(
        j,
        JSON,
        "/feature/fs",
        &expect![[r#"
        {
          // who
          "target": "pod/x", // the old one
          "feature": {
            "env": {"include": ["A", "B"]}
          } // last
        }
    "#]],
    );
    remove(
        j,
        JSON,
        "/feature/env",
        &expect![[r#"
        {
          // who
          "target": "pod/x", // the old one
          "feature": {
            "fs": "read"
          } // last
        }
    "#]],
    );
    remove(
        j,
        JSON,
        "/feature/env/include/1",
        &expect![[r#"
        {
          // who
          "target": "pod/x", // the old one
          "feature": {
            "fs": "read", "env": {"include": ["A"]}
          } // last
        }
    "#]],
    );
    let y = "m.yaml";
    remove(
        y,
        YAML,
        "/target",
        &expect![[r#"
        # who
        feature: # all
          fs: read

          # names
          env:
            include: [A, B]
        ports:
        - 80 # web
        - 81
    "#]],
    );
    remove(
        y,
        YAML,
        "/feature/env",
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: # all
          fs: read

          # names
        ports:
        - 80 # web
        - 81
    "#]],
    );
    remove(
        y,
        YAML,
        "/feature/env/include",
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: # all
          fs: read

          # names
          env: {}
        ports:
        - 80 # web
        - 81
    "#]],
    );
    remove(
        y,
        YAML,
        "/ports/0",
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: # all
          fs: read

          # names
          env:
            include: [A, B]
        ports:
        - 81
    "#]],
    );
    let t = "m.toml";
    remove(
        t,
        TOML,
        "/target",
        &expect![[r##"
        # who

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["A", "B"]

        [[rules]]
        port = 80
    "##]],
    );
    remove(
        t,
        TOML,
        "/feature",
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        # names

        [[rules]]
        port = 80
    "##]],
    );
    remove(
        t,
        TOML,
        "/feature/env/include/0",
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["B"]

        [[rules]]
        port = 80
    "##]],
    );
    remove(
        t,
        TOML,
        "/rules/0",
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["A", "B"]
    "##]],
    );
    remove(t, TOML, "/absent", &expect!["none"]);
}

#[test]
fn insertions_make_what_is_missing_on_the_way() {
    insert(
        "m.json",
        JSON,
        "/feature/network/dns",
        "enabled",
        &json!(false),
        &expect![[r#"
        {
          // who
          "target": "pod/x", // the old one
          "feature": {
            "fs": "read", "env": {"include": ["A", "B"]}, "network": { "dns": { "enabled": false } }
          } // last
        }
    "#]],
    );
    insert(
        "m.json",
        JSON,
        "/agent",
        "labels",
        &json!({"a": "b"}),
        &expect![[r#"
        {
          // who
          "target": "pod/x", // the old one
          "feature": {
            "fs": "read", "env": {"include": ["A", "B"]}
          }, // last
          "agent": {
            "labels": {
              "a": "b"
            }
          }
        }
    "#]],
    );
    insert("m.json", JSON, "/target", "path", &json!("x"), &expect!["none"]);
    insert(
        "m.json",
        "{}",
        "/agent",
        "ttl",
        &json!(3),
        &expect![[r#"
        {
          "agent": {
            "ttl": 3
          }
        }"#]],
    );
    insert(
        "m.json",
        "",
        "/agent",
        "ttl",
        &json!(3),
        &expect![[r#"
        {
          "agent": {
            "ttl": 3
          }
        }
    "#]],
    );
    insert(
        "m.yaml",
        YAML,
        "/feature/network/dns",
        "enabled",
        &json!(false),
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: # all
          fs: read

          # names
          env:
            include: [A, B]
          network:
            dns:
              enabled: false
        ports:
        - 80 # web
        - 81
    "#]],
    );
    insert(
        "m.yaml",
        "feature:\n  fs: {}\n",
        "/feature/fs",
        "mode",
        &json!("read"),
        &expect![[r#"
        feature:
          fs:
            mode: read
    "#]],
    );
    insert(
        "m.yaml",
        "feature:\nkey: a\n",
        "/feature/fs",
        "mode",
        &json!("read"),
        &expect![[r#"
        feature:
          fs:
            mode: read
        key: a
    "#]],
    );
    insert(
        "m.yaml",
        "",
        "/feature",
        "fs",
        &json!(["x"]),
        &expect![[r#"
        feature:
          fs:
            - x
    "#]],
    );
    insert(
        "m.toml",
        TOML,
        "/feature/network/dns",
        "enabled",
        &json!(false),
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["A", "B"]

        [feature.network.dns]
        enabled = false

        [[rules]]
        port = 80
    "##]],
    );
    insert(
        "m.toml",
        TOML,
        "/feature",
        "hostname",
        &json!(false),
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        [feature]
        fs = "read"
        hostname = false

        # names
        [feature.env]
        include = ["A", "B"]

        [[rules]]
        port = 80
    "##]],
    );
    insert(
        "m.toml",
        TOML,
        "",
        "key",
        &json!("a"),
        &expect![[r##"
        # who
        target = "pod/x" # the old one
        key = "a"

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["A", "B"]

        [[rules]]
        port = 80
    "##]],
    );
    insert(
        "m.toml",
        "feature.fs.mode = \"read\"\n[agent]\n",
        "/feature/fs",
        "local",
        &json!(["x"]),
        &expect![[r#"
        feature.fs.mode = "read"
        feature.fs.local = ["x"]
        [agent]
    "#]],
    );
    insert(
        "m.toml",
        "",
        "/feature",
        "fs",
        &json!("read"),
        &expect![[r#"
        [feature]
        fs = "read"
    "#]],
    );
}

#[test]
fn replacements_keep_comments() {
    replace(
        "m.json",
        JSON,
        "/target",
        &json!({"path": "pod/y", "namespace": "n"}),
        &expect![[r#"
        {
          // who
          "target": {
            "path": "pod/y",
            "namespace": "n"
          }, // the old one
          "feature": {
            "fs": "read", "env": {"include": ["A", "B"]}
          } // last
        }
    "#]],
    );
    replace(
        "m.yaml",
        YAML,
        "/target",
        &json!({"path": "pod/y", "namespace": "n"}),
        &expect![[r#"
        # who
        target: # the old one
          path: pod/y
          namespace: n
        feature: # all
          fs: read

          # names
          env:
            include: [A, B]
        ports:
        - 80 # web
        - 81
    "#]],
    );
    replace(
        "m.yaml",
        YAML,
        "/feature",
        &json!(true),
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: true # all
        ports:
        - 80 # web
        - 81
    "#]],
    );
    replace(
        "m.yaml",
        YAML,
        "/ports/0",
        &json!([80, 8080]),
        &expect![[r#"
        # who
        target: pod/x # the old one
        feature: # all
          fs: read

          # names
          env:
            include: [A, B]
        ports:
        - [80, 8080] # web
        - 81
    "#]],
    );
    replace(
        "m.toml",
        TOML,
        "/target",
        &json!({"path": "pod/y", "namespace": "n"}),
        &expect![[r##"
        # who
        target = { path = "pod/y", namespace = "n" } # the old one

        [feature]
        fs = "read"

        # names
        [feature.env]
        include = ["A", "B"]

        [[rules]]
        port = 80
    "##]],
    );
    replace(
        "m.toml",
        TOML,
        "/feature/env",
        &json!(true),
        &expect![[r##"
        # who
        target = "pod/x" # the old one

        [feature]
        fs = "read"
        env = true

        # names

        [[rules]]
        port = 80
    "##]],
    );
}

#[test]
fn what_an_alias_brings_is_not_edited() {
    let text = "a: &a\n  b: 1\nc: *a\nd:\n  <<: *a\n  e: 2\n";
    remove("m.yaml", text, "/c/b", &expect!["none"]);
    remove("m.yaml", text, "/d/b", &expect!["none"]);
    remove(
        "m.yaml",
        text,
        "/d/e",
        &expect![[r#"
        a: &a
          b: 1
        c: *a
        d:
          <<: *a
    "#]],
    );
    remove(
        "m.yaml",
        text,
        "/a/b",
        &expect![[r#"
        a: &a {}
        c: *a
        d:
          <<: *a
          e: 2
    "#]],
    );
}

#[test]
fn one_of_two_equal_keys_goes() {
    for (name, text) in [("m.json", "{\"a\": 1, \"a\": 2}"), ("m.yaml", "a: 1\na: 2\n"), ("m.toml", "a = 1\na = 2\n")] {
        let document = Document::parse(name, text);
        let crate::config::document::Value::Object(entries) = &document.root.value else { panic!("{name}") };
        let edits = edit::remove_key(&document, text, entries[1].key_span).unwrap();
        let left = edit::apply(text, &edits);
        assert_eq!(Document::parse(name, &left).root.to_json().unwrap(), json!({"a": 1}), "{left}");
    }
}
