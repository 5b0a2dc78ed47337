//! What a session shows in the debugger, what it is told of the program, and its end from elsewhere.

use expect_test::expect;
use serde_json::{Value, json};
use session::view::{File, View};

use super::{
    Plan,
    editor::{Editor, Ended},
    fake_adapter::Manners,
};

fn view() -> View {
    let file = File { path: "/etc/app".to_owned(), writes: true, seconds_ago: 1, times: 1 };
    View { session: "0a1b".to_owned(), target: "pod/api".to_owned(), files: vec![file], ..View::default() }
}

async fn scope(editor: &mut Editor) -> Value {
    let scopes = editor.ask("scopes", json!({"frameId": 1})).await;
    scopes["body"]["scopes"].as_array().unwrap().iter().find(|scope| scope["name"] == "mirrord").unwrap()["variablesReference"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_session_is_a_scope_beside_the_adapters() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.session.show(view());
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let top = scope(&mut editor).await;
    let variables = editor.ask("variables", json!({"variablesReference": top})).await;
    let find = |variables: &Value, name: &str| {
        let rows = variables["body"]["variables"].as_array().unwrap().clone();
        rows.iter().find(|row| row["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}: {rows:?}"))
    };
    assert_eq!(find(&variables, "Target")["value"], "pod/api");
    let files = find(&variables, "Files");
    assert_eq!(files["value"], "1 opened");
    let files = editor.ask("variables", json!({"variablesReference": files["variablesReference"]})).await;
    assert_eq!(find(&files, "/etc/app")["value"], "written, opened 1 time, last 1 s ago");
    let refused = editor.ask("setVariable", json!({"variablesReference": top, "name": "Target", "value": "x"})).await;
    assert_eq!(refused["message"], "what the mirrord scope shows can only be read");
    // What is the adapter's goes there.
    assert_eq!(editor.ask("variables", json!({"variablesReference": 1})).await["success"], true);
    let ended = editor.disconnect().await;
    expect!["initialize launch configurationDone scopes variables disconnect (end of input)"]
        .assert_eq(&ended.spy.names().join(" "));
    assert_eq!(ended.spy.request("variables")["arguments"], json!({"variablesReference": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_the_adapter_uses_is_not_ours() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let top = scope(&mut editor).await;
    editor.ask("tell", json!({"event": "output", "body": {"output": "x", "variablesReference": top}})).await;
    assert_ne!(scope(&mut editor).await, top);
    editor.ask("variables", json!({"variablesReference": top})).await;
    let ended = editor.disconnect().await;
    assert_eq!(ended.spy.request("variables")["arguments"], json!({"variablesReference": top}), "the adapter is asked");
}

#[tokio::test(start_paused = true)]
async fn without_a_session_there_is_no_scope() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true", "mirrord": false}), false).await;
    let scopes = editor.ask("scopes", json!({"frameId": 1})).await;
    expect![[r#"{"scopes":[{"name":"Locals","variablesReference":1,"expensive":false}]}"#]]
        .assert_eq(&scopes["body"].to_string());
    editor.disconnect().await;
}

#[tokio::test(start_paused = true)]
async fn the_session_knows_when_the_program_stands() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let stopped =
        json!({"event": "stopped", "body": {"reason": "breakpoint", "threadId": 1, "allThreadsStopped": true}});
    editor.ask("tell", stopped.clone()).await;
    editor.ask("tell", stopped.clone()).await;
    assert_eq!(editor.session.notes(), ["start []", "stands"]);
    editor.ask("next", json!({"threadId": 1, "singleThread": true})).await;
    assert_eq!(editor.session.notes(), ["start []", "stands"], "the other threads stand");
    editor.ask("continue", json!({"threadId": 1})).await;
    assert_eq!(editor.session.notes(), ["start []", "stands", "goes on"]);
    editor.ask("tell", stopped).await;
    assert_eq!(editor.disconnect().await.notes, "start [], stands, goes on, stands, goes on, stop");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_somebody_stops_ends_the_debug_session() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true"}), true).await;
    let open = editor.request("slow", json!({})).await;
    editor.ask("threads", json!({})).await; // the adapter has both
    editor.session.want_stop("mirrord (process 7)");
    assert_eq!(editor.response(open).await["success"], false);
    editor.event("terminated").await;
    let Ended { result, notes, received, .. } = editor.disconnect().await;
    expect![[r#"
        ok threads
        important "mirrord: the session is stopped by mirrord (process 7); the program is ended\n"
        refused slow: the session is stopped by mirrord (process 7); the program is ended
        event terminated
        ok disconnect"#]]
    .assert_eq(super::editor::short(&received).split_once("event process\n").unwrap().1);
    assert_eq!((result.as_str(), notes.as_str()), ("ok", "start [], stop"));
}
