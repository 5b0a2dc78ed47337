use config::{Overrides, Source, schema::Shape};
use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: &Expect) {
    let loaded = config::load(Some(Source { name: "m.json", text }), &Overrides::default());
    let config = loaded.config.clone().unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let Lacking { refusals, warnings } = lacking(&loaded, &config);
    let refusals = refusals.iter().map(|text| format!("refused: {text}\n"));
    let warnings = warnings.iter().map(|text| format!("warning: {text}\n"));
    expected.assert_eq(&refusals.chain(warnings).collect::<String>());
}

/// Calls `visit` with every key of the language that has no keys below it.
fn leaves(shape: &Shape, pointer: &str, visit: &mut impl FnMut(&str, &Shape)) {
    match shape.object.as_ref().filter(|object| !object.keys.is_empty()) {
        Some(object) => {
            for (key, shape) in &object.keys {
                leaves(shape, &format!("{pointer}/{key}"), visit);
            }
        }
        None => visit(pointer, shape),
    }
}

#[test]
fn no_key_is_ignored_silently() {
    let mut missing = Vec::new();
    leaves(config::schema::language(), "", &mut |pointer, _| {
        if line_of(pointer).is_none() {
            missing.push(pointer.to_owned());
        }
    });
    assert!(missing.is_empty(), "say in setup/keys.rs what these do: {missing:?}");
}

#[test]
fn every_line_is_about_a_key_that_exists() {
    let language = config::schema::language();
    let gone: Vec<_> = TABLE.iter().map(|line| line.pointer).filter(|key| language.at(key).is_none()).collect();
    assert!(gone.is_empty(), "remove these from setup/keys.rs: {gone:?}");
}

#[test]
fn what_works_or_asks_for_nothing_is_not_mentioned() {
    check(
        r#"{"operator": false, "feature": {"fs": {"mode": "write", "read_write": ["^/data"], "mapping": {"^/a": "/b"}}, "network": {"ipv6": true, "incoming": {"http_filter": {}},
            "outgoing": {"unix_streams": []}}}, "agent": {"ephemeral": true, "ttl": 1}, "target": "pod/x"}"#,
        &expect![""],
    );
}

#[test]
fn what_does_nothing_is_named_and_what_would_be_wrong_is_refused() {
    check(
        r#"{"target": "pod/x", "operator": true,
            "feature": {"network": {"ipv6": false,
                "incoming": {"mode": "steal", "http_filter": {"header_filter": "^x: y$", "ports": [80]}},
                "outgoing": {"unix_streams": ["a"]}}},
            "agent": {"ephemeral": false, "ttl": 9, "labels": {"a": "b"}}}"#,
        &expect![[r#"
            refused: `operator`: this version does not do that yet: you insist on the operator, which this version does not work with; remove the key to start without it
            refused: `feature.network.outgoing.unix_streams`: this version does not do that yet: sockets of this machine would be used instead of the target's; remove the key to start without it
            refused: `agent.ephemeral`: this version does not do that yet: the agent cannot run in a job of its own; without the key it is an ephemeral container; remove the key to start without it
            warning: `feature.network.ipv6` has no effect in this version: IPv6 sockets work as they do without us
            warning: `agent.ttl` has no effect in this version: an ephemeral container is kept by its pod
            warning: `agent.labels` has no effect in this version: the agent is an ephemeral container of the target's pod and has no pod of its own
        "#]],
    );
}
