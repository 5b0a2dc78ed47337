//! Editors with mistakes, and documents that no person writes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, URI, talk, talk_until};
use crate::cluster::Cluster;

/// Whether the server still answers, and still checks.
async fn is_well(client: &mut Client, version: i32) {
    client.open(version, "{").await;
    while client.diagnostics().await.0 != Some(i64::from(version)) {}
    assert_eq!(client.request("mirrord/sessions", Value::Null).await, json!({ "sessions": [] }));
}

/// The next error that belongs to no request.
async fn complaint(client: &mut Client) -> i64 {
    client.find(|message| message["id"].is_null() && message.get("error").is_some()).await["error"]["code"]
        .as_i64()
        .unwrap()
}

#[tokio::test]
async fn messages_that_are_none_are_answered_and_forgotten() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        for (body, code) in [
            (b"{".as_slice(), -32700),
            (b"\"\xff\xfe\"", -32700),
            (b"", -32700),
            (b"[]", -32600),
            (b"7", -32600),
            (b"{\"jsonrpc\": \"1.0\", \"method\": \"m\"}", -32600),
        ] {
            client.send_body(body).await;
            assert_eq!(complaint(client).await, code, "{}", String::from_utf8_lossy(body));
        }
        client.send_bytes(b"Content-Length: many\r\n\r\n").await;
        assert_eq!(complaint(client).await, -32700);
        // The same nonsense goes on, and is complained about once.
        client.send_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        is_well(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn methods_that_do_not_exist_are_refused() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        assert_eq!(client.exchange("mirrord/nonsense", json!({})).await["error"]["code"], -32601);
        assert_eq!(client.exchange("textDocument/hover", json!({ "no": 1 })).await["error"]["code"], -32602);
        for none in [Value::Null, json!({})] {
            let id = client.begin("mirrord/sessions", none).await;
            assert_eq!(client.answer(id).await["result"], json!({ "sessions": [] }), "no parameters, said in full");
        }
        client.notify("$/whatever", json!({})).await;
        client.notify("textDocument/didChange", json!({ "nonsense": true })).await;
        is_well(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn requests_before_initialize_wait_for_nothing() {
    talk(Cluster::ready(), async |client| {
        assert_eq!(client.exchange("mirrord/sessions", Value::Null).await["error"]["code"], -32002);
        client.initialize(json!({})).await;
        assert!(client.exchange("initialize", json!({ "capabilities": {} })).await["error"].is_object());
        is_well(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn documents_are_what_editors_say_however_they_say_it() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        // Of a document that is not open, and closed twice.
        client.change(1, "{}").await;
        client.edit(2, (0, 0), (0, 1), "x").await;
        client.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
        // Opened twice, with a lower version.
        client.open(5, "{").await;
        client.open(2, "{}").await;
        // Beyond its end, and backwards.
        client.edit(1, (9, 9), (10, 0), " ").await;
        client.edit(7, (0, 2), (0, 1), "\n").await;
        loop {
            let (version, lines) = client.diagnostics().await;
            if version == Some(7) {
                assert_eq!(lines, "", "the text is now a pair of braces and blanks");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_document_of_ten_mebibytes_does_not_stop_the_conversation() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let line = format!("    \"{}\", // {}\n", "p".repeat(80), "c".repeat(900));
        let many = line.repeat((10 << 20) / line.len());
        let text = format!("{{\"skip_processes\": [\n{many}    \"last\"\n], \"kee\": 1}}");
        client.open(1, &text).await;
        let start = Instant::now();
        client.request("mirrord/sessions", Value::Null).await;
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        // Edited while it is being read.
        for version in 2..20 {
            client.edit(version, (1, 5), (1, 6), "b").await;
        }
        loop {
            let (version, lines) = client.diagnostics().await;
            if version == Some(19) {
                assert!(lines.contains("unknown-key"), "{lines}");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_document_that_is_too_large_is_said_to_be() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, &" ".repeat((16 << 20) + 1)).await;
        let (_, lines) = client.diagnostics().await;
        assert_eq!(
            lines,
            "0:0-0:0 syntax the document has 16 MiB, and nothing over 16 MiB is read; is this a configuration?\n"
        );
        assert_eq!(client.ask_at("textDocument/hover", 0, 0).await, Value::Null);
        client.change(2, "{}").await;
        assert_eq!(client.diagnostics().await, (Some(2), String::new()));
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_requests_is_answered_or_refused_and_never_forgotten() {
    let cluster = Cluster::loading();
    talk(cluster.clone(), async |client| {
        client.initialize(json!({})).await;
        let mut ids = Vec::new();
        for _ in 0..300 {
            ids.push(client.begin("mirrord/targets", json!({})).await);
        }
        let refused = client.answer(ids[299]).await;
        assert_eq!(refused["error"]["code"], -32803);
        cluster.change(crate::cluster::ready);
        for id in &ids[..256] {
            assert_eq!(client.answer(*id).await["result"]["total"], 2);
        }
        for id in &ids[256..299] {
            assert!(client.answer(*id).await["error"]["message"].as_str().unwrap().contains("under way already"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_defect_in_a_handler_is_an_answer_and_not_the_end() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let answer = client.exchange("mirrord/start", json!({ "mirrord": { "target": "panic" } })).await;
        assert!(answer["error"].is_object(), "{answer}");
        for _ in 0..2 {
            client.notification("mirrord/event").await;
        }
        client.request("mirrord/stop", json!({ "session": "1" })).await;
        is_well(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_editor_that_says_exit_without_shutdown_has_crashed() {
    let end = talk_until(Cluster::ready(), async |client: &mut Client| {
        client.initialize(json!({})).await;
        client.notify("exit", Value::Null).await;
    });
    assert_eq!(end.await, server::lsp::End::Abrupt);
}

#[tokio::test]
async fn an_editor_that_dies_is_noticed_although_its_pipe_stays_open() {
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    let process = dead.id();
    dead.wait().unwrap();
    let end = talk_until(Cluster::ready(), async |client: &mut Client| {
        client.initialize_with(json!({ "processId": process, "capabilities": {} })).await;
        // Nothing is closed: the conversation ends when the server says so.
        while client.is_open().await {}
    });
    assert_eq!(end.await, server::lsp::End::Abrupt);
}
