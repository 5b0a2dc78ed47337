//! The start's end, and messages from the debug adapter.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Flow, LAYER_LIMIT, Proxy, Stage, no_layer};
use crate::dap::{
    message::{self, Arguments, Asked, Category, Kind},
    process::Program,
    start::Begun,
};
use crate::frames::FrameError;

impl<I, O> Proxy<I, O>
where
    I: AsyncRead + Send + Unpin,
    O: AsyncWrite + Send + Unpin,
{
    /// Adapter and session are there: the launch goes on, then everything that waited.
    pub(super) async fn on_begun(&mut self, begun: Begun) -> Result<(), FrameError> {
        let Begun { mut connection, backing, injection } = begun;
        let (early, capabilities) = (std::mem::take(&mut connection.early), connection.capabilities.take());
        let adapter_process = connection.process_id();
        self.connection = Some(connection);
        self.backing = backing;
        self.injection = injection.unwrap_or_default();
        self.stage = Stage::Running;
        if let Some(asked) = self.parting.take() {
            return self.part(&asked).await;
        }
        // The last steps are still in the queue.
        while let Ok(event) = self.events.try_recv() {
            if let Some(message) = self.progress.tell(event) {
                self.tell(message).await?;
            }
        }
        if let Some(report) = self.progress.end("ready") {
            self.tell(report).await?;
        }
        for message in early {
            self.on_adapter(message).await?;
        }
        if let Some(changed) = message::changed_capabilities(&self.told, &capabilities) {
            self.tell(message::event("capabilities", serde_json::json!({"capabilities": changed}))).await?;
            self.told = capabilities;
        }
        let (asked, mut arguments) = self.launch.take().expect("a start begins with a launch");
        if let Some(backing) = self.backing.clone() {
            self.lost = Some(backing.lost());
            if let Some(process) = adapter_process {
                backing.exempt_debugger(process);
            }
            let inexpressible = self.adapter.environment.apply(&mut arguments, &self.injection);
            if !inexpressible.is_empty() {
                let names = inexpressible.join(", ");
                let text = format!("warning: these variables are no text and cannot be handed to a debugger: {names}");
                self.say(Category::Important, &text).await?;
            }
        }
        let launch = message::request(&asked.command, &Value::Object(arguments));
        self.pass_request(asked, launch).await?;
        while let Some(message) = self.held.pop_front() {
            self.on_editor(message).await?;
        }
        Ok(())
    }

    /// Passes a message of the adapter on.
    pub(super) async fn on_adapter(&mut self, mut message: Value) -> Result<Flow, FrameError> {
        match message::kind(&message) {
            Kind::Response { request_seq } => {
                // Answers that nobody waits for are dropped: we have answered instead.
                let Some(asked) = self.asked.close(request_seq) else { return Ok(Flow::Continue) };
                message["request_seq"] = asked.seq.into();
                return self.on_adapter_answer(&asked, message).await;
            }
            Kind::Event { name } => self.on_event(&name, message).await?,
            Kind::Request { seq, command } => {
                self.patch_reverse_request(&command, &mut message);
                let sent_as = self.send(message).await?;
                self.asked_back.note(sent_as, Asked { seq, command });
            }
            Kind::Other => self.tell(message).await?,
        }
        Ok(Flow::Continue)
    }

    async fn on_adapter_answer(&mut self, asked: &Asked, message: Value) -> Result<Flow, FrameError> {
        let success = message["success"] == true;
        self.tell(message).await?;
        match (asked.command.as_str(), success) {
            ("configurationDone", true) => self.expect_layer(),
            ("launch", false) => self.stop_session(),
            ("restart", _) => self.restarting = false,
            ("disconnect", _) => return Ok(Flow::Done),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    async fn on_event(&mut self, name: &str, message: Value) -> Result<(), FrameError> {
        match name {
            "process" => {
                self.restarting = false;
                if let (Program::Ends(_), Some(id)) = (self.program, message::launched_process(&message)) {
                    self.program = Program::Ends(Some(id));
                }
                self.expect_layer();
            }
            "exited" | "terminated" if !self.restarting => {
                self.question_layer().await?;
                self.terminated |= name == "terminated";
                self.tell(message).await?;
                self.stop_session();
                return Ok(());
            }
            _ => {}
        }
        self.tell(message).await
    }

    /// The program starts: a layer must report in.
    fn expect_layer(&mut self) {
        if let (Some(backing), None, false) = (&self.backing, &self.layer, self.layer_reported) {
            self.layer = Some(backing.layer_reported(LAYER_LIMIT));
        }
    }

    /// The program has ended: if it had a layer, that has reported in.
    async fn question_layer(&mut self) -> Result<(), FrameError> {
        let (Some(_), Some(backing)) = (self.layer.take(), &self.backing) else { return Ok(()) };
        // What was said before the end is only to be read.
        self.layer_reported = backing.layer_reported(Duration::from_millis(200)).await;
        if self.layer_reported {
            return Ok(());
        }
        self.say(Category::Important, &no_layer()).await
    }

    /// The variables of a program in a terminal; and no second session for what the program's own children debug.
    fn patch_reverse_request(&self, command: &str, message: &mut Value) {
        let arguments = &mut message["arguments"];
        match (command, &self.backing) {
            ("runInTerminal", Some(_)) if self.adapter.terminal_needs_environment => {
                if let Some(arguments) = arguments.as_object_mut() {
                    // The protocol's own shape, whatever the adapter's is.
                    crate::dap::adapters::EnvShape::Object.apply(arguments, &self.injection);
                }
            }
            ("startDebugging", _) => {
                if let Some(child) = arguments["configuration"].as_object_mut() {
                    let ours: Arguments =
                        [("adapter".into(), self.adapter.name.into()), ("mirrord".into(), false.into())]
                            .into_iter()
                            .collect();
                    child.extend(ours);
                }
            }
            _ => {}
        }
    }
}
