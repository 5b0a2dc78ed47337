//! What an editor says and hears.

use std::time::{Duration, Instant};

use expect_test::expect;
use serde_json::{Value, json};

use crate::client::{Client, URI, talk};
use crate::cluster::Cluster;

fn labels(completion: &Value) -> Vec<&str> {
    completion["items"].as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

/// Opens the picture without its caret and asks for completion there.
async fn complete(client: &mut Client, picture: &str) -> Value {
    let (before, after) = picture.split_once('‸').unwrap();
    client.open(1, &format!("{before}{after}")).await;
    client.diagnostics().await;
    let line = u32::try_from(before.matches('\n').count()).unwrap();
    let column = before.rsplit('\n').next().unwrap().encode_utf16().count();
    client.ask_at("textDocument/completion", line, u32::try_from(column).unwrap()).await
}

#[tokio::test]
async fn initialize_is_fast_and_says_what_there_is() {
    talk(Cluster::ready(), async |client| {
        let start = Instant::now();
        let answer = client.initialize(json!({})).await;
        assert!(start.elapsed() < Duration::from_millis(80), "{:?}", start.elapsed());
        assert_eq!(answer["serverInfo"]["name"], "mirrord-ide-server");
        expect![[r#"
            {
              "positionEncoding": "utf-16",
              "textDocumentSync": {
                "openClose": true,
                "change": 2
              },
              "selectionRangeProvider": true,
              "hoverProvider": true,
              "completionProvider": {
                "triggerCharacters": [
                  "\"",
                  ":",
                  "/",
                  "[",
                  "."
                ]
              },
              "documentSymbolProvider": true,
              "codeActionProvider": {
                "codeActionKinds": [
                  "quickfix",
                  "refactor.rewrite",
                  "source.fixAll.mirrord"
                ]
              },
              "codeLensProvider": {
                "resolveProvider": false
              },
              "documentFormattingProvider": true,
              "documentLinkProvider": {
                "resolveProvider": false
              },
              "foldingRangeProvider": true,
              "executeCommandProvider": {
                "commands": [
                  "mirrord.stop"
                ]
              },
              "workspace": {
                "workspaceFolders": {
                  "supported": true,
                  "changeNotifications": true
                }
              },
              "inlayHintProvider": true,
              "experimental": {
                "mirrord": {
                  "requests": [
                    "mirrord/targets",
                    "mirrord/start",
                    "mirrord/stop",
                    "mirrord/sessions",
                    "mirrord/explain",
                    "mirrord/config",
                    "mirrord/setTarget"
                  ],
                  "notifications": [
                    "mirrord/event",
                    "mirrord/targetsChanged"
                  ]
                }
              }
            }"#]]
        .assert_eq(&format!("{:#}", answer["capabilities"]));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_key_is_marked_exactly_and_unmarked_when_repaired() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, "{\n  \"feature\": {\n    \"networ\": true\n  }\n}").await;
        let (version, lines) = client.diagnostics().await;
        assert_eq!(version, Some(1));
        expect![[r#"
            2:4-2:12 unknown-key unknown key; did you mean `network`?
        "#]]
        .assert_eq(&lines);
        client.change(2, "{\n  \"feature\": {\n    \"network\": true\n  }\n}").await;
        assert_eq!(client.diagnostics().await, (Some(2), String::new()));
        client.change(3, "{\n  \"feature\": {\n    \"networ\n  }\n}").await;
        expect![[r#"
            2:4-2:11 syntax this text is not closed; add the closing quote
            2:4-2:11 unknown-key unknown key; did you mean `network`?
        "#]]
        .assert_eq(&client.diagnostics().await.1);
        client.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
        assert_eq!(client.diagnostics().await, (None, String::new()));
    })
    .await;
}

#[tokio::test]
async fn columns_count_utf16_units_unless_bytes_are_agreed_on() {
    let text = r#"{"key": "😀é", "networ": 1}"#;
    for (capabilities, encoding, column) in [
        (json!({}), "utf-16", "0:15-0:23"),
        (json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } }), "utf-8", "0:18-0:26"),
    ] {
        talk(Cluster::ready(), async |client| {
            let answer = client.initialize(capabilities).await;
            assert_eq!(answer["capabilities"]["positionEncoding"], encoding);
            client.open(1, text).await;
            let (_, lines) = client.diagnostics().await;
            assert!(lines.starts_with(column), "{lines}");
        })
        .await;
    }
}

#[tokio::test]
async fn edits_count_in_the_order_in_which_they_come() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, r#"{"key": "x"}"#).await;
        client.edit(5, (0, 2), (0, 5), "kee").await;
        client.edit(4, (0, 4), (0, 5), "y").await;
        client.edit(4, (0, 99), (7, 0), "\n").await;
        loop {
            let (version, lines) = client.diagnostics().await;
            if version == Some(4) {
                assert_eq!(lines, "");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_edits_is_checked_once_and_soon() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open(0, "{").await;
        for version in 1..=200 {
            client.change(version, &format!("{{\"key\": \"{version}\"}}")).await;
        }
        let start = Instant::now();
        while client.diagnostics().await.0 != Some(200) {}
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test]
async fn other_files_are_none_of_our_business() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let document = json!({ "uri": "file:///work/package.json", "languageId": "json", "version": 1, "text": "{" });
        client.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
        client.notify("textDocument/didClose", json!({ "textDocument": { "uri": "file:///work/package.json" } })).await;
        client.open(1, "{}").await;
        assert_eq!(client.diagnostics().await, (Some(1), String::new()), "nothing before it");
    })
    .await;
}

#[tokio::test]
async fn keys_come_with_their_documentation() {
    talk(Cluster::ready(), async |client| {
        client
            .initialize(json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } }))
            .await;
        let completion = complete(client, "{\n  \"fea‸\n}").await;
        let feature =
            completion["items"].as_array().unwrap().iter().find(|item| item["label"] == "feature").unwrap().clone();
        expect![[r#"
            {
              "label": "feature",
              "kind": 10,
              "detail": "an object",
              "documentation": {
                "kind": "markdown",
                "value": "What the program takes from the cluster."
              },
              "sortText": "0001",
              "filterText": "\"feature\"",
              "insertTextFormat": 2,
              "textEdit": {
                "range": {
                  "start": {
                    "line": 1,
                    "character": 2
                  },
                  "end": {
                    "line": 1,
                    "character": 6
                  }
                },
                "newText": "\"feature\": {\n\t$0\n}"
              }
            }"#]]
        .assert_eq(&format!("{feature:#}"));
    })
    .await;
}

#[tokio::test]
async fn enum_values_replace_the_whole_text() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let completion = complete(client, r#"{"feature": {"network": {"incoming": "mir‸ror"}}}"#).await;
        assert_eq!(labels(&completion)[..3], ["mirror", "steal", "off"]);
        let edit = &completion["items"][1]["textEdit"];
        assert_eq!(edit["newText"], "\"steal\"");
        assert_eq!(
            (&edit["range"]["start"]["character"], &edit["range"]["end"]["character"]),
            (&json!(37), &json!(45))
        );
        assert_eq!(completion["isIncomplete"], false);
    })
    .await;
}

#[tokio::test]
async fn a_key_explains_itself() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open(1, r#"{"feature": {"network": {"incoming": "steal"}}}"#).await;
        client.diagnostics().await;
        let hover = client.ask_at("textDocument/hover", 0, 28).await;
        expect![[r#"
            `feature.network.incoming`: true, false, `mirror`, `steal`, `off` or an object

            Traffic that arrives at the target.

            - `mirror`: The program gets a copy and its answers are dropped; the target serves as before.
            - `steal`: The program answers instead of the target.
            - `off`: Nothing: listening stays local.

            ```json
            "incoming": "steal"
            ```

            Manual: `docs/configuration.md#feature-network-incoming`"#]]
        .assert_eq(hover["contents"]["value"].as_str().unwrap());
    })
    .await;
}
