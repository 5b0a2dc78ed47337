//! What a cluster changes in a conversation.

use std::time::{Duration, Instant};

use expect_test::expect;
use serde_json::{Value, json};
use session::live::View;

use crate::client::{Client, URI, talk};
use crate::cluster::{Cluster, away, ready, with};

fn labels(completion: &Value) -> Vec<&str> {
    completion["items"].as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

/// Opens a document with a target and gives what is completed there.
async fn complete(client: &mut Client) -> Value {
    client.open(1, r#"{"target": ""}"#).await;
    client.diagnostics().await;
    client.ask_at("textDocument/completion", 0, 12).await
}

#[tokio::test]
async fn targets_are_completed_from_the_cluster() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let completion = complete(client).await;
        assert!(labels(&completion).contains(&"deployment/cart"), "{:?}", labels(&completion));
        assert_eq!(completion["isIncomplete"], false);
        assert_eq!(client.cluster().await, "ready");
    })
    .await;
}

#[tokio::test]
async fn a_slow_cluster_delays_nothing_and_answers_the_next_time() {
    let cluster = Cluster::loading();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        let start = Instant::now();
        let completion = complete(client).await;
        assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
        assert_eq!(completion["isIncomplete"], true);
        assert!(!labels(&completion).contains(&"deployment/cart"));
        cluster.change(ready);
        let completion = client.ask_at("textDocument/completion", 0, 12).await;
        assert!(labels(&completion).contains(&"deployment/cart"));
        assert_eq!(completion["isIncomplete"], false);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_soon_is_waited_for() {
    let cluster = Cluster::loading();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, r#"{"target": ""}"#).await;
        client.diagnostics().await;
        let id = client
            .begin(
                "textDocument/completion",
                json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 12 } }),
            )
            .await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        cluster.change(ready);
        let answer = client.answer(id).await;
        assert!(labels(&answer["result"]).contains(&"deployment/cart"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_is_away_is_mentioned_once() {
    talk(Cluster::away(), async |client| {
        client.initialize(json!({})).await;
        for _ in 0..3 {
            let completion = complete(client).await;
            assert_eq!(completion["isIncomplete"], false);
            client.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
            client.diagnostics().await;
        }
        let log = client.notification("window/logMessage").await;
        assert_eq!(log["message"], "no live values: cannot connect to https://10.0.0.1: connection refused");
        assert_eq!(client.cluster().await, "failed: cannot connect to https://10.0.0.1: connection refused");
    })
    .await;
}

#[tokio::test]
async fn a_kubeconfig_that_vanishes_leaves_the_server_and_what_was_known() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        complete(client).await;
        assert_eq!(client.cluster().await, "ready");
        cluster.change(|scope| View { state: away(scope).state, ..ready(scope) });
        assert!(client.cluster().await.starts_with("failed"));
        client.notification("window/logMessage").await;
        let completion = client.ask_at("textDocument/completion", 0, 12).await;
        assert!(labels(&completion).contains(&"deployment/cart"), "what was known last");
        cluster.change(ready);
        assert_eq!(client.cluster().await, "ready");
    })
    .await;
}

#[tokio::test]
async fn targets_can_be_asked_for_in_pages() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let answer = client.request("mirrord/targets", json!({ "namespace": "staging", "types": ["pod"] })).await;
        expect![[r#"
            {
              "targets": [
                {
                  "path": "pod/cart-7d9",
                  "namespace": "staging",
                  "kind": "pod",
                  "available": true,
                  "ready": 1,
                  "desired": 1,
                  "containers": [
                    "web",
                    "cache"
                  ]
                }
              ],
              "total": 1,
              "namespaces": [
                "default",
                "staging"
              ],
              "contexts": [
                "kind",
                "prod"
              ],
              "currentNamespace": "staging",
              "context": "kind"
            }"#]]
        .assert_eq(&format!("{answer:#}"));
        let everything = client.request("mirrord/targets", json!({})).await;
        assert_eq!(everything["total"], 2);
        let first = client.request("mirrord/targets", json!({ "limit": 1 })).await;
        let rest = client.request("mirrord/targets", json!({ "cursor": first["nextCursor"] })).await;
        assert_eq!(
            (&first["targets"][0]["path"], &rest["targets"][0]["path"]),
            (&json!("deployment/cart"), &json!("pod/cart-7d9"))
        );
        assert_eq!(rest.get("nextCursor"), None);
    })
    .await;
}

#[tokio::test]
async fn pickers_hear_that_their_list_has_changed() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        client.request("mirrord/targets", json!({ "namespace": "staging" })).await;
        cluster.change(ready);
        cluster.change(|scope| with(scope, &["cart-7d9", "cart-8aa"]));
        let changed = client.notification("mirrord/targetsChanged").await;
        assert_eq!(changed, json!({ "namespace": "staging" }));
        let answer = client.request("mirrord/targets", changed).await;
        assert_eq!(answer["total"], 3);
    })
    .await;
}

#[tokio::test]
async fn without_a_cluster_targets_are_an_error_with_a_reason() {
    talk(Cluster::away(), async |client| {
        client.initialize(json!({})).await;
        let answer = client.exchange("mirrord/targets", json!({})).await;
        expect![[r#"{"code":-32803,"message":"cannot connect to https://10.0.0.1: connection refused","data":{"targets":[],"total":0,"namespaces":null,"contexts":null,"currentNamespace":null,"context":null}}"#]]
            .assert_eq(&answer["error"].to_string());
    })
    .await;
}

#[tokio::test]
async fn a_picker_that_goes_away_cancels_its_question() {
    let cluster = Cluster::loading();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        let ids = [client.begin("mirrord/targets", json!({})).await, client.begin("mirrord/targets", json!({})).await];
        client.open(1, "{}").await;
        client.diagnostics().await;
        client.notify("$/cancelRequest", json!({ "id": ids[0] })).await;
        assert_eq!(client.answer(ids[0]).await["error"]["code"], -32800);
        cluster.change(ready);
        assert_eq!(client.answer(ids[1]).await["result"]["total"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_stops_answering_in_mid_request_stops_nothing_else() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        complete(client).await;
        cluster.change(|_| View::default());
        let waiting: Vec<u64> = {
            let mut ids = Vec::new();
            for _ in 0..20 {
                ids.push(client.begin("mirrord/targets", json!({})).await);
            }
            ids
        };
        client.change(2, r#"{"target": "pod/x", "kee": 1}"#).await;
        let (version, lines) = client.diagnostics().await;
        assert_eq!(version, Some(2));
        assert!(lines.contains("unknown-key"), "{lines}");
        for id in waiting {
            client.notify("$/cancelRequest", json!({ "id": id })).await;
            assert_eq!(client.answer(id).await["error"]["code"], -32800);
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_goes_is_a_problem_until_it_comes_back() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, r#"{"target": "pod/cart-7d9"}"#).await;
        assert_eq!(client.diagnostics().await, (Some(1), String::new()));
        cluster.change(|scope| with(scope, &[]));
        let (version, lines) = client.diagnostics().await;
        assert_eq!(version, Some(1));
        assert!(lines.contains("target-missing"), "{lines}");
        cluster.change(ready);
        assert_eq!(client.diagnostics().await, (Some(1), String::new()));
    })
    .await;
}
