//! A connection to a debug adapter: opened, greeted with the editor's own `initialize`, and closed.

use std::{net::SocketAddr, time::Duration};

use futures::StreamExt as _;
use protocol::text::harmless_lines;
use serde_json::Value;
use tempfile::TempDir;
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

/// How many lines a server may print before it says where it listens.
const BANNER_LIMIT: usize = 256;

/// Where an adapter is.
#[derive(Debug)]
pub(super) enum Place {
    /// It is to be started, and talks on its standard streams.
    Start(Command),
    /// It is to be started, and prints the address at which it listens.
    Serve(Command),
    /// It listens.
    Listening(SocketAddr),
    /// Tests hold the other end.
    #[cfg(test)]
    Given(tokio::io::DuplexStream),
}

impl Place {
    /// The same place, for another adapter there; nothing where none can be started.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Start(command) => Some(Self::Start(command.clone())),
            Self::Serve(command) => Some(Self::Serve(command.clone())),
            Self::Listening(_) => None,
            #[cfg(test)]
            Self::Given(_) => None,
        }
    }

    /// The same place, with another command where one is started.
    pub(super) fn with(self, change: impl FnOnce(Command) -> Command) -> Self {
        match self {
            Self::Start(command) => Self::Start(change(command)),
            Self::Serve(command) => Self::Serve(change(command)),
            Self::Listening(address) => Self::Listening(address),
            #[cfg(test)]
            Self::Given(stream) => Self::Given(stream),
        }
    }

    /// What is started there.
    pub(super) fn command(&self) -> Option<&Command> {
        match self {
            Self::Start(command) | Self::Serve(command) => Some(command),
            Self::Listening(_) => None,
            #[cfg(test)]
            Self::Given(_) => None,
        }
    }
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
    /// Who listens at `address`, where that is somebody else's process.
    owner: Option<u32>,
    /// What was made for it, and goes after it.
    pub(super) folder: Option<TempDir>,
}

/// Opens a connection and sends `initialize` with `arguments`. `started` is told of the process that was started for it,
/// before that can have done much. Fails with a sentence for the user.
pub(super) async fn open(
    adapter: &Adapter,
    place: Place,
    arguments: &Arguments,
    started: impl FnOnce(u32),
) -> Result<Connection, String> {
    let command = place.command().cloned();
    let failure = Failure { adapter: adapter.name, advice: adapter.advice, command };
    let mut connection = Connection::to(place, &failure, started).await?;
    match timeout(INITIALIZE_LIMIT, connection.greet(arguments)).await {
        Ok(Ok(())) => Ok(connection),
        Ok(Err(reason)) => {
            let mut last_words = Vec::new();
            // To be asked once it is dead or dying.
            while let Ok(Some(line)) = timeout(Duration::from_millis(500), connection.complaints.recv()).await {
                last_words.push(line);
            }
            let fate = connection.fate().await;
            connection.close(Program::Ends(None)).await;
            Err(failure.dead(&reason, fate, &last_words))
        }
        Err(_) => {
            connection.close(Program::Ends(None)).await;
            let limit = INITIALIZE_LIMIT.as_secs();
            Err(format!("the debug adapter {} did not answer `initialize` within {limit} s", adapter.name))
        }
    }
}

/// What a message about an adapter that did not start needs.
struct Failure {
    adapter: &'static str,
    advice: fn(&Command, &str) -> Option<String>,
    command: Option<Command>,
}

impl Failure {
    fn cannot_start(&self, error: &std::io::Error) -> String {
        let program = self.command.as_ref().map(|command| command.program.display().to_string());
        format!("cannot start the debug adapter `{}`: {error}", program.unwrap_or_default())
    }

    fn unreachable(&self, address: SocketAddr, error: &std::io::Error) -> String {
        let help = if self.command.is_some() { "" } else { "; start it first, or let the launch name a \"command\"" };
        format!("cannot reach the debug adapter {} at {address}: {error}{help}", self.adapter)
    }

    /// It ended, or refused; advice is better than what it said itself.
    fn dead(&self, reason: &str, fate: Option<String>, complaints: &[String]) -> String {
        let last_words = &complaints[complaints.len().saturating_sub(LAST_WORDS)..];
        let last_words = last_words.iter().map(|line| harmless_lines(line)).collect::<Vec<_>>().join("\n");
        let advice = self.command.as_ref().and_then(|command| (self.advice)(command, &last_words));
        advice.unwrap_or_else(|| {
            let fate = fate.map(|fate| format!(" ({fate})")).unwrap_or_default();
            let colon = if last_words.is_empty() { "" } else { ":\n" };
            format!("the debug adapter {} did not start: {reason}{fate}{colon}{last_words}", self.adapter)
        })
    }
}

impl Connection {
    async fn to(place: Place, failure: &Failure, started: impl FnOnce(u32)) -> Result<Self, String> {
        match place {
            Place::Start(command) => {
                let (process, streams) = process::spawn(&command).map_err(|error| failure.cannot_start(&error))?;
                started(process.id());
                Ok(Self::over(streams.output, streams.input, streams.complaints, Some(process)))
            }
            Place::Serve(command) => Self::to_server(&command, failure, started).await,
            Place::Listening(address) => {
                let stream = TcpStream::connect(address).await.map_err(|error| failure.unreachable(address, &error))?;
                // Reading procfs blocks; a failure to look is a failure to find.
                let owner = tokio::task::spawn_blocking(move || session::process_at(address.port())).await;
                let connection = Self::over_socket(stream, address, mpsc::channel(1).1, None);
                Ok(Self { owner: owner.ok().flatten(), ..connection })
            }
            #[cfg(test)]
            Place::Given(stream) => {
                let (read, write) = tokio::io::split(stream);
                Ok(Self::over(read, write, mpsc::channel(1).1, None))
            }
        }
    }

    /// Starts an adapter that prints where it listens, and connects to it.
    async fn to_server(command: &Command, failure: &Failure, started: impl FnOnce(u32)) -> Result<Self, String> {
        let (mut process, mut lines) = process::serve(command).map_err(|error| failure.cannot_start(&error))?;
        started(process.id());
        let mut said = Vec::new();
        let announced = async {
            while let Some(line) = lines.recv().await {
                let address = announced_address(&line);
                said.push(line);
                if address.is_some() || said.len() == BANNER_LIMIT {
                    return address;
                }
            }
            None
        };
        let reason = match timeout(INITIALIZE_LIMIT, announced).await {
            Ok(Some(address)) => match TcpStream::connect(address).await {
                Ok(stream) => return Ok(Self::over_socket(stream, address, lines, Some(process))),
                Err(error) => failure.unreachable(address, &error),
            },
            Ok(None) => failure.dead("it did not say where it listens", process.ending().await, &said),
            Err(_) => {
                let limit = INITIALIZE_LIMIT.as_secs();
                failure.dead(&format!("it did not say within {limit} s where it listens"), None, &said)
            }
        };
        process.end(Program::Ends(None)).await;
        Err(reason)
    }

    fn over_socket(
        stream: TcpStream,
        address: SocketAddr,
        complaints: mpsc::Receiver<String>,
        process: Option<Process>,
    ) -> Self {
        // Messages are small, and somebody waits for each.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the debug adapter's connection keeps its delays");
        }
        let (read, write) = stream.into_split();
        Self { address: Some(address), ..Self::over(read, write, complaints, process) }
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
            owner: None,
            folder: None,
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

    /// The adapter's process, as far as it is known.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id).or(self.owner)
    }

    /// How the adapter's process ended, when it is ours and has.
    pub(super) async fn fate(&mut self) -> Option<String> {
        self.process.as_mut()?.ending().await
    }

    /// Closes the connection, and ends the adapter when it is ours.
    pub(super) async fn close(self, program: Program) {
        let Self { input, output, process, folder, .. } = self;
        drop((input, output));
        if let Some(process) = process {
            process.end(program).await;
        }
        drop(folder);
    }
}

/// The address that a server's line ends with: `DAP server listening at: 127.0.0.1:41234`.
fn announced_address(line: &str) -> Option<SocketAddr> {
    let word = line.split_whitespace().next_back()?;
    let address = word.trim_end_matches('.').replacen("localhost:", "127.0.0.1:", 1);
    address.parse().ok().filter(|address: &SocketAddr| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_where_they_listen_in_their_own_words() {
        for (line, expected) in [
            ("DAP server listening at: 127.0.0.1:41234", Some("127.0.0.1:41234")),
            ("Debug server listening at ::1:8123", None),
            ("Debug server listening at [::1]:8123", Some("[::1]:8123")),
            ("ready on localhost:1.", Some("127.0.0.1:1")),
            ("127.0.0.1:0", None),
            ("warning: no TTY", None),
            ("", None),
        ] {
            assert_eq!(announced_address(line).map(|address| address.to_string()).as_deref(), expected, "{line}");
        }
    }
}
