//! Every adapter of the table, for real: launched, stopped at a breakpoint with the session's variables in its program,
//! continued, ended, and nothing left. `MIRRORD_TEST_DEBUGGERS` names the folder that has the adapters.

mod programs;
mod runs;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::programs::Program;
use super::{Plan, Pretence, editor::Editor};
use crate::dap::adapters::{self, Job, Prepared};

/// A variable that cargo sets for tests, and that sessions of these tests remove.
const REMOVED: &str = "CARGO_PKG_NAME";

/// One adapter, started in one way.
struct Case {
    /// What the failure of a test names.
    name: &'static str,
    /// `"adapter"` of the launch.
    adapter: fn(&Path) -> Value,
    /// What is debugged.
    program: Program,
    /// The rest of the launch.
    launch: Value,
    /// Whether the editor has a terminal, and what it says of it.
    terminal: bool,
    /// How the debugger shows the variable of the session, and the one that the session removes.
    shows: [&'static str; 2],
}

/// The folder; without it the test says so and passes.
fn debuggers(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MIRRORD_TEST_DEBUGGERS").map(PathBuf::from);
    if folder.is_none() {
        println!("{test} is skipped: MIRRORD_TEST_DEBUGGERS names no folder with debug adapters");
    }
    folder
}

fn lldb_dap(folder: &Path) -> Value {
    json!({"name": "lldb-dap", "command": [folder.join("lldb-dap")]})
}

fn codelldb(folder: &Path) -> Value {
    json!({"name": "codelldb", "command": [folder.join("codelldb/adapter/codelldb")]})
}

fn java_debug(folder: &Path) -> Value {
    let classes = format!("{0}:{0}/*", folder.join("java-debug").display());
    json!({"name": "java-debug", "command": ["java", "-cp", classes, "StandardStreams"]})
}

fn js_debug(folder: &Path) -> Value {
    let server = folder.join("js-debug/vsDebugServer.cjs");
    json!({"name": "js-debug", "command": ["node", server, "0", "127.0.0.1"]})
}

fn dlv(folder: &Path) -> Value {
    json!({"name": "dlv", "command": [folder.join("dlv")]})
}

impl Case {
    /// The program in C under a debugger made of LLDB.
    fn of_lldb(name: &'static str, adapter: fn(&Path) -> Value, launch: Value) -> Self {
        let shows = ["\"blue\"", "0x0000000000000000"];
        Self { name, adapter, program: Program::C, launch, terminal: true, shows }
    }

    /// The same under codelldb, which has a word for what is absent.
    fn of_codelldb(name: &'static str) -> Self {
        let launch = json!({"env": {"COLOR": "red"}, "terminal": "console"});
        Self { shows: ["\"blue\"", "<null>"], ..Self::of_lldb(name, codelldb, launch) }
    }
}

#[tokio::test]
async fn lldb_dap_takes_a_list() {
    Case::of_lldb("lldb-dap", lldb_dap, json!({"env": {"COLOR": "red"}})).run().await;
}

#[tokio::test]
async fn lldb_dap_uses_our_terminal_where_the_editor_has_none() {
    let case = Case::of_lldb("lldb-dap in a terminal", lldb_dap, json!({"runInTerminal": true}));
    Case { terminal: false, ..case }.run().await;
}

#[tokio::test]
async fn any_adapter_is_described_by_its_command() {
    let adapter = |folder: &Path| {
        let command = [folder.join("lldb-dap"), "--repl-mode".into(), "auto".into()];
        json!({"name": "other", "command": command, "environment": "list"})
    };
    Case::of_lldb("lldb-dap under another name", adapter, json!({})).run().await;
}

#[tokio::test]
async fn an_adapter_without_variables_gives_those_of_its_own_process() {
    let adapter =
        |folder: &Path| json!({"name": "other", "command": [folder.join("lldb-dap")], "environment": "process"});
    Case::of_lldb("lldb-dap with its own environment", adapter, json!({})).run().await;
}

#[tokio::test]
async fn codelldb_takes_an_object_of_texts() {
    Case::of_codelldb("codelldb").run().await;
}

#[tokio::test]
async fn java_debug_gives_variables_without_a_terminal_of_the_editor() {
    for (terminal, launch) in [(true, json!({"console": "internalConsole"})), (false, json!({}))] {
        let case = Case {
            name: "java-debug",
            adapter: java_debug,
            program: Program::Java,
            launch,
            terminal,
            shows: ["\"blue\"", "null"],
        };
        case.run().await;
    }
}

#[tokio::test]
async fn js_debug_starts_the_program_in_a_session_of_its_own() {
    let Some(folder) = debuggers("js_debug_starts_the_program_in_a_session_of_its_own") else { return };
    let work = tempfile::tempdir().unwrap();
    let shown = work.path().join("shown");
    let script = work.path().join("main.js");
    let text = "require('fs').writeFileSync(process.argv[2], `${process.env.COLOR} ${process.env.CARGO_PKG_NAME}`)";
    std::fs::write(&script, text).unwrap();
    let mut editor = Editor::real_with(Pretence::without(Plan::Starts, REMOVED));
    editor.initialize(json!({"adapterID": "pwa-node", "supportsStartDebuggingRequest": true})).await;
    let launch =
        json!({"adapter": js_debug(&folder), "program": script, "args": [shown], "console": "internalConsole"});
    let launch = editor.request("launch", launch).await;
    editor.event("initialized").await;
    editor.session.report();
    editor.request("configurationDone", json!({})).await;
    let child = editor.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    assert!(child["arguments"]["configuration"]["__pendingTargetId"].is_string(), "{child}");
    assert!(editor.received.iter().any(|m| m["request_seq"] == launch && m["success"] == true), "{}", editor.log());
    // Nobody debugs the child here: it ends with its program, which waits for a debugger.
    let ended = editor.disconnect().await;
    assert_eq!(ended.result, "ok", "{}", ended.log());
    assert!(ended.notes.ends_with("stop"), "{}", ended.notes);
    runs::same_capabilities(&ended.received);
}

#[tokio::test]
async fn dlv_debugs_what_was_built_before() {
    let Some(folder) = debuggers("dlv_debugs_what_was_built_before") else { return };
    let work = tempfile::tempdir().unwrap();
    let source = Program::Go.write(work.path());
    let launch = json!({"mode": "debug", "program": work.path(), "buildFlags": "-tags 'a b'"});
    let prepared = prepare(launch).await.unwrap();
    assert_eq!(prepared.arguments["mode"], "exec");
    let built = PathBuf::from(prepared.arguments["program"].as_str().unwrap());
    // A made-up session has nobody who would watch dlv: it runs without one here.
    let mut editor = Editor::real(Plan::Fails("none is wanted"));
    let able = editor.initialize(json!({"adapterID": "go", "linesStartAt1": true})).await;
    // A restart would not build again what has changed.
    assert_eq!(able["body"]["supportsRestartRequest"], Value::Null);
    let mut launch = Value::Object(prepared.arguments.clone());
    let more = json!({"adapter": dlv(&folder), "mirrord": false, "env": {"COLOR": "blue"}, "outputMode": "remote"});
    launch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let stop = runs::stopped(&mut editor, launch, &source, Program::Go.line()).await;
    assert_eq!(runs::evaluate(&mut editor, &stop, "color").await, "\"blue\"");
    editor.ask("continue", json!({"threadId": stop["body"]["threadId"]})).await;
    editor
        .wait("the output", |m| m["body"]["output"].as_str().is_some_and(|text| text.contains("color is blue")))
        .await;
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", ""), "{}", ended.log());
    runs::same_capabilities(&ended.received);
    drop(prepared);
    assert!(!built.exists(), "what was built is still there");
}

#[tokio::test]
async fn go_tests_are_built_with_their_package_and_run_where_it_is() {
    if !runs::has("go") {
        return println!("skipped: there is no go here");
    }
    let work = tempfile::tempdir().unwrap();
    Program::Go.write(work.path());
    let test = work.path().join("main_test.go");
    std::fs::write(&test, "package main\nimport \"testing\"\nfunc TestIt(t *testing.T) {}\n").unwrap();
    let prepared = prepare(json!({"mode": "auto", "program": test})).await.unwrap();
    assert_eq!(prepared.arguments["cwd"], work.path().display().to_string());
    let done = std::process::Command::new(prepared.arguments["program"].as_str().unwrap()).arg("-test.v").output();
    assert!(String::from_utf8_lossy(&done.unwrap().stdout).contains("PASS: TestIt"));
}

#[tokio::test]
async fn a_go_program_that_does_not_build_gives_the_compilers_words() {
    if !runs::has("go") {
        return println!("skipped: there is no go here");
    }
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join("go.mod"), "module wrong\ngo 1.20\n").unwrap();
    std::fs::write(work.path().join("main.go"), "package main\nfunc main() { nowhere() }\n").unwrap();
    let mut editor = Editor::real(Plan::Hangs);
    editor.initialize(json!({"supportsProgressReporting": true})).await;
    let launch = json!({"adapter": {"name": "dlv", "command": ["true"]}, "program": work.path().join("main.go")});
    let refused = editor.ask("launch", launch).await;
    let reason = refused["message"].as_str().unwrap();
    assert!(reason.contains("./main.go:2:15: undefined: nowhere"), "{reason}");
    assert!(reason.ends_with("name its folder as \"program\" to build the whole package"), "{reason}");
    let told = |text: &Value| text.as_str().is_some_and(|text| text.starts_with("building "));
    assert!(editor.received.iter().any(|message| told(&message["body"]["message"])), "{}", editor.log());
    assert_eq!(editor.disconnect().await.notes, "start [], cancelled");
}

#[tokio::test]
async fn a_server_that_does_not_say_where_it_listens_is_told_of_with_its_words() {
    let mut editor = Editor::real(Plan::Starts);
    editor.initialize(json!({})).await;
    let adapter = json!({"command": ["sh", "-c", "echo no port is free; exit 3"], "server": true});
    let refused = editor.ask("launch", json!({"adapter": adapter})).await;
    assert_eq!(
        refused["message"],
        "mirrord: the debug adapter other did not start: it did not say where it listens (exit status: 3):\nno port is free"
    );
    assert_eq!(editor.disconnect().await.notes, "start [], stop");
}

#[tokio::test]
async fn an_address_where_nobody_listens_says_what_to_do() {
    // Bound and never listened on: nobody else gets it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut editor = Editor::real(Plan::Starts);
    editor.initialize(json!({})).await;
    let refused = editor.ask("launch", json!({"adapter": {"name": "java-debug", "address": address}})).await;
    assert_eq!(
        refused["message"],
        format!(
            "mirrord: cannot reach the debug adapter java-debug at {address}: Connection refused (os error 111); start it first, or let the launch name a \"command\""
        )
    );
    assert_eq!(editor.disconnect().await.notes, "start [], stop");
}

/// What is built for a launch.
async fn prepare(launch: Value) -> Result<Prepared, String> {
    let job = Job {
        arguments: launch.as_object().unwrap().clone(),
        environment: crate::settings::variables(),
        working_directory: "/".into(),
        observer: session::event::Observer::new(|_| {}),
    };
    adapters::named("dlv")?.prepare.expect("it builds")(job).await
}

#[tokio::test]
async fn a_restarted_program_is_in_the_session_again() {
    Case::of_lldb("lldb-dap, restarted", lldb_dap, json!({"env": {"COLOR": "red"}})).restart().await;
    Case::of_codelldb("codelldb, restarted").restart().await;
}
