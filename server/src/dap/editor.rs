//! The editor's end: its messages, and what it is told by us.

use futures::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    message::{self, Arguments, Asked, Category},
    progress::line,
    wire::{self, Input, Output},
};
use crate::frames::FrameError;

/// A connection to an editor. Every failure to write to it means that it has gone.
pub(super) struct Editor {
    input: Input,
    output: Output,
    /// Whether it was told that some of its messages are none.
    left_out: bool,
}

/// Characters of a message that is left out, for whoever looks for its sender.
const LEFT_OUT_SHOWN: usize = 200;

impl Editor {
    /// Over two streams.
    pub(super) fn new(
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self { input: wire::input(input), output: Output::new(output), left_out: false }
    }

    /// Lets go of it: it finds the connection closed.
    pub(super) fn close(&mut self) {
        *self = Self::new(tokio::io::empty(), tokio::io::sink());
    }

    /// Its next message; nothing once it has closed its output. May be given up at any time.
    pub(super) async fn next(&mut self) -> Option<Result<Value, FrameError>> {
        self.input.next().await
    }

    /// Sends `message` under the next number, which is given back.
    pub(super) async fn send(&mut self, message: Value) -> Result<i64, FrameError> {
        self.output.send(message).await
    }

    /// Sends a message whose number nobody needs.
    pub(super) async fn tell(&mut self, message: Value) -> Result<(), FrameError> {
        self.send(message).await.map(drop)
    }

    /// A line of ours in its console.
    pub(super) async fn say(&mut self, category: Category, text: &str) -> Result<(), FrameError> {
        self.tell(line(category, text)).await
    }

    /// Tells of a message of its own that the protocol has no name for; once.
    pub(super) async fn leave_out(&mut self, message: &Value) -> Result<(), FrameError> {
        let what: String = message.to_string().chars().take(LEFT_OUT_SHOWN).collect();
        tracing::warn!("the editor sent no request, response or event: {what}");
        if std::mem::replace(&mut self.left_out, true) {
            return Ok(());
        }
        let text = format!(
            "the editor sent a message that is no request, response or event; such are not passed on to the debug adapter: {what}"
        );
        self.say(Category::Console, &text).await
    }

    /// Our own answer, with nothing in it.
    pub(super) async fn answer(&mut self, asked: &Asked) -> Result<(), FrameError> {
        let body = Value::Object(Arguments::new());
        self.tell(message::response(asked.seq, &asked.command, &body)).await
    }

    /// Our own refusal.
    pub(super) async fn refuse(&mut self, asked: &Asked, reason: &str) -> Result<(), FrameError> {
        self.tell(message::refusal(asked.seq, &asked.command, reason)).await
    }
}
