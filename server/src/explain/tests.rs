use std::{collections::BTreeMap, path::Path};

use config::{Overrides, Source};
use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, questions: &[&str], expected: &Expect) {
    let loaded = config::load(Some(Source { name: "m.json", text }), &Overrides::default());
    let config = loaded.config.clone().unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let environment = BTreeMap::from([("HOME".into(), "/home/me".into())]);
    let here = Here { environment: &environment, working_directory: Path::new("/work") };
    let mut lines = String::new();
    for question in questions {
        let Explanation { question, rulings } = explain(&config, &loaded, &here, &Question::guess(question));
        lines += &format!("{question:?}\n");
        for Ruling { act, outcome, because, pointer, written } in rulings {
            let from = pointer.map(|pointer| format!(" [{pointer} by {}]", written.as_deref().unwrap_or("default")));
            lines += &format!("  {}: {}: {because}{}\n", act.as_str(), outcome.as_str(), from.unwrap_or_default());
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn paths_name_the_pattern_the_default_or_the_mode() {
    check(
        r#"{"feature": {"fs": {"read_only": ["^/etc/shop", "^/opt/x"], "not_found": "secret", "local": "\\.env$"}}}"#,
        &[
            "/etc/shop/a",
            "/opt/x",
            "/data/secret",
            "/app/.env",
            "/usr/bin/x",
            "/data/x",
            "~/.kube/config",
            "./x",
            "relative/x",
        ],
        &expect![[""]],
    );
    check(r#"{"feature": {"fs": "local"}}"#, &["/data/x", "/etc/hosts"], &expect![[""]]);
}

#[test]
fn hosts_are_resolved_and_connected_to() {
    check("{}", &["db", "10.0.0.1:80", "localhost:80", "[::1]:80", "db.shop.svc:5432"], &expect![[""]]);
    check(r#"{"feature": {"network": {"dns": false, "outgoing": {"tcp": false}}}}"#, &["db"], &expect![[""]]);
}

#[test]
fn ports_tell_what_arrives() {
    check(
        r#"{"target": "pod/x", "feature": {"network": {"incoming": {"mode": "steal", "port_mapping": [[8080, 80]], "ignore_ports": [9229], "ignore_localhost": true}}}}"#,
        &["8080", "9000", "9229"],
        &expect![[""]],
    );
    check(r#"{"feature": {"network": {"incoming": {"ports": [80]}}}}"#, &["80", "81", "0"], &expect![[""]]);
    check(r#"{"feature": {"network": {"incoming": "off"}}}"#, &["80"], &expect![[""]]);
}

#[test]
fn variables_tell_their_sources() {
    check(
        r#"{"feature": {"env": {"exclude": "A_*;B", "override": {"C": "1"}, "unset": "d_*", "mapping": {"^E": "x"}}}}"#,
        &["A_X", "B", "C", "D_E", "E", "F", "PATH"],
        &expect![[""]],
    );
    check(r#"{"feature": {"env": {"include": ["PATH", "X*"]}}}"#, &["PATH", "X1", "Y", "LD_PRELOAD"], &expect![[""]]);
    check(r#"{"feature": {"env": false}}"#, &["A"], &expect![[""]]);
}

#[test]
fn the_kind_of_a_question_shows_in_its_form() {
    let kind = |text: &str| format!("{:?}", Question::guess(text));
    assert_eq!(kind("/etc"), r#"Path("/etc")"#);
    assert_eq!(kind("a/b"), r#"Path("a/b")"#);
    assert_eq!(kind(":8080"), "Port(8080)");
    assert_eq!(kind("8080"), "Port(8080)");
    assert_eq!(kind("70000"), r#"Host("70000")"#);
    assert_eq!(kind("DATABASE_URL"), r#"Env("DATABASE_URL")"#);
    assert_eq!(kind("db:5432"), r#"Host("db:5432")"#);
    assert_eq!(kind("10.0.0.1"), r#"Host("10.0.0.1")"#);
}
