//! A document for each rule: it is raised, and its fix repairs the document in every syntax.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::document::{Syntax, print};
use crate::config::{self, Code, Loaded, Overrides, Problem, Severity, Source};

/// Codes that no text alone raises.
const ELSEWHERE: &[Code] = &[
    // Wherever a cluster is looked at.
    Code::ProfileApplied,
    Code::ContextMissing,
    Code::NamespaceMissing,
    Code::TargetMissing,
    Code::TargetUnavailable,
    Code::ContainerMissing,
    Code::PortUndeclared,
    Code::PermissionMissing,
    Code::SeveralPods,
    Code::StealsProbes,
];

/// Codes that something else than the text of a JSON file raises: see the test of them.
const OTHER_INPUTS: &[Code] = &[Code::FileExtension, Code::Template, Code::BadVariable];

/// Documents that raise a code, inside `feature.network.incoming` where they begin with `+`.
const CASES: &[(Code, &[&str])] = &[
    (Code::Syntax, &[r#"{"key": }"#, r#"{"key""#, ""]),
    (
        Code::UnknownKey,
        &[
            r#"{"featur": {"fs": "read"}, "key": "a"}"#,
            r#"{"feature": {"fs": {"read-only": ["a"]}}}"#,
            r#"{"zzz": 1}"#,
            r#"{"agent": {"image": {"rigistry": "a", "tag": "b"}}}"#,
        ],
    ),
    (Code::RemovedKey, &[r#"{"key": "a", "connect_tcp": "x"}"#, r#"{"connect_tcp": "x"}"#]),
    (Code::DuplicateKey, &[r#"{"key": "a", "key": "b"}"#]),
    (Code::NoEffect, &[r#"{"telemetry": false, "key": "a"}"#, r#"{"key": "a", "skip_sip": "git"}"#]),
    (
        Code::WrongType,
        &[
            r#"{"target": 5}"#,
            r#"{"operator": "true"}"#,
            r#"{"agent": {"ttl": "5", "startup_timeout": 10}}"#,
            r#"{"feature": {"env": {"override": {"A": 1, "B": true, "C": "x"}}}}"#,
            r#"{"feature": {"network": {"incoming": {"ignore_ports": [80, null, "81"]}}}}"#,
            r#"{"key": ["a"]}"#,
            "null",
        ],
    ),
    (
        Code::BadValue,
        &[
            r#"{"feature": {"fs": "rea"}}"#,
            r#"{"feature": {"fs": {"mode": "wirte", "local": ["x"]}}}"#,
            r#"{"agent": {"ttl": -1}}"#,
            r#"{"target": "pod/a", "feature": {"network": {"incoming": "stael"}}}"#,
            r#"+"http_filter": {"any_of": [{"header": "a", "path": "b"}]}"#,
            r#"+"port_mapping": [[1, 2, 3]]"#,
        ],
    ),
    (Code::MissingKey, &[r#"{"agent": {"image_pull_secrets": [{}]}}"#]),
    (
        Code::BadRegex,
        &[
            r#"{"feature": {"fs": {"read_only": ["^/a", "["]}}}"#,
            r#"{"feature": {"env": {"mapping": {"(": "x"}}}}"#,
            r#"+"http_filter": {"path_filter": "("}"#,
        ],
    ),
    (
        Code::BadJsonPath,
        &[
            r#"+"http_filter": {"body_filter": {"body": "json", "query": "$.a["}}"#,
            r#"+"http_filter": {"all_of": [{"body": "json", "query": "a"}]}"#,
        ],
    ),
    (
        Code::BadJq,
        &[r#"+"http_filter": {"header_filter_jq": "foo"}"#, r#"+"http_filter": {"any_of": [{"query": "(.a"}]}"#],
    ),
    (Code::TargetSyntax, &[r#"{"target": "deplyment/x"}"#, r#"{"target": {"path": "x", "namespace": "n"}}"#]),
    (
        Code::TargetSeveral,
        &[r#"{"target": {"pod": "a", "job": "b"}}"#, r#"{"target": {"path": "pod/a", "job": "b", "namespace": "n"}}"#],
    ),
    (Code::LabelEmpty, &[r#"{"target": "label/"}"#, r#"{"target": {"labels": {}}}"#]),
    (Code::TargetlessSteal, &[r#"{"feature": {"network": {"incoming": "steal"}}}"#]),
    (Code::TargetlessEphemeral, &[r#"{"agent": {"ephemeral": true}}"#]),
    (
        Code::FilterSeveral,
        &[
            r#"+"http_filter": {"header_filter": "a", "path_filter": "b", "ports": [80]}"#,
            r#"+"http_filter": {"method_filter": "GET", "all_of": [{"path": "^/a"}], "body_filter": {"body": "json", "query": "$.a"}}"#,
            r#"+"http_filter": {"method_filter": "GET", "any_of": [{"path": "^/a"}]}"#,
        ],
    ),
    (
        Code::FilterEmpty,
        &[
            r#"+"http_filter": {"path_filter": ""}"#,
            r#"+"http_filter": {"header_filter_jq": "", "ports": [80]}"#,
            r#"+"http_filter": {"body_filter": {"body": "json", "query": ""}}"#,
            r#"+"http_filter": {"any_of": []}"#,
            r#"{"feature": {"split_queues": {"a": {"jq_filter": ""}}}}"#,
            r#"{"feature": {"split_queues": [{"message_filter": {"a": "", "b": "c"}}]}}"#,
            r#"+"http_filter": {"all_of": [{"header": ""}, {"path": "a"}]}"#,
        ],
    ),
    (Code::PortsBoth, &[r#"+"ports": [80], "ignore_ports": [81]"#]),
    (Code::PortTwice, &[r#"+"port_mapping": [[1, 2], [1, 3]]"#, r#"+"listen_ports": [[1, 2], [1, 2]], "ports": [80]"#]),
    (Code::PortIdentity, &[r#"+"port_mapping": [[1, 2], [5, 5]]"#, r#"+"port_mapping": [[5, 5]]"#]),
    (Code::NetFilterSyntax, &[r#"{"feature": {"network": {"outgoing": {"filter": {"remote": ["sctp://a"]}}}}}"#]),
    (Code::NetFilterBoth, &[r#"{"feature": {"network": {"dns": {"filter": {"remote": ["a"], "local": ["b"]}}}}}"#]),
    (
        Code::OutgoingRemoteNoDns,
        &[r#"{"feature": {"network": {"outgoing": {"filter": {"remote": "db"}}, "dns": false}}}"#],
    ),
    (
        Code::DnsFilterUnused,
        &[
            r#"{"feature": {"network": {"dns": {"filter": {"local": []}}}}}"#,
            r#"{"feature": {"network": {"dns": {"enabled": false, "filter": {"local": ["a"]}}}}}"#,
        ],
    ),
    (
        Code::NetFilterSides,
        &[
            r#"{"feature": {"network": {"outgoing": {"filter": {"remote": ["a", "db:5432"]}}, "dns": {"filter": {"local": ["db"]}}}}}"#,
        ],
    ),
    (Code::EnvBoth, &[r#"{"feature": {"env": {"include": "A", "exclude": ["B"]}}}"#]),
    (Code::EnvBringsBack, &[r#"{"feature": {"env": {"include": ["A", "JAVA_*"]}}}"#]),
    (
        Code::BufferSize,
        &[
            r#"{"feature": {"fs": {"readonly_file_buffer": 2000000}}}"#,
            r#"{"feature": {"fs": {"readonly_file_buffer": 20000000}}}"#,
        ],
    ),
    (
        Code::DeprecatedKey,
        &[r#"+"https_delivery": {"protocol": "tcp"}"#, r#"{"experimental": {"non_blocking_tcp_connect": true}}"#],
    ),
    (Code::OperatorKey, &[r#"{"baggage": "a"}"#, r#"{"target": "pod/a", "feature": {"copy_target": true}}"#]),
    (Code::UnstableKey, &[r#"{"container": {"cli_image": "a"}}"#]),
    (
        Code::ExclusiveKeys,
        &[
            r#"{"feature": {"db_branches": [{"type": "pg", "connection": {"url": "A"}, "version": "1", "image": "b"}]}}"#,
            r#"{"feature": {"db_branches": [{"type": "mysql", "connection": {"url": "A"}, "ttl_secs": 1, "ttl_mins": 2}]}}"#,
            r#"{"feature": {"preview": {"ttl_mins": "infinite", "ttl_secs": 2}}}"#,
        ],
    ),
    (
        Code::LabelWith,
        &[
            r#"{"target": "label/a=b", "feature": {"copy_target": true, "network": {"incoming": "steal"}}}"#,
            r#"{"target": "label/a=b", "multi_cluster": true}"#,
            r#"{"target": "label/a=b", "feature": {"split_queues": {"a": {"queue_type": "SQS"}}}}"#,
            r#"{"target": "label/a=b", "feature": {"db_branches": [{"type": "pg", "connection": {"url": "A"}}]}}"#,
        ],
    ),
    (Code::TargetlessCopy, &[r#"{"feature": {"copy_target": {"scale_down": true}}}"#]),
    (Code::CopyWithoutOperator, &[r#"{"target": "pod/a", "operator": false, "feature": {"copy_target": true}}"#]),
    (Code::CopyService, &[r#"{"target": "service/a", "feature": {"copy_target": {"enabled": true}}}"#]),
    (Code::CopyWithoutSteal, &[r#"{"target": "pod/a", "feature": {"copy_target": true}}"#]),
    (Code::TlsBoth, &[r#"+"https_delivery": {"protocol": "tcp"}, "tls_delivery": {"protocol": "tcp"}"#]),
    (
        Code::TlsRoots,
        &[r#"+"tls_delivery": {"trust_roots": []}"#, r#"+"tls_delivery": {"trust_roots": ["a"], "server_cert": "b"}"#],
    ),
    (Code::TlsName, &[r#"+"tls_delivery": {"server_name": "a b"}"#]),
    (
        Code::EnvOverrideBranch,
        &[
            r#"{"feature": {"env": {"override": {"DB": "x"}}, "db_branches": [{"type": "pg", "connection": {"url": "DB"}}]}}"#,
            r#"{"feature": {"env": {"override": {"A": "x", "B": "y"}}, "db_branches": [
                {"type": "pg", "connection": {"params": {"host": "H", "port": ["P", {"variable": "B"}]}}}]}}"#,
        ],
    ),
    (
        Code::QueueType,
        &[
            r#"{"feature": {"split_queues": {"a": {"queue_type": "SQ"}}}}"#,
            r#"{"feature": {"split_queues": [{"queue_id": "a", "queue_type": "kafka"}]}}"#,
        ],
    ),
    (
        Code::QueueProtobuf,
        &[
            r#"{"feature": {"split_queues": {"a": {"payload_protobuf": {"message_type": "a.B"}}}}}"#,
            r#"{"feature": {"split_queues": {"a": {"payload_protobuf": {"message_type": "a.B", "descriptor_base64": "?"}}}}}"#,
            r#"{"feature": {"split_queues": [{"payload_protobuf": {"schema_file": "a.proto"}}]}}"#,
            r#"{"feature": {"split_queues": [{"payload_protobuf": {"message_type": "a.B", "schema_file": "a.proto",
                "descriptor_base64": "CgtvcmRlci5wcm90bw=="}}]}}"#,
            r#"{"feature": {"split_queues": [{"payload_protobuf": {"message_type": "a.B", "include_directories": ["a"],
                "descriptor_base64": "CgtvcmRlci5wcm90bw=="}}]}}"#,
        ],
    ),
    (
        Code::RetryRange,
        &[r#"{"startup_retry": {"min_ms": 10, "max_ms": 5}}"#, r#"{"startup_retry": {"max_ms": 0, "max_retries": 1}}"#],
    ),
    (Code::AgentNamespaceUnused, &[r#"{"agent": {"namespace": "x", "ttl": 1}}"#]),
    (Code::AgentImageForeign, &[r#"{"agent": {"image": "ghcr.io/metalbear-co/mirrord:3", "ttl": 1}}"#]),
];

/// The document of a case.
fn text(case: &str) -> String {
    match case.strip_prefix('+') {
        Some(keys) => format!(r#"{{"feature": {{"network": {{"incoming": {{{keys}}}}}}}}}"#),
        None => case.to_owned(),
    }
}

fn load(name: &str, text: &str) -> Loaded {
    config::load(Some(Source { name, text }), &Overrides::default())
}

/// Errors by what they say, without their places, which edits shift.
fn errors(loaded: &Loaded) -> BTreeSet<(&'static str, String)> {
    let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| (problem.code.as_str(), problem.pointer.clone())).collect()
}

fn apply(problem: &Problem, text: &str) -> Option<String> {
    let mut edits = problem.fix.clone()?.edits;
    edits.sort_by_key(|edit| edit.span.start);
    let mut text = text.to_owned();
    for edit in edits.iter().rev() {
        text.replace_range(edit.span.start..edit.span.end, &edit.text);
    }
    Some(text)
}

/// Applies each fix of the document by itself; how many there were.
fn repair_each(name: &str, text: &str) -> usize {
    let loaded = load(name, text);
    let mut fixes = 0;
    for problem in &loaded.problems {
        let Some(repaired) = apply(problem, text) else { continue };
        fixes += 1;
        let again = load(name, &repaired);
        let same = |other: &&Problem| other.code == problem.code && other.pointer == problem.pointer;
        let (before, after) = (loaded.problems.iter().filter(same).count(), again.problems.iter().filter(same).count());
        // What stood behind a deleted item has its pointer now.
        let is_item = problem.pointer.rsplit('/').next().is_some_and(|key| key.parse::<usize>().is_ok());
        assert!(after < before || is_item, "{}\n{text}\n{repaired}", problem.render(name, text));
        assert!(again.problems.len() < loaded.problems.len(), "{}\n{text}\n{repaired}", problem.render(name, text));
        let added: Vec<_> = errors(&again).difference(&errors(&loaded)).cloned().collect();
        assert!(added.is_empty() || is_item, "{}\n{text}\n{repaired}\n{added:?}", problem.render(name, text));
    }
    fixes
}

#[test]
fn each_rule_is_raised() {
    for (code, cases) in CASES {
        for case in *cases {
            let (text, name) = (text(case), "mirrord.json");
            let loaded = load(name, &text);
            let codes: Vec<_> = loaded.problems.iter().map(|problem| problem.code).collect();
            assert!(codes.contains(code), "{code:?}: {text}\n{codes:?}");
            assert_eq!(
                loaded.config.is_none(),
                loaded.problems.iter().any(|problem| problem.severity == Severity::Error),
                "{text}"
            );
        }
    }
}

#[test]
fn each_code_has_a_case_or_comes_from_elsewhere() {
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| {
            !ELSEWHERE.contains(code)
                && !OTHER_INPUTS.contains(code)
                && !CASES.iter().any(|(raised, _)| raised == *code)
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_templates_and_variables_have_rules_too() {
    let bad_ttl = Overrides { env: [("MIRRORD_AGENT_TTL".to_owned(), "x".to_owned())].into(), ..Overrides::default() };
    let codes = |name: &str, text: &str, overrides: &Overrides| -> Vec<Code> {
        config::load(Some(Source { name, text }), overrides).problems.iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes("mirrord.xml", "{}", &Overrides::default()), [Code::FileExtension]);
    assert_eq!(codes("mirrord.json", "{}", &bad_ttl), [Code::BadVariable]);
}

#[test]
fn fixes_remove_their_problem_and_add_none() {
    let mut fixes = 0;
    for case in CASES.iter().flat_map(|(_, cases)| *cases) {
        let text = text(case);
        fixes += repair_each("mirrord.json", &text);
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        fixes += repair_each("mirrord.json", &format!("{value:#}"));
        for syntax in [Syntax::Yaml, Syntax::Toml] {
            fixes += repair_each(&format!("mirrord.{}", syntax.extension()), &print::print(syntax, &value));
        }
    }
    assert!(fixes > 100, "{fixes}");
}
