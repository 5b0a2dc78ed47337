//! Pictures with a caret, and what is offered there.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use config::Document;
use expect_test::{Expect, expect};

use super::*;
use crate::lsp::cursor::locate;
use crate::lsp::extension::Available;

fn suggestions(picture: &str, live: Option<&Targets>) -> Vec<(String, Item)> {
    let offset = picture.find('‸').expect("the picture has a caret");
    let text = picture.replace('‸', "");
    let Some(cursor) = locate(&Document::parse_json(&text), &text, offset) else { return Vec::new() };
    let apply = |item: &Item| {
        let mut after = text.clone();
        after.replace_range(item.replace.start..item.replace.end, &item.plain);
        if let Some(at) = item.comma_at {
            after.insert(at, ',');
        }
        after
    };
    complete(&cursor, live).into_iter().map(|item| (apply(&item), item)).collect()
}

/// The labels at the caret, and the text after the first one is taken.
#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(picture: &str, expected: Expect) {
    let items = suggestions(picture, None);
    let labels: Vec<_> = items.iter().map(|(_, item)| item.label.as_str()).collect();
    let first = items.first().map(|(after, _)| after.as_str()).unwrap_or_default();
    expected.assert_eq(&format!("{}\n{first}\n", labels.join(" ")));
}

#[test]
fn keys_that_are_not_present() {
    check(
        r#"{"target": "pod/x", ‸}"#,
        expect![[r#"
        feature agent key kubeconfig kube_context accept_invalid_certificates operator skip_processes skip_build_tools skip_extra_build_tools use_proxy feature: network, files, environment
        {"target": "pod/x", "feature": {}}
    "#]],
    );
    check(
        r#"{"feature": {"network": {‸}}}"#,
        expect![[r#"
        incoming outgoing dns ipv6 incoming: steal my requests outgoing: some connections from here
        {"feature": {"network": {"incoming": "mirror"}}}
    "#]],
    );
    check(
        r#"{"feature": {"‸"}}"#,
        expect![[r#"
        env fs hostname network
        {"feature": {"env": {}}}
    "#]],
    );
    check(
        r#"{"feature": {"env": true, "fs‸": "read"}}"#,
        expect![[r#"
        fs hostname network
        {"feature": {"env": true, "fs": "read"}}
    "#]],
    );
    check(r#"{"feature": {"network": {"dns": {"filter": {"local": [], ‸}}}}}"#, expect!["\n\n\n"]);
    check(
        r#"{"feature": {"network": {"incoming": {"http_filter": {"all_of": [{"body": "json", ‸}]}}}}}"#,
        expect![[r#"
        query matches
        {"feature": {"network": {"incoming": {"http_filter": {"all_of": [{"body": "json", "query": ""}]}}}}}
    "#]],
    );
}

#[test]
fn commas_come_where_they_are_needed() {
    check(
        r#"{"target": "pod/x" ‸}"#,
        expect![[r#"
        feature agent key kubeconfig kube_context accept_invalid_certificates operator skip_processes skip_build_tools skip_extra_build_tools use_proxy feature: network, files, environment
        {"target": "pod/x", "feature": {}}
    "#]],
    );
    check(
        r#"{‸ "target": "pod/x"}"#,
        expect![[r#"
        feature agent key kubeconfig kube_context accept_invalid_certificates operator skip_processes skip_build_tools skip_extra_build_tools use_proxy feature: network, files, environment
        {"feature": {}, "target": "pod/x"}
    "#]],
    );
    check(
        "{\n  \"key\": \"x\" // why\n  ‸\n  \"agent\": {}}",
        expect![[r#"
        target feature kubeconfig kube_context accept_invalid_certificates operator skip_processes skip_build_tools skip_extra_build_tools use_proxy feature: network, files, environment
        {
          "key": "x", // why
          "target": {},
          "agent": {}}
    "#]],
    );
}

#[test]
fn values_of_enums_and_switches() {
    check(
        r#"{"feature": {"network": {"incoming": "st‸"}}}"#,
        expect![[r#"
        mirror steal off true false {…}
        {"feature": {"network": {"incoming": "mirror"}}}
    "#]],
    );
    check(
        r#"{"feature": {"fs": ‸}}"#,
        expect![[r#"
        local localwithoverrides read write true false {…}
        {"feature": {"fs": "local"}}
    "#]],
    );
    check(
        r#"{"feature": {"fs": {"mode": "wri‸te"}}}"#,
        expect![[r#"
        local localwithoverrides read write
        {"feature": {"fs": {"mode": "local"}}}
    "#]],
    );
    check(
        r#"{"feature": {"hostname": tr‸}}"#,
        expect![[r#"
        true false
        {"feature": {"hostname": true}}
    "#]],
    );
    check(
        r#"{"agent": {"ephemeral": ‸}}"#,
        expect![[r#"
        auto true false
        {"agent": {"ephemeral": "auto"}}
    "#]],
    );
    check(
        r#"{"agent": {"ttl": ‸, "json_log": true}}"#,
        expect![[r#"
        1
        {"agent": {"ttl": 1, "json_log": true}}
    "#]],
    );
}

#[test]
fn half_typed_documents() {
    check(
        "‸",
        expect![[r#"
        configuration
        {
          "target": {
            "path": "deployment/my-app",
            "namespace": "default"
          },
          "feature": {
            "network": {
              "incoming": "mirror",
              "outgoing": true
            },
            "fs": "read",
            "env": true
          }
        }
    "#]],
    );
    check(
        r#"{"feature": {"networ‸"#,
        expect![[r#"
        env fs hostname network
        {"feature": {"env": {}
    "#]],
    );
    check(
        "{\n  \"feature\": {\n    \"fs\": \"‸\n  }\n}",
        expect![[r#"
        local localwithoverrides read write true false {…}
        {
          "feature": {
            "fs": "local"
          }
        }
    "#]],
    );
    check(
        "{\n  fea‸\n}",
        expect![[r#"
        target feature agent key kubeconfig kube_context accept_invalid_certificates operator skip_processes skip_build_tools skip_extra_build_tools use_proxy feature: network, files, environment
        {
          "target": {}
        }
    "#]],
    );
    check(
        r#"{"target": ‸"#,
        expect![[r#"
        deployment/my-app {…}
        {"target": "deployment/my-app"
    "#]],
    );
}

#[test]
fn nothing_where_nothing_can_be_written() {
    for picture in ["‸{}", "{}‸", r#"{"feature"‸: 1}"#, r#"{"feature": {}‸}"#, r#"{"zzz": {‸}}"#] {
        let labels: Vec<_> = suggestions(picture, None).into_iter().map(|(_, item)| item.label).collect();
        assert!(labels.is_empty(), "{picture}: {labels:?}");
    }
}

fn cluster() -> Targets {
    let target = |path: &str, available, containers: &[&str]| Available {
        path: path.to_owned(),
        namespace: "shop".to_owned(),
        kind: path.split('/').next().unwrap_or_default().to_owned(),
        available,
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
    };
    Targets {
        targets: vec![target("deployment/cart", true, &["web", "cache"]), target("pod/cart-7d9", false, &["web"])],
        namespaces: vec!["default".into(), "shop".into()],
        current_namespace: "shop".into(),
        context: None,
    }
}

#[test]
fn live_values_replace_the_whole_text() {
    let live = cluster();
    let check = |picture: &str, expected: Expect| {
        let lines = suggestions(picture, Some(&live)).into_iter().filter(|(_, item)| item.kind == ItemKind::Live);
        let lines =
            lines.map(|(after, item)| format!("{} ({}): {after}\n", item.label, item.detail.unwrap_or_default()));
        expected.assert_eq(&lines.collect::<String>());
    };
    check(
        r#"{"target": "deploy‸ment/old"}"#,
        expect![[r#"
        deployment/cart (shop): {"target": "deployment/cart"}
        deployment/cart/container/web (shop): {"target": "deployment/cart/container/web"}
        deployment/cart/container/cache (shop): {"target": "deployment/cart/container/cache"}
        pod/cart-7d9 (shop, not ready): {"target": "pod/cart-7d9"}
    "#]],
    );
    check(
        r#"{"target": {"path": "‸", "namespace": "n"}}"#,
        expect![[r#"
        deployment/cart (shop): {"target": {"path": "deployment/cart", "namespace": "n"}}
        deployment/cart/container/web (shop): {"target": {"path": "deployment/cart/container/web", "namespace": "n"}}
        deployment/cart/container/cache (shop): {"target": {"path": "deployment/cart/container/cache", "namespace": "n"}}
        pod/cart-7d9 (shop, not ready): {"target": {"path": "pod/cart-7d9", "namespace": "n"}}
    "#]],
    );
    check(
        r#"{"target": {"deployment": "c‸"}}"#,
        expect![[r#"
        cart (deployment): {"target": {"deployment": "cart"}}
    "#]],
    );
    check(
        r#"{"target": {"namespace": "‸"}}"#,
        expect![[r#"
        shop (current namespace): {"target": {"namespace": "shop"}}
        default (namespace): {"target": {"namespace": "default"}}
    "#]],
    );
}

#[test]
fn the_cluster_is_asked_as_the_document_says() {
    let query = |picture: &str| {
        let offset = picture.find('‸').expect("the picture has a caret");
        let text = picture.replace('‸', "");
        wanted(&locate(&Document::parse_json(&text), &text, offset).expect("something can be written"))
    };
    let expected = Query { namespace: Some("n".into()), context: Some("c".into()), ..Query::default() };
    assert_eq!(query(r#"{"kube_context": "c", "target": {"path": "‸", "namespace": "n"}}"#), Some(expected.clone()));
    let expected = Query { namespace: None, ..expected };
    assert_eq!(query(r#"{"kube_context": "c", "target": {"path": "p", "namespace": "n‸"}}"#), Some(expected));
    assert_eq!(query(r#"{"feature": {"fs": "‸"}}"#), None);
}
