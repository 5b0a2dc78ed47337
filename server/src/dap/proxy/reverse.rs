//! Requests of the debug adapter to the editor: programs in its terminal, and debug sessions of their children.

use serde_json::{Value, json};

use super::Proxy;
use crate::dap::{
    adapters::EnvShape,
    children::{Child, Heritage},
    message::{self, Asked},
};
use crate::frames::FrameError;

impl Proxy {
    /// Passes a request of the adapter on, with what the program needs of us.
    pub(super) async fn on_reverse_request(&mut self, asked: Asked, mut message: Value) -> Result<(), FrameError> {
        let arguments = &mut message["arguments"];
        match asked.command.as_str() {
            "runInTerminal" => {
                self.session.awaits_terminal();
                self.furnish_terminal(arguments);
                if self.terminals.ours {
                    let arguments = arguments.take();
                    return self.be_terminal(&asked, &arguments).await;
                }
            }
            "startDebugging" => self.furnish_child(&mut arguments["configuration"]),
            _ => {}
        }
        let sent_as = self.editor.send(message).await?;
        self.asked_back.note(sent_as, asked);
        Ok(())
    }

    /// The variables of a program in a terminal, where the adapter does not bring them itself, and our launcher before
    /// one that no library gets into.
    fn furnish_terminal(&self, arguments: &mut Value) {
        let Some(injection) = self.session.injection_of_terminal() else { return };
        let (needs, watched) = (self.adapter.terminal_needs_environment, self.terminals.watched);
        if let (true, Some(arguments)) = (needs || watched, arguments.as_object_mut()) {
            // The protocol's own shape, whatever the adapter's is.
            EnvShape::Object.apply(arguments, &injection);
        }
        if let (true, Some(words)) = (watched, arguments["args"].as_array_mut()) {
            let launcher = crate::exec::prefix().map(|word| Value::from(word.to_string_lossy()));
            words.splice(..0, launcher);
        }
    }

    /// Answers in the place of the editor's terminal.
    async fn be_terminal(&mut self, asked: &Asked, arguments: &Value) -> Result<(), FrameError> {
        let answer = match self.terminals.run(arguments) {
            Ok(process) => message::response(asked.seq, &asked.command, &json!({"processId": process})),
            Err(reason) => message::refusal(asked.seq, &asked.command, &reason),
        };
        self.session.has_terminal();
        self.pass_on(answer).await
    }

    /// The editor's debug session for a child of the program comes to us again: it talks to the same adapter and joins the
    /// session.
    pub(super) fn furnish_child(&mut self, configuration: &mut Value) {
        if let Some(configuration) = configuration.as_object_mut() {
            self.session.offer();
            let adapter = self.connection.as_ref().and_then(|connection| connection.address);
            let child = Child { control: self.session.control(), adapter };
            Heritage { adapter: self.adapter.name, kind: self.kind.clone(), child }.furnish(configuration);
        }
    }
}
