//! A debug adapter that behaves as told, with a spy on what it receives.

use std::sync::{Arc, Mutex};

use futures::{SinkExt as _, StreamExt as _};
use protocol::link::variable;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::frames::Frames;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manners {
    /// As the specification says.
    Good,
    /// It says more than the specification knows, and asks back.
    Talkative,
    /// It answers nothing but `initialize`.
    Mute,
    /// It refuses `initialize`.
    Refusing,
    /// It ends when it is asked to launch.
    Dying,
    /// It sends a length that is none when it is asked to launch.
    Lying,
    /// Its program ends at once after it started.
    Brief,
}

/// What it received.
#[derive(Clone, Debug, Default)]
pub(super) struct Spy(Arc<Mutex<Vec<Value>>>);

impl Spy {
    /// Everything so far: numbers, and what was said.
    pub(super) fn seen(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    /// Commands and events so far.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |m: &Value| m["command"].as_str().or(m["event"].as_str()).unwrap_or("?").to_owned();
        self.seen().iter().map(name).collect()
    }

    /// The request of this command, without the launch's name, which is another each time.
    pub(super) fn request(&self, command: &str) -> Value {
        let mut request = self.seen().into_iter().find(|m| m["command"] == command).unwrap_or_default();
        for arguments in ["/arguments/env", "/arguments/arguments/env"] {
            if let Some(env) = request.pointer_mut(arguments).and_then(Value::as_object_mut) {
                env.shift_remove(variable::LAUNCH);
            }
        }
        request
    }
}

struct Fake {
    manners: Manners,
    output: FramedWrite<WriteHalf<DuplexStream>, Frames>,
    seq: i64,
}

/// Runs it until its input ends.
pub(super) async fn run(stream: DuplexStream, manners: Manners, spy: Spy) {
    let (read, write) = tokio::io::split(stream);
    let mut input: FramedRead<ReadHalf<DuplexStream>, Frames> = FramedRead::new(read, Frames::default());
    // Its own numbers are far from the editor's.
    let mut fake = Fake { manners, output: FramedWrite::new(write, Frames::default()), seq: 1000 };
    while let Some(Ok(message)) = input.next().await {
        spy.0.lock().unwrap().push(message.clone());
        if !fake.react(&message).await {
            return;
        }
    }
    spy.0.lock().unwrap().push(json!({"event": "(end of input)"}));
}

impl Fake {
    /// False when it dies.
    async fn react(&mut self, message: &Value) -> bool {
        let command = message["command"].as_str().unwrap_or_default();
        if message["type"] != "request" || (self.manners == Manners::Mute && command != "initialize") {
            return true;
        }
        match (command, self.manners) {
            ("launch", Manners::Dying) => return false,
            ("launch", Manners::Lying) => {
                // Who is lied to may have hung up.
                let _ = self.output.get_mut().write_all(b"Content-Length: many\r\n\r\n").await;
                return true;
            }
            _ => {}
        }
        match command {
            "initialize" => self.initialize(message).await,
            "launch" | "attach" => {
                self.say(json!({"type": "event", "event": "initialized"})).await;
                self.answer(message, &json!({})).await;
            }
            "configurationDone" => {
                self.answer(message, &json!({})).await;
                self.say(json!({"type": "event", "event": "process", "body": {"name": "program"}})).await;
                if self.manners == Manners::Brief {
                    self.say(json!({"type": "event", "event": "terminated"})).await;
                }
            }
            "evaluate" => self.answer(message, &json!({"result": message["arguments"]["expression"]})).await,
            "slow" => {}
            "scopes" => {
                let scopes = json!([{"name": "Locals", "variablesReference": 1, "expensive": false}]);
                self.answer(message, &json!({"scopes": scopes})).await;
            }
            "tell" => {
                let (event, body) = (&message["arguments"]["event"], &message["arguments"]["body"]);
                self.say(json!({"type": "event", "event": event, "body": body})).await;
                self.answer(message, &json!({})).await;
            }
            "ask back" => {
                let arguments = message["arguments"]["arguments"].clone();
                let command = &message["arguments"]["command"];
                self.say(json!({"type": "request", "command": command, "arguments": arguments})).await;
            }
            "end program" => {
                self.answer(message, &json!({})).await;
                self.say(json!({"type": "event", "event": "exited", "body": {"exitCode": 3}})).await;
                self.say(json!({"type": "event", "event": "terminated"})).await;
            }
            "die" => return false,
            _ => self.answer(message, &json!({})).await,
        }
        true
    }

    async fn initialize(&mut self, message: &Value) {
        match self.manners {
            Manners::Refusing => {
                self.say(json!({
                    "type": "response", "request_seq": message["seq"], "command": "initialize",
                    "success": false, "message": "no \u{1b}[31mmood",
                }))
                .await;
            }
            Manners::Talkative => {
                self.say(json!({"type": "event", "event": "early", "body": {"n": 1}})).await;
                self.say(json!({"type": "telegram", "text": "stop", "odd": [1, null]})).await;
                self.answer(message, &json!({"supportsSteppingBack": true})).await;
            }
            _ => {
                let body = crate::dap::adapters::ADAPTERS[0].capabilities;
                self.answer(message, &serde_json::from_str(body).unwrap()).await;
            }
        }
    }

    async fn answer(&mut self, message: &Value, body: &Value) {
        self.say(json!({
            "type": "response", "request_seq": message["seq"], "success": true, "command": message["command"], "body": body,
        }))
        .await;
    }

    async fn say(&mut self, mut message: Value) {
        self.seq += 1;
        message["seq"] = self.seq.into();
        let _ = self.output.send(&message).await; // nobody left who listens
    }
}
