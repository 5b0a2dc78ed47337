//! Messages from the editor.

use serde_json::Value;
use tokio::time::Instant;

use super::{DISCONNECT_LIMIT, Error, Flow, HELD_LIMIT, Proxy, Stage};
use crate::dap::{
    launch,
    message::{self, Arguments, Asked, Category, Kind},
    process::Program,
    scope::Folder,
};
use crate::frames::FrameError;

impl Proxy {
    pub(super) async fn on_editor(&mut self, message: Value) -> Result<Flow, FrameError> {
        match message::kind(&message) {
            Kind::Request { seq, command } => self.on_request(Asked::new(seq, command, &message), message).await,
            Kind::Response { request_seq } => {
                self.on_answer(request_seq, message).await?;
                Ok(Flow::Continue)
            }
            Kind::Event { .. } => {
                self.pass_on(message).await?;
                Ok(Flow::Continue)
            }
            // The other way round such messages pass, but some adapters, as debugpy, answer nothing any more after one.
            Kind::Other => {
                self.editor.leave_out(&message).await?;
                Ok(Flow::Continue)
            }
        }
    }

    async fn on_request(&mut self, asked: Asked, message: Value) -> Result<Flow, FrameError> {
        let leaves = matches!(asked.command.as_str(), "disconnect" | "terminate");
        match (&self.stage, asked.command.as_str()) {
            (Stage::Over(_) | Stage::Idle, "disconnect") => {
                self.editor.answer(&asked).await?;
                return Ok(Flow::Done);
            }
            // The program has ended, its children have not: some adapters end their debug sessions with the parent's.
            (Stage::Running, "disconnect") if self.terminated && self.session.is_left() => {
                self.editor.answer(&asked).await?;
                return Ok(Flow::Done);
            }
            (Stage::Over(_), "terminate") => self.editor.answer(&asked).await?,
            (Stage::Over(reason), _) => {
                let reason = reason.clone();
                self.editor.refuse(&asked, &reason).await?;
            }
            (Stage::Starting { cancel, .. }, _) if leaves => {
                cancel.cancel();
                self.parting = Some(asked);
            }
            (Stage::Starting { .. } | Stage::Idle, "cancel") => self.on_cancel_while_starting(&asked, &message).await?,
            (Stage::Idle, "initialize") if self.greeting.is_none() => self.on_initialize(&asked, &message).await?,
            (Stage::Idle, "launch" | "attach") if self.launch.is_none() => self.on_launch(asked, &message).await?,
            (_, "initialize" | "launch" | "attach") => {
                let reason = format!("`{}` was sent before in this debug session", asked.command);
                self.editor.refuse(&asked, &reason).await?;
            }
            (Stage::Idle | Stage::Starting { .. }, _) => self.hold(message).await?,
            (Stage::Running | Stage::Leaving | Stage::Lingering, _) => self.forward(asked, message).await?,
        }
        Ok(Flow::Continue)
    }

    /// Passes a request on to the adapter, with what we know better.
    async fn forward(&mut self, asked: Asked, mut message: Value) -> Result<(), FrameError> {
        if let Some(folder) = self.session.asked_for(&message["arguments"]) {
            return self.show(asked, folder).await;
        }
        match asked.command.as_str() {
            "cancel" => {
                if let Some(seq) = message["arguments"]["requestId"].as_i64() {
                    // Answered meanwhile: a number that is nobody's.
                    message["arguments"]["requestId"] = self.asked.sent_as(seq).unwrap_or_default().into();
                }
            }
            "restart" => {
                self.restarting = true;
                self.session.starts_again().await;
                let told = message["arguments"]["arguments"].take();
                message["arguments"]["arguments"] = Value::Object(self.launch_again(told));
            }
            "disconnect" => {
                let spared = message::spares_program(&message::arguments(&message));
                match (spared, self.session.injection().is_some()) {
                    (true, false) => self.program = Program::Spared,
                    (true, true) => {
                        let text = "the program ends with its session: it cannot live on without the cluster";
                        self.editor.say(Category::Console, text).await?;
                    }
                    (false, _) => {}
                }
                self.stage = Stage::Leaving;
                self.deadline = Some(Instant::now() + DISCONNECT_LIMIT);
            }
            _ => {}
        }
        self.pass_request(asked, message).await
    }

    /// What the adapter launches when it starts the program again: what it did before, unless the editor tells something
    /// else by now. Some adapters die without.
    fn launch_again(&self, told: Value) -> Arguments {
        let Value::Object(mut told) = told else { return self.launched.passed.clone() };
        let _ = launch::take(&mut told); // was right at the launch; wrong now, it changes nothing
        if told == self.launched.told {
            return self.launched.passed.clone();
        }
        (self.adapter.adapt)(&mut told);
        if let Some(injection) = self.session.injection() {
            // What cannot be handed over was told of at the launch.
            self.adapter.environment.apply(&mut told, injection);
        }
        told
    }

    /// Shows what is ours in the variables view. The adapter's answers do not wait for it.
    async fn show(&mut self, asked: Asked, folder: Folder) -> Result<(), FrameError> {
        match asked.command.as_str() {
            "variables" => {
                self.session.look(asked, folder);
                Ok(())
            }
            _ => self.editor.refuse(&asked, "what the mirrord scope shows can only be read").await,
        }
    }

    /// Sends a request of the editor to the adapter and remembers who asked.
    pub(super) async fn pass_request(&mut self, asked: Asked, message: Value) -> Result<(), FrameError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        // Noted first: the answer may be there before the write returns.
        let fits = self.asked.note(connection.next_seq(), asked);
        let sent = connection.send(message).await;
        self.check_sent(sent, fits).await
    }

    /// Sends an answer of the editor back to the adapter.
    async fn on_answer(&mut self, request_seq: i64, mut message: Value) -> Result<(), FrameError> {
        let Some(asked) = self.asked_back.close(request_seq) else { return Ok(()) };
        if asked.command == "startDebugging" && message["success"] != true {
            self.session.offer_refused();
        }
        message["request_seq"] = asked.seq.into();
        if asked.command == "runInTerminal" {
            self.session.has_terminal();
        }
        self.pass_on(message).await
    }

    /// Sends anything else to the adapter.
    pub(super) async fn pass_on(&mut self, message: Value) -> Result<(), FrameError> {
        match (&self.stage, &mut self.connection) {
            (Stage::Idle | Stage::Starting { .. }, _) => self.hold(message).await,
            (_, Some(connection)) => {
                let sent = connection.send(message).await;
                self.check_sent(sent, true).await
            }
            (_, None) => Ok(()),
        }
    }

    async fn check_sent(&mut self, sent: Result<i64, FrameError>, fits: bool) -> Result<(), FrameError> {
        let name = self.adapter.name;
        match (sent, fits) {
            (Ok(_), true) => Ok(()),
            (Ok(_), false) => {
                let reason = format!("the debug adapter {name} leaves {} requests unanswered", message::OPEN_LIMIT);
                self.over(Error::Adapter(reason)).await
            }
            // An adapter that is ending closes its input first; its output, read to the end, says what there is to say.
            (Err(FrameError::Io(error)), _) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            (Err(error), _) => {
                let reason = format!("the debug adapter {name} cannot be written to: {error}");
                self.over(Error::Adapter(reason)).await
            }
        }
    }

    async fn hold(&mut self, message: Value) -> Result<(), FrameError> {
        self.held.push_back(message);
        if self.held.len() <= HELD_LIMIT {
            return Ok(());
        }
        if let Stage::Starting { cancel, .. } = &self.stage {
            cancel.cancel();
        }
        self.held.clear();
        let reason = format!("the editor sent more than {HELD_LIMIT} messages before its program started");
        self.over(Error::Session(reason)).await
    }
}
