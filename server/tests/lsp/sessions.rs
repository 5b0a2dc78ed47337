//! Sessions that an editor starts, watches and stops.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::client::{Client, talk, talk_until};
use crate::cluster::{Cluster, ready};

/// What is told of a session, one word for each event.
async fn events(client: &mut Client, count: usize) -> String {
    let mut told = Vec::new();
    for _ in 0..count {
        let event = client.notification("mirrord/event").await;
        let detail = event["state"].as_str().or(event["text"].as_str()).unwrap().to_owned();
        told.push(format!("{} {}: {detail}", event["session"].as_str().unwrap(), event["kind"].as_str().unwrap()));
    }
    told.join("; ")
}

fn gated() -> (Arc<Cluster>, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let mut cluster = Cluster::new(ready);
    cluster.gate = Some(Arc::clone(&gate));
    (Arc::new(cluster), gate)
}

#[tokio::test]
async fn a_session_starts_is_listed_and_stops() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client
            .initialize_with(
                json!({ "capabilities": {}, "workspaceFolders": [{ "uri": "file:///work", "name": "w" }] }),
            )
            .await;
        let params = json!({ "mirrord": { "target": "pod/x" }, "env": { "A": "1", "B": null } });
        let injection = client.request("mirrord/start", params).await;
        assert_eq!(
            injection,
            json!({
                "session": "1", "target": "pod/x in namespace n",
                "set": { "GREETING": "hello", "LD_PRELOAD": "/layer.so" }, "unset": ["LOCAL"],
                "launcher": [std::env::current_exe().expect("its path"), "launch"]
            })
        );
        assert_eq!(
            events(client, 4).await,
            "1 state: starting; 1 step: connecting to the cluster; 1 step: ready: pod/x in namespace n; \
             1 state: connected"
        );
        let listed = client.request("mirrord/sessions", Value::Null).await;
        let expected = [
            ("session", json!("1")),
            ("by", json!("editor")),
            ("target", json!("pod/x in namespace n")),
            ("state", json!("connected")),
            ("programs", json!(1)),
            ("sentBytes", json!(10)),
            ("receivedBytes", json!(20)),
        ];
        for (key, value) in expected {
            assert_eq!(listed["sessions"][0][key], value, "{key}");
        }
        assert_eq!(client.request("mirrord/stop", json!({ "session": "1" })).await, Value::Null);
        assert_eq!(events(client, 1).await, "1 state: stopped");
        assert_eq!(client.request("mirrord/sessions", Value::Null).await, json!({ "sessions": [] }));
        let again = client.exchange("mirrord/stop", json!({ "session": "1" })).await;
        assert_eq!(again["error"]["message"], "there is no session `1`");
    })
    .await;
    assert_eq!(cluster.log(), "start pod/x in /work; stop");
}

#[tokio::test]
async fn sessions_of_others_are_listed_and_stopped_and_others_stop_ours() {
    let cluster = Cluster::ready();
    let other = session::view::View { session: "0a1b".to_owned(), seconds: 7, ..Default::default() };
    cluster.elsewhere.lock().unwrap().push(other);
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        client.request("mirrord/start", json!({ "mirrord": { "target": "pod/x" } })).await;
        events(client, 4).await;
        let names = async |client: &mut Client| {
            let listed = client.request("mirrord/sessions", Value::Null).await;
            let sessions = listed["sessions"].as_array().unwrap().iter();
            sessions.map(|session| session["session"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(client).await, ["0a1b", "1"]);
        client.request("mirrord/stop", json!({ "session": "0a1b" })).await;
        assert_eq!(names(client).await, ["1"]);
        cluster.stop_wanted.notify_one();
        assert_eq!(events(client, 1).await, "1 state: stopped");
        assert_eq!(names(client).await, [""; 0]);
    })
    .await;
    assert_eq!(cluster.log(), "start pod/x in /here; stop");
}

#[tokio::test]
async fn a_lens_stops_by_a_command() {
    let cluster = Cluster::ready();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        client.request("mirrord/start", json!({ "mirrord": { "target": "pod/x" } })).await;
        events(client, 4).await;
        let command = json!({ "command": "mirrord.stop", "arguments": ["1"] });
        client.request("workspace/executeCommand", command).await;
        events(client, 1).await;
        let unknown = client.exchange("workspace/executeCommand", json!({ "command": "rm -rf /" })).await;
        assert_eq!(unknown["error"]["message"], "there is no command rm -rf / (there are: mirrord.stop)");
        let nothing = client.exchange("workspace/executeCommand", json!({ "command": "mirrord.stop" })).await;
        assert_eq!(nothing["error"]["code"], -32602);
    })
    .await;
    assert_eq!(cluster.log(), "start pod/x in /here; stop");
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_leaves_nothing() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let failed = client.exchange("mirrord/start", json!({})).await;
        assert_eq!(failed["error"]["message"], "no target: say whom the program stands in for");
        assert_eq!(client.request("mirrord/sessions", Value::Null).await, json!({ "sessions": [] }));
        events(client, 2).await;
    })
    .await;
}

#[tokio::test]
async fn the_start_is_reported_and_cancelled_by_its_token() {
    let (cluster, _gate) = gated();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        let params = json!({ "mirrord": { "target": "pod/x" }, "workDoneToken": "t" });
        let id = client.begin("mirrord/start", params).await;
        let begin = client.notification("$/progress").await;
        assert_eq!(
            begin,
            json!({ "token": "t", "value": { "kind": "begin", "title": "mirrord", "cancellable": true } })
        );
        assert_eq!(client.notification("$/progress").await["value"]["message"], "connecting to the cluster");
        client.notify("window/workDoneProgress/cancel", json!({ "token": "t" })).await;
        assert_eq!(client.answer(id).await["error"]["message"], "stopped before the session was ready");
        assert_eq!(client.notification("$/progress").await["value"]["kind"], "end");
        events(client, 2).await;
    })
    .await;
    assert_eq!(cluster.log(), "start pod/x in /here; cancelled");
}

#[tokio::test]
async fn a_start_that_is_cancelled_or_stopped_leaves_nothing() {
    let (cluster, _gate) = gated();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        let params = json!({ "mirrord": { "target": "pod/x" } });
        let id = client.begin("mirrord/start", params.clone()).await;
        events(client, 2).await;
        let starting = client.request("mirrord/sessions", Value::Null).await;
        assert_eq!(starting["sessions"][0]["state"], "starting");
        client.notify("$/cancelRequest", json!({ "id": id })).await;
        assert_eq!(client.answer(id).await["error"]["code"], -32800);
        while client.request("mirrord/sessions", Value::Null).await != json!({ "sessions": [] }) {}
        let id = client.begin("mirrord/start", params).await;
        events(client, 2).await;
        client.request("mirrord/stop", json!({ "session": "2" })).await;
        assert_eq!(client.answer(id).await["error"]["message"], "stopped before the session was ready");
    })
    .await;
    assert_eq!(cluster.log(), "start pod/x in /here; cancelled; start pod/x in /here; cancelled");
}

#[tokio::test]
async fn sessions_end_with_the_server_however_it_ends() {
    let (cluster, gate) = gated();
    let params = json!({ "mirrord": { "target": "pod/x" } });
    let end = talk_until(cluster.clone(), async |client: &mut Client| {
        client.initialize(json!({})).await;
        gate.notify_one();
        client.request("mirrord/start", params.clone()).await;
        events(client, 4).await;
        // Another one is still starting when the pipe breaks.
        client.begin("mirrord/start", params.clone()).await;
        events(client, 2).await;
    });
    assert_eq!(end.await, server::lsp::End::Abrupt);
    let log = cluster.log();
    assert!(log.contains("stop") && log.contains("cancelled"), "{log}");
}
