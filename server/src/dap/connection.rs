//! A connection to a debug adapter: opened, greeted with the editor's own `initialize`, and closed.

use std::{net::SocketAddr, time::Duration};

use futures::StreamExt as _;
use protocol::text::harmless_lines;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::{
    adapters::{Adapter, Command},
    message::{self, Arguments, Kind},
    process::{self, Process, Program},
    wire::{self, Input, Output},
};
use crate::frames::FrameError;

/// How long an adapter may take to answer `initialize`. An interpreter on a busy machine needs a few seconds.
const INITIALIZE_LIMIT: Duration = Duration::from_secs(20);

/// Messages that an adapter may send before it answers `initialize`.
const EARLY_LIMIT: usize = 1024;

/// The part of a dead adapter's complaints that is worth repeating, in lines.
const LAST_WORDS: usize = 12;

/// Where an adapter is.
pub(super) enum Place {
    /// It is to be started.
    Start(Command),
    /// It listens.
    Listening(SocketAddr),
    /// Tests hold the other end.
    #[cfg(test)]
    Given(tokio::io::DuplexStream),
}

/// An adapter that has answered `initialize`.
pub(super) struct Connection {
    /// Messages from the adapter.
    pub(super) input: Input,
    /// adapter --lines of standard error--> proxy
    pub(super) complaints: mpsc::Receiver<String>,
    /// What it sent before it answered.
    pub(super) early: Vec<Value>,
    /// What it can do.
    pub(super) capabilities: Value,
    /// Where it listens, if it does: debug sessions of the program's children connect there as well.
    pub(super) address: Option<SocketAddr>,
    output: Output,
    process: Option<Process>,
}

/// Opens a connection and sends `initialize` with `arguments`. Fails with a sentence for the user.
pub(super) async fn open(adapter: &Adapter, place: Place, arguments: &Arguments) -> Result<Connection, String> {
    let command = match &place {
        Place::Start(command) => Some(command.clone()),
        Place::Listening(_) => None,
        #[cfg(test)]
        Place::Given(_) => None,
    };
    let mut connection = Connection::to(place).await.map_err(|error| match &command {
        Some(command) => format!("cannot start the debug adapter `{}`: {error}", command.program.display()),
        None => format!("cannot reach the debug adapter: {error}"),
    })?;
    match timeout(INITIALIZE_LIMIT, connection.greet(arguments)).await {
        Ok(Ok(())) => Ok(connection),
        Ok(Err(reason)) => {
            let last_words = connection.last_words().await;
            let advice = command.and_then(|command| (adapter.advice)(&command, &last_words));
            let fate = connection.fate().await.map(|fate| format!(" ({fate})")).unwrap_or_default();
            connection.close(Program::Ends(None)).await;
            Err(advice.unwrap_or_else(|| {
                let colon = if last_words.is_empty() { "" } else { ":\n" };
                format!("the debug adapter {} did not start: {reason}{fate}{colon}{last_words}", adapter.name)
            }))
        }
        Err(_) => {
            connection.close(Program::Ends(None)).await;
            let limit = INITIALIZE_LIMIT.as_secs();
            Err(format!("the debug adapter {} did not answer `initialize` within {limit} s", adapter.name))
        }
    }
}

impl Connection {
    async fn to(place: Place) -> std::io::Result<Self> {
        match place {
            Place::Start(command) => {
                let (process, streams) = process::spawn(&command)?;
                Ok(Self::over(streams.output, streams.input, streams.complaints, Some(process)))
            }
            Place::Listening(address) => {
                let (read, write) = TcpStream::connect(address).await?.into_split();
                let connection = Self::over(read, write, mpsc::channel(1).1, None);
                Ok(Self { address: Some(address), ..connection })
            }
            #[cfg(test)]
            Place::Given(stream) => {
                let (read, write) = tokio::io::split(stream);
                Ok(Self::over(read, write, mpsc::channel(1).1, None))
            }
        }
    }

    fn over(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
        complaints: mpsc::Receiver<String>,
        process: Option<Process>,
    ) -> Self {
        Self {
            input: wire::input(read),
            output: Output::new(write),
            complaints,
            early: Vec::new(),
            capabilities: Value::Null,
            address: None,
            process,
        }
    }

    /// Sends `initialize` and keeps what comes before its answer.
    async fn greet(&mut self, arguments: &Arguments) -> Result<(), String> {
        let greeting = message::request("initialize", &Value::Object(arguments.clone()));
        let asked = self.send(greeting).await.map_err(|error| error.to_string())?;
        loop {
            let mut received = match self.input.next().await {
                Some(Ok(received)) => received,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("it ended".to_owned()),
            };
            if message::kind(&received) == (Kind::Response { request_seq: asked }) {
                self.capabilities = received["body"].take();
                let why = || received["message"].as_str().unwrap_or("no reason given").to_owned();
                return if received["success"] == true { Ok(()) } else { Err(format!("it refused: {}", why())) };
            }
            if self.early.len() == EARLY_LIMIT {
                return Err("it talks and does not answer".to_owned());
            }
            self.early.push(received);
        }
    }

    /// Sends `message` under the next number, which is given back.
    pub(super) async fn send(&mut self, message: Value) -> Result<i64, FrameError> {
        self.output.send(message).await
    }

    /// The number under which the next message goes out.
    pub(super) fn next_seq(&self) -> i64 {
        self.output.next_seq()
    }

    /// The adapter's process, when it is ours.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// How the adapter's process ended, when it is ours and has.
    pub(super) async fn fate(&mut self) -> Option<String> {
        self.process.as_mut()?.ending().await
    }

    /// What it complained of at last. To be asked once it is dead or dying.
    async fn last_words(&mut self) -> String {
        let mut lines = Vec::new();
        while let Ok(Some(line)) = timeout(Duration::from_millis(500), self.complaints.recv()).await {
            lines.push(harmless_lines(&line));
        }
        lines.split_off(lines.len().saturating_sub(LAST_WORDS)).join("\n")
    }

    /// Closes the connection, and ends the adapter when it is ours.
    pub(super) async fn close(self, program: Program) {
        let Self { input, output, process, .. } = self;
        drop((input, output));
        if let Some(process) = process {
            process.end(program).await;
        }
    }
}
