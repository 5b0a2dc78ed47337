//! Launches: what is ours of them, how they start, and how they do not.

use expect_test::expect;
use serde_json::json;

use super::{Plan, editor::Editor, fake_adapter::Manners};

#[tokio::test(start_paused = true)]
async fn the_sessions_variables_reach_the_launch() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    let launch = json!({
        "program": "/bin/true", "adapter": "debugpy", "env": {"COLOR": "red", "OWN": "1"},
        "mirrord": {"target": "deploy/x", "namespace": "shop"},
    });
    editor.debug(launch, true).await;
    let ended = editor.disconnect().await;
    expect![[r#"{"program":"/bin/true","env":{"COLOR":"blue","OWN":"1","SECRET":null}}"#]]
        .assert_eq(&ended.spy.request("launch")["arguments"].to_string());
    expect![[r#"start [("/target/path", String("deploy/x")), ("/target/namespace", String("shop"))], stop"#]]
        .assert_eq(&ended.notes);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_session_changes_nothing() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.debug(json!({"program": "/bin/true", "env": {"A": "1"}, "mirrord": {"enabled": false}}), false).await;
    let ended = editor.disconnect().await;
    expect![[r#"{"program":"/bin/true","env":{"A":"1"}}"#]]
        .assert_eq(&ended.spy.request("launch")["arguments"].to_string());
    assert_eq!((ended.notes.as_str(), ended.result.as_str()), ("", "ok"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shows_progress_sees_the_start() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.initialize(json!({"supportsProgressReporting": true})).await;
    let launch = editor.request("launch", json!({"program": "/bin/true"})).await;
    editor.response(launch).await;
    let ended = editor.disconnect().await;
    expect![[r"
        ok initialize
        event progressStart
        event progressUpdate
        event progressEnd
        event initialized
        ok launch
        ok disconnect"]]
    .assert_eq(&ended.log());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_start_refuses_the_launch_with_its_reason() {
    let mut editor = Editor::new(Manners::Good, Plan::Fails("there is no deployment `x`; did you mean `y`?"));
    editor.initialize(json!({"supportsProgressReporting": true})).await;
    let launch = editor.request("launch", json!({"program": "/bin/true"})).await;
    let refused = editor.response(launch).await;
    expect![[
        r#"{"error":{"id":1,"format":"mirrord: there is no deployment `x`; did you mean `y`?","showUser":true}}"#
    ]]
    .assert_eq(&refused["body"].to_string());
    editor.event("terminated").await;
    let late = editor.ask("threads", json!({})).await;
    assert_eq!(late["success"], false);
    let ended = editor.disconnect().await;
    expect![[r"
        ok initialize
        event progressStart
        event progressUpdate
        event progressEnd
        refused launch: mirrord: there is no deployment `x`; did you mean `y`?
        event terminated
        refused threads: there is no deployment `x`; did you mean `y`?
        ok disconnect"]]
    .assert_eq(&ended.log());
    assert!(!ended.spy.names().contains(&"launch".to_owned()), "nothing was launched");
    assert_eq!((ended.notes.as_str(), ended.result.as_str()), ("start []", "ok"));
}

#[tokio::test(start_paused = true)]
async fn mistakes_in_the_launch_are_refused_before_anything_starts() {
    for (launch, reason) in [
        (
            json!({"adapter": "debugpi"}),
            "mirrord: there is no debug adapter `debugpi` (there is: debugpy, dlv, lldb-dap, codelldb, js-debug, java-debug; any other can be described by its \"command\" or \"address\"); did you mean `debugpy`?",
        ),
        (json!({"mirrord": {"targt": "x"}}), "mirrord: unknown key \"targt\" in \"mirrord\"; did you mean \"target\"?"),
        (json!({"program": "nowhere.py"}), "mirrord: the program `nowhere.py` is no file (looked in /)"),
    ] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.initialize(json!({})).await;
        assert_eq!(editor.ask("launch", launch).await["message"], reason);
        let ended = editor.disconnect().await;
        assert_eq!((ended.notes.as_str(), ended.spy.names().join(" ").as_str()), ("", "(end of input)"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_refuses_ends_the_session_that_started_beside_it() {
    let mut editor = Editor::new(Manners::Refusing, Plan::Hangs);
    editor.initialize(json!({})).await;
    let refused = editor.ask("launch", json!({"program": "/bin/true"})).await;
    assert_eq!(refused["message"], "mirrord: the debug adapter debugpy did not start: it refused: no \\u{1b}[31mmood");
    assert_eq!(editor.disconnect().await.notes, "start [], cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_start_can_be_cancelled() {
    for how in ["progressId", "requestId", "disconnect", "vanish", "stop"] {
        let mut editor = Editor::new(Manners::Good, Plan::Hangs);
        editor.initialize(json!({"supportsProgressReporting": true})).await;
        let launch = editor.request("launch", json!({"program": "/bin/true"})).await;
        editor.event("progressUpdate").await;
        let ended = match how {
            "disconnect" => {
                let disconnect = editor.request("disconnect", json!({})).await;
                assert_eq!(editor.response(launch).await["success"], false);
                assert_eq!(editor.response(disconnect).await["success"], true);
                editor.ended().await
            }
            "vanish" => {
                editor.vanish().await;
                editor.ended().await
            }
            "stop" => {
                editor.stop.cancel();
                editor.ended().await
            }
            _ => {
                let value = if how == "requestId" { json!(launch) } else { json!("mirrord-start") };
                editor.ask("cancel", json!({how: value})).await;
                assert_eq!(editor.response(launch).await["success"], false);
                editor.disconnect().await
            }
        };
        assert_eq!((how, ended.notes.as_str(), ended.result.as_str()), (how, "start [], cancelled", "ok"));
        assert!(!ended.spy.names().contains(&"launch".to_owned()), "{how}: nothing was launched");
    }
}

#[tokio::test(start_paused = true)]
async fn attach_passes_and_says_that_it_does_not_inject() {
    let mut editor = Editor::new(Manners::Good, Plan::Starts);
    editor.initialize(json!({})).await;
    let attach = editor.request("attach", json!({"processId": 1, "mirrord": {}})).await;
    editor.response(attach).await;
    let ended = editor.disconnect().await;
    expect![[r#"
        ok initialize
        console "mirrord: an attached program stays where it runs: only launched programs get into the cluster\n"
        event initialized
        ok attach
        ok disconnect"#]]
    .assert_eq(&ended.log());
    assert_eq!(ended.spy.request("attach")["arguments"], json!({"processId": 1}));
    assert_eq!(ended.notes, "");
}

#[tokio::test(start_paused = true)]
async fn a_restart_carries_the_variables_too() {
    for (told, passed) in [
        (json!({}), r#"{"program":"/bin/true","env":{"COLOR":"blue","SECRET":null}}"#),
        (
            json!({"arguments": {"program": "/bin/true", "mirrord": {}}}),
            r#"{"program":"/bin/true","env":{"COLOR":"blue","SECRET":null}}"#,
        ),
        (
            json!({"arguments": {"program": "/bin/false", "mirrord": {}}}),
            r#"{"program":"/bin/false","env":{"COLOR":"blue","SECRET":null}}"#,
        ),
    ] {
        let mut editor = Editor::new(Manners::Good, Plan::Starts);
        editor.debug(json!({"program": "/bin/true"}), true).await;
        editor.ask("restart", told).await;
        let ended = editor.disconnect().await;
        assert_eq!(ended.spy.request("restart")["arguments"]["arguments"].to_string(), passed);
    }
}

/// Ends with the number of filters that it runs under.
const FILTERED: &str = r#"#include <stdio.h>
int main(void) {
    char line[200];
    int filters = 99;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "Seccomp_filters: %d", &filters);
    return filters;
}
"#;

#[tokio::test]
async fn an_adapter_that_no_library_gets_into_starts_beside_the_session_and_under_our_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("python"));
    std::fs::write(&source, FILTERED).unwrap();
    let made = std::process::Command::new("cc").arg("-static").args([&source, &"-o".into(), &program]).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: cc makes no static programs here");
        return;
    }
    let own = std::process::Command::new(&program).status().unwrap().code().unwrap();
    let mut editor = Editor::real(Plan::Starts);
    editor.initialize(json!({})).await;
    let script = folder.path().join("main.py");
    std::fs::write(&script, "").unwrap();
    let refused = editor.ask("launch", json!({"program": script, "python": program})).await;
    let reason = refused["message"].as_str().unwrap();
    // No session has served its calls: this one is made up.
    assert!(reason.contains(&format!("it ended (exit status: {})", own + 1)), "{reason}");
    assert_eq!(editor.disconnect().await.notes, "start [], stop");
}
