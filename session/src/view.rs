//! What a session shows of itself: to a debugger's variables view, to editors, to the terminal.

use std::{net::SocketAddr, time::Duration};

use protocol::{incoming::Mode, text::harmless};
use serde::{Deserialize, Serialize};

use crate::event;

/// Who has started a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// A command in a terminal or a script.
    #[default]
    Terminal,
    /// An editor, for a launch of its own.
    Editor,
    /// A debug session.
    Debug,
}

/// A session, as it is right now. All text is harmless to a terminal. What another version does not send is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct View {
    /// Its name.
    pub session: String,
    /// Who has started it.
    pub by: By,
    /// The process that it lives in.
    pub pid: u32,
    /// Pod and container.
    pub target: String,
    /// How it does.
    pub state: State,
    /// Why it does not do well.
    pub reason: Option<String>,
    /// Whether a debugger holds a program of it.
    pub standing: bool,
    /// Seconds since it was ready.
    pub seconds: u64,
    /// Processes that have joined it.
    pub programs: u64,
    /// Bytes that went to the target.
    pub sent_bytes: u64,
    /// Bytes that came from it.
    pub received_bytes: u64,
    /// Questions to the agent that somebody waited for.
    pub round_trips: u64,
    /// How fast the agent answers.
    pub latency: Option<Latency>,
    /// Ports of the target that are the program's, in order.
    pub ports: Vec<Port>,
    /// What has arrived lately, the newest first.
    pub requests: Vec<Request>,
    /// Open connections to the cluster, the newest first.
    pub connections: Vec<Connection>,
    /// Open connections beside these.
    pub more_connections: u64,
    /// Files of the target that were opened lately, the last first.
    pub files: Vec<File>,
    /// The target's variables, where they were asked for.
    pub environment: Vec<Variable>,
}

/// States of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Not yet usable.
    #[default]
    Starting,
    /// All is well.
    Connected,
    /// Silent for too long; remote operations wait.
    Degraded,
    /// Over without anybody having asked for it.
    Lost,
    /// Stopped.
    Stopped,
}

/// The state of an event, and its reason.
pub fn state(state: &event::State) -> (State, Option<String>) {
    match state {
        event::State::Starting => (State::Starting, None),
        event::State::Connected => (State::Connected, None),
        event::State::Degraded { reason } => (State::Degraded, Some(harmless(reason))),
        event::State::Lost { reason } => (State::Lost, Some(harmless(reason))),
        event::State::Stopped => (State::Stopped, None),
    }
}

/// Answer times of the last pings, one a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half of them were faster.
    pub median_micros: u64,
    /// 99 of 100 were not slower.
    #[serde(default)]
    pub p99_micros: u64,
    /// The slowest.
    pub slowest_micros: u64,
}

impl Latency {
    /// Nothing of no pings.
    pub(crate) fn of(pings: impl Iterator<Item = Duration>) -> Option<Self> {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let mut pings: Vec<_> = pings.map(micros).collect();
        pings.sort_unstable();
        let slowest_micros = *pings.last()?;
        let p99_micros = pings[(99 * pings.len()).div_ceil(100) - 1];
        Some(Self { median_micros: pings[pings.len() / 2], p99_micros, slowest_micros })
    }
}

/// What happens to traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Traffic {
    /// The program gets a copy.
    Mirror,
    /// The program gets it instead of the target.
    Steal,
}

impl From<&Mode> for Traffic {
    fn from(mode: &Mode) -> Self {
        match mode {
            Mode::Mirror => Self::Mirror,
            Mode::Steal => Self::Steal,
        }
    }
}

/// A port of the target that the program listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Its number at the target.
    pub port: u16,
    /// Where the program listens.
    pub local: SocketAddr,
    /// What happens to its traffic.
    pub mode: Traffic,
    /// What requests must be like to reach the program, in words; otherwise it gets all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// A connection that arrived at the target and was given to the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Port at the target.
    pub port: u16,
    /// Who connected.
    pub peer: SocketAddr,
    /// Copied or taken over.
    pub mode: Traffic,
    /// Seconds since it came.
    pub seconds_ago: u64,
    /// Whether it is still open.
    pub open: bool,
}

/// An open connection to the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Where to.
    pub remote: String,
    /// Seconds since it was opened.
    pub seconds: u64,
}

/// A file of the target that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its path there.
    pub path: String,
    /// Whether for writing, too.
    pub writes: bool,
    /// Seconds since it was opened last.
    pub seconds_ago: u64,
    /// How often it was opened.
    pub times: u64,
}

/// A variable of the target.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The target's value.
    pub value: String,
    /// Whether the program got it.
    pub imported: bool,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are secrets as often as not.
        f.debug_struct("Variable").field("name", &self.name).finish_non_exhaustive()
    }
}
