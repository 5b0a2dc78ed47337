//! One debug session from launch to end.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Case, Editor, Plan, Pretence, REMOVED, debuggers};

/// Whether there is such a program.
pub(super) fn has(program: &str) -> bool {
    Command::new(program).arg("version").output().is_ok()
}

/// Up to the breakpoint at `line` of `source`.
pub(super) async fn stopped(editor: &mut Editor, launch: Value, source: &Path, line: u32) -> Value {
    let launch = editor.request("launch", launch).await;
    let ready = |m: &Value| m["event"] == "initialized" || (m["request_seq"] == launch && m["success"] == false);
    let ready = editor.wait("initialized", ready).await;
    assert_eq!(ready["event"], "initialized", "{ready}");
    let source = json!({"path": source, "name": source.file_name().unwrap().to_string_lossy()});
    editor.ask("setBreakpoints", json!({"source": source, "breakpoints": [{"line": line}]})).await;
    editor.session.report();
    editor.request("configurationDone", json!({})).await;
    editor.event("stopped").await
}

/// What the debugger shows of a local variable where the program has stopped.
pub(super) async fn evaluate(editor: &mut Editor, stopped: &Value, expression: &str) -> String {
    let stack = editor.ask("stackTrace", json!({"threadId": stopped["body"]["threadId"]})).await;
    let frame = &stack["body"]["stackFrames"][0]["id"];
    let result = editor.ask("evaluate", json!({"expression": expression, "frameId": frame, "context": "watch"})).await;
    result["body"]["result"].as_str().unwrap_or_default().to_owned()
}

/// A program that stands at its breakpoint.
struct Standing {
    editor: Editor,
    work: TempDir,
    /// The launch, as the editor has it.
    launch: Value,
    stop: Value,
}

impl Case {
    /// Runs it.
    pub(super) async fn run(self) {
        let Some(mut standing) = self.start().await else { return };
        self.shows_variables(&mut standing).await;
        self.end(standing).await;
    }

    /// Runs it, and once more from its breakpoint on, in each of the ways that editors have.
    pub(super) async fn restart(self) {
        let Some(mut standing) = self.start().await else { return };
        for arguments in [json!({}), json!({"arguments": standing.launch.clone()})] {
            let Standing { editor, stop, .. } = &mut standing;
            let before = editor.received.len();
            editor.request("restart", arguments).await;
            *stop = editor.event("stopped").await;
            let restarted = editor.received[before..].iter().find(|message| message["command"] == "restart");
            let failed = restarted.is_some_and(|answer| answer["success"] != true);
            assert!(!failed, "{}: {restarted:?}\n{}", self.name, editor.log());
            assert!(!editor.session.notes().contains(&"stop".to_owned()), "{}: {}", self.name, editor.log());
            self.shows_variables(&mut standing).await;
        }
        self.end(standing).await;
    }

    /// Up to the breakpoint; nothing where the case cannot be run.
    async fn start(&self) -> Option<Standing> {
        let debuggers = debuggers(self.name)?;
        let work = tempfile::tempdir().unwrap();
        let source = self.program.write(work.path());
        if !self.program.compile(&source) {
            println!("{} is skipped: there is no compiler for {:?}", self.name, self.program);
            return None;
        }
        let mut editor = Editor::real_with(Pretence::without(Plan::Starts, REMOVED));
        let name = (self.adapter)(&debuggers)["name"].take();
        let able = json!({"adapterID": name, "linesStartAt1": true, "supportsRunInTerminalRequest": self.terminal});
        editor.initialize(able).await;
        let mut launch = self.launch.clone();
        let more = [self.program.launch(work.path()), json!({"adapter": (self.adapter)(&debuggers)})];
        for more in more {
            launch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        let stop = stopped(&mut editor, launch.clone(), &source, self.program.line()).await;
        Some(Standing { editor, work, launch, stop })
    }

    async fn shows_variables(&self, standing: &mut Standing) {
        let Standing { editor, stop, .. } = standing;
        let shown = [evaluate(editor, stop, "color").await, evaluate(editor, stop, "removed").await];
        for (shown, expected) in shown.iter().zip(self.shows) {
            assert!(shown.contains(expected), "{}: {shown} instead of {expected}\n{}", self.name, editor.log());
        }
    }

    /// From the breakpoint to the end, which leaves nothing.
    async fn end(&self, standing: Standing) {
        let Standing { mut editor, work, launch, stop } = standing;
        editor.ask("continue", json!({"threadId": stop["body"]["threadId"]})).await;
        let line = |m: &Value| m["body"]["output"].as_str().is_some_and(|text| text.contains("color is blue"));
        if !editor.received.iter().any(line) {
            editor.wait("the program's output", line).await;
        }
        if !editor.received.iter().any(|m| m["event"] == "terminated") {
            editor.event("terminated").await;
        }
        let ended = editor.disconnect().await;
        assert_eq!(ended.result, "ok", "{}: {}", self.name, ended.log());
        assert!(ended.notes.ends_with("stop"), "{}: {}", self.name, ended.notes);
        if launch["adapter"]["name"] != "other" {
            same_capabilities(&ended.received);
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // whoever adopted the last of them reaps it
        assert_eq!(left_in(work.path()), Vec::<PathBuf>::new(), "{}", self.name);
    }
}

/// The table says what the real adapter does: nothing had to be corrected.
#[track_caller]
pub(super) fn same_capabilities(received: &[Value]) {
    let corrected = received.iter().filter_map(|m| m["body"]["capabilities"].as_object());
    // What begins so is no capability: lldb-dap's own version.
    let corrected: Vec<_> = corrected.flatten().filter(|(key, _)| !key.starts_with("__")).collect();
    assert!(corrected.is_empty(), "{corrected:?}: the table differs from the real adapter");
}

/// Processes whose working directory or program is in `folder`.
fn left_in(folder: &Path) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let links = processes.flat_map(|process| ["cwd", "exe"].map(|link| process.join(link)));
    links.filter(|link| std::fs::read_link(link).is_ok_and(|target| target.starts_with(folder))).collect()
}
