//! Folders, settings, watched files.

use serde_json::json;

use crate::client::talk;
use crate::cluster::Cluster;

const A: &str = "file:///a/.mirrord/mirrord.json";
const B: &str = "file:///b/.mirrord/mirrord.json";

#[tokio::test]
async fn each_document_belongs_to_its_folder() {
    let cluster = Cluster::new(|scope| {
        let mut view = crate::cluster::ready(scope);
        view.context.clone_from(&scope.kubeconfig);
        view
    });
    talk(std::sync::Arc::new(cluster), async |client| {
        let folder = |name: &str| json!({ "uri": format!("file:///{name}"), "name": name });
        let folders = [folder("a"), folder("b")];
        client.initialize_with(json!({ "capabilities": {}, "workspaceFolders": folders })).await;
        for uri in [A, B] {
            client.open_as(uri, 1, r#"{"kubeconfig": "${workspaceFolder}/k"}"#).await;
            client.diagnostics().await;
        }
        let event = json!({ "added": [folder("a/.mirrord")], "removed": [folder("b")] });
        client.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event })).await;
        client.diagnostics().await;
        client.diagnostics().await;
    })
    .await;
}

#[tokio::test]
async fn settings_are_pulled_where_the_editor_offers_them() {
    let capabilities = json!({ "workspace": {
        "configuration": true, "didChangeWatchedFiles": { "dynamicRegistration": true }
    } });
    talk(Cluster::ready(), async |client| {
        client.initialize(capabilities).await;
        let registered = client.asked("client/registerCapability", json!(null)).await;
        assert_eq!(registered["registrations"][0]["method"], "workspace/didChangeWatchedFiles");
        let asked =
            client.asked("workspace/configuration", json!([{ "env": { "MIRRORD_FILE_MODE": "nonsense" } }])).await;
        assert_eq!(asked["items"][0]["section"], "mirrord");
        client.open_as(A, 1, "{}").await;
        let (_, lines) = client.diagnostics().await;
        assert!(lines.contains("bad-variable"), "{lines}");
        client.notify("workspace/didChangeConfiguration", json!({ "settings": null })).await;
        client.asked("workspace/configuration", json!([null])).await;
        assert_eq!(client.diagnostics().await, (Some(1), String::new()));
    })
    .await;
}

#[tokio::test]
async fn settings_that_are_sent_count_and_nonsense_is_told() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open_as(A, 1, "{}").await;
        assert_eq!(client.diagnostics().await, (Some(1), String::new()));
        let settings = json!({ "mirrord": { "env": { "MIRRORD_FILE_MODE": "nonsense" } } });
        client.notify("workspace/didChangeConfiguration", json!({ "settings": settings })).await;
        assert!(client.diagnostics().await.1.contains("bad-variable"));
        client.notify("workspace/didChangeConfiguration", json!({ "settings": { "mirrord": 3 } })).await;
        let told = client.notification("window/showMessage").await;
        assert!(told["message"].as_str().unwrap().starts_with("the settings of mirrord are not understood"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn files_that_change_are_looked_at_again() {
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.open_as(A, 1, "{}").await;
        client.diagnostics().await;
        let change = |uri: &str| json!({ "changes": [{ "uri": uri, "type": 2 }] });
        client.notify("workspace/didChangeWatchedFiles", change("file:///a/.env")).await;
        assert_eq!(client.diagnostics().await, (Some(1), String::new()));
        // What an editor holds open is not looked at on the disk.
        client.notify("workspace/didChangeWatchedFiles", change(A)).await;
        client.request("mirrord/sessions", json!(null)).await;
    })
    .await;
}
