//! Flag before variable before file before default.

use serde_json::json;

use crate::config::{Ephemeral, FsMode, IncomingMode, Origin, Overrides};
use crate::{load_with, rendered};

fn overrides(env: &[(&str, &str)], flags: &[(&str, serde_json::Value)]) -> Overrides {
    Overrides {
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect(),
        ..Overrides::default()
    }
}

const FILE: &str = r#"{"target": "pod/file", "feature": {"fs": "write", "network": {"incoming": "mirror"}}}"#;

#[test]
fn variables_beat_the_file_and_flags_beat_both() {
    let variables = [
        ("MIRRORD_IMPERSONATED_TARGET", "pod/variable"),
        ("MIRRORD_TARGET_NAMESPACE", "variable"),
        ("MIRRORD_AGENT_TCP_STEAL_TRAFFIC", "true"),
        ("MIRRORD_FILE_READ_ONLY_PATTERN", "^/a;^/b"),
        ("MIRRORD_HTTP_FILTER_PORTS", "80;443"),
        ("MIRRORD_AGENT_STARTUP_TIMEOUT", "7"),
        ("MIRRORD_EPHEMERAL_CONTAINER", "false"),
        ("MIRRORD_REMOTE_DNS", "false"),
        ("HOME", "/me"),
    ];
    let loaded = load_with(FILE, &overrides(&variables, &[("/target/path", json!({"job": "flag"}))]));
    assert_eq!(rendered(&loaded, FILE), "");
    let config = loaded.config.unwrap();
    let target = config.target.unwrap();
    assert_eq!((target.to_string().as_str(), target.namespace.as_deref()), ("job/flag", Some("variable")));
    assert_eq!(config.feature.fs.mode, FsMode::Write);
    assert_eq!(config.feature.fs.read_only, ["^/a", "^/b"]);
    assert_eq!(config.feature.network.incoming.mode, IncomingMode::Steal);
    assert_eq!(config.feature.network.incoming.http_filter.unwrap().ports, Some(vec![80, 443]));
    assert_eq!(config.agent.startup_timeout.as_secs(), 7);
    assert_eq!(config.agent.ephemeral, Ephemeral::Never);
    assert!(!config.feature.network.dns.enabled);
}

#[test]
fn every_written_key_is_known_by_its_canonical_pointer_and_its_winner() {
    let variables = [("MIRRORD_FILE_MODE", "local"), ("MIRRORD_KEY", "")];
    let loaded = load_with(FILE, &overrides(&variables, &[("/feature/network/outgoing", json!(false))]));
    let written: Vec<_> =
        loaded.written.iter().map(|key| (key.pointer.as_str(), &key.origin, key.span.start)).collect();
    assert_eq!(
        written,
        [
            ("/target/path", &Origin::File, 11),
            ("/feature/network/incoming/mode", &Origin::File, 74),
            ("/feature/fs/mode", &Origin::Variable("MIRRORD_FILE_MODE".into()), 0),
            ("/feature/network/outgoing/tcp", &Origin::Flag, 0),
            ("/feature/network/outgoing/udp", &Origin::Flag, 0),
        ]
    );
    assert!(loaded.is_written("/feature/network"));
    assert!(!loaded.is_written("/feature/network/dns"));
    assert!(!loaded.is_written("/feature/net"));
}

#[test]
fn legacy_variables_select_a_file_mode() {
    for (variables, mode) in [
        (&[("MIRRORD_FILE_OPS", "true")][..], FsMode::Write),
        (&[("MIRRORD_FILE_RO_OPS", "true")], FsMode::Read),
        (&[("MIRRORD_FILE_OPS", "false"), ("MIRRORD_FILE_RO_OPS", "true")], FsMode::Read),
        (&[("MIRRORD_FILE_MODE", "local"), ("MIRRORD_FILE_OPS", "true")], FsMode::Local),
    ] {
        assert_eq!(load_with("{}", &overrides(variables, &[])).config.unwrap().feature.fs.mode, mode, "{variables:?}");
    }
}

#[test]
fn a_bad_variable_names_itself_and_points_at_the_key() {
    let variables = [("MIRRORD_FILE_MODE", "wirte"), ("MIRRORD_AGENT_TTL", "soon")];
    let loaded = load_with(FILE, &overrides(&variables, &[("/target/path", json!("pode/x")), ("/nothing", json!(1))]));
    expect_test::expect![[r#"
        .mirrord/mirrord.json:1:1: error[bad-variable] /nothing: there is no such key; flags are named by their keys: see `mirrord schema`
        .mirrord/mirrord.json:1:1: error[bad-variable] /agent/ttl: variable MIRRORD_AGENT_TTL: expected a whole number from 0, found the text "soon"
        .mirrord/mirrord.json:1:12: error[bad-variable] /target/path: flag --target: `pode` is not a kind of target; did you mean `pod`?
        .mirrord/mirrord.json:1:42: error[bad-variable] /feature/fs/mode: variable MIRRORD_FILE_MODE: `wirte` is not `local`, `localwithoverrides`, `read` or `write`; did you mean `write`?
    "#]]
    .assert_eq(&rendered(&loaded, FILE));
    assert!(loaded.config.is_none());
}
