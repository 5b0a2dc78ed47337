//! Groups whose shape depends on a word, or that have two forms.

use expect_test::expect;
use serde_json::json;

use crate::config::feature::databases::{Extent, Location, PartsType, SourceType, Text};
use crate::config::feature::preview::Lifetime;
use crate::config::feature::queues::{QueueMode, QueueType};
use crate::config::feature::{Branch, Queues};
use crate::config::{Config, schema::language};
use crate::{load, rendered, valid};

fn branches(text: &str) -> Vec<Branch> {
    let config = valid(&format!(r#"{{"feature": {{"db_branches": [{text}]}}}}"#));
    let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(again, config, "{text}");
    config.feature.db_branches
}

#[test]
fn every_type_of_database_has_its_own_keys() {
    let url = r#""connection": {"url": "DATABASE_URL"}"#;
    let aws = r#"{"type": "aws_rds", "region": {"type": "env", "variable": "AWS_REGION"}}"#;
    let flyway = r#"{"flavor": "flyway", "locations": ["filesystem:/sql"], "path": "db"}"#;
    for text in [
        format!(r#""clickhouse", {url}, "copy": {{"mode": "schema", "tables": {{"t": {{"filter": "a < 1"}}}}}}"#),
        format!(r#""cockroachdb", {url}, "migrations": {flyway}"#),
        format!(r#""dynamodb", {url}, "copy": {{"mode": "all"}}, "iam_auth": {aws}"#),
        format!(r#""generic", {url}, "port": 9042, "image": "i", "readiness": {{"type": "exec", "command": ["a"]}}"#),
        format!(r#""mariadb", {url}, "copy": {{"dump_args": ["--x"]}}, "migrations": {flyway}, "iam_auth": {aws}"#),
        format!(r#""mongodb", {url}, "copy": {{"collections": {{"c": {{}}}}}}"#),
        format!(r#""mssql", {url}, "copy": {{"mode": "empty"}}"#),
        format!(r#""pg", {url}, "iam_auth": {{"type": "gcp_cloud_sql", "project": "GCP_PROJECT"}}"#),
        format!(r#""redis", {url}, "location": "local", "local": {{"runtime": "redis_server"}}"#),
        format!(r#""spanner", {url}, "emulator_host": "SPANNER_EMULATOR_HOST""#),
    ] {
        assert_eq!(branches(&format!(r#"{{"type": {text}}}"#)).len(), 1, "{text}");
    }
}

#[test]
fn keys_of_another_type_are_unknown() {
    let text = r#"{"feature": {"db_branches": [
  {"type": "mssql", "connection": {"url": "U"}, "copy": {"tables": {}}},
  {"type": "mongodb", "connection": {"url": "U"}, "copy": {"mode": "schema"}},
  {"type": "oracle", "connection": {"url": "U"}},
  {"type": "generic", "connection": {"url": "U"}},
  {"type": "pg", "connection": {"type": "env"}}
]}}"#;
    expect![[r#"
        .mirrord/mirrord.json:2:58: error[unknown-key] /feature/db_branches/0/copy/tables: unknown key; known here: `mode`
        .mirrord/mirrord.json:3:68: error[bad-value] /feature/db_branches/1/copy/mode: `schema` is not `empty` or `all`
        .mirrord/mirrord.json:4:12: error[bad-value] /feature/db_branches/2/type: `oracle` is not `clickhouse`, `cockroachdb`, `dynamodb`, `generic`, `mariadb`, `mongodb`, `mssql`, `mysql`, `pg`, `redis` or `spanner`
        .mirrord/mirrord.json:5:3: error[missing-key] /feature/db_branches/3: `port`, `image` missing; add it, or delete the whole object
        .mirrord/mirrord.json:6:32: error[bad-value] /feature/db_branches/4/connection: `type` is not enough; write one of url; params; type + params
    "#]].assert_eq(&rendered(&load(text), text));
}

#[test]
fn connections_have_a_url_or_parts() {
    let read = |connection: &str| {
        branches(&format!(r#"{{"type": "pg", "connection": {connection}}}"#))[0].connection().cloned().unwrap()
    };
    assert_eq!(read(r#"{"url": "U"}"#).url, Some(Text::Variable("U".into())));
    let secret = read(r#"{"url": {"type": "secret", "name": "n", "key": "k", "env_var_name": "U"}}"#).url;
    assert!(matches!(secret, Some(Text::Source(source)) if source.kind == SourceType::Secret));
    let parts = read(
        r#"{"type": "env_from", "params": {"host": "H", "port": ["P", {"variable": "Q"}],
            "password": {"secret": "s", "key": "k"}, "sslmode": {"value": "off"}}}"#,
    );
    assert_eq!(parts.kind, Some(PartsType::EnvFrom));
    assert!(parts.params.unwrap().others.contains_key("sslmode"));
}

#[test]
fn what_is_not_written_has_its_default() {
    let [Branch::Redis(redis), Branch::Pg(pg)] = &branches(
        r#"{"type": "redis", "connection": {"host": "H"}}, {"type": "pg", "connection": {"url": "U"}, "ttl_mins": 5}"#,
    )[..] else {
        panic!("two branches");
    };
    assert_eq!((redis.location, redis.connection.port), (Location::Remote, 6379));
    assert_eq!((pg.copy.mode, pg.common.creation_timeout_secs.as_secs()), (Extent::Empty, 60));
    assert_eq!(pg.common.ttl_mins, Some(5));
}

#[test]
fn queues_are_named_or_listed() {
    let queue = r#""queue_type": "SQS", "queue_mode": "steal", "message_filter": {"tenant": "^me$"}"#;
    for (text, expected) in [
        (format!(r#"{{"orders": {{{queue}}}}}"#), Some("orders")),
        (format!(r#"[{{"queue_id": "orders", {queue}}}]"#), Some("orders")),
        (format!("[{{{queue}}}]"), None),
    ] {
        let config = valid(&format!(r#"{{"feature": {{"split_queues": {text}}}}}"#));
        let [(name, queue)] = config.feature.split_queues.iter().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert_eq!(name, expected);
        assert_eq!((queue.queue_type, queue.queue_mode), (Some(QueueType::SQS), Some(QueueMode::Steal)));
        let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }
    assert_eq!(Config::default().feature.split_queues, Queues::default());
}

#[test]
fn a_named_queue_has_no_name_inside() {
    let text = r#"{"feature": {"split_queues": {"orders": {"queue_id": "x", "queue_type": "SQS"}}}}"#;
    expect![[r#"
        .mirrord/mirrord.json:1:14: hint[operator-key] /feature/split_queues: needs the operator, which this version does not have yet
        .mirrord/mirrord.json:1:42: error[unknown-key] /feature/split_queues/orders/queue_id: unknown key; known here: `queue_type`, `queue_mode`, `message_filter`, `jq_filter`, `payload_protobuf`
    "#]].assert_eq(&rendered(&load(text), text));
}

#[test]
fn writing_an_object_turns_the_copy_on() {
    let copy = |text: &str| {
        let text = format!(
            r#"{{"target": "pod/x", "feature": {{"copy_target": {text}, "network": {{"incoming": "steal"}}}}}}"#
        );
        valid(&text).feature.copy_target.enabled
    };
    assert!(copy("true") && copy("{}") && copy(r#"{"scale_down": true}"#));
    assert!(!copy("false") && !copy("null") && !copy(r#"{"enabled": false, "scale_down": true}"#));
}

#[test]
fn lifetimes_may_be_endless() {
    let config = valid(r#"{"feature": {"preview": {"ttl_mins": "infinite"}}}"#);
    assert!(matches!(config.feature.preview.ttl_mins, Some(Lifetime::Forever(_))));
    let config = valid(r#"{"feature": {"preview": {"ttl_secs": 90}}}"#);
    assert_eq!(config.feature.preview.ttl_secs, Some(Lifetime::Units(90)));
}

#[test]
fn the_shape_at_a_place_follows_the_word_beside_it() {
    let document = crate::config::Document::parse(
        "m.json",
        r#"{"feature": {"db_branches": [{"type": "mongodb"}, {"type": "pg"}, {}]}}"#,
    );
    let words = |index: usize| {
        let pointer = format!("/feature/db_branches/{index}/copy/mode");
        let shape = language().at_in(&pointer, &document.root).unwrap();
        shape.text.as_ref().unwrap().choices.iter().map(|choice| choice.word.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        json!([words(0), words(1), words(2)]),
        json!([["empty", "all"], ["empty", "schema", "all"], ["empty", "schema", "all"]])
    );
}
