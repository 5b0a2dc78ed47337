//! `editors/PROTOCOL.md` against the server: every example is one of our types, and every method is there.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use server::lsp::extension::{
    About, COMMANDS, Event, Explain, Explanation, Injection, NOTIFICATIONS, Query, REQUESTS, Resolved, Sessions,
    SetTarget, Start, Stop, Targets, Where,
};
use tower_lsp::lsp_types::WorkspaceEdit;

use crate::client::talk;
use crate::cluster::Cluster;

const MANUAL: &str = include_str!("../../../editors/PROTOCOL.md");

/// An example: the method or title of its section, `Params` or `Result`, and what it says.
struct Example {
    section: String,
    side: String,
    value: Value,
}

fn examples() -> Vec<Example> {
    let (mut examples, mut section, mut side) = (Vec::new(), String::new(), String::new());
    let mut block: Option<String> = None;
    for line in MANUAL.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.trim_matches('`').clone_into(&mut section);
        }
        if let Some(text) = &mut block {
            if line == "```" {
                let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{section}: {error}: {text}"));
                examples.push(Example { section: section.clone(), side: side.clone(), value });
                block = None;
            } else {
                *text += line;
            }
            continue;
        }
        if line == "```json" {
            block = Some(String::new());
        } else if let Some(first) = line.split([':', ',']).next().filter(|_| !line.starts_with('|'))
            && ["Params", "Result", "Settings", "Argument"].contains(&first)
        {
            first.clone_into(&mut side);
        }
    }
    examples
}

/// The example through the type and back: every field is understood, and none is missing.
fn same<T: Serialize + DeserializeOwned>(value: &Value) {
    let typed: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value:#}"));
    assert_eq!(serde_json::to_value(typed).unwrap(), *value);
}

#[test]
fn every_example_is_one_of_our_types() {
    let mut seen = BTreeSet::new();
    for Example { section, side, value } in examples() {
        match (section.as_str(), side.as_str()) {
            ("mirrord/targets", "Params") => same::<Query>(&value),
            ("mirrord/targets", "Result") => same::<Targets>(&value),
            ("mirrord/targetsChanged", "Params") => same::<Where>(&value),
            ("mirrord/start", "Params") => same::<Start>(&value),
            ("mirrord/start", "Result") => same::<Injection>(&value),
            ("mirrord/stop", "Params") => same::<Stop>(&value),
            ("mirrord/stop", "Result") => same::<()>(&value),
            ("mirrord/sessions", "Result") => same::<Sessions>(&value),
            ("mirrord/event", "Params") => same::<Event>(&value),
            ("mirrord/explain", "Params") => same::<Explain>(&value),
            ("mirrord/explain", "Result") => same::<Explanation>(&value),
            ("mirrord/config", "Params") => same::<About>(&value),
            ("mirrord/config", "Result") => same::<Resolved>(&value),
            ("mirrord/setTarget", "Params") => same::<SetTarget>(&value),
            ("mirrord/setTarget", "Result") => same::<WorkspaceEdit>(&value),
            ("Settings", "Settings") | ("Commands of code lenses", "Argument") => {}
            other => panic!("an example that nobody checks: {other:?}"),
        }
        seen.insert((section, side));
    }
    for method in REQUESTS {
        assert!(seen.contains(&((*method).to_owned(), "Result".to_owned())), "{method} has no example of its result");
    }
    for method in NOTIFICATIONS {
        assert!(seen.contains(&((*method).to_owned(), "Params".to_owned())), "{method} has no example");
    }
}

#[test]
fn the_manual_has_every_method_and_no_other() {
    let sections: BTreeSet<&str> =
        MANUAL.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    let ours: BTreeSet<&str> = REQUESTS.iter().chain(NOTIFICATIONS).copied().collect();
    assert_eq!(sections, ours);
    for command in COMMANDS {
        assert!(MANUAL.contains(&format!("`{command}`")), "{command}");
    }
}

#[tokio::test]
async fn every_request_of_the_manual_is_served_and_named_by_the_server() {
    talk(Cluster::ready(), async |client| {
        let answer = client.initialize(json!({})).await;
        let named = &answer["capabilities"]["experimental"]["mirrord"];
        assert_eq!(*named, json!({ "requests": REQUESTS, "notifications": NOTIFICATIONS }));
        let uri = "file:///work/.mirrord/mirrord.json";
        client.open_as(uri, 1, r#"{"target": "deployment/cart"}"#).await;
        client.diagnostics().await;
        for Example { section, side, value } in examples() {
            if side == "Params" && REQUESTS.contains(&section.as_str()) {
                let answer = client.exchange(&section, value).await;
                assert!(answer.get("error").is_none(), "{section}: {answer}");
            }
        }
        // The start tells its steps and its state, and is stopped by the next example.
        while client.notification("mirrord/event").await["state"] != "stopped" {}
        while client.notification("$/progress").await["value"]["kind"] != "end" {}
        let listed = client.request("mirrord/sessions", Value::Null).await;
        same::<Sessions>(&listed);
    })
    .await;
}

#[tokio::test]
async fn settings_of_the_manual_are_understood() {
    let settings = examples().into_iter().find(|example| example.section == "Settings").unwrap().value;
    talk(Cluster::ready(), async |client| {
        client.initialize(json!({})).await;
        client.notify("workspace/didChangeConfiguration", json!({ "settings": { "mirrord": settings } })).await;
        // Nonsense would be told by a message.
        client.request("mirrord/sessions", Value::Null).await;
    })
    .await;
}
