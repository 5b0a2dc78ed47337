//! Pictures with a caret, and the document after each action that is offered there.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;

use config::{Overrides, Source};
use expect_test::{Expect, expect};

use super::*;
use crate::lsp::tests::cluster;

/// The text after edits that do not overlap.
fn edited(text: &str, edits: &[Edit]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.span.start);
    let mut after = text.to_owned();
    for edit in edits.into_iter().rev() {
        after.replace_range(edit.span.start..edit.span.end, &edit.text);
    }
    after
}

/// Adds problems that only a look at the cluster finds.
type Live = fn(&Document) -> Vec<Problem>;

#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(name: &str, picture: &str, live: Live, expected: Expect) {
    let offset = picture.find('‸').expect("the picture has a caret");
    let text = picture.replace('‸', "");
    let document = Document::parse(name, &text);
    let mut problems = config::load(Some(Source { name, text: &text }), &Overrides::default()).problems;
    problems.extend(live(&document));
    let view = cluster();
    let span = Span::new(offset, offset);
    let place = Place { document: &document, name, text: &text, span, problems: &problems, view: &view };
    let mut told = String::new();
    for Action { title, kind, preferred, repairs, change } in actions(&place) {
        let preferred = if preferred { ", preferred" } else { "" };
        let repairs = repairs.map(|index| format!(", {}", problems[index].code.as_str())).unwrap_or_default();
        writeln!(told, "{title} ({kind:?}{preferred}{repairs})").expect("text takes text");
        match change {
            Change::Edits(edits) => told.push_str(&edited(&text, &edits)),
            Change::Convert { extension, text } => write!(told, ".{extension}\n{text}").expect("text takes text"),
        }
        told.push_str("\n--\n");
    }
    expected.assert_eq(&told);
}

fn nothing(_: &Document) -> Vec<Problem> {
    Vec::new()
}

/// A problem at a value.
fn at(document: &Document, code: Code, pointer: &str) -> Vec<Problem> {
    vec![Problem::new(code, pointer, document.nearest(pointer), "as the cluster says")]
}

#[test]
fn problems_are_repaired() {
    check(
        "mirrord.json",
        r#"{"feature": {"networ‸": true, "fs": "reed"}}"#,
        nothing,
        expect![[r#"
            Rename to `network` (QuickFix, preferred, unknown-key)
            {"feature": {"network": true, "fs": "reed"}}
            --
            Delete `networ` (QuickFix, unknown-key)
            {"feature": {"fs": "reed"}}
            --
            Repair all 2 that can be repaired (FixAll)
            {"feature": {"network": true, "fs": "read"}}
            --
            Convert to YAML (Rewrite)
            .yaml
            feature:
              networ: true
              fs: reed

            --
            Convert to TOML (Rewrite)
            .toml
            [feature]
            networ = true
            fs = "reed"

            --
        "#]],
    );
    check(
        "mirrord.yaml",
        "feature:\n  nonsense‸: 1\n  env: true\n",
        nothing,
        expect![[r#"
            Delete `nonsense` (QuickFix, unknown-key)
            feature:
              env: true

            --
            Convert to JSON (Rewrite)
            .json
            {
              "feature": {
                "nonsense": 1,
                "env": true
              }
            }

            --
            Convert to TOML (Rewrite)
            .toml
            [feature]
            nonsense = 1
            env = true

            --
        "#]],
    );
    check(
        "mirrord.toml",
        "telemetry‸ = true\n",
        nothing,
        expect![[r#"
            Delete `telemetry` (QuickFix, preferred, no-effect)

            --
            Repair all 1 that can be repaired (FixAll)

            --
            Convert to JSON (Rewrite)
            .json
            {
              "telemetry": true
            }

            --
            Convert to YAML (Rewrite)
            .yaml
            telemetry: true

            --
        "#]],
    );
}

#[test]
fn shorthands_are_written_out_and_in_short() {
    check(
        "mirrord.json",
        r#"{"feature": {"fs‸": "read"}}"#,
        nothing,
        expect![[r#"
            Write `fs` out (Rewrite)
            {"feature": {"fs": {
              "mode": "read"
            }}}
            --
            Convert to YAML (Rewrite)
            .yaml
            feature:
              fs: read

            --
            Convert to TOML (Rewrite)
            .toml
            [feature]
            fs = "read"

            --
        "#]],
    );
    check(
        "mirrord.yaml",
        "feature:\n  env:\n    include: A;B‸\n",
        nothing,
        expect![[r#"
            Write `include` out (Rewrite)
            feature:
              env:
                include:
                  - A
                  - B

            --
            Convert to JSON (Rewrite)
            .json
            {
              "feature": {
                "env": {
                  "include": "A;B"
                }
              }
            }

            --
            Convert to TOML (Rewrite)
            .toml
            [feature.env]
            include = "A;B"

            --
        "#]],
    );
    check(
        "mirrord.toml",
        "[target]\npath = 'pod/x‸'\n",
        nothing,
        expect![[r#"
            Convert to JSON (Rewrite)
            .json
            {
              "target": {
                "path": "pod/x"
              }
            }

            --
            Convert to YAML (Rewrite)
            .yaml
            target:
              path: pod/x

            --
        "#]],
    );
    check(
        "mirrord.json",
        "{\"feature\": {\"network\": {\"incoming‸\": {\"mode\": \"steal\"}}}}",
        nothing,
        expect![[r#"
            Write `incoming` in short (Rewrite)
            {"feature": {"network": {"incoming": "steal"}}}
            --
            Convert to YAML (Rewrite)
            .yaml
            feature:
              network:
                incoming:
                  mode: steal

            --
            Convert to TOML (Rewrite)
            .toml
            [feature.network.incoming]
            mode = "steal"

            --
        "#]],
    );
}

#[test]
fn the_cluster_knows_repairs() {
    let probes: Live = |document| at(document, Code::StealsProbes, "/feature/network/incoming");
    check(
        "mirrord.yaml",
        "target: deployment/cart\nfeature:\n  network:\n    incoming: ste‸al\n",
        probes,
        expect![[r#"
            Take only requests that are no probes (QuickFix, steals-probes)
            target: deployment/cart
            feature:
              network:
                incoming:
                  mode: steal
                  http_filter:
                    header_filter: "^User-Agent: (?!kube-probe)"

            --
            Write `incoming` out (Rewrite)
            target: deployment/cart
            feature:
              network:
                incoming:
                  mode: steal

            --
            Convert to JSON (Rewrite)
            .json
            {
              "target": "deployment/cart",
              "feature": {
                "network": {
                  "incoming": "steal"
                }
              }
            }

            --
            Convert to TOML (Rewrite)
            .toml
            target = "deployment/cart"

            [feature.network]
            incoming = "steal"

            --
        "#]],
    );
    let port: Live = |document| at(document, Code::PortUndeclared, "/feature/network/incoming/ports/0");
    check(
        "mirrord.yaml",
        "target: deployment/cart\nfeature:\n  network:\n    incoming:\n      ports: [30‸00]\n",
        port,
        expect![[r#"
            Listen on 3000 for the target's port 8080 (http) (QuickFix, port-undeclared)
            target: deployment/cart
            feature:
              network:
                incoming:
                  ports: [8080]
                  port_mapping:
                    - [3000, 8080]

            --
            Use port 8080 (http) (QuickFix, port-undeclared)
            target: deployment/cart
            feature:
              network:
                incoming:
                  ports: [8080]

            --
            Listen on 3000 for the target's port 9090 (metrics) (QuickFix, port-undeclared)
            target: deployment/cart
            feature:
              network:
                incoming:
                  ports: [9090]
                  port_mapping:
                    - [3000, 9090]

            --
            Use port 9090 (metrics) (QuickFix, port-undeclared)
            target: deployment/cart
            feature:
              network:
                incoming:
                  ports: [9090]

            --
            Convert to JSON (Rewrite)
            .json
            {
              "target": "deployment/cart",
              "feature": {
                "network": {
                  "incoming": {
                    "ports": [3000]
                  }
                }
              }
            }

            --
            Convert to TOML (Rewrite)
            .toml
            target = "deployment/cart"

            [feature.network.incoming]
            ports = [3000]

            --
        "#]],
    );
}

#[test]
fn a_container_is_picked() {
    check(
        "mirrord.yaml",
        "target: deployment/ca‸rt\n",
        nothing,
        expect![[r#"
            Stand in for container `web` (Rewrite)
            target: deployment/cart/container/web

            --
            Stand in for container `cache` (Rewrite)
            target: deployment/cart/container/cache

            --
            Write `target` out (Rewrite)
            target:
              path: deployment/cart

            --
            Convert to JSON (Rewrite)
            .json
            {
              "target": "deployment/cart"
            }

            --
            Convert to TOML (Rewrite)
            .toml
            target = "deployment/cart"

            --
        "#]],
    );
    let missing: Live = |document| at(document, Code::ContainerMissing, "/target");
    check(
        "mirrord.json",
        r#"{"target": {"deployment": "ca‸rt", "container": "x"}}"#,
        missing,
        expect![[r#"
            Stand in for container `web` (QuickFix, container-missing)
            {"target": {"deployment": "cart", "container": "web"}}
            --
            Stand in for container `cache` (QuickFix, container-missing)
            {"target": {"deployment": "cart", "container": "cache"}}
            --
            Convert to YAML (Rewrite)
            .yaml
            target:
              deployment: cart
              container: x

            --
            Convert to TOML (Rewrite)
            .toml
            [target]
            deployment = "cart"
            container = "x"

            --
        "#]],
    );
}
