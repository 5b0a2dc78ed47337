//! What the forms of the language mean.

use serde_json::{Value, json};

use crate::config::feature::incoming::{Condition, Demand};
use crate::config::{Config, Ephemeral, Filter, FsMode, IncomingMode, Kind, Path, Target};
use crate::{load, valid};

/// The values that `text` changes, compared with defaults.
fn changed(text: &str) -> Value {
    difference(&serde_json::to_value(valid("{}")).unwrap(), &serde_json::to_value(valid(text)).unwrap())
        .unwrap_or_else(|| json!({}))
}

fn difference(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (before, after) if before == after => None,
        (Value::Object(before), Value::Object(after)) => {
            let keys = after.iter().filter_map(|(key, value)| {
                Some((key.clone(), difference(before.get(key).unwrap_or(&Value::Null), value)?))
            });
            Some(keys.collect())
        }
        (_, after) => Some(after.clone()),
    }
}

#[test]
fn what_every_user_starts_with_has_no_problem() {
    let text = r#"{"target": {"path": "deploy/my-app", "namespace": "staging"},
        "feature": {"network": {"incoming": "mirror", "outgoing": true}, "fs": "read", "env": true}}"#;
    let loaded = load(text);
    assert_eq!(loaded.problems, []);
    let config = loaded.config.unwrap();
    let path = Path::Object { kind: Kind::Deployment, name: "my-app".into() };
    assert_eq!(config.target, Some(Target { path, container: None, namespace: Some("staging".into()) }));
    assert_eq!(Config { target: None, ..config }, valid("{}"));
}

fn without_presets(mut config: Config) -> Config {
    config.feature.env.unset.clear();
    config
}

#[test]
fn an_empty_document_means_the_defaults() {
    for text in ["{}", "\u{feff}{}", "{ // nothing\n }", "{\"target\": null, \"feature\": null, \"$schema\": \"x\",}"] {
        assert_eq!(without_presets(valid(text)), Config::default(), "{text}");
    }
    let loaded = crate::config::load(None, &crate::Overrides::default());
    assert_eq!(loaded.config.map(without_presets), Some(Config::default()));
}

#[test]
fn shorthands_mean_their_long_forms() {
    let cases = [
        (r#""target": "pod/x""#, json!({"target": {"path": "pod/x"}})),
        (r#""target": "targetless""#, json!({"target": {"path": "targetless"}})),
        (r#""target": {"deployment": "d"}"#, json!({"target": {"path": "deployment/d"}})),
        (
            r#""target": {"stateful_set": "d", "container": "c"}"#,
            json!({"target": {"path": "statefulset/d/container/c"}}),
        ),
        (r#""target": {"labels": {"b": "2", "a": "1"}}"#, json!({"target": {"path": "label/a=1,b=2"}})),
        (
            r#""target": {"path": {"cron_job": "j"}, "namespace": "n"}"#,
            json!({"target": {"path": "cronjob/j", "namespace": "n"}}),
        ),
        (r#""feature": {"env": false}"#, json!({"feature": {"env": {"enabled": false}}})),
        (
            r#""feature": {"env": {"include": "A; B;C_*;"}}"#,
            json!({"feature": {"env": {"include": ["A", "B", "C_*"]}}}),
        ),
        (r#""feature": {"env": {"unset": "A"}}"#, json!({"feature": {"env": {"unset": ["A", "AWS_PROFILE"]}}})),
        (r#""feature": {"fs": true}"#, json!({})),
        (r#""feature": {"fs": false}"#, json!({"feature": {"fs": {"mode": "local"}}})),
        (r#""feature": {"fs": "localwithoverrides"}"#, json!({"feature": {"fs": {"mode": "localwithoverrides"}}})),
        (r#""feature": {"fs": {"local": "x"}}"#, json!({"feature": {"fs": {"local": ["x"]}}})),
        (
            r#""feature": {"network": false}"#,
            json!({"feature": {"network": {"incoming": {"mode": "off"}, "outgoing": {"tcp": false, "udp": false}, "dns": {"enabled": false}}}}),
        ),
        (r#""feature": {"network": {"incoming": true}}"#, json!({})),
        (
            r#""feature": {"network": {"incoming": false}}"#,
            json!({"feature": {"network": {"incoming": {"mode": "off"}}}}),
        ),
        (
            r#""feature": {"network": {"outgoing": false}}"#,
            json!({"feature": {"network": {"outgoing": {"tcp": false, "udp": false}}}}),
        ),
        (r#""feature": {"network": {"dns": false}}"#, json!({"feature": {"network": {"dns": {"enabled": false}}}})),
        (
            r#""feature": {"network": {"incoming": {"http_filter": {"ports": 80}}}}"#,
            json!({"feature": {"network": {"incoming": {"http_filter": {
                "ports": [80], "header_filter": null, "header_filter_jq": null, "path_filter": null, "method_filter": null,
                "body_filter": null, "all_of": null, "any_of": null}}}}}),
        ),
        (
            r#""feature": {"network": {"dns": {"filter": {"local": "localhost"}}}}"#,
            json!({"feature": {"network": {"dns": {"filter": {"local": ["localhost"]}}}}}),
        ),
        (r#""agent": {"image": "a/b:c"}"#, json!({"agent": {"image": "a/b:c"}})),
        (r#""agent": {"image": {"tag": "c"}}"#, json!({"agent": {"image": {"registry": null, "tag": "c"}}})),
        (
            r#""agent": {"ephemeral": false, "startup_timeout": 5}"#,
            json!({"agent": {"ephemeral": false, "startup_timeout": 5}}),
        ),
        (r#""skip_processes": "bash""#, json!({"skip_processes": ["bash"]})),
    ];
    for (text, expected) in cases {
        assert_eq!(changed(&format!("{{{text}}}")), expected, "{text}");
    }
}

#[test]
fn http_filter_may_be_switched_like_a_light() {
    let filter = |value| valid(&format!(r#"{{"feature": {{"network": {{"incoming": {{"http_filter": {value}}}}}}}}}"#));
    assert_eq!(filter("false").feature.network.incoming.http_filter, None);
    assert_eq!(filter("true").feature.network.incoming.http_filter, Some(crate::config::HttpFilter::default()));
    assert_eq!(filter("{}").feature.network.incoming.http_filter, Some(crate::config::HttpFilter::default()));
}

#[test]
fn values_are_typed() {
    let config = valid(
        r#"{
          "target": "deploy/shop/container/web",
          "feature": {
            "fs": {"mode": "write", "mapping": {"^/b": "/x", "^/a": "/y"}},
            "network": {
              "incoming": {"mode": "steal", "port_mapping": [[8080, 80]], "http_filter": {"any_of": [{"path": "^/api"}, {"body": "json", "query": "$.a"}]}},
              "outgoing": {"filter": {"remote": ["tcp://10.0.0.0/8:5432"]}}
            }
          },
          "agent": {"ephemeral": true, "ttl": 30}
        }"#,
    );
    assert_eq!(config.target.as_ref().unwrap().container.as_deref(), Some("web"));
    assert_eq!(config.feature.fs.mode, FsMode::Write);
    let patterns: Vec<_> = config.feature.fs.mapping.0.iter().map(|rewrite| rewrite.pattern.as_str()).collect();
    assert_eq!(patterns, ["^/b", "^/a"], "in the order of the text");
    assert_eq!(config.feature.network.incoming.mode, IncomingMode::Steal);
    assert_eq!(config.feature.network.incoming.port_mapping, [(8080, 80)]);
    let demand = config.feature.network.incoming.http_filter.as_ref().unwrap().demand();
    assert_eq!(
        demand,
        Demand::Any(vec![Condition::Path("^/api".into()), Condition::Body { query: "$.a".into(), matches: None }])
    );
    assert!(
        matches!(config.feature.network.outgoing.filter, Some(Filter::Remote(ref entries)) if entries[0].port == Some(5432))
    );
    assert_eq!(config.agent.ephemeral, Ephemeral::Always);
    assert_eq!(config.agent.ttl.as_secs(), 30);
}

#[test]
fn a_resolved_configuration_is_a_configuration() {
    let config =
        valid(r#"{"target": {"pod": "p", "namespace": "n"}, "feature": {"fs": "write"}, "agent": {"image": "x"}}"#);
    let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}
