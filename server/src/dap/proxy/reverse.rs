//! Requests of the debug adapter to the editor: programs in its terminal, and debug sessions of their children.

use serde_json::Value;

use super::Proxy;
use crate::dap::{
    adapters::EnvShape,
    children::{Child, Heritage},
    message::Asked,
};
use crate::frames::FrameError;

impl Proxy {
    /// Passes a request of the adapter on, with what the program needs of us.
    pub(super) async fn on_reverse_request(&mut self, asked: Asked, mut message: Value) -> Result<(), FrameError> {
        let arguments = &mut message["arguments"];
        match asked.command.as_str() {
            "runInTerminal" => self.furnish_terminal(arguments),
            "startDebugging" => self.furnish_child(&mut arguments["configuration"]),
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

    /// The editor's debug session for a child of the program comes to us again: it talks to the same adapter and joins the
    /// session.
    pub(super) fn furnish_child(&self, configuration: &mut Value) {
        if let Some(configuration) = configuration.as_object_mut() {
            let adapter = self.connection.as_ref().and_then(|connection| connection.address);
            let child = Child { control: self.session.control(), adapter };
            Heritage { adapter: self.adapter.name, kind: self.kind.clone(), child }.furnish(configuration);
        }
    }
}
