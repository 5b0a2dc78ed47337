//! Every way out: a launch that fails, an adapter that dies, a session that is lost, an editor that leaves.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{End, Error, FINISH_LIMIT, Flow, Happening, LINGER_LIMIT, News, Proxy, Stage};
use crate::dap::{
    message::{self, Asked, Category},
    process::Program,
    progress::line,
    start::Begun,
};
use crate::frames::FrameError;

/// How long the adapter of an editor that has gone may leave its input unread.
const PARTING_WRITE_LIMIT: Duration = Duration::from_millis(200);

impl Proxy {
    /// The launch fails: its request is refused, the debug session is over, and the editor may read why.
    pub(super) async fn on_not_begun(&mut self, reason: &str) -> Result<Flow, FrameError> {
        if let Some(report) = self.session.progress.end("failed") {
            self.editor.tell(report).await?;
        }
        if let Some(asked) = self.launch.take() {
            self.editor.refuse(&asked, &format!("mirrord: {reason}")).await?;
        }
        self.end_stage(reason).await?;
        self.stop_session();
        match self.parting.take() {
            Some(asked) => {
                self.editor.answer(&asked).await?;
                Ok(Flow::Done)
            }
            None => Ok(Flow::Continue),
        }
    }

    /// A `disconnect` won against a start that was just complete.
    pub(super) async fn part(&mut self, asked: &Asked) -> Result<(), FrameError> {
        if let Some(launch) = self.launch.take() {
            self.editor.refuse(&launch, "mirrord: the launch was cancelled").await?;
        }
        self.end_stage("the launch was cancelled").await?;
        self.stop_session();
        self.editor.answer(asked).await?;
        self.deadline = Some(Instant::now());
        Ok(())
    }

    /// Nothing can be done any more: everything open is refused, everything that runs is ended.
    pub(super) async fn over(&mut self, error: Error) -> Result<(), FrameError> {
        let reason = error.to_string();
        self.editor.say(Category::Important, &reason).await?;
        if self.outcome.is_ok() {
            self.outcome = Err(error);
        }
        if let Some(asked) = self.launch.take() {
            self.editor.refuse(&asked, &format!("mirrord: {reason}")).await?;
        }
        self.stop_session();
        self.end_stage(&reason).await
    }

    /// Somebody wants elsewhere that the session end.
    pub(super) async fn on_stop_wanted(&mut self, who: &str) -> Result<(), FrameError> {
        let reason = format!("the session is stopped by {who}; the program is ended");
        self.editor.say(Category::Important, &reason).await?;
        self.stop_session();
        self.end_stage(&reason).await
    }

    async fn end_stage(&mut self, reason: &str) -> Result<(), FrameError> {
        if let Some(report) = self.session.progress.end_trouble() {
            self.editor.tell(report).await?;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Over(reason.to_owned()));
        self.abandon(stage);
        for asked in self.asked.drain() {
            // A `disconnect` gets what it wants.
            match asked.command.as_str() {
                "disconnect" | "terminate" => self.editor.answer(&asked).await?,
                _ => self.editor.refuse(&asked, reason).await?,
            }
        }
        while let Some(message) = self.held.pop_front() {
            if let message::Kind::Request { seq, command } = message::kind(&message) {
                self.editor.refuse(&Asked::new(seq, command, &message), reason).await?;
            }
        }
        if !std::mem::replace(&mut self.terminated, true) {
            self.editor.tell(message::event("terminated", Value::Null)).await?;
        }
        self.close_connection();
        self.deadline = Some(Instant::now() + LINGER_LIMIT);
        Ok(())
    }

    /// The adapter closed its output.
    pub(super) async fn on_adapter_gone(&mut self) -> Result<Flow, FrameError> {
        if matches!(self.stage, Stage::Leaving) {
            // Some leave without a word.
            for asked in self.asked.drain() {
                self.editor.answer(&asked).await?;
            }
            return Ok(Flow::Done);
        }
        let name = self.adapter.name;
        // A child's adapter is its parent's, who ends it and tells how it has ended.
        if self.terminated || self.is_child {
            self.leave_session();
            self.end_stage(&format!("the debug adapter {name} has ended")).await?;
            return Ok(Flow::Continue);
        }
        let fate = match &mut self.connection {
            Some(connection) => connection.fate().await,
            None => None,
        };
        let fate = fate.map(|fate| format!(" ({fate})")).unwrap_or_default();
        self.over(Error::Adapter(format!("the debug adapter {name} ended unexpectedly{fate}"))).await?;
        Ok(Flow::Continue)
    }

    /// Somebody did not do in time what was left to do: an adapter to answer `disconnect`, or an editor to go.
    pub(super) async fn on_deadline(&mut self) -> Result<Flow, FrameError> {
        if matches!(self.stage, Stage::Leaving) {
            for asked in self.asked.drain() {
                self.editor.answer(&asked).await?;
            }
        }
        Ok(Flow::Done)
    }

    /// Leaves the session, which ends with the last debug session in it.
    pub(super) fn leave_session(&mut self) {
        if !self.session.leave() {
            self.stop_session();
        }
    }

    /// Keeps what others use of us until they have done: the session, and the debug adapter, which is that of the
    /// program's children.
    async fn linger(&mut self) {
        self.leave_session();
        self.editor.close();
        (self.stage, self.deadline) = (Stage::Lingering, None);
        while self.session.is_left() {
            match self.next().await {
                Happening::Session(News::Lost(_) | News::StopWanted(_)) | Happening::Stop => return,
                Happening::Adapter(None | Some(Err(_))) => self.close_connection(),
                // What is said is for an editor that has gone.
                _ => {}
            }
        }
    }

    /// Ends the session, beside everything else.
    pub(super) fn stop_session(&mut self) {
        if let Some(backing) = self.session.give_up() {
            self.teardown.push(Box::pin(backing.stop()));
        }
    }

    fn close_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.teardown.push(Box::pin(connection.close(self.program)));
        }
        let terminals = std::mem::take(&mut self.terminals);
        self.teardown.push(Box::pin(terminals.end()));
    }

    /// A start that goes on without anybody waiting for it is undone when it ends.
    fn abandon(&mut self, stage: Stage) {
        let Stage::Starting { cancel, begin } = stage else { return };
        cancel.cancel();
        self.teardown.push(Box::pin(async move {
            if let Ok(Begun { connection, backing, .. }) = begin.await {
                if let Some(backing) = backing {
                    backing.stop().await;
                }
                connection.close(Program::Ends(None)).await;
            }
        }));
    }

    /// Ends what still runs.
    pub(super) async fn finish(mut self, end: End) -> Result<(), Error> {
        if let (Err(error @ Error::Editor(_)), true) = (&self.outcome, end != End::Gone) {
            // The last word to an editor that still listens; if it does not, it misses nothing.
            let _ = self.editor.tell(line(Category::Important, &error.to_string())).await;
        }
        let is_used = self.terminated && self.session.is_left();
        if let (Stage::Running, Some(connection), false) = (&self.stage, &mut self.connection, is_used) {
            // The editor left without a word: the adapter still gets its chance to end the program.
            let terminate = self.program != Program::Spared;
            let farewell = message::request("disconnect", &json!({"terminateDebuggee": terminate}));
            let _ = timeout(PARTING_WRITE_LIMIT, connection.send(farewell)).await; // closed next, come what may
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        self.abandon(stage);
        if end != End::Stopped && self.session.runs() {
            self.linger().await;
        }
        self.stop_session();
        self.close_connection();
        let teardown = async { while futures::StreamExt::next(&mut self.teardown).await.is_some() {} };
        if timeout(FINISH_LIMIT, teardown).await.is_err() {
            tracing::warn!("session or debug adapter did not end within {FINISH_LIMIT:?}");
        }
        self.outcome
    }
}
