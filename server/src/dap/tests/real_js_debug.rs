//! The real js-debug: a server whose root session starts programs, and child sessions that debug them.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Plan, editor::Editor};

/// The server in `MIRRORD_TEST_DEBUGGERS`; without one the test says so and passes.
fn server(test: &str) -> Option<PathBuf> {
    let program = std::env::var_os("MIRRORD_TEST_DEBUGGERS")
        .map(|folder| PathBuf::from(folder).join("js-debug/vsDebugServer.cjs"))
        .filter(|program| program.is_file());
    if program.is_none() {
        println!("{test} is skipped: MIRRORD_TEST_DEBUGGERS names no folder with js-debug");
    }
    program
}

/// Goes on until `line` of `program` is reached; the frame there.
async fn reach(editor: &mut Editor, line: u64) -> (Value, Value) {
    loop {
        let stopped = editor.event("stopped").await;
        let thread = stopped["body"]["threadId"].clone();
        let stack = editor.ask("stackTrace", json!({"threadId": thread})).await;
        let frame = stack["body"]["stackFrames"][0].clone();
        if frame["line"] == line {
            return (thread, frame["id"].clone());
        }
        editor.ask("continue", json!({"threadId": thread})).await;
    }
}

async fn evaluate(editor: &mut Editor, frame: &Value, expression: &str) -> Value {
    let arguments = json!({"expression": expression, "frameId": frame, "context": "repl"});
    editor.ask("evaluate", arguments).await["body"]["result"].clone()
}

/// A debug session for the child that `parent` offers, stopped in `program`.
async fn child(parent: &mut Editor, program: &str, line: u64) -> (Editor, Value, Value) {
    let asked = parent.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    let answer = json!({"type": "response", "request_seq": asked["seq"], "command": "startDebugging", "success": true});
    parent.send(answer).await;
    let configuration = asked["arguments"]["configuration"].clone();
    let mut child = Editor::real(Plan::Fails("a child starts no session"));
    child.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    let launch = child.request(asked["arguments"]["request"].as_str().expect("a request"), configuration).await;
    child.event("initialized").await;
    child.ask("setBreakpoints", json!({"source": {"path": program}, "breakpoints": [{"line": line}]})).await;
    child.ask("configurationDone", json!({})).await;
    assert_eq!(child.response(launch).await["success"], true, "{}", child.log());
    let (thread, frame) = reach(&mut child, line).await;
    (child, thread, frame)
}

#[tokio::test]
async fn children_and_grandchildren_are_debugged_with_the_roots_variables() {
    let Some(server) = server("children_and_grandchildren_are_debugged_with_the_roots_variables") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let forked = write("forked.js", "const y = 'forked';\nconsole.log(y);\n");
    let main = write(
        "main.js",
        "const x = process.env.COLOR;\nconsole.log(x);\nrequire('child_process').fork(__dirname + '/forked.js');\n",
    );
    let mut root = Editor::real(Plan::Starts);
    root.session.report();
    root.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    let launch = json!({
        "type": "mirrord", "request": "launch", "adapter": {"name": "js-debug", "command": ["node", server, "0", "127.0.0.1"]}, "program": main, "cwd": folder.path(),
        "console": "internalConsole", "env": {"COLOR": "red"},
    });
    let launch = root.request("launch", launch).await;
    root.event("initialized").await;
    root.ask("configurationDone", json!({})).await;
    let (mut first, thread, frame) = child(&mut root, &main, 2).await;
    let launched = root.received.iter().find(|message| message["request_seq"] == launch);
    assert_eq!(launched.expect("it answers before it offers children")["success"], true);
    assert_eq!(evaluate(&mut first, &frame, "x").await, "'blue'");
    first.ask("continue", json!({"threadId": thread})).await;
    let (mut second, thread, frame) = child(&mut first, &forked, 2).await;
    assert_eq!(evaluate(&mut second, &frame, "y + ' ' + process.env.COLOR").await, "'forked blue'");
    second.ask("continue", json!({"threadId": thread})).await;
    for editor in [&mut second, &mut first, &mut root] {
        editor.event("terminated").await;
    }
    for editor in [second, first] {
        let ended = editor.disconnect().await;
        assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", ""), "{}", ended.log());
    }
    let ended = root.disconnect().await;
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", "start [], exempt true, stop"), "{}", ended.log());
}

#[tokio::test]
async fn a_server_that_runs_already_keeps_its_ports() {
    let Some(server) = server("a_server_that_runs_already_keeps_its_ports") else { return };
    let mut started = tokio::process::Command::new("node");
    started.arg(server).args(["0", "127.0.0.1"]).stdout(std::process::Stdio::piped()).kill_on_drop(true);
    let mut process = started.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let announced = lines.next_line().await.unwrap().expect("it says where it listens");
    let address = announced.split_whitespace().next_back().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("main.js");
    fs::write(&main, "const x = process.env.COLOR;\nconsole.log(x);\n").unwrap();
    let mut root = Editor::real(Plan::Starts);
    root.session.report();
    root.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    root.request("launch", json!({"adapter": {"name": "js-debug", "address": address}, "program": main})).await;
    root.event("initialized").await;
    root.ask("configurationDone", json!({})).await;
    let main = main.display().to_string();
    let (mut child, thread, frame) = child(&mut root, &main, 2).await;
    assert_eq!(evaluate(&mut child, &frame, "x").await, "'blue'");
    assert_eq!(root.session.notes(), ["start []", "exempt true"]);
    child.ask("continue", json!({"threadId": thread})).await;
    child.event("terminated").await;
    child.disconnect().await;
    root.event("terminated").await;
    assert_eq!(root.disconnect().await.result, "ok");
    assert!(process.try_wait().unwrap().is_none(), "it is not ours to end");
}
