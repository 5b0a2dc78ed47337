//! A test that plays the editor.

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf},
    task::JoinSet,
    time::timeout,
};
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    sync::CancellationToken,
};

use super::{
    Plan, Pretence,
    fake_adapter::{self, Manners, Spy},
};
use crate::dap::{
    Environment, Error,
    backing::Sessions,
    editor::Editor as Wire,
    proxy::{Proxy, Reach},
};
use crate::frames::Frames;

/// An editor, connected to a proxy.
pub(super) struct Editor {
    input: FramedRead<ReadHalf<DuplexStream>, Frames>,
    output: Option<FramedWrite<WriteHalf<DuplexStream>, Frames>>,
    seq: i64,
    proxy: JoinSet<Result<(), Error>>,
    others: JoinSet<()>,
    pub(super) session: Pretence,
    pub(super) spy: Spy,
    pub(super) stop: CancellationToken,
    pub(super) end: CancellationToken,
    /// Everything received, in order.
    pub(super) received: Vec<Value>,
}

/// Longer than every limit of the proxy; paused clocks jump over it.
const PATIENCE: Duration = Duration::from_secs(90);

impl Editor {
    /// In front of a proxy, a fake adapter and a made-up session.
    pub(super) fn new(manners: Manners, plan: Plan) -> Self {
        let (theirs, ours) = tokio::io::duplex(64 * 1024);
        let (spy, session) = (Spy::default(), Pretence::new(plan));
        let mut others = JoinSet::new();
        others.spawn(fake_adapter::run(theirs, manners, spy.clone()));
        let sessions = Sessions::Pretended(session.clone());
        Self::over(Reach { sessions, given: vec![ours] }, session, spy, others)
    }

    /// As [`Editor::new`], where sessions that run are found in the folder `runtime`.
    pub(super) fn with_runtime(manners: Manners, runtime: &Path) -> Self {
        let (theirs, ours) = tokio::io::duplex(64 * 1024);
        let (spy, session) = (Spy::default(), Pretence::new(Plan::Fails("nobody wants a new session")));
        let mut others = JoinSet::new();
        others.spawn(fake_adapter::run(theirs, manners, spy.clone()));
        let sessions = Sessions::Pretended(session.clone());
        let variables = [("XDG_RUNTIME_DIR".into(), runtime.into())].into();
        Self::among(variables, Reach { sessions, given: vec![ours] }, session, spy, others)
    }

    /// In front of a proxy that starts real adapters.
    pub(super) fn real(plan: Plan) -> Self {
        Self::real_with(Pretence::new(plan))
    }

    /// The same with this session.
    pub(super) fn real_with(session: Pretence) -> Self {
        let reach = Reach { sessions: Sessions::Pretended(session.clone()), given: Vec::new() };
        Self::over(reach, session, Spy::default(), JoinSet::new())
    }

    fn over(reach: Reach, session: Pretence, spy: Spy, others: JoinSet<()>) -> Self {
        Self::among(crate::settings::variables(), reach, session, spy, others)
    }

    fn among(
        variables: BTreeMap<OsString, OsString>,
        reach: Reach,
        session: Pretence,
        spy: Spy,
        others: JoinSet<()>,
    ) -> Self {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let ((input, output), (read, write)) = (tokio::io::split(here), tokio::io::split(there));
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let environment = Environment {
            adapter: crate::dap::AdapterWish::default(),
            layer: "/nowhere/liblayer.so".into(),
            variables,
            working_directory: "/".into(),
            stop: stop.clone(),
            end: end.clone(),
        };
        let mut proxy = JoinSet::new();
        proxy.spawn(Proxy::new(Wire::new(read, write), environment, reach).run());
        Self {
            input: FramedRead::new(input, Frames::default()),
            output: Some(FramedWrite::new(output, Frames::default())),
            seq: 0,
            proxy,
            others,
            session,
            spy,
            stop,
            end,
            received: Vec::new(),
        }
    }

    pub(super) async fn send(&mut self, mut message: Value) -> i64 {
        self.seq += 1;
        if message.is_object() {
            message["seq"] = self.seq.into();
        }
        self.output.as_mut().expect("not closed").send(&message).await.expect("the proxy reads");
        self.seq
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.output.as_mut().expect("not closed").get_mut().write_all(bytes).await.expect("the proxy reads");
    }

    pub(super) async fn request(&mut self, command: &str, arguments: Value) -> i64 {
        self.send(json!({"type": "request", "command": command, "arguments": arguments})).await
    }

    /// The next message that `wanted` accepts; what comes before stays in `received`.
    pub(super) async fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let received = match timeout(PATIENCE, self.input.next()).await {
                Ok(Some(Ok(message))) => message,
                other => panic!("waiting for {what}: {other:?}; before: {}", self.log()),
            };
            self.received.push(received.clone());
            if wanted(&received) {
                return received;
            }
        }
    }

    pub(super) async fn response(&mut self, seq: i64) -> Value {
        self.wait(&format!("response to {seq}"), |m| m["type"] == "response" && m["request_seq"] == seq).await
    }

    pub(super) async fn event(&mut self, name: &str) -> Value {
        self.wait(name, |m| m["type"] == "event" && m["event"] == name).await
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.request(command, arguments).await;
        self.response(seq).await
    }

    /// `initialize`, with these arguments besides the usual ones.
    pub(super) async fn initialize(&mut self, more: Value) -> Value {
        let mut arguments = json!({"adapterID": "mirrord", "clientID": "test", "pathFormat": "path"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask("initialize", arguments).await
    }

    /// Up to a running program, whose layer has reported in if `reports`.
    pub(super) async fn debug(&mut self, launch: Value, reports: bool) {
        let able = json!({"supportsRunInTerminalRequest": true});
        assert_eq!(self.initialize(able).await["success"], true);
        let seq = self.request("launch", launch).await;
        self.event("initialized").await;
        let launched = self.response(seq).await;
        assert_eq!(launched["success"], true, "{launched}");
        if reports {
            self.session.report();
        }
        let configured = self.request("configurationDone", json!({})).await;
        self.response(configured).await;
        self.event("process").await;
    }

    /// Closes the editor's side without a word.
    pub(super) async fn vanish(&mut self) {
        let mut output = self.output.take().expect("not closed");
        output.close().await.expect("the proxy reads");
    }

    /// Disconnects, and gives what the proxy returns.
    pub(super) async fn disconnect(mut self) -> Ended {
        let answer = self.ask("disconnect", json!({})).await;
        assert_eq!(answer["success"], true, "{answer}");
        self.ended().await
    }

    /// Waits for the proxy's end.
    pub(super) async fn ended(mut self) -> Ended {
        while let Ok(Some(Ok(message))) = timeout(PATIENCE, self.input.next()).await {
            self.received.push(message);
        }
        let result = timeout(PATIENCE, self.proxy.join_next()).await.expect("it ends").expect("there is one");
        self.others.join_all().await;
        let result = match result.expect("it does not panic") {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("error: {error}"),
        };
        Ended { result, notes: self.session.notes().join(", "), spy: self.spy, received: self.received }
    }

    /// What was received, in short.
    pub(super) fn log(&self) -> String {
        short(&self.received)
    }
}

/// What is left of a debug session.
pub(super) struct Ended {
    pub(super) result: String,
    pub(super) notes: String,
    pub(super) spy: Spy,
    pub(super) received: Vec<Value>,
}

impl Ended {
    pub(super) fn log(&self) -> String {
        short(&self.received)
    }
}

/// One line a message.
pub(super) fn short(messages: &[Value]) -> String {
    let line = |message: &Value| match message["type"].as_str() {
        Some("event") if message["event"] == "output" => {
            format!(
                "{} {:?}",
                message["body"]["category"].as_str().unwrap_or("?"),
                message["body"]["output"].as_str().unwrap_or("?")
            )
        }
        Some("event") => format!("event {}", message["event"].as_str().unwrap_or("?")),
        Some("request") => format!("request {}", message["command"].as_str().unwrap_or("?")),
        Some("response") if message["success"] == true => format!("ok {}", message["command"].as_str().unwrap_or("?")),
        Some("response") => {
            format!(
                "refused {}: {}",
                message["command"].as_str().unwrap_or("?"),
                message["message"].as_str().unwrap_or("?")
            )
        }
        _ => format!("other {message}"),
    };
    messages.iter().map(line).collect::<Vec<_>>().join("\n")
}
