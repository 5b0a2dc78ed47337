//! Requests of the debug adapter to the editor: programs in its terminal, and debug sessions of their children.

use serde_json::Value;

use super::Proxy;
use crate::dap::{
    adapters::EnvShape,
    message::{Arguments, Asked},
};
use crate::frames::FrameError;

impl Proxy {
    /// Passes a request of the adapter on, with what the program needs of us.
    pub(super) async fn on_reverse_request(&mut self, asked: Asked, mut message: Value) -> Result<(), FrameError> {
        let arguments = &mut message["arguments"];
        match asked.command.as_str() {
            "runInTerminal" => self.furnish_terminal(arguments),
            "startDebugging" => self.furnish_child(arguments),
            _ => {}
        }
        let sent_as = self.editor.send(message).await?;
        self.asked_back.note(sent_as, asked);
        Ok(())
    }

    /// The variables of a program in a terminal, where the adapter does not bring them itself.
    fn furnish_terminal(&self, arguments: &mut Value) {
        let injection = self.session.injection().filter(|_| self.adapter.terminal_needs_environment);
        if let (Some(injection), Some(arguments)) = (injection, arguments.as_object_mut()) {
            // The protocol's own shape, whatever the adapter's is.
            EnvShape::Object.apply(arguments, injection);
        }
    }

    /// No second session for what the program's own children debug.
    fn furnish_child(&self, arguments: &mut Value) {
        if let Some(child) = arguments["configuration"].as_object_mut() {
            let ours: Arguments =
                [("adapter".into(), self.adapter.name.into()), ("mirrord".into(), false.into())].into_iter().collect();
            child.extend(ours);
        }
    }
}
