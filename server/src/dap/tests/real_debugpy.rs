//! The real debugpy. Needs an interpreter that has it, in `MIRRORD_TEST_PYTHON`.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{Plan, editor::Editor, joining::Owner};

/// The interpreter; without one the test says so and passes.
fn python(test: &str) -> Option<String> {
    let python = std::env::var("MIRRORD_TEST_PYTHON").ok();
    if python.is_none() {
        println!("{test} is skipped: MIRRORD_TEST_PYTHON names no interpreter with debugpy");
    }
    python
}

/// A program that shows a variable of its environment and its own process id.
fn program(folder: &Path) -> String {
    let path = folder.join("program.py");
    let text = "import os, time\ncolor = os.environ.get('COLOR')\nsecret = os.environ.get('SECRET')\nprint('color is', color, flush=True)\nprint('bye', flush=True)\ntime.sleep(float(os.environ.get('REST', '0')))\n";
    fs::write(&path, text).expect("a writable folder");
    path.display().to_string()
}

async fn stopped(editor: &mut Editor, python: &str, program: &str, mirrord: Value) -> Value {
    editor.initialize(json!({"linesStartAt1": true, "columnsStartAt1": true})).await;
    let launch = editor
        .request(
            "launch",
            json!({
                "program": program, "python": python, "console": "internalConsole", "justMyCode": false,
                "env": {"COLOR": "red", "SECRET": "s", "REST": "1000"}, "mirrord": mirrord,
            }),
        )
        .await;
    editor.event("initialized").await;
    let breakpoints = json!({"source": {"path": program}, "breakpoints": [{"line": 4}]});
    assert_eq!(editor.ask("setBreakpoints", breakpoints).await["body"]["breakpoints"][0]["verified"], true);
    editor.session.report();
    editor.request("configurationDone", json!({})).await;
    assert_eq!(editor.response(launch).await["success"], true);
    editor.event("stopped").await
}

async fn evaluate(editor: &mut Editor, stopped: &Value, expression: &str) -> String {
    let stack = editor.ask("stackTrace", json!({"threadId": stopped["body"]["threadId"]})).await;
    let frame = &stack["body"]["stackFrames"][0]["id"];
    let result = editor.ask("evaluate", json!({"expression": expression, "frameId": frame, "context": "repl"})).await;
    result["body"]["result"].as_str().unwrap_or_default().to_owned()
}

/// What the kernel says of a process that should have ended by now.
async fn state(id: &str) -> Option<String> {
    tokio::time::sleep(Duration::from_millis(50)).await; // its parent reaps it
    fs::read_to_string(format!("/proc/{id}/stat")).ok().filter(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn breakpoint_evaluate_and_continue_without_a_session() {
    let Some(python) = python("breakpoint_evaluate_and_continue_without_a_session") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut editor = Editor::real(Plan::Starts);
    let stop = stopped(&mut editor, &python, &program(folder.path()), json!({"enabled": false})).await;
    assert_eq!(stop["body"]["reason"], "breakpoint");
    // debugpy would answer nothing any more if it saw this.
    editor.send(json!({"type": "telegram"})).await;
    assert_eq!(evaluate(&mut editor, &stop, "color + '!'").await, "'red!'");
    editor.ask("continue", json!({"threadId": stop["body"]["threadId"]})).await;
    editor
        .wait("the program's output", |m| m["body"]["output"].as_str().is_some_and(|text| text.contains("bye")))
        .await;
    let ended = editor.disconnect().await;
    assert!(!ended.log().contains("event capabilities"), "the table differs from the real adapter: {}", ended.log());
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", ""));
}

#[tokio::test]
async fn variables_are_set_and_removed_and_nothing_survives_the_editor() {
    let Some(python) = python("variables_are_set_and_removed_and_nothing_survives_the_editor") else { return };
    for how in ["disconnect", "terminate", "vanish", "adapter dies"] {
        let folder = tempfile::tempdir().unwrap();
        let mut editor = Editor::real(Plan::Starts);
        let stop = stopped(&mut editor, &python, &program(folder.path()), json!({})).await;
        assert_eq!(evaluate(&mut editor, &stop, "(color, secret)").await, "('blue', None)");
        let id: u32 = evaluate(&mut editor, &stop, "os.getpid()").await.parse().expect("a process id");
        let parents =
            evaluate(&mut editor, &stop, "(os.getppid(), int(open(f'/proc/{os.getppid()}/stat').read().split()[3]))")
                .await;
        assert!(Path::new(&format!("/proc/{id}")).exists());
        assert_eq!(editor.session.notes()[1], "exempt true");
        let ended = match how {
            "disconnect" => editor.disconnect().await,
            "terminate" => {
                let terminate = editor.request("terminate", json!({})).await;
                editor.event("terminated").await;
                assert_eq!(editor.response(terminate).await["success"], true);
                assert_eq!(editor.ask("threads", json!({})).await["type"], "response");
                assert_eq!(editor.session.notes().last().map(String::as_str), Some("stop"), "before the editor leaves");
                editor.disconnect().await
            }
            "vanish" => {
                editor.vanish().await;
                editor.ended().await
            }
            _ => {
                let adapter: i32 = parents.trim_end_matches(')').split(", ").nth(1).unwrap().parse().unwrap();
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(adapter), nix::sys::signal::Signal::SIGKILL).unwrap();
                editor.event("terminated").await;
                let ended = editor.disconnect().await;
                assert!(ended.result.contains("ended unexpectedly (signal: 9 (SIGKILL))"), "{}", ended.result);
                ended
            }
        };
        assert!(ended.notes.ends_with("stop"), "{how}: {}", ended.notes);
        assert_eq!(state(&id.to_string()).await, None, "{how}: the program is still there");
    }
}

#[tokio::test]
async fn a_breakpoint_in_a_child_process_is_hit_by_a_second_debug_session() {
    let Some(python) = python("a_breakpoint_in_a_child_process_is_hit_by_a_second_debug_session") else { return };
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child.py").display().to_string();
    fs::write(&child, "value = 'in the child'\nprint(value)\n").unwrap();
    let parent = folder.path().join("parent.py").display().to_string();
    fs::write(&parent, format!("import subprocess, sys\nsubprocess.run([sys.executable, {child:?}])\n")).unwrap();

    let mut first = Editor::real(Plan::Starts);
    first.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    let launch = json!({"program": parent, "python": python, "console": "internalConsole", "subProcess": true});
    first.request("launch", launch).await;
    first.event("initialized").await;
    first.session.report();
    first.request("configurationDone", json!({})).await;
    let asked = first.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    assert_eq!(asked["arguments"]["request"], "attach");

    let mut second = Editor::real(Plan::Fails("a child starts no session"));
    second.initialize(json!({"linesStartAt1": true})).await;
    let attach = second.request("attach", asked["arguments"]["configuration"].clone()).await;
    second.event("initialized").await;
    second.ask("setBreakpoints", json!({"source": {"path": child}, "breakpoints": [{"line": 2}]})).await;
    second.request("configurationDone", json!({})).await;
    assert_eq!(second.response(attach).await["success"], true);
    let stop = second.event("stopped").await;
    assert_eq!(evaluate(&mut second, &stop, "value").await, "'in the child'");
    second.ask("continue", json!({"threadId": stop["body"]["threadId"]})).await;
    second.event("terminated").await;
    let second = second.disconnect().await;
    assert_eq!((second.result.as_str(), second.notes.as_str()), ("ok", ""), "{}", second.log());
    first.event("terminated").await;
    assert_eq!(first.disconnect().await.result, "ok");
}

#[tokio::test]
async fn a_child_that_outlives_its_parent_keeps_session_and_debugger() {
    let Some(python) = python("a_child_that_outlives_its_parent_keeps_session_and_debugger") else { return };
    let (folder, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let child = folder.path().join("child.py").display().to_string();
    // debugpy asks what its program has left to end, as a service manager would.
    let waits = "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                 while os.getppid() == int(sys.argv[1]): time.sleep(0.05)\nvalue = 'alone'\nprint(value)\n";
    fs::write(&child, waits).unwrap();
    let parent = folder.path().join("parent.py").display().to_string();
    let attached = folder.path().join("attached");
    // A daemon, as far as a debugger has to know: it has neither our terminal nor our pipes.
    let leaves = format!(
        "import os, subprocess, sys, time\nnothing = subprocess.DEVNULL\n\
         subprocess.Popen([sys.executable, {child:?}, str(os.getpid())], start_new_session=True, stdout=nothing, stderr=nothing)\n\
         while not os.path.exists({attached:?}): time.sleep(0.05)\n"
    );
    fs::write(&parent, leaves).unwrap();

    let mut first = Editor::real(Plan::Starts);
    let session = first.session.clone();
    let _owner = Owner::of(&session, runtime.path(), "00a1b2c3");
    first.initialize(json!({"supportsStartDebuggingRequest": true})).await;
    let launch = json!({"program": parent, "python": python, "console": "internalConsole", "subProcess": true});
    first.request("launch", launch).await;
    first.event("initialized").await;
    session.report();
    first.request("configurationDone", json!({})).await;
    let asked = first.wait("startDebugging", |m| m["command"] == "startDebugging").await;

    let mut second = Editor::real(Plan::Fails("a child starts no session"));
    second.initialize(json!({"linesStartAt1": true})).await;
    let attach = second.request("attach", asked["arguments"]["configuration"].clone()).await;
    second.event("initialized").await;
    second.ask("setBreakpoints", json!({"source": {"path": child}, "breakpoints": [{"line": 5}]})).await;
    second.request("configurationDone", json!({})).await;
    assert_eq!(second.response(attach).await["success"], true);

    fs::write(&attached, "").unwrap();
    first.event("terminated").await;
    assert_eq!(first.ask("disconnect", json!({})).await["success"], true);
    let stop = second.event("stopped").await;
    assert_eq!(evaluate(&mut second, &stop, "value").await, "'alone'");
    // The parent's debug session is over, and its editor signals what it takes for the rest of it.
    first.stop.cancel();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!session.notes().contains(&"stop".to_owned()), "{:?}", session.notes());
    assert_eq!(evaluate(&mut second, &stop, "value + '!'").await, "'alone!'");
    let id = evaluate(&mut second, &stop, "os.getpid()").await;
    second.ask("continue", json!({"threadId": stop["body"]["threadId"]})).await;
    second.event("terminated").await;
    assert_eq!(second.disconnect().await.result, "ok");
    let ended = first.ended().await;
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", "start [], exempt true, stop"), "{}", ended.log());
    // It ends by itself, nobody hurries it.
    for _ in 0..100 {
        if state(&id).await.is_none() {
            return;
        }
    }
    panic!("the child is still there");
}

#[tokio::test]
async fn missing_debugpy_says_how_to_get_it() {
    let Some(python) = python("missing_debugpy_says_how_to_get_it") else { return };
    // The same interpreter without its packages.
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("python");
    fs::write(&bare, format!("#!/bin/sh\nexec '{python}' -I -S \"$@\"\n")).unwrap();
    fs::set_permissions(&bare, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut editor = Editor::real(Plan::Hangs);
    editor.initialize(json!({})).await;
    let refused = editor.ask("launch", json!({"program": program(folder.path()), "python": bare})).await;
    let bare = bare.display();
    assert_eq!(
        refused["message"],
        format!(
            "mirrord: debugpy is not installed for `{bare}`: run `{bare} -m pip install debugpy`, or name an interpreter that has it with \"python\" in the launch configuration"
        )
    );
    let refused_too = editor.disconnect().await;
    assert_eq!(refused_too.notes, "start [], cancelled");

    let mut editor = Editor::real(Plan::Starts);
    editor.initialize(json!({})).await;
    let refused = editor.ask("launch", json!({"program": program(folder.path()), "python": "/nowhere/python"})).await;
    assert_eq!(
        refused["message"],
        "mirrord: cannot start the debug adapter `/nowhere/python`: No such file or directory (os error 2)"
    );
    assert_eq!(editor.disconnect().await.notes, "start [], stop");
}
