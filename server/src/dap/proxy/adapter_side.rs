//! Messages from the debug adapter.

use serde_json::Value;

use super::{Flow, Proxy, session_side::no_layer};
use crate::dap::{
    message::{self, Asked, Category, Kind},
    process::Program,
};
use crate::frames::FrameError;

impl Proxy {
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
                self.on_reverse_request(Asked::new(seq, command, &message), message).await?;
            }
            Kind::Other => self.editor.tell(message).await?,
        }
        Ok(Flow::Continue)
    }

    async fn on_adapter_answer(&mut self, asked: &Asked, mut message: Value) -> Result<Flow, FrameError> {
        let success = message["success"] == true;
        if success {
            self.session.answered(asked, &mut message["body"]);
        }
        self.editor.tell(message).await?;
        match (asked.command.as_str(), success) {
            ("configurationDone", true) => self.session.expect_layer(),
            ("launch", false) => self.stop_session(),
            ("restart", success) => {
                self.restarting = false;
                if success { self.session.expect_layer() } else { self.session.goes_on() }
            }
            ("disconnect", _) => return Ok(Flow::Done),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    async fn on_event(&mut self, name: &str, mut message: Value) -> Result<(), FrameError> {
        self.session.happened(name, &message["body"]);
        match name {
            // debugpy's own, for editors that do not know `startDebugging`.
            "debugpyAttach" => self.furnish_child(&mut message["body"]),
            "process" => {
                self.restarting = false;
                if let (Program::Ends(_), Some(id)) = (self.program, message::launched_process(&message)) {
                    self.program = Program::Ends(Some(id));
                }
                self.session.expect_layer();
            }
            "exited" | "terminated" if !self.restarting => {
                if !self.session.question_layer().await {
                    self.editor.say(Category::Important, &no_layer()).await?;
                }
                self.terminated |= name == "terminated";
                self.editor.tell(message).await?;
                // A watched adapter cannot live without the session, and has more to say: both end with `disconnect`.
                if !self.terminals.watched {
                    self.leave_session();
                }
                return Ok(());
            }
            _ => {}
        }
        self.editor.tell(message).await
    }
}
