use std::sync::Arc;

use config::{Document, Kind, Overrides, Source};
use expect_test::{Expect, expect};

use super::problems;
use crate::live::view::{ContainerDetail, Denied, Detail, Health, LabelItem, PodDetail, Port, State, TargetItem, View};

/// A cluster with context `dev`, namespaces `shop` and `web`, and a few targets in `shop`.
fn view() -> View {
    let item = |kind, name: &str, desired| TargetItem {
        kind,
        name: name.into(),
        ready: None,
        desired,
        containers: Arc::default(),
    };
    View {
        state: State::Ready,
        contexts: Some(["dev".to_owned(), "prod".to_owned()].into()),
        context: Some("dev".into()),
        namespace: Some("shop".into()),
        namespaces: Some(["shop".to_owned(), "web".to_owned()].into()),
        targets: Some(
            [
                item(Kind::Deployment, "checkout", Some(2)),
                item(Kind::Deployment, "idle", Some(0)),
                item(Kind::StatefulSet, "database", Some(1)),
            ]
            .into(),
        ),
        labels: Some([LabelItem { label: "app=checkout".into(), pods: 2 }].into()),
        ..View::default()
    }
}

fn missing() -> View {
    View { target_missing: true, ..view() }
}

/// The view of someone who names `deployment/checkout`.
fn found(change: impl FnOnce(&mut Detail)) -> View {
    let port = |number, name: &str| Port { number, name: Some(name.into()), protocol: "TCP".into() };
    let mut detail = Detail {
        path: "deployment/checkout".into(),
        pods: vec![PodDetail { name: "checkout-1".into(), health: Health::Ready, ..PodDetail::default() }],
        containers: vec![
            ContainerDetail {
                name: "app".into(),
                ports: vec![port(8080, "http"), port(9000, "admin")],
                probe_ports: vec![8080],
                ..ContainerDetail::default()
            },
            ContainerDetail { name: "side".into(), ..ContainerDetail::default() },
        ],
        default_container: Some("app".into()),
    };
    change(&mut detail);
    View { target: Some(Arc::new(detail)), ..view() }
}

fn check(text: &str, view: &View, expected: &Expect) {
    check_named("mirrord.json", text, view, expected);
}

/// Each problem on a line, and below it the part of the text that it marks and what repairs it.
fn check_named(name: &str, text: &str, view: &View, expected: &Expect) {
    let overrides = Overrides { editing: true, ..Overrides::default() };
    let loaded = config::load(Some(Source { name, text }), &overrides);
    let document = Document::parse(name, text);
    let told = problems(&document, text, &loaded, view).into_iter().map(|problem| {
        let marked = &text[problem.span.start..problem.span.end];
        let fix = problem.fix.as_ref().map(|fix| {
            let mut repaired = text.to_owned();
            for edit in fix.edits.iter().rev() {
                repaired.replace_range(edit.span.start..edit.span.end, &edit.text);
            }
            format!("{}: {repaired}", fix.title)
        });
        format!("{}\n    {marked} -> {}\n", problem.render(name, text), fix.unwrap_or_default())
    });
    expected.assert_eq(&told.collect::<String>());
}

#[test]
fn a_context_is_looked_for_although_no_cluster_answers() {
    let down = View { state: State::Failed("no route".into()), ..missing() };
    check(
        r#"{ "kube_context": "deev", "target": "pod/x" }"#,
        &down,
        &expect![[r#"
        mirrord.json:1:19: error[context-missing] /kube_context: the kubeconfig has no context `deev`; did you mean `dev`?
            "deev" -> Change to `dev`: { "kube_context": "dev", "target": "pod/x" }
    "#]],
    );
}

#[test]
fn a_namespace_that_is_not_there() {
    let elsewhere = View { namespace: Some("shoop".into()), ..missing() };
    check(
        r#"{ "target": { "path": "pod/x", "namespace": "shoop" } }"#,
        &elsewhere,
        &expect![[r#"
        mirrord.json:1:45: error[namespace-missing] /target/namespace: the cluster has no namespace `shoop`; did you mean `shop`?
            "shoop" -> Change to `shop`: { "target": { "path": "pod/x", "namespace": "shop" } }
    "#]],
    );
    check(
        r#"{ "target": "pod/x" }"#,
        &elsewhere,
        &expect![[r#"
        mirrord.json:1:13: error[namespace-missing] /target/path: the cluster has no namespace `shoop`, which is that of context `dev`; name one with `target.namespace`
            "pod/x" -> 
    "#]],
    );
    let hidden = View { namespaces: None, target_missing: false, ..elsewhere };
    check(r#"{ "target": { "path": "pod/x", "namespace": "shoop" } }"#, &hidden, &expect![""]);
}

#[test]
fn a_target_that_is_not_there() {
    check(
        r#"{ "target": "deploy/chekout/container/app" }"#,
        &missing(),
        &expect![[r#"
        mirrord.json:1:13: error[target-missing] /target/path: there is no deployment `chekout` in namespace `shop`; did you mean `checkout`?
            "deploy/chekout/container/app" -> Change to `deployment/checkout/container/app`: { "target": "deployment/checkout/container/app" }
    "#]],
    );
    check(
        r#"{ "target": { "path": { "deployment": "chekout" } } }"#,
        &missing(),
        &expect![[r#"
            mirrord.json:1:39: error[target-missing] /target/path: there is no deployment `chekout` in namespace `shop`; did you mean `checkout`?
                "chekout" -> Change to `checkout`: { "target": { "path": { "deployment": "checkout" } } }
        "#]],
    );
    check(
        r#"{ "target": "deployment/database" }"#,
        &missing(),
        &expect![[r#"
        mirrord.json:1:13: error[target-missing] /target/path: there is no deployment `database` in namespace `shop`; there is a statefulset of that name
            "deployment/database" -> Change to `statefulset/database`: { "target": "statefulset/database" }
    "#]],
    );
    check(
        r#"{ "target": "label/app=chekout" }"#,
        &missing(),
        &expect![[r#"
        mirrord.json:1:13: error[target-missing] /target/path: no pod in namespace `shop` has the labels `app=chekout`; did you mean `app=checkout`?
            "label/app=chekout" -> Change to `label/app=checkout`: { "target": "label/app=checkout" }
    "#]],
    );
    check_named(
        "mirrord.yaml",
        "target:\n  path: deployment/chekout\n",
        &missing(),
        &expect![[r#"
        mirrord.yaml:2:9: error[target-missing] /target/path: there is no deployment `chekout` in namespace `shop`; did you mean `checkout`?
            deployment/chekout -> Change to `deployment/checkout`: target:
          path: deployment/checkout

    "#]],
    );
}

#[test]
fn nothing_is_said_of_what_is_not_known() {
    check(r#"{ "target": "deployment/{{ key }}" }"#, &missing(), &expect![""]);
    for state in [State::Loading, State::Failed("no route".into())] {
        check(r#"{ "target": "deployment/x" }"#, &View { state, ..missing() }, &expect![""]);
    }
    check(r#"{ "target": "deployment/x" }"#, &view(), &expect![""]);
    check(r#"{ "agent": {} }"#, &missing(), &expect![""]);
}

#[test]
fn a_container_that_is_not_there() {
    let text = r#"{ "target": "deployment/checkout/container/ap" }"#;
    check(
        text,
        &found(|_| {}),
        &expect![[r#"
        mirrord.json:1:13: error[container-missing] /target/path: deployment/checkout has no container `ap`; did you mean `app`?
            "deployment/checkout/container/ap" -> Change to `deployment/checkout/container/app`: { "target": "deployment/checkout/container/app" }
    "#]],
    );
    let text = r#"{ "target": { "deployment": "checkout", "container": "zzz" } }"#;
    check(
        text,
        &found(|detail| detail.containers.truncate(1)),
        &expect![[r#"
            mirrord.json:1:54: error[container-missing] /target/path: deployment/checkout has no container `zzz`; it has only `app`
                "zzz" -> Change to `app`: { "target": { "deployment": "checkout", "container": "app" } }
        "#]],
    );
}

#[test]
fn pods_that_cannot_be_used_or_are_several() {
    let text = r#"{ "target": "deployment/checkout" }"#;
    let down = Health::Down("it is Pending; container `app`: ErrImagePull".into());
    check(
        text,
        &found(|detail| detail.pods[0].health = down),
        &expect![[r#"
            mirrord.json:1:13: warning[target-unavailable] /target/path: deployment/checkout has no pod that runs: it is Pending; container `app`: ErrImagePull; `kubectl -n shop describe pod checkout-1` tells more
                "deployment/checkout" -> 
        "#]],
    );
    check(
        text,
        &found(|detail| detail.pods.clear()),
        &expect![[r#"
        mirrord.json:1:13: warning[target-unavailable] /target/path: deployment/checkout has no pods now
            "deployment/checkout" -> 
    "#]],
    );
    let idle = found(|detail| detail.pods.clear());
    check(
        r#"{ "target": "deployment/idle" }"#,
        &idle,
        &expect![[r#"
        mirrord.json:1:13: warning[target-unavailable] /target/path: deployment/idle has no pods now; it is scaled to 0; `kubectl scale deployment/idle --replicas=1` starts one
            "deployment/idle" -> 
    "#]],
    );
    check(
        text,
        &found(|detail| detail.pods.push(detail.pods[0].clone())),
        &expect![[r#"
        mirrord.json:1:13: hint[several-pods] /target/path: deployment/checkout has 2 ready pods; a session stands in for `checkout-1` only; the others keep their own traffic; to choose, write pod/NAME: checkout-1, checkout-1
            "deployment/checkout" -> 
    "#]],
    );
}

#[test]
fn ports_that_no_container_declares() {
    let text = r#"{ "target": "deployment/checkout", "feature": { "network": { "incoming": {
        "mode": "steal", "ports": [8080, 81], "port_mapping": [[3000, 82]], "http_filter": { "path_filter": "/", "ports": 83 } } } } }"#;
    check(
        text,
        &found(|_| {}),
        &expect![[r#"
        mirrord.json:2:42: warning[port-undeclared] /feature/network/incoming/ports/1: deployment/checkout declares no port 81; it declares 8080 (http), 9000 (admin)
            81 -> Change to 9000: { "target": "deployment/checkout", "feature": { "network": { "incoming": {
                "mode": "steal", "ports": [8080, 9000], "port_mapping": [[3000, 82]], "http_filter": { "path_filter": "/", "ports": 83 } } } } }
        mirrord.json:2:71: warning[port-undeclared] /feature/network/incoming/port_mapping/0/1: deployment/checkout declares no port 82; it declares 8080 (http), 9000 (admin)
            82 -> Change to 9000: { "target": "deployment/checkout", "feature": { "network": { "incoming": {
                "mode": "steal", "ports": [8080, 81], "port_mapping": [[3000, 9000]], "http_filter": { "path_filter": "/", "ports": 83 } } } } }
        mirrord.json:2:123: warning[port-undeclared] /feature/network/incoming/http_filter/ports/0: deployment/checkout declares no port 83; it declares 8080 (http), 9000 (admin)
            83 -> 
    "#]],
    );
    check(text, &found(|detail| detail.containers[0].ports.clear()), &expect![""]);
    check(&text.replace("steal", "off"), &found(|_| {}), &expect![""]);
}

#[test]
fn probes_that_the_program_would_answer() {
    let text = r#"{ "target": "deployment/checkout", "feature": { "network": { "incoming": { "mode": "steal", "steal_probes": true } } } }"#;
    check(
        text,
        &found(|_| {}),
        &expect![[r#"
        mirrord.json:1:109: warning[steals-probes] /feature/network/incoming/steal_probes: the program would have to answer the kubelet's probes on port 8080; while it does not, the pod is taken out of service or restarted
            true -> 
    "#]],
    );
    check(&text.replace("true", "false"), &found(|_| {}), &expect![""]);
    check(&text.replace(r#""steal_probes""#, r#""ports": [9000], "steal_probes""#), &found(|_| {}), &expect![""]);
    let filtered = r#""http_filter": { "header_filter": "x" }, "steal_probes""#;
    check(&text.replace(r#""steal_probes""#, filtered), &found(|_| {}), &expect![""]);
}

#[test]
fn a_permission_that_is_missing_comes_with_its_rule() {
    let denied = |verb: &str, resource: &str| Denied {
        verb: verb.into(),
        group: String::new(),
        resource: resource.into(),
        namespace: "shop".into(),
    };
    let view = View {
        denied: Some([denied("patch", "pods/ephemeralcontainers"), denied("create", "pods/portforward")].into()),
        ..found(|_| {})
    };
    check(
        r#"{ "target": "deployment/checkout" }"#,
        &view,
        &expect![[r#"
        mirrord.json:1:13: warning[permission-missing] /target/path: you may not patch pods/ephemeralcontainers, create pods/portforward in namespace `shop`, which a session needs; ask for this in a Role of namespace `shop`:
        - apiGroups: [""]
          resources: ["pods/ephemeralcontainers"]
          verbs: ["patch"]
        - apiGroups: [""]
          resources: ["pods/portforward"]
          verbs: ["get", "create"]
            "deployment/checkout" -> 
    "#]],
    );
}
