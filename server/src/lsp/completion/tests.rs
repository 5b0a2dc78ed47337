//! Pictures with a caret, and what is offered there.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;
use std::sync::Arc;

use config::{Document, Kind};
use expect_test::{Expect, expect};
use session::live::{State, TargetItem};

use super::*;
use crate::lsp::cursor::locate;
use crate::lsp::tests::cluster;

/// The suggestions at the caret `‸` of a picture, each with the text after it is taken.
fn offers(name: &str, picture: &str, view: &View) -> Vec<(String, Item)> {
    let offset = picture.find('‸').expect("the picture has a caret");
    let text = picture.replace('‸', "");
    let document = Document::parse(name, &text);
    let Some(cursor) = locate(&document, &text, offset) else { return Vec::new() };
    let items = complete(&cursor, &document, &text, offset, view).items;
    items.into_iter().map(|item| (taken(&text, &item), item)).collect()
}

/// The text after a suggestion is taken, without stops.
fn taken(text: &str, item: &Item) -> String {
    let mut after = text.to_owned();
    after.replace_range(item.replace.start..item.replace.end, &item.plain);
    if let Some(at) = item.comma_at {
        after.insert(at, ',');
    }
    after
}

/// The labels at the caret, and the text after the first one is taken.
#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(picture: &str, expected: Expect) {
    let items = offers("mirrord.json", picture, &View::default());
    let labels: Vec<_> = items.iter().map(|(_, item)| item.label.as_str()).collect();
    let first = items.first().map(|(after, _)| after.as_str()).unwrap_or_default();
    expected.assert_eq(&format!("{}\n{first}\n", labels.join(" ")));
}

/// The suggestions of this label: the snippet, and the text after it is taken.
#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check_one(name: &str, label: &str, pictures: &[&str], expected: Expect) {
    let mut told = String::new();
    for picture in pictures {
        let items = offers(name, picture, &cluster());
        match items.iter().find(|(_, item)| item.label == label) {
            Some((after, item)) => write!(told, "{after}\n<< {} >>\n\n", item.snippet).expect("text takes text"),
            None => write!(told, "not in {}\n\n", picture.replace('\n', "⏎")).expect("text takes text"),
        }
    }
    expected.assert_eq(&told);
}

#[test]
fn keys_that_are_not_present() {
    check(
        r#"{"target": "pod/x", ‸}"#,
        expect![[r#"
            feature agent key kubeconfig kube_context accept_invalid_certificates operator api skip_processes skip_build_tools skip_extra_build_tools use_proxy internal_proxy external_proxy startup_retry ci experimental profile multi_cluster baggage traceparent sip_binaries skip_sip telemetry container feature: network, files, environment
            {"target": "pod/x", "feature": {}}
        "#]],
    );
    check(
        r#"{"feature": {"network": {‸}}}"#,
        expect![[r#"
            incoming outgoing dns ipv6 incoming: steal my requests incoming: listen on another port outgoing: some connections from here
            {"feature": {"network": {"incoming": "mirror"}}}
        "#]],
    );
    check(
        r#"{"feature": {"‸"}}"#,
        expect![[r#"
            env fs hostname network magic copy_target split_queues preview db_branches fs: write some paths in the cluster env: set a variable
            {"feature": {"env": {}}}
        "#]],
    );
    check(
        r#"{"feature": {"env": true, "fs‸": "read"}}"#,
        expect![[r#"
            fs hostname network magic copy_target split_queues preview db_branches
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
            feature agent key kubeconfig kube_context accept_invalid_certificates operator api skip_processes skip_build_tools skip_extra_build_tools use_proxy internal_proxy external_proxy startup_retry ci experimental profile multi_cluster baggage traceparent sip_binaries skip_sip telemetry container feature: network, files, environment
            {"target": "pod/x", "feature": {}}
        "#]],
    );
    check(
        r#"{‸ "target": "pod/x"}"#,
        expect![[r#"
            feature agent key kubeconfig kube_context accept_invalid_certificates operator api skip_processes skip_build_tools skip_extra_build_tools use_proxy internal_proxy external_proxy startup_retry ci experimental profile multi_cluster baggage traceparent sip_binaries skip_sip telemetry container feature: network, files, environment
            {"feature": {}, "target": "pod/x"}
        "#]],
    );
    check(
        "{\n  \"key\": \"x\" // why\n  ‸\n  \"agent\": {}}",
        expect![[r#"
            target feature kubeconfig kube_context accept_invalid_certificates operator api skip_processes skip_build_tools skip_extra_build_tools use_proxy internal_proxy external_proxy startup_retry ci experimental profile multi_cluster baggage traceparent sip_binaries skip_sip telemetry container feature: network, files, environment target: nobody
            {
              "key": "x", // why
              "target": {
                "path": "deployment/my-app",
                "namespace": "default"
              },
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
            env fs hostname network magic copy_target split_queues preview db_branches fs: write some paths in the cluster env: set a variable
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
            target feature agent key kubeconfig kube_context accept_invalid_certificates operator api skip_processes skip_build_tools skip_extra_build_tools use_proxy internal_proxy external_proxy startup_retry ci experimental profile multi_cluster baggage traceparent sip_binaries skip_sip telemetry container feature: network, files, environment target: nobody
            {
              "target": {
                "path": "deployment/my-app",
                "namespace": "default"
              }
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
        let labels: Vec<_> =
            offers("mirrord.json", picture, &View::default()).into_iter().map(|(_, item)| item.label).collect();
        assert!(labels.is_empty(), "{picture}: {labels:?}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check_live(name: &str, pictures: &[&str], expected: Expect) {
    let mut told = String::new();
    for picture in pictures {
        writeln!(told, "{}", picture.replace('\n', "⏎")).expect("text takes text");
        for (after, item) in offers(name, picture, &cluster()) {
            if item.kind == ItemKind::Live {
                let detail = item.detail.unwrap_or_default();
                writeln!(told, "  {} ({detail}): {}", item.label, after.replace('\n', "⏎")).expect("text takes text");
            }
        }
    }
    expected.assert_eq(&told);
}

#[test]
fn live_values_replace_the_whole_text() {
    check_live(
        "mirrord.json",
        &[
            r#"{"target": "deploy‸ment/old"}"#,
            r#"{"target": "deployment/cart/container/‸"}"#,
            r#"{"target": {"path": "‸", "namespace": "n"}}"#,
            r#"{"target": {"deployment": "c‸"}}"#,
            r#"{"target": {"deployment": "cart", "container": ‸}}"#,
            r#"{"target": {"namespace": "‸"}}"#,
            r#"{"kube_context": ‸}"#,
            r#"{"feature": {"network": {"incoming": {"ports": [‸]}}}}"#,
            r#"{"feature": {"network": {"incoming": {"port_mapping": [[3000, ‸]]}}}}"#,
            r#"{"feature": {"network": {"incoming": {"http_filter": {"ports": 80‸}}}}}"#,
            r#"{"feature": {"network": {"outgoing": {"filter": {"local": ["‸"]}}}}}"#,
            r#"{"feature": {"env": {"include": "‸"}}}"#,
            r#"{"feature": {"env": {"include": "A;LO‸"}}}"#,
            r#"{"feature": {"env": {"override": {‸}}}}"#,
            r#"{"feature": {"env": {"mapping": {"‸"}}}}"#,
            r#"{"feature": {"fs": {"read_only": ["‸"]}}}"#,
        ],
        expect![[r#"
            {"target": "deploy‸ment/old"}
              deployment/cart (2 of 3 ready): {"target": "deployment/cart"}
              deployment/cart/container/web (container web): {"target": "deployment/cart/container/web"}
              deployment/cart/container/cache (container cache): {"target": "deployment/cart/container/cache"}
              targetless (nobody: an agent of its own): {"target": "targetless"}
            {"target": "deployment/cart/container/‸"}
              deployment/cart/container/web (shop/cart:1): {"target": "deployment/cart/container/web"}
              deployment/cart/container/cache (): {"target": "deployment/cart/container/cache"}
            {"target": {"path": "‸", "namespace": "n"}}
              deployment/cart (2 of 3 ready): {"target": {"path": "deployment/cart", "namespace": "n"}}
              deployment/cart/container/web (container web): {"target": {"path": "deployment/cart/container/web", "namespace": "n"}}
              deployment/cart/container/cache (container cache): {"target": {"path": "deployment/cart/container/cache", "namespace": "n"}}
              pod/cart-7d9 (not ready): {"target": {"path": "pod/cart-7d9", "namespace": "n"}}
              targetless (nobody: an agent of its own): {"target": {"path": "targetless", "namespace": "n"}}
            {"target": {"deployment": "c‸"}}
              cart (2 of 3 ready): {"target": {"deployment": "cart"}}
            {"target": {"deployment": "cart", "container": ‸}}
              web (shop/cart:1): {"target": {"deployment": "cart", "container": "web"}}
              cache (): {"target": {"deployment": "cart", "container": "cache"}}
            {"target": {"namespace": "‸"}}
              shop (current namespace): {"target": {"namespace": "shop"}}
              default (namespace): {"target": {"namespace": "default"}}
            {"kube_context": ‸}
              staging (current context): {"kube_context": "staging"}
              kind (context): {"kube_context": "kind"}
            {"feature": {"network": {"incoming": {"ports": [‸]}}}}
              8080 (http, TCP, container web): {"feature": {"network": {"incoming": {"ports": [8080]}}}}
              9090 (metrics, TCP, container web): {"feature": {"network": {"incoming": {"ports": [9090]}}}}
              6379 (redis, TCP, container cache): {"feature": {"network": {"incoming": {"ports": [6379]}}}}
            {"feature": {"network": {"incoming": {"port_mapping": [[3000, ‸]]}}}}
              8080 (http, TCP, container web): {"feature": {"network": {"incoming": {"port_mapping": [[3000, 8080]]}}}}
              9090 (metrics, TCP, container web): {"feature": {"network": {"incoming": {"port_mapping": [[3000, 9090]]}}}}
              6379 (redis, TCP, container cache): {"feature": {"network": {"incoming": {"port_mapping": [[3000, 6379]]}}}}
            {"feature": {"network": {"incoming": {"http_filter": {"ports": 80‸}}}}}
              8080 (http, TCP, container web): {"feature": {"network": {"incoming": {"http_filter": {"ports": 8080}}}}}
              9090 (metrics, TCP, container web): {"feature": {"network": {"incoming": {"http_filter": {"ports": 9090}}}}}
              6379 (redis, TCP, container cache): {"feature": {"network": {"incoming": {"http_filter": {"ports": 6379}}}}}
            {"feature": {"network": {"outgoing": {"filter": {"local": ["‸"]}}}}}
              db (service): {"feature": {"network": {"outgoing": {"filter": {"local": ["db"]}}}}}
              db.shop (service): {"feature": {"network": {"outgoing": {"filter": {"local": ["db.shop"]}}}}}
              db:5432 (service, pg, TCP): {"feature": {"network": {"outgoing": {"filter": {"local": ["db:5432"]}}}}}
            {"feature": {"env": {"include": "‸"}}}
              DATABASE_URL (secret/db): {"feature": {"env": {"include": "DATABASE_URL"}}}
              LD_LIBRARY_PATH (spec): {"feature": {"env": {"include": "LD_LIBRARY_PATH"}}}
              LOG_LEVEL (spec): {"feature": {"env": {"include": "LOG_LEVEL"}}}
            {"feature": {"env": {"include": "A;LO‸"}}}
              DATABASE_URL (secret/db): {"feature": {"env": {"include": "A;DATABASE_URL"}}}
              LD_LIBRARY_PATH (spec): {"feature": {"env": {"include": "A;LD_LIBRARY_PATH"}}}
              LOG_LEVEL (spec): {"feature": {"env": {"include": "A;LOG_LEVEL"}}}
            {"feature": {"env": {"override": {‸}}}}
              DATABASE_URL (secret/db): {"feature": {"env": {"override": {"DATABASE_URL": ""}}}}
              LD_LIBRARY_PATH (spec): {"feature": {"env": {"override": {"LD_LIBRARY_PATH": ""}}}}
              LOG_LEVEL (spec): {"feature": {"env": {"override": {"LOG_LEVEL": ""}}}}
            {"feature": {"env": {"mapping": {"‸"}}}}
              ^DATABASE_URL$ (secret/db): {"feature": {"env": {"mapping": {"^DATABASE_URL$": ""}}}}
              ^LD_LIBRARY_PATH$ (spec): {"feature": {"env": {"mapping": {"^LD_LIBRARY_PATH$": ""}}}}
              ^LOG_LEVEL$ (spec): {"feature": {"env": {"mapping": {"^LOG_LEVEL$": ""}}}}
            {"feature": {"fs": {"read_only": ["‸"]}}}
              ^/etc/shop(/|$) (volume mount): {"feature": {"fs": {"read_only": ["^/etc/shop(/|$)"]}}}
              ^/var/run/secrets/a\.b(/|$) (volume mount): {"feature": {"fs": {"read_only": ["^/var/run/secrets/a\\.b(/|$)"]}}}
        "#]],
    );
}

#[test]
fn live_values_in_yaml_and_toml() {
    check_live(
        "mirrord.yaml",
        &[
            "target: ‸",
            "target:\n  path: deployment/c‸",
            "target:\n  namespace:‸",
            "feature:\n  network:\n    incoming:\n      ports:\n        ‸",
            "feature:\n  network:\n    incoming:\n      ports: [‸]",
            "feature:\n  env:\n    unset:\n      - A\n      - ‸",
            "feature:\n  env:\n    override:\n      ‸",
            "feature:\n  fs:\n    read_only:\n      - '‸'",
        ],
        expect![[r#"
            target: ‸
              deployment/cart (2 of 3 ready): target: deployment/cart
              deployment/cart/container/web (container web): target: deployment/cart/container/web
              deployment/cart/container/cache (container cache): target: deployment/cart/container/cache
              pod/cart-7d9 (not ready): target: pod/cart-7d9
              targetless (nobody: an agent of its own): target: targetless
            target:⏎  path: deployment/c‸
              deployment/cart (2 of 3 ready): target:⏎  path: deployment/cart
              deployment/cart/container/web (container web): target:⏎  path: deployment/cart/container/web
              deployment/cart/container/cache (container cache): target:⏎  path: deployment/cart/container/cache
              targetless (nobody: an agent of its own): target:⏎  path: targetless
            target:⏎  namespace:‸
              shop (current namespace): target:⏎  namespace: shop
              default (namespace): target:⏎  namespace: default
            feature:⏎  network:⏎    incoming:⏎      ports:⏎        ‸
              8080 (http, TCP, container web): feature:⏎  network:⏎    incoming:⏎      ports:⏎        - 8080
              9090 (metrics, TCP, container web): feature:⏎  network:⏎    incoming:⏎      ports:⏎        - 9090
              6379 (redis, TCP, container cache): feature:⏎  network:⏎    incoming:⏎      ports:⏎        - 6379
            feature:⏎  network:⏎    incoming:⏎      ports: [‸]
              8080 (http, TCP, container web): feature:⏎  network:⏎    incoming:⏎      ports: [8080]
              9090 (metrics, TCP, container web): feature:⏎  network:⏎    incoming:⏎      ports: [9090]
              6379 (redis, TCP, container cache): feature:⏎  network:⏎    incoming:⏎      ports: [6379]
            feature:⏎  env:⏎    unset:⏎      - A⏎      - ‸
              DATABASE_URL (secret/db): feature:⏎  env:⏎    unset:⏎      - A⏎      - DATABASE_URL
              LD_LIBRARY_PATH (spec): feature:⏎  env:⏎    unset:⏎      - A⏎      - LD_LIBRARY_PATH
              LOG_LEVEL (spec): feature:⏎  env:⏎    unset:⏎      - A⏎      - LOG_LEVEL
            feature:⏎  env:⏎    override:⏎      ‸
              DATABASE_URL (secret/db): feature:⏎  env:⏎    override:⏎      DATABASE_URL: ""
              LD_LIBRARY_PATH (spec): feature:⏎  env:⏎    override:⏎      LD_LIBRARY_PATH: ""
              LOG_LEVEL (spec): feature:⏎  env:⏎    override:⏎      LOG_LEVEL: ""
            feature:⏎  fs:⏎    read_only:⏎      - '‸'
              ^/etc/shop(/|$) (volume mount): feature:⏎  fs:⏎    read_only:⏎      - '^/etc/shop(/|$)'
              ^/var/run/secrets/a\.b(/|$) (volume mount): feature:⏎  fs:⏎    read_only:⏎      - '^/var/run/secrets/a\.b(/|$)'
        "#]],
    );
    check_live(
        "mirrord.toml",
        &[
            "target = ‸",
            "target = \"‸\"",
            "[target]\nnamespace = ‸",
            "[feature.network.incoming]\nports = [‸]",
            "[feature.env.override]\n‸",
            "feature.fs.read_only = ['‸']",
        ],
        expect![[r#"
            target = ‸
              deployment/cart (2 of 3 ready): target = "deployment/cart"
              deployment/cart/container/web (container web): target = "deployment/cart/container/web"
              deployment/cart/container/cache (container cache): target = "deployment/cart/container/cache"
              pod/cart-7d9 (not ready): target = "pod/cart-7d9"
              targetless (nobody: an agent of its own): target = "targetless"
            target = "‸"
              deployment/cart (2 of 3 ready): target = "deployment/cart"
              deployment/cart/container/web (container web): target = "deployment/cart/container/web"
              deployment/cart/container/cache (container cache): target = "deployment/cart/container/cache"
              pod/cart-7d9 (not ready): target = "pod/cart-7d9"
              targetless (nobody: an agent of its own): target = "targetless"
            [target]⏎namespace = ‸
              shop (current namespace): [target]⏎namespace = "shop"
              default (namespace): [target]⏎namespace = "default"
            [feature.network.incoming]⏎ports = [‸]
              8080 (http, TCP, container web): [feature.network.incoming]⏎ports = [8080]
              9090 (metrics, TCP, container web): [feature.network.incoming]⏎ports = [9090]
              6379 (redis, TCP, container cache): [feature.network.incoming]⏎ports = [6379]
            [feature.env.override]⏎‸
              DATABASE_URL (secret/db): [feature.env.override]⏎DATABASE_URL = ""
              LD_LIBRARY_PATH (spec): [feature.env.override]⏎LD_LIBRARY_PATH = ""
              LOG_LEVEL (spec): [feature.env.override]⏎LOG_LEVEL = ""
            feature.fs.read_only = ['‸']
              ^/etc/shop(/|$) (volume mount): feature.fs.read_only = ["^/etc/shop(/|$)"]
              ^/var/run/secrets/a\.b(/|$) (volume mount): feature.fs.read_only = ['^/var/run/secrets/a\.b(/|$)']
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn keys_and_blocks_of_yaml() {
    check_one(
        "mirrord.yaml",
        "incoming: steal my requests",
        &[
            "feature:\n  network:\n    ‸",
            "feature:\n  network:\n    dns: true\n    ‸\nagent: {}",
            "feature:\n  network: {‸}",
            "feature:\n  network:\n    in‸",
        ],
        expect![[r#"
            feature:
              network:
                incoming:
                  mode: steal
                  http_filter:
                    header_filter: "^x-session: me$"
            << incoming:
              mode: steal
              http_filter:
                header_filter: "${1:^x-session: me\$}" >>

            feature:
              network:
                dns: true
                incoming:
                  mode: steal
                  http_filter:
                    header_filter: "^x-session: me$"
            agent: {}
            << incoming:
              mode: steal
              http_filter:
                header_filter: "${1:^x-session: me\$}" >>

            feature:
              network: {incoming: { mode: steal, http_filter: { header_filter: "^x-session: me$" } }}
            << incoming: { mode: steal, http_filter: { header_filter: "${1:^x-session: me\$}" } } >>

            feature:
              network:
                incoming:
                  mode: steal
                  http_filter:
                    header_filter: "^x-session: me$"
            << incoming:
              mode: steal
              http_filter:
                header_filter: "${1:^x-session: me\$}" >>

        "#]],
    );
    check_one(
        "mirrord.yaml",
        "fs",
        &["feature:\n  ‸", "feature: {‸}", "feature:\n  env: true\n  f‸: x"],
        expect![[r#"
            feature:
              fs: read
            << fs: ${1|read,local,localwithoverrides,write,true,false|} >>

            feature: {fs: read}
            << fs: ${1|read,local,localwithoverrides,write,true,false|} >>

            feature:
              env: true
              fs: x
            << fs >>

        "#]],
    );
    check_one(
        "mirrord.yaml",
        "agent",
        &["‸\ntarget: pod/x", "target: pod/x\n‸"],
        expect![[r#"
            agent: {}
            target: pod/x
            << agent:
              $0 >>

            target: pod/x
            agent: {}
            << agent:
              $0 >>

        "#]],
    );
    check_one(
        "mirrord.yaml",
        "header",
        &["feature:\n  network:\n    incoming:\n      http_filter:\n        any_of:\n          - ‸"],
        expect![[r#"
            feature:
              network:
                incoming:
                  http_filter:
                    any_of:
                      - header: ""
            << header: "${1}" >>

        "#]],
    );
    check_one(
        "mirrord.yaml",
        "configuration",
        &["‸"],
        expect![[r#"
            target:
              path: deployment/my-app
              namespace: default
            feature:
              network:
                incoming: mirror
                outgoing: true
              fs: read
              env: true
            << target:
              path: ${1:deployment/my-app}
              namespace: ${2:default}
            feature:
              network:
                incoming: ${3|mirror,steal,off|}
                outgoing: true
              fs: ${4|read,write,local|}
              env: true >>

        "#]],
    );
    check_one(
        "mirrord.yaml",
        "{…}",
        &["feature: ‸", "feature:‸", "feature:\n  fs: ‸"],
        expect![[r#"
        feature: {}
        << 
          $0 >>

        feature: {}
        << 
          $0 >>

        feature:
          fs: {}
        << 
          $0 >>

    "#]],
    );
}

#[test]
fn keys_and_blocks_of_toml() {
    check_one(
        "mirrord.toml",
        "incoming: steal my requests",
        &["[feature.network]\n‸", "[feature.network]\n‸\ndns = true", "feature.network = { ‸ }"],
        expect![[r#"
            [feature.network]
            [feature.network.incoming]
            mode = "steal"
            http_filter = { header_filter = "^x-session: me$" }
            << [feature.network.incoming]
            mode = "steal"
            http_filter = { header_filter = "${1:^x-session: me\$}" } >>

            [feature.network]
            incoming = { mode = "steal", http_filter = { header_filter = "^x-session: me$" } }
            dns = true
            << incoming = { mode = "steal", http_filter = { header_filter = "${1:^x-session: me\$}" } } >>

            feature.network = { incoming = { mode = "steal", http_filter = { header_filter = "^x-session: me$" } } }
            << incoming = { mode = "steal", http_filter = { header_filter = "${1:^x-session: me\$}" } } >>

        "#]],
    );
    check_one(
        "mirrord.toml",
        "fs",
        &["[feature]\n‸", "[feature]\nenv = true\nf‸ = 1", "[feature.‸]", "feature.‸"],
        expect![[r#"
            [feature]
            fs = "read"
            << fs = ${1|"read","local","localwithoverrides","write",true,false|} >>

            [feature]
            env = true
            fs = 1
            << fs >>

            [feature.fs]
            << fs >>

            feature.fs = "read"
            << fs = ${1|"read","local","localwithoverrides","write",true,false|} >>

        "#]],
    );
    check_one(
        "mirrord.toml",
        "agent",
        &["‸\ntarget = 'pod/x'", "target = 'pod/x'\n‸\n\n[feature]"],
        expect![[r#"
            agent = {}
            target = 'pod/x'
            << agent = { $0 } >>

            target = 'pod/x'
            [agent]


            [feature]
            << [agent]
            $0 >>

        "#]],
    );
    check_one(
        "mirrord.toml",
        "configuration",
        &["‸"],
        expect![[r#"
            [target]
            path = "deployment/my-app"
            namespace = "default"
            [feature]
            network = { incoming = "mirror", outgoing = true }
            fs = "read"
            env = true
            << [target]
            path = "${1:deployment/my-app}"
            namespace = "${2:default}"
            [feature]
            network = { incoming = "${3|mirror,steal,off|}", outgoing = true }
            fs = "${4|read,write,local|}"
            env = true >>

        "#]],
    );
}

#[test]
fn a_large_cluster_is_narrowed_by_typing() {
    let item = |number: usize| TargetItem {
        kind: Kind::Pod,
        name: format!("pod-{number:05}").into(),
        ready: Some(1),
        desired: None,
        containers: Arc::from([]),
    };
    let view = View { state: State::Ready, targets: Some((0..10_000).map(item).collect()), ..View::default() };
    let complete = |typed: &str| {
        let text = format!(r#"{{"target": "{typed}"}}"#);
        let offset = text.len() - 2;
        let document = Document::parse("mirrord.json", &text);
        let cursor = locate(&document, &text, offset).expect("something can be written");
        let found = complete(&cursor, &document, &text, offset, &view);
        (found.items.iter().filter(|item| item.kind == ItemKind::Live).count(), found.incomplete)
    };
    let (all, incomplete) = complete("");
    assert!(all <= LIMIT && incomplete, "{all} items");
    let (some, incomplete) = complete("pod/pod-0990");
    assert!((10..LIMIT).contains(&some) && !incomplete, "{some} items");
}

#[test]
fn what_is_still_loading_is_incomplete() {
    let text = r#"{"target": ""}"#;
    let document = Document::parse("mirrord.json", text);
    let at = |offset: usize, view: &View| {
        let cursor = locate(&document, text, offset).expect("something can be written");
        complete(&cursor, &document, text, offset, view).incomplete
    };
    assert!(at(12, &View::default()));
    assert!(!at(12, &cluster()));
    // No cluster has keys.
    assert!(!at(3, &View::default()));
}
