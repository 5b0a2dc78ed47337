//! Debug sessions that join a session instead of starting one: over a real control socket, whose other end a test plays.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use expect_test::expect;
use serde_json::{Value, json};
use session::{
    Injection,
    control::{Answer, Joined, Request},
    view::{State, View},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

use super::{Plan, Pretence, editor::Editor, fake_adapter::Manners};

/// Somebody else's session, with its control socket.
pub(super) struct Owner {
    pub(super) control: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
    view: watch::Sender<View>,
    /// Processes of the launch that has joined.
    launched: watch::Sender<u64>,
    tasks: JoinSet<()>,
}

impl Owner {
    /// A session of this name in the folder `runtime`.
    fn new(runtime: &Path, name: &str) -> Self {
        Self::of(&Pretence::new(Plan::Starts), runtime, name)
    }

    /// The same, where `session` knows who has joined.
    pub(super) fn of(session: &Pretence, runtime: &Path, name: &str) -> Self {
        let folder = runtime.join(format!("mirrord-{name}"));
        std::fs::create_dir(&folder).unwrap();
        let control = folder.join("control.sock");
        let listener = UnixListener::bind(&control).unwrap();
        let view = View { session: name.to_owned(), state: State::Connected, programs: 1, ..View::default() };
        let (requests, view, launched) = (Arc::new(Mutex::default()), watch::Sender::new(view), watch::Sender::new(0));
        let mut tasks = JoinSet::new();
        session.serve(control.clone());
        let (session, heard, shown) =
            (session.clone(), Arc::clone(&requests), (view.subscribe(), launched.subscribe()));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, Arc::clone(&heard), shown.clone(), session.clone()));
            }
        });
        Self { control, requests, view, launched, tasks }
    }

    /// What was asked, but for looks.
    fn requests(&self) -> String {
        self.requests.lock().unwrap().join(", ")
    }

    /// A process of somebody's says hello.
    fn greet(&self) {
        self.view.send_modify(|view| view.programs += 1);
    }

    /// The program of the launch that has joined says hello.
    fn report(&self) {
        self.greet();
        self.launched.send_modify(|processes| *processes += 1);
    }

    /// It ends.
    async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

/// A debug session that has joined.
struct Guest(Pretence);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.guest(false);
    }
}

async fn converse(
    stream: UnixStream,
    requests: Arc<Mutex<Vec<String>>>,
    (view, launched): (watch::Receiver<View>, watch::Receiver<u64>),
    session: Pretence,
) {
    let (read, mut write) = stream.into_split();
    let mut guest = None;
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match serde_json::from_str(&line).expect("a request") {
            Request::View { .. } => Answer::View(Box::new(view.borrow().clone())),
            Request::Join { .. } => {
                guest.get_or_insert_with(|| {
                    session.guest(true);
                    Guest(session.clone())
                });
                let set = [("COLOR".into(), "green".into())].into();
                Answer::Join(Joined::from(&Injection { set, unset: Vec::new() }))
            }
            Request::Launch(_) => Answer::Launch(*launched.borrow()),
            Request::Standing(_) | Request::Stop => Answer::Done,
        };
        if !line.contains("view") && !line.contains("launch") {
            requests.lock().unwrap().push(line);
        }
        let answer = format!("{}\n", serde_json::to_string(&answer).unwrap());
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const STOPPED: &str = "{\"standing\":true}";

async fn stop_and_wait(editor: &mut Editor, owner: &Owner) {
    editor.ask("tell", json!({"event": "stopped", "body": {"threadId": 1, "allThreadsStopped": true}})).await;
    while !owner.requests().contains(STOPPED) {
        tokio::task::yield_now().await;
    }
}

async fn scope(editor: &mut Editor) -> Value {
    let scopes = editor.ask("scopes", json!({"frameId": 1})).await;
    let top = scopes["body"]["scopes"][1]["variablesReference"].clone();
    editor.ask("variables", json!({"variablesReference": top})).await["body"]["variables"].clone()
}

#[tokio::test]
async fn a_launch_joins_a_session_that_runs_and_leaves_it_to_its_owner() {
    let runtime = tempfile::tempdir().unwrap();
    let owner = Owner::new(runtime.path(), "00a1b2c3");
    let mut editor = Editor::with_runtime(Manners::Good, runtime.path());
    editor.initialize(json!({})).await;
    let launch = json!({"program": "/bin/true", "env": {"COLOR": "red"}, "mirrord": {"session": "00a1"}});
    let launch = editor.request("launch", launch).await;
    assert_eq!(editor.response(launch).await["success"], true, "{}", editor.log());
    owner.report();
    editor.ask("configurationDone", json!({})).await;
    stop_and_wait(&mut editor, &owner).await;
    assert_eq!(scope(&mut editor).await[1]["value"], "00a1b2c3, connected");
    let ended = editor.disconnect().await;
    assert_eq!(ended.spy.request("launch")["arguments"], json!({"program": "/bin/true", "env": {"COLOR": "green"}}));
    expect![[r#"{"join":{"debugger":null}}, {"standing":true}"#]].assert_eq(&owner.requests());
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", ""), "{}", super::editor::short(&ended.received));
}

#[tokio::test]
async fn a_program_that_does_not_join_is_not_mistaken_for_another_that_does() {
    let runtime = tempfile::tempdir().unwrap();
    let owner = Owner::new(runtime.path(), "00a1b2c3");
    let mut editor = Editor::with_runtime(Manners::Good, runtime.path());
    editor.initialize(json!({})).await;
    let launch = editor.request("launch", json!({"program": "/bin/true", "mirrord": {"session": "00a1"}})).await;
    assert_eq!(editor.response(launch).await["success"], true, "{}", editor.log());
    editor.ask("configurationDone", json!({})).await;
    owner.greet();
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert!(ended.result.starts_with("error: the program runs without mirrord"), "{}", ended.result);
}

#[tokio::test]
async fn an_attach_joins_for_what_the_session_shows_and_changes_nothing() {
    let runtime = tempfile::tempdir().unwrap();
    let owner = Owner::new(runtime.path(), "00a1b2c3");
    let mut editor = Editor::with_runtime(Manners::Good, runtime.path());
    editor.initialize(json!({})).await;
    let attach = json!({"processId": 1, "mirrord": {"session": "00a1b2c3"}});
    assert_eq!(editor.ask("attach", attach).await["success"], true, "{}", editor.log());
    editor.ask("configurationDone", json!({})).await;
    stop_and_wait(&mut editor, &owner).await;
    assert_eq!(scope(&mut editor).await[1]["value"], "00a1b2c3, connected");
    let log = editor.log();
    assert!(!log.contains("stays where it runs") && !log.contains("without mirrord"), "{log}");
    let ended = editor.disconnect().await;
    assert_eq!(ended.spy.request("attach")["arguments"], json!({"processId": 1}));
    assert_eq!(ended.result, "ok");
}

#[tokio::test]
async fn a_launch_into_a_session_that_is_not_there_is_refused() {
    let runtime = tempfile::tempdir().unwrap();
    let mut editor = Editor::with_runtime(Manners::Good, runtime.path());
    editor.initialize(json!({})).await;
    let refused = editor.ask("launch", json!({"program": "/bin/true", "mirrord": {"session": "00ff"}})).await;
    let reason = refused["message"].as_str().unwrap();
    assert!(reason.starts_with("mirrord: there is no session `00ff`"), "{reason}");
    editor.disconnect().await;
}

#[tokio::test]
async fn the_end_of_a_joined_session_ends_the_debug_session() {
    let runtime = tempfile::tempdir().unwrap();
    let owner = Owner::new(runtime.path(), "00a1b2c3");
    let mut editor = Editor::with_runtime(Manners::Good, runtime.path());
    editor.initialize(json!({})).await;
    let launch = editor.request("launch", json!({"program": "/bin/true", "mirrord": {"session": "00a1"}})).await;
    editor.response(launch).await;
    owner.end().await;
    editor.event("terminated").await;
    let ended = editor.disconnect().await;
    assert_eq!(ended.result, "error: the session is lost: the session has ended");
}

#[tokio::test]
async fn children_join_the_session_of_their_parent_and_hand_it_on() {
    let runtime = tempfile::tempdir().unwrap();
    let owner = Owner::new(runtime.path(), "00a1b2c3");
    let mut parent = Editor::new(Manners::Good, Plan::Starts);
    parent.session.serve(owner.control.clone());
    parent.debug(json!({"program": "/bin/true", "type": "mirrord"}), true).await;
    let child = json!({"request": "launch", "configuration": {"type": "pwa-node", "__pendingTargetId": "a"}});
    parent.request("ask back", json!({"command": "startDebugging", "arguments": child})).await;
    let asked = parent.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    let configuration = &asked["arguments"]["configuration"];
    assert_eq!(configuration["type"], "mirrord", "the editor comes to us again: {configuration}");

    let mut child = Editor::with_runtime(Manners::Good, runtime.path());
    child.initialize(json!({"supportsProgressReporting": true})).await;
    let launch = child.request(asked["arguments"]["request"].as_str().unwrap(), configuration.clone()).await;
    assert_eq!(child.response(launch).await["success"], true, "{}", child.log());
    // The parent asks for a layer; who has joined it long ago does not say hello again.
    child.ask("configurationDone", json!({})).await;
    stop_and_wait(&mut child, &owner).await;
    assert_eq!(scope(&mut child).await[1]["value"], "00a1b2c3, connected");
    child
        .request("ask back", json!({"command": "startDebugging", "arguments": {"configuration": {"type": "pwa-node"}}}))
        .await;
    let grandchild = child.wait("startDebugging", |m| m["command"] == "startDebugging").await;
    let mut expected = configuration.clone();
    expected.as_object_mut().unwrap().remove("__pendingTargetId");
    assert_eq!(grandchild["arguments"]["configuration"], expected);
    // Its adapter is the parent's, whose end is not its own trouble.
    child.request("die", json!({})).await;
    child.event("terminated").await;
    let child = child.disconnect().await;
    assert_eq!((child.result.as_str(), child.notes.as_str()), ("ok", ""), "{}", super::editor::short(&child.received));
    assert_eq!(child.spy.request("launch")["arguments"], json!({"type": "pwa-node", "__pendingTargetId": "a"}));
    assert_eq!(owner.requests(), format!("{{\"join\":{{\"debugger\":null}}}}, {STOPPED}"));
    parent.disconnect().await;
}

#[tokio::test]
async fn a_child_is_debugged_also_where_its_session_cannot_be_seen() {
    let mut editor = Editor::new(Manners::Good, Plan::Fails("a child starts no session"));
    editor.initialize(json!({})).await;
    let ours = json!({"child": {"control": "/nowhere/control.sock"}});
    assert_eq!(editor.ask("attach", json!({"mirrord": ours})).await["success"], true);
    let ended = editor.disconnect().await;
    assert!(ended.log().contains("warning: of the parent's session nothing is shown here"), "{}", ended.log());
    assert_eq!((ended.result.as_str(), ended.notes.as_str()), ("ok", ""));
}
