//! Every rule, with its place and its words.

use expect_test::{Expect, expect};

use crate::config::{self, Overrides, Source};
use crate::{NAME, load_with, rendered};

#[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
fn check(text: &str, expected: Expect) {
    let loaded = load_with(text, &Overrides { target_pending: true, ..Overrides::default() });
    expected.assert_eq(&rendered(&loaded, text).replace(&format!("{NAME}:"), ""));
}

/// The same, inside `feature.network.incoming`.
fn check_incoming(keys: &str, expected: Expect) {
    check(&format!(r#"{{"feature": {{"network": {{"incoming": {{{keys}}}}}}}}}"#), expected);
}

#[test]
fn unknown_keys_suggest_the_near_one_or_their_home() {
    check(
        r#"{
  "featur": {},
  "feature": {
    "networ": true,
    "fs": {"read-only": []},
    "env": {"enabled": true},
    "http_filter": {}
  },
  "namespace": "x",
  "zzz": 1
}"#,
        expect![[r#"
            2:3: error[unknown-key] /featur: unknown key; did you mean `feature`?
            4:5: error[unknown-key] /feature/networ: unknown key; did you mean `network`?
            5:12: error[unknown-key] /feature/fs/read-only: unknown key; did you mean `read_only`?
            6:13: error[unknown-key] /feature/env/enabled: unknown key; `enabled` belongs in `feature.network.dns`
            7:5: error[unknown-key] /feature/http_filter: unknown key; `http_filter` belongs in `feature.network.incoming`
            9:3: error[unknown-key] /namespace: unknown key; `namespace` belongs in `target`
            10:3: error[unknown-key] /zzz: unknown key
        "#]],
    );
}

#[test]
fn removed_unsupported_and_idle_keys_are_told_apart() {
    check(
        r#"{"connect_tcp": "x", "telemetry": false, "skip_sip": "git", "feature": {"copy_target": true, "magic": {"aws": false}}}"#,
        expect![[r#"
            1:2: error[removed-key] /connect_tcp: `connect_tcp` no longer exists; delete it
            1:22: hint[no-effect] /telemetry: `telemetry` is accepted and has no effect: nothing is ever sent
            1:42: hint[no-effect] /skip_sip: `skip_sip` is accepted and has no effect: it concerns macOS
            1:88: warning[copy-without-steal] /feature/copy_target: the copy serves no traffic, so there is none that could reach the program; write "incoming": "steal"
            1:88: hint[operator-key] /feature/copy_target: needs the operator, which this version does not have yet
        "#]],
    );
}

#[test]
fn types_and_values() {
    check(
        r#"{
  "target": 5,
  "key": ["a"],
  "operator": "yes",
  "feature": {"fs": "rea", "hostname": 1, "env": {"override": {"A": 1}, "include": [1, "A"]}},
  "agent": {"ttl": -1, "ephemeral": "atuo", "image_pull_policy": "always", "startup_timeout": 1.5, "image_pull_secrets": [{}]}
}"#,
        expect![[r#"
            2:13: error[wrong-type] /target: expected text or an object, found 5
            3:10: error[wrong-type] /key: expected text, found a list
            4:15: error[wrong-type] /operator: expected true or false, found the text "yes"
            5:21: error[bad-value] /feature/fs: `rea` is not `local`, `localwithoverrides`, `read` or `write`; did you mean `read`?
            5:40: error[wrong-type] /feature/hostname: expected true or false, found 1
            5:69: error[wrong-type] /feature/env/override/A: expected text, found 1
            5:85: error[wrong-type] /feature/env/include/0: expected text, found 1
            6:20: error[bad-value] /agent/ttl: -1 is not a whole number from 0
            6:37: error[bad-value] /agent/ephemeral: `atuo` is not true, false or `auto`; did you mean `auto`?
            6:66: error[bad-value] /agent/image_pull_policy: `always` is not `Always`, `IfNotPresent` or `Never`; did you mean `Always`?
            6:95: error[bad-value] /agent/startup_timeout: 1.5 is not a whole number from 0
            6:123: error[missing-key] /agent/image_pull_secrets/0: `name` missing; add it, or delete the whole object
        "#]],
    );
}

#[test]
fn a_key_that_stands_twice() {
    check(
        r#"{"key": "a", "key": "b"}"#,
        expect![[r#"
        1:14: error[duplicate-key] /key: this key stands here twice; delete one
    "#]],
    );
}

#[test]
fn targets() {
    check(
        r#"{"target": "deplyment/x"}"#,
        expect![[r#"
        1:12: error[target-syntax] /target: `deplyment` is not a kind of target; did you mean `deployment`?
    "#]],
    );
    check(
        r#"{"target": {"path": "label/", "namespace": "n"}}"#,
        expect![[r#"
        1:21: error[label-empty] /target/path: a label target without a label; write label/KEY=VALUE
    "#]],
    );
    check(
        r#"{"target": {"pod": "a", "job": "b"}}"#,
        expect![[r#"
        1:12: error[target-several] /target: 2 targets at once; keep one
    "#]],
    );
    check(
        r#"{"target": {"path": "pod/a", "job": "b"}}"#,
        expect![[r#"
        1:12: error[target-several] /target: a path beside its object form; keep one
    "#]],
    );
    check(
        r#"{"target": {"container": "b"}}"#,
        expect![[r#"
        1:12: error[target-syntax] /target: a target without a kind; write {"deployment": "NAME"}
    "#]],
    );
    check(
        r#"{"target": {"pod": 1}}"#,
        expect![[r#"
        1:20: error[wrong-type] /target/pod: expected text, found 1
    "#]],
    );
}

#[test]
fn ports() {
    check_incoming(
        r#""ports": [80], "ignore_ports": [81]"#,
        expect![[r#"
        1:70: error[ports-both] /feature/network/incoming/ignore_ports: `ports` and `ignore_ports` cannot be combined; keep one
    "#]],
    );
    check_incoming(
        r#""port_mapping": [[1, 2], [1, 3], [4, 3], [5, 5]], "listen_ports": [[1]]"#,
        expect![[r#"
        1:64: error[port-twice] /feature/network/incoming/port_mapping/1: port 1 stands in `port_mapping` twice; each port has one partner
        1:72: error[port-twice] /feature/network/incoming/port_mapping/2: port 3 stands in `port_mapping` twice; each port has one partner
        1:80: warning[port-identity] /feature/network/incoming/port_mapping/3: port 5 is mapped to itself, which is so anyway; delete it
        1:106: error[bad-value] /feature/network/incoming/listen_ports/0: a list of 2 values is expected here, this one has 1
    "#]],
    );
    check_incoming(
        r#""ports": [0, 70000, "http"]"#,
        expect![[r#"
        1:49: error[bad-value] /feature/network/incoming/ports/0: 0 is not a whole number from 1 to 65535
        1:52: error[bad-value] /feature/network/incoming/ports/1: 70000 is not a whole number from 1 to 65535
        1:59: error[wrong-type] /feature/network/incoming/ports/2: expected a whole number from 1 to 65535, found the text "http"
    "#]],
    );
}

#[test]
fn http_filters() {
    check_incoming(
        r#""http_filter": {"header_filter": "(", "path_filter": "a"}"#,
        expect![[r#"
            1:73: error[bad-regex] /feature/network/incoming/http_filter/header_filter: `(` is not a regular expression: opening parenthesis without closing parenthesis
        "#]],
    );
    check_incoming(
        r#""http_filter": {"header_filter": "a", "path_filter": ""}"#,
        expect![[r#"
        1:92: error[filter-several] /feature/network/incoming/http_filter/path_filter: 2 filters at once: header_filter, path_filter; put the conditions into one `all_of`
        1:92: error[filter-empty] /feature/network/incoming/http_filter/path_filter: an empty filter; delete it
    "#]],
    );
    check_incoming(
        r#""http_filter": {"all_of": [], "any_of": [{"header": "a", "path": "b"}, {"method": ""}, {}]}"#,
        expect![[r#"
        1:65: error[filter-empty] /feature/network/incoming/http_filter/all_of: no condition; add one, or delete the key
        1:80: error[bad-value] /feature/network/incoming/http_filter/any_of/0: `header`, `path` do not go together; write one of header; path; method; query; body + query; body + query + matches
        1:126: error[bad-value] /feature/network/incoming/http_filter/any_of/2: an empty object; write one of header; path; method; query; body + query; body + query + matches
    "#]],
    );
    check_incoming(
        r#""http_filter": {"any_of": [{"method": ""}]}"#,
        expect![[r#"
        1:66: error[filter-empty] /feature/network/incoming/http_filter/any_of/0: an empty condition; delete it
    "#]],
    );
    check_incoming(
        r#""http_filter": {"body_filter": {"query": "$"}}"#,
        expect![[r#"
        1:70: error[missing-key] /feature/network/incoming/http_filter/body_filter: `body` missing; add it, or delete the whole object
    "#]],
    );
}

#[test]
fn network_filters() {
    let network = |keys: &str, expected| check(&format!(r#"{{"feature": {{"network": {{{keys}}}}}}}"#), expected);
    network(
        r#""outgoing": {"filter": {"remote": ["a"], "local": ["b"]}}"#,
        expect![[r#"
        1:49: error[net-filter-both] /feature/network/outgoing/filter: `remote` and `local` exclude each other; keep one
    "#]],
    );
    network(
        r#""outgoing": {"filter": {"remote": ["sctp://a", "1.2.3.4/99"]}}"#,
        expect![[r#"
        1:61: error[net-filter-syntax] /feature/network/outgoing/filter/remote/0: `sctp://a`: the protocol is neither tcp nor udp; write [tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]
        1:73: error[net-filter-syntax] /feature/network/outgoing/filter/remote/1: `1.2.3.4/99`: the length of the subnet is out of range; write [tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]
    "#]],
    );
    network(
        r#""outgoing": {"filter": {"remote": ["db"]}}, "dns": false"#,
        expect![[r#"
        1:39: warning[outgoing-remote-no-dns] /feature/network/outgoing/filter: names of the cluster are listed, but dns is off: they will be resolved on this machine; turn dns on, or list addresses
    "#]],
    );
    network(
        r#""outgoing": {"filter": {"remote": ["db"]}}, "dns": {"filter": {"local": ["db"]}}"#,
        expect![[r#"
            1:99: warning[net-filter-sides] /feature/network/dns/filter/local/0: `db` is on one side of the outgoing filter and on the other side of the dns filter; list it on the same side of both
        "#]],
    );
    network(
        r#""dns": {"filter": {"local": []}}"#,
        expect![[r#"
        1:34: warning[dns-filter-unused] /feature/network/dns/filter: the filter has no entry
    "#]],
    );
    network(
        r#""outgoing": {"filter": {}, "unix_streams": "("}"#,
        expect![[r#"
            1:70: error[bad-regex] /feature/network/outgoing/unix_streams/0: `(` is not a regular expression: opening parenthesis without closing parenthesis
        "#]],
    );
}

#[test]
fn environment_files_and_agent() {
    check(
        r#"{"feature": {"env": {"include": ["JAVA_*"], "exclude": "B", "mapping": {"(": "x"}}}}"#,
        expect![[r#"
            1:34: hint[env-brings-back] /feature/env/include/0: `JAVA_*` brings back variables that are excluded by default: JAVA_EXE, JAVA_HOME, JAVA_TOOL_OPTIONS
            1:56: error[env-both] /feature/env/exclude: `include` and `exclude` cannot be combined; keep one
            1:74: error[bad-regex] /feature/env/mapping/(: `(` is not a regular expression: opening parenthesis without closing parenthesis
        "#]],
    );
    check(
        r#"{"feature": {"fs": {"readonly_file_buffer": 2000000, "read_only": ["["]}}}"#,
        expect![[r#"
            1:45: warning[buffer-size] /feature/fs/readonly_file_buffer: 2000000 bytes are read ahead in each file; more than 1 MiB slows small reads down; 15 MiB is the limit
            1:69: error[bad-regex] /feature/fs/read_only/0: `[` is not a regular expression: invalid character class
        "#]],
    );
    check(
        r#"{"feature": {"fs": {"readonly_file_buffer": 20000000}}}"#,
        expect![[r#"
        1:45: error[buffer-size] /feature/fs/readonly_file_buffer: 20000000 bytes are read ahead in each file; more than 1 MiB slows small reads down; 15 MiB is the limit
    "#]],
    );
    check(
        r#"{"agent": {"ephemeral": true, "namespace": "x", "image": "ghcr.io/metalbear-co/mirrord:3"}}"#,
        expect![[r#"
        1:44: warning[agent-namespace-unused] /agent/namespace: an ephemeral agent runs in the target's namespace
        1:58: warning[agent-image-foreign] /agent/image: `ghcr.io/metalbear-co/mirrord:3` does not speak our protocol; delete it to use ours
    "#]],
    );
}

#[test]
fn rules_about_a_missing_target_wait_for_the_picker() {
    let text = r#"{"feature": {"network": {"incoming": "steal"}}, "agent": {"ephemeral": true, "namespace": "x"}}"#;
    check(
        text,
        expect![[r#"
        1:91: warning[agent-namespace-unused] /agent/namespace: an ephemeral agent runs in the target's namespace
    "#]],
    );
    let loaded = crate::load(text);
    expect![[r#"
        .mirrord/mirrord.json:1:38: error[targetless-steal] /feature/network/incoming/mode: there is no target whose traffic could be stolen; name a target, or choose another mode
        .mirrord/mirrord.json:1:72: error[targetless-ephemeral] /agent/ephemeral: there is no target whose pod could hold an ephemeral agent; name a target, or write "auto"
        .mirrord/mirrord.json:1:91: warning[agent-namespace-unused] /agent/namespace: an ephemeral agent runs in the target's namespace
    "#]].assert_eq(&rendered(&loaded, text));
    check(
        r#"{"target": "targetless", "feature": {"network": {"incoming": "steal"}}}"#,
        expect![[r#"
        1:62: error[targetless-steal] /feature/network/incoming/mode: there is no target whose traffic could be stolen; name a target, or choose another mode
    "#]],
    );
}

#[test]
fn broken_text_is_repaired_and_one_mistake_is_one_problem() {
    check(
        "",
        expect![[r#"
        1:1: error[syntax]: the file is empty; write at least {}
    "#]],
    );
    check(
        r#"{"feature": {"networ"#,
        expect![[r#"
        1:14: error[syntax]: this text is not closed; add the closing quote
        1:14: error[unknown-key] /feature/networ: unknown key; did you mean `network`?
    "#]],
    );
    check(
        r#"{"feature": {"networ": {"#,
        expect![[r#"
        1:14: error[unknown-key] /feature/networ: unknown key; did you mean `network`?
        1:24: error[syntax]: this `{` is never closed; add a `}`
    "#]],
    );
    check(
        r#"{"feature": {"fs": }, "networ": 1}"#,
        expect![[r#"
        1:14: error[syntax]: a value is missing after this key; add one after the `:`
        1:23: error[unknown-key] /networ: unknown key
    "#]],
    );
    check(
        r#"{"feature": {"fs" }, "networ": 1}"#,
        expect![[r#"
        1:14: error[syntax]: a `:` and a value are missing after this key; write "key": value
        1:22: error[unknown-key] /networ: unknown key
    "#]],
    );
    check(
        "{\"feature\": {\"fs\": \"read\"\n \"env\": tru}, feature: 1}",
        expect![[r#"
        1:25: error[syntax]: a comma is missing after this; add `,`
        2:9: error[syntax]: this is not a value; text stands in double quotes
        2:15: error[syntax]: keys stand in double quotes; write "key": value
        2:15: error[duplicate-key] /feature: this key stands here twice; delete one
    "#]],
    );
    check(
        "{'key': 'x'} y",
        expect![[r#"
        1:2: error[syntax]: text stands in double quotes; replace the single quotes
        1:9: error[syntax]: text stands in double quotes; replace the single quotes
        1:14: error[syntax]: text after the end of the document; delete it
    "#]],
    );
    check(
        "{\"feature\": [{\"a\": 1]}",
        expect![[r#"
        1:13: error[wrong-type] /feature: expected an object, found a list
        1:21: error[syntax]: a `}` is missing before this; close the object first
    "#]],
    );
    check(
        "{\"key\": \"\\x \\ud800\", \"agent\": {\"ttl\": 1.2.3}} /*",
        expect![[r#"
        1:10: error[syntax]: this is not an escape; a backslash itself is written \\
        1:13: error[syntax]: this is not an escape; a backslash itself is written \\
        1:39: error[syntax]: this is not a number; text stands in double quotes
        1:47: error[syntax]: the comment is not closed; close it with */
    "#]],
    );
}

#[test]
fn the_extension_decides_the_syntax() {
    for (name, expected) in [
        ("a/mirrord.yaml", expect![""]),
        (
            "mirrord.txt",
            expect![
                "mirrord.txt:1:1: error[file-extension]: `mirrord.txt`: a configuration file does not end in .txt; rename it to .json, .jsonc, .yaml, .yml or .toml"
            ],
        ),
        ("mirrord.JSONC", expect![[""]]),
        ("mirrord", expect![[""]]),
    ] {
        let loaded = config::load(Some(Source { name, text: "{}" }), &Overrides::default());
        expected.assert_eq(&loaded.problems.iter().map(|problem| problem.render(name, "{}")).collect::<String>());
    }
}
