//! Every request of an editor about a document, once in each syntax, over the wire.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::client::{Client, talk};
use crate::cluster::Cluster;

const JSON: &str =
    "{\n  \"target\": \"deployment/cart\",\n  \"feature\": {\n    \"networ\": true,\n    \"fs\": \"read\"\n  }\n}\n";
const YAML: &str = "target: deployment/cart\nfeature:\n  networ: true\n  fs: read\n";
const TOML: &str = "target = \"deployment/cart\"\n\n[feature]\nnetwor = true\nfs = \"read\"\n";

/// Whatever an editor can do with files.
fn able() -> Value {
    json!({ "workspace": { "workspaceEdit": {
        "documentChanges": true,
        "resourceOperations": ["create", "rename", "delete"]
    } } })
}

fn place(range: &Value) -> String {
    let (start, end) = (&range["start"], &range["end"]);
    format!("{}:{}-{}:{}", start["line"], start["character"], end["line"], end["character"])
}

/// What each request of an editor says about a document, a line for each item.
async fn ask_all(client: &mut Client, name: &str, text: &str, line: u32) -> String {
    let uri = format!("file:///work/.mirrord/{name}");
    client.open_as(&uri, 1, text).await;
    client.diagnostics().await;
    let document = json!({ "uri": uri });
    let caret = json!({ "line": line, "character": 6 });
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let mut told = format!("== {name}\n");

    let at = json!({ "textDocument": document, "position": caret });
    let completion = client.request("textDocument/completion", at.clone()).await;
    let first = &completion["items"][0];
    writeln!(
        told,
        "completion {} {} {}",
        place(&first["textEdit"]["range"]),
        first["label"],
        first["textEdit"]["newText"]
    )
    .unwrap();
    let at = json!({ "textDocument": document, "position": { "line": line + 1, "character": 7 } });
    let hover = client.request("textDocument/hover", at).await;
    let hovered = hover["contents"]["value"].as_str().unwrap().lines().next().unwrap().to_owned();
    writeln!(told, "hover {} {hovered}", place(&hover["range"])).unwrap();

    let range = json!({ "start": caret, "end": caret });
    let about = json!({ "textDocument": document, "range": range, "context": { "diagnostics": [] } });
    for action in client.request("textDocument/codeAction", about).await.as_array().unwrap() {
        let changes = action["edit"]["documentChanges"].as_array().unwrap().iter().map(|change| {
            let edits = change["edits"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
            let edits: Vec<_> = edits.map(|edit| format!("{} {}", place(&edit["range"]), edit["newText"])).collect();
            let kind = change["kind"].as_str().map(|kind| format!("{kind} {}", change["uri"]));
            kind.unwrap_or_else(|| format!("v{} {}", change["textDocument"]["version"], edits.join(", ")))
        });
        let changes: Vec<_> = changes.collect();
        writeln!(told, "action {} ({}): {}", action["title"], action["kind"], changes.join("; ")).unwrap();
    }
    for symbol in
        client.request("textDocument/documentSymbol", json!({ "textDocument": document })).await.as_array().unwrap()
    {
        let inner: Vec<_> =
            symbol["children"].as_array().into_iter().flatten().map(|inner| inner["name"].to_string()).collect();
        writeln!(told, "symbol {} {} [{}]", symbol["name"], place(&symbol["range"]), inner.join(", ")).unwrap();
    }
    for fold in
        client.request("textDocument/foldingRange", json!({ "textDocument": document })).await.as_array().unwrap()
    {
        writeln!(told, "fold {}-{}", fold["startLine"], fold["endLine"]).unwrap();
    }
    let selections =
        client.request("textDocument/selectionRange", json!({ "textDocument": document, "positions": [caret] })).await;
    writeln!(told, "selection {} in {}", place(&selections[0]["range"]), place(&selections[0]["parent"]["range"]))
        .unwrap();
    for lens in client.request("textDocument/codeLens", json!({ "textDocument": document })).await.as_array().unwrap() {
        let command = &lens["command"];
        writeln!(
            told,
            "lens {} {}: {} {}",
            place(&lens["range"]),
            command["title"],
            command["command"],
            command["arguments"]
        )
        .unwrap();
    }
    let about = json!({ "textDocument": document, "range": whole });
    for hint in client.request("textDocument/inlayHint", about).await.as_array().unwrap() {
        writeln!(told, "hint {}:{} {}", hint["position"]["line"], hint["position"]["character"], hint["label"])
            .unwrap();
    }
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let edits =
        client.request("textDocument/formatting", json!({ "textDocument": document, "options": options })).await;
    writeln!(told, "formatting: {} edits", edits.as_array().map_or(0, Vec::len)).unwrap();
    let links = client.request("textDocument/documentLink", json!({ "textDocument": document })).await;
    writeln!(told, "links: {}", links.as_array().unwrap().len()).unwrap();
    told
}

async fn check(name: &str, text: &str, line: u32, expected: Expect) {
    let mut told = String::new();
    talk(Cluster::ready(), async |client| {
        client.initialize(able()).await;
        told = ask_all(client, name, text, line).await;
    })
    .await;
    expected.assert_eq(&told);
}

#[tokio::test]
async fn json_documents() {
    check("mirrord.json", JSON, 3, expect![[r#"
        == mirrord.json
        completion 3:4-3:12 "env" "\"env\""
        hover 4:4-4:8 `feature.fs`: true, false, `local`, `localwithoverrides`, `read`, `write` or an object
        action "Rename to `network`" ("quickfix"): v1 3:4-3:12 "\"network\""
        action "Delete `networ`" ("quickfix"): v1 3:0-4:0 ""
        action "Repair all 1 that can be repaired" ("source.fixAll.mirrord"): v1 3:4-3:12 "\"network\""
        action "Convert to YAML" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.yaml"; vnull 0:0-0:0 "target: deployment/cart\nfeature:\n  networ: true\n  fs: read\n"; delete "file:///work/.mirrord/mirrord.json"
        action "Convert to TOML" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.toml"; vnull 0:0-0:0 "target = \"deployment/cart\"\n\n[feature]\nnetwor = true\nfs = \"read\"\n"; delete "file:///work/.mirrord/mirrord.json"
        symbol "target" 1:2-1:29 []
        symbol "feature" 2:2-5:3 ["networ", "fs"]
        fold 0-5
        fold 2-4
        selection 3:4-3:12 in 3:4-3:18
        lens 1:2-1:10 "Run with this target": "mirrord.run" [{"uri":"file:///work/.mirrord/mirrord.json","target":"deployment/cart"}]
        lens 1:2-1:10 "Debug with this target": "mirrord.debug" [{"uri":"file:///work/.mirrord/mirrord.json","target":"deployment/cart"}]
        lens 1:2-1:10 "Pick target": "mirrord.pick" [{"uri":"file:///work/.mirrord/mirrord.json"}]
        formatting: 0 edits
        links: 0
    "#]]).await;
}

#[tokio::test]
async fn yaml_documents() {
    check("mirrord.yaml", YAML, 2, expect![[r#"
        == mirrord.yaml
        completion 2:2-2:8 "env" "env"
        hover 3:6-3:10 `feature.fs`: true, false, `local`, `localwithoverrides`, `read`, `write` or an object
        action "Rename to `network`" ("quickfix"): v1 2:2-2:8 "network"
        action "Delete `networ`" ("quickfix"): v1 2:0-3:0 ""
        action "Repair all 1 that can be repaired" ("source.fixAll.mirrord"): v1 2:2-2:8 "network"
        action "Convert to JSON" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.json"; vnull 0:0-0:0 "{\n  \"target\": \"deployment/cart\",\n  \"feature\": {\n    \"networ\": true,\n    \"fs\": \"read\"\n  }\n}\n"; delete "file:///work/.mirrord/mirrord.yaml"
        action "Convert to TOML" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.toml"; vnull 0:0-0:0 "target = \"deployment/cart\"\n\n[feature]\nnetwor = true\nfs = \"read\"\n"; delete "file:///work/.mirrord/mirrord.yaml"
        symbol "target" 0:0-0:23 []
        symbol "feature" 1:0-3:10 ["networ", "fs"]
        fold 1-3
        selection 2:2-2:8 in 2:2-2:14
        lens 0:0-0:6 "Run with this target": "mirrord.run" [{"uri":"file:///work/.mirrord/mirrord.yaml","target":"deployment/cart"}]
        lens 0:0-0:6 "Debug with this target": "mirrord.debug" [{"uri":"file:///work/.mirrord/mirrord.yaml","target":"deployment/cart"}]
        lens 0:0-0:6 "Pick target": "mirrord.pick" [{"uri":"file:///work/.mirrord/mirrord.yaml"}]
        formatting: 0 edits
        links: 0
    "#]]).await;
}

#[tokio::test]
async fn toml_documents() {
    check("mirrord.toml", TOML, 3, expect![[r#"
        == mirrord.toml
        completion 3:0-3:6 "env" "env"
        hover 4:5-4:11 `feature.fs`: true, false, `local`, `localwithoverrides`, `read`, `write` or an object
        action "Rename to `network`" ("quickfix"): v1 3:0-3:6 "network"
        action "Delete `networ`" ("quickfix"): v1 3:0-4:0 ""
        action "Repair all 1 that can be repaired" ("source.fixAll.mirrord"): v1 3:0-3:6 "network"
        action "Convert to JSON" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.json"; vnull 0:0-0:0 "{\n  \"target\": \"deployment/cart\",\n  \"feature\": {\n    \"networ\": true,\n    \"fs\": \"read\"\n  }\n}\n"; delete "file:///work/.mirrord/mirrord.toml"
        action "Convert to YAML" ("refactor.rewrite"): create "file:///work/.mirrord/mirrord.yaml"; vnull 0:0-0:0 "target: deployment/cart\nfeature:\n  networ: true\n  fs: read\n"; delete "file:///work/.mirrord/mirrord.toml"
        symbol "target" 0:0-0:26 []
        symbol "feature" 2:0-4:11 ["networ", "fs"]
        fold 2-4
        selection 3:0-3:6 in 3:0-3:13
        lens 0:0-0:6 "Run with this target": "mirrord.run" [{"uri":"file:///work/.mirrord/mirrord.toml","target":"deployment/cart"}]
        lens 0:0-0:6 "Debug with this target": "mirrord.debug" [{"uri":"file:///work/.mirrord/mirrord.toml","target":"deployment/cart"}]
        lens 0:0-0:6 "Pick target": "mirrord.pick" [{"uri":"file:///work/.mirrord/mirrord.toml"}]
        formatting: 0 edits
        links: 0
    "#]]).await;
}

#[tokio::test]
async fn files_that_are_there_are_links() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A=1\n").unwrap();
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        let uri = format!("file://{}/.mirrord/mirrord.yaml", folder.path().display());
        client.open_as(&uri, 1, "kubeconfig: nowhere\nfeature:\n  env:\n    env_file: .env\n").await;
        client.diagnostics().await;
        let links = client.request("textDocument/documentLink", json!({ "textDocument": { "uri": uri } })).await;
        let links: Vec<_> =
            links.as_array().unwrap().iter().map(|link| (place(&link["range"]), &link["target"])).collect();
        let target = json!(format!("file://{}/.env", folder.path().display()));
        assert_eq!(links, [("3:14-3:18".to_owned(), &target)]);
    })
    .await;
}

#[tokio::test]
async fn only_the_actions_that_are_wanted_are_offered_and_only_those_that_the_editor_can_do() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open_as("file:///work/.mirrord/mirrord.yaml", 1, YAML).await;
        client.diagnostics().await;
        let caret = json!({ "line": 2, "character": 6 });
        let mut kinds = async |only: Value| {
            let about = json!({
                "textDocument": { "uri": "file:///work/.mirrord/mirrord.yaml" },
                "range": { "start": caret, "end": caret },
                "context": { "diagnostics": [], "only": only }
            });
            let actions = client.request("textDocument/codeAction", about).await;
            let kinds = actions.as_array().unwrap().iter().map(|action| action["kind"].as_str().unwrap().to_owned());
            kinds.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds(json!(["source.fixAll"])).await, "source.fixAll.mirrord");
        assert_eq!(kinds(json!(["quickfix"])).await, "quickfix quickfix");
        // The conversion to another file is beyond this editor.
        assert_eq!(kinds(json!(["refactor"])).await, "");
    })
    .await;
}
