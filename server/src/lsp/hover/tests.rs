//! Pictures with a caret, and what is told there.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::lsp::tests::cluster;

fn at(name: &str, picture: &str, view: &View) -> Option<String> {
    let offset = picture.find('‸').expect("the picture has a caret");
    let text = picture.replace('‸', "");
    let variables = BTreeMap::from([("MIRRORD_FILE_MODE".to_owned(), "local".to_owned())]);
    hover(&Document::parse(name, &text), offset, view, &variables).map(|hover| hover.markdown)
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(name: &str, picture: &str, expected: Expect) {
    expected.assert_eq(&at(name, picture, &View::default()).unwrap_or_default());
}

/// What a live hover adds to what it says without a cluster.
#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check_live(pictures: &[(&str, &str)], expected: Expect) {
    let mut told = String::new();
    for (name, picture) in pictures {
        let without = at(name, picture, &View::default()).unwrap_or_default();
        let with = at(name, picture, &cluster()).unwrap_or_default();
        let added = with.strip_prefix(&without).unwrap_or(&with);
        write!(told, "{}{added}\n\n", picture.replace('\n', "⏎")).expect("text takes text");
    }
    expected.assert_eq(&told);
}

#[test]
fn a_key_and_its_value_tell_the_same() {
    let key = at("mirrord.json", r#"{"feature": {"hostna‸me": true}}"#, &View::default());
    assert_eq!(key, at("mirrord.json", r#"{"feature": {"hostname": tr‸ue}}"#, &View::default()));
    assert!(key.is_some());
    assert_eq!(at("mirrord.json", "‸{}", &View::default()), None);
    assert_eq!(at("mirrord.json", r#"{"nonsense‸": 1}"#, &View::default()), None);
}

#[test]
fn a_key_tells_its_meaning_and_what_beats_it() {
    check(
        "mirrord.json",
        r#"{"feature": {"fs": {"mo‸de": "read"}}}"#,
        expect![[r#"
            `feature.fs.mode`: `local`, `localwithoverrides`, `read` or `write`

            **In effect here**: `local`, because the variable `MIRRORD_FILE_MODE` is set.

            What happens to paths that no list names.

            - `local`: Local, and so are the paths that are remote by default; only your own lists count.
            - `localwithoverrides`: Local, except for the paths that are remote by default.
            - `read`: Read from the target, written on this machine.
            - `write`: Read from, and written to, the target.

            Default: `"read"`

            Variable: `MIRRORD_FILE_MODE`, `MIRRORD_FILE_OPS`, `MIRRORD_FILE_RO_OPS`

            Flag: `--fs-mode`

            ```json
            "mode": "local"
            ```

            Manual: `docs/configuration.md#feature-fs-mode`"#]],
    );
    check(
        "mirrord.yaml",
        "feature:\n  fs: re‸ad",
        expect![[r#"
            `feature.fs`: true, false, `local`, `localwithoverrides`, `read`, `write` or an object

            **In effect here**: `local`, because the variable `MIRRORD_FILE_MODE` is set.

            Files: which paths are read from, or written to, the target.

            - `local`: Local, and so are the paths that are remote by default; only your own lists count.
            - `localwithoverrides`: Local, except for the paths that are remote by default.
            - `read`: Read from the target, written on this machine.
            - `write`: Read from, and written to, the target.

            ```yaml
            fs: read
            ```

            Manual: `docs/configuration.md#feature-fs`"#]],
    );
    check(
        "mirrord.toml",
        "[feature.env]\ninclu‸de = 'A;B'",
        expect![[r#"
            `feature.env.include`: text or a list

            Import these only. Also brings back variables that are left out by default, unless the pattern is a bare `*`. Not together with `exclude`.

            Variable: `MIRRORD_OVERRIDE_ENV_VARS_INCLUDE`

            Flag: `-s`, `--override-env-vars-include`

            ```toml
            include = ["DATABASE_URL", "CACHE_*"]
            ```

            Manual: `docs/configuration.md#feature-env-include`"#]],
    );
}

#[test]
fn the_cluster_tells_about_values() {
    check_live(
        &[
            ("mirrord.json", r#"{"target": "deployment/c‸art"}"#),
            ("mirrord.yaml", "target:\n  path: deployment/c‸art/container/cache"),
            ("mirrord.json", r#"{"target": {"deployment": "ca‸rt"}}"#),
            ("mirrord.json", r#"{"target": "pod/cart-‸7d9"}"#),
            ("mirrord.json", r#"{"target": {"namespace": "sh‸op"}}"#),
            ("mirrord.json", r#"{"target": {"namespace": "nowhe‸re"}}"#),
            ("mirrord.json", r#"{"kube_context": "staging‸"}"#),
            ("mirrord.toml", "feature.network.incoming.ports = [80‸80, 1]"),
            ("mirrord.toml", "feature.network.incoming.ports = [8080, 1‸]"),
            ("mirrord.toml", "feature.network.incoming.port_mapping = [[1, 9090‸]]"),
            ("mirrord.json", r#"{"feature": {"fs": {"read_only": ["^/ETC‸"]}}}"#),
            ("mirrord.json", r#"{"feature": {"fs": {"read_only": ["^/nowhere‸"]}}}"#),
            ("mirrord.json", r#"{"feature": {"env": {"include": "L*;DATA?ASE_URL‸"}}}"#),
            ("mirrord.json", r#"{"feature": {"env": {"mapping": {"^L‸": "x"}}}}"#),
            ("mirrord.json", r#"{"feature": {"env": {"override": {"LOG_LEVEL‸": "x"}}}}"#),
            ("mirrord.yaml", "feature:\n  network:\n    outgoing:\n      filter:\n        local: tcp://d‸b.shop:5432"),
        ],
        expect![[r#"
            {"target": "deployment/c‸art"}

            `deployment/cart`: 2 pods in namespace `shop`, context `staging`

            - `cart-7d9`: ready, on node-1, 2 restarts
            - `cart-8e1`

            - container `web`: `shop/cart:1`, the one to stand in for
            - container `cache`

            target:⏎  path: deployment/c‸art/container/cache

            `deployment/cart`: 2 pods in namespace `shop`, context `staging`

            - `cart-7d9`: ready, on node-1, 2 restarts
            - `cart-8e1`

            - container `web`: `shop/cart:1`
            - container `cache`, the one to stand in for

            {"target": {"deployment": "ca‸rt"}}

            `deployment/cart`: 2 pods in namespace `shop`, context `staging`

            - `cart-7d9`: ready, on node-1, 2 restarts
            - `cart-8e1`

            - container `web`: `shop/cart:1`, the one to stand in for
            - container `cache`

            {"target": "pod/cart-‸7d9"}

            `pod/cart-7d9`: not ready, in namespace `shop`, context `staging`

            {"target": {"namespace": "sh‸op"}}

            A namespace of the cluster, the one in use.

            {"target": {"namespace": "nowhe‸re"}}

            There is no namespace `nowhere` in the cluster.

            {"kube_context": "staging‸"}

            A context of the kubeconfig, the one in use.

            feature.network.incoming.ports = [80‸80, 1]

            Port `http` (TCP) of container `web`.

            feature.network.incoming.ports = [8080, 1‸]

            Container `web` does not declare this port; it declares `8080`, `9090`.

            feature.network.incoming.port_mapping = [[1, 9090‸]]

            Port `metrics` (TCP) of container `web`.

            {"feature": {"fs": {"read_only": ["^/ETC‸"]}}}

            `^/ETC` matches `/etc/shop`, volume mounts of container `web`.

            {"feature": {"fs": {"read_only": ["^/nowhere‸"]}}}

            `^/nowhere` matches none of the known volume mounts of container `web`.

            {"feature": {"env": {"include": "L*;DATA?ASE_URL‸"}}}

            `L*` matches `LD_LIBRARY_PATH`, `LOG_LEVEL`, variables of container `web`.

            `DATA?ASE_URL` matches `DATABASE_URL`, variables of container `web`.

            {"feature": {"env": {"mapping": {"^L‸": "x"}}}}

            `^L` matches `LD_LIBRARY_PATH`, `LOG_LEVEL`, variables of container `web`.

            {"feature": {"env": {"override": {"LOG_LEVEL‸": "x"}}}}

            `LOG_LEVEL` is a variable of container `web`, from spec.

            feature:⏎  network:⏎    outgoing:⏎      filter:⏎        local: tcp://d‸b.shop:5432

            Service `db` in namespace `shop`, ports `5432`.

        "#]],
    );
}

#[test]
fn a_cluster_that_is_away_is_mentioned() {
    let view = View { state: session::live::State::Failed("no route to host".to_owned()), ..View::default() };
    let told = at("mirrord.json", r#"{"target": "deployment/c‸art"}"#, &view).unwrap_or_default();
    assert!(told.ends_with("The cluster cannot be asked: no route to host"), "{told}");
    let view = View { target_missing: true, namespace: Some("shop".to_owned()), ..View::default() };
    let told = at("mirrord.json", r#"{"target": "deployment/c‸art"}"#, &view).unwrap_or_default();
    assert!(told.ends_with("There is no `deployment/cart` in namespace `shop`."), "{told}");
}
