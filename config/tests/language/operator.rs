//! Keys that need the operator.

use expect_test::{Expect, expect};

use crate::{load, rendered};

fn check(text: &str, keys: &[&str], hints: &Expect) {
    let loaded = load(text);
    let pointers: Vec<_> = loaded.operator_keys().iter().map(|key| key.pointer.as_str()).collect();
    assert_eq!(pointers, keys, "{text}");
    assert!(loaded.config.is_some(), "a hint stops nothing");
    hints.assert_eq(&rendered(&loaded, text));
}

#[test]
fn what_needs_the_operator_is_told_once_for_each_feature() {
    check(
        r#"{"target": "pod/x", "profile": "shared", "feature": {
  "preview": {"image": "a", "idle": {"start_idle": true}},
  "network": {"incoming": {"mode": "steal", "on_concurrent_steal": "override"}}}}"#,
        &[
            "/profile",
            "/feature/preview/image",
            "/feature/preview/idle/start_idle",
            "/feature/network/incoming/on_concurrent_steal",
        ],
        &expect![[r#"
            .mirrord/mirrord.json:1:32: hint[operator-key] /profile: needs the operator, which this version does not have yet
            .mirrord/mirrord.json:2:3: hint[operator-key] /feature/preview: needs the operator, which this version does not have yet
            .mirrord/mirrord.json:3:68: hint[operator-key] /feature/network/incoming/on_concurrent_steal: needs the operator, which this version does not have yet
        "#]],
    );
}

#[test]
fn a_switch_that_is_off_needs_nothing() {
    let nothing = || expect![[""]];
    check(r#"{"feature": {"copy_target": false}}"#, &[], &nothing());
    check(r#"{"feature": {"split_queues": {}, "preview": {}, "db_branches": []}}"#, &[], &nothing());
    check(r#"{"feature": {"network": {"incoming": {"on_concurrent_steal": "abort"}}}}"#, &[], &nothing());
}

#[test]
fn an_object_without_keys_can_be_a_wish() {
    let text = r#"{"target": "pod/x", "feature": {"copy_target": {}, "network": {"incoming": "steal"}}}"#;
    check(
        text,
        &["/feature/copy_target"],
        &expect![[r#"
        .mirrord/mirrord.json:1:33: hint[operator-key] /feature/copy_target: needs the operator, which this version does not have yet
    "#]],
    );
}
