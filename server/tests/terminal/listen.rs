//! `mirrord dap --listen`: debug sessions over a Unix socket, with a real debug adapter behind each.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::bench::{Bench, until};

/// A server that listens.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    /// As an editor starts it; it has said where it listens.
    fn start(bench: &Bench) -> Self {
        let socket = bench.path("dap.sock");
        let mut child = bench.command(&["dap", "--listen", "dap.sock"]).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("it is text");
        assert_eq!(line, "mirrord: listening at dap.sock\n");
        Self { child, socket }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }
}

/// An editor's end of one debug session.
struct Editor {
    stream: BufReader<UnixStream>,
    seq: i64,
}

impl Editor {
    fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it is a socket");
        Self { stream: BufReader::new(stream), seq: 0 }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers make it on the spot")]
    fn request(&mut self, command: &str, arguments: Value) -> i64 {
        self.seq += 1;
        let message = json!({"seq": self.seq, "type": "request", "command": command, "arguments": arguments});
        let body = message.to_string();
        write!(self.stream.get_mut(), "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        self.seq
    }

    /// The next message; nothing at the end.
    fn next(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).expect("it is text, in time") == 0 {
                return None;
            }
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a number"),
                None if length > 0 => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a whole message");
        Some(serde_json::from_slice(&body).expect("JSON"))
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        std::iter::from_fn(|| self.next()).find(wanted).expect("it comes before the end")
    }

    fn event(&mut self, name: &str) -> Value {
        self.wait(|message| message["event"] == name)
    }

    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.request(command, arguments);
        self.wait(|message| message["request_seq"] == seq)
    }

    /// Debugs `program` up to line 2.
    fn stop_in(&mut self, python: &str, program: &str) -> Value {
        self.ask("initialize", json!({"adapterID": "mirrord", "linesStartAt1": true}));
        self.request(
            "launch",
            json!({"program": program, "python": python, "console": "internalConsole", "mirrord": false}),
        );
        self.event("initialized");
        self.ask("setBreakpoints", json!({"source": {"path": program}, "breakpoints": [{"line": 2}]}));
        self.request("configurationDone", json!({}));
        self.event("stopped")
    }

    fn evaluate(&mut self, stopped: &Value, expression: &str) -> String {
        let stack = self.ask("stackTrace", json!({"threadId": stopped["body"]["threadId"]}));
        let frame = stack["body"]["stackFrames"][0]["id"].clone();
        let answer = self.ask("evaluate", json!({"expression": expression, "frameId": frame, "context": "repl"}));
        answer["body"]["result"].as_str().unwrap_or_default().to_owned()
    }
}

fn python(test: &str) -> Option<String> {
    let python = std::env::var("MIRRORD_TEST_PYTHON").ok();
    if python.is_none() {
        println!("{test} is skipped: MIRRORD_TEST_PYTHON names no interpreter with debugpy");
    }
    python
}

fn is_gone(pid: &str) -> bool {
    !fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn debug_sessions_are_served_side_by_side_and_end_with_the_server() {
    let Some(bench) = Bench::whole() else { return };
    let Some(python) = python("debug_sessions_are_served_side_by_side_and_end_with_the_server") else { return };
    let mut server = Server::start(&bench);
    assert!(fs::metadata(&server.socket).expect("it is there").file_type().is_socket());
    let programs =
        ["one", "two"].map(|name| bench.write(&format!("{name}.py"), &format!("import os\nname = {name:?}\n")));
    let mut editors = [Editor::connect(&server.socket), Editor::connect(&server.socket)];
    let mut stops = Vec::new();
    for (editor, program) in editors.iter_mut().zip(&programs) {
        stops.push(editor.stop_in(&python, program));
    }
    let mut pids = Vec::new();
    for (editor, stop) in editors.iter_mut().zip(&stops) {
        pids.push(editor.evaluate(stop, "os.getpid()"));
    }
    assert_ne!(pids[0], pids[1]);
    // One leaves, the other stays; a third comes.
    assert_eq!(editors[0].ask("disconnect", json!({}))["success"], true);
    until("its program ends", || is_gone(&pids[0]).then_some(()));
    assert_eq!(editors[1].evaluate(&stops[1], "1 + 1"), "2");
    let mut third = Editor::connect(&server.socket);
    assert_eq!(third.ask("initialize", json!({"adapterID": "mirrord"}))["success"], true);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
    assert!(editors[1].next().is_none() && third.next().is_none(), "the connections are closed");
    assert!(is_gone(&pids[1]), "its program is still there");
    assert!(!server.socket.exists(), "its name is still there");
    bench.nothing_is_left();
}

#[test]
fn nobody_else_is_served() {
    let Some(bench) = Bench::whole() else { return };
    if !nix::unistd::getuid().is_root() {
        return println!("skipped: only root becomes another user");
    }
    let mut server = Server::start(&bench);
    assert_eq!(fs::metadata(&server.socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    let connect = || {
        let mut stranger = Command::new("setpriv");
        let script = "my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die qq($!\\n); print sysread($socket, my $byte, 1)";
        stranger.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        stranger.args(["/usr/bin/perl", "-MIO::Socket::UNIX", "-e", script]);
        let output = stranger.arg(&server.socket).output().expect("there is setpriv");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let refused = connect();
    assert_eq!(refused, "Permission denied\n");
    // Not only by its mode, which a moment or a mistake may leave open.
    fs::set_permissions(&server.socket, fs::Permissions::from_mode(0o666)).expect("it is ours");
    assert_eq!(connect(), "0", "the connection is closed without a word");
    let mut own = Editor::connect(&server.socket);
    assert_eq!(own.ask("initialize", json!({"adapterID": "mirrord"}))["success"], true);
    server.signal(Signal::SIGINT);
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_server_ends_with_the_process_that_has_started_it() {
    let Some(bench) = Bench::whole() else { return };
    let mut editor = Command::new("sh");
    let script = format!("{} dap --listen dap.sock & wait", bench.path("mirrord").display());
    let mut editor = bench.furnish(&mut editor).args(["-c", &script]).stderr(Stdio::null()).spawn().expect("it starts");
    until("it listens", || bench.path("dap.sock").exists().then_some(()));
    editor.kill().expect("it runs");
    editor.wait().expect("it ends");
    bench.nothing_is_left();
    assert!(!bench.path("dap.sock").exists(), "its name is still there");
}

#[test]
fn where_nobody_can_listen_is_told() {
    let Some(bench) = Bench::whole() else { return };
    bench.write("file", "mine");
    let long = "x".repeat(108);
    for (path, reason) in [
        ("file", "cannot listen at `file`: it is there and is no socket; name a path where nothing is"),
        ("nowhere/dap.sock", "cannot listen at `nowhere/dap.sock`: No such file or directory (os error 2)"),
        (
            &long,
            "this path has 108 bytes, a socket's has at most 107; name a shorter one, or one that is relative to the working directory",
        ),
    ] {
        let said = bench.run(&["dap", "--listen", path]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.starts_with("mirrord: error: ") && said.err.contains(reason), "{said:?}");
    }
}
