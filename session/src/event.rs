//! What a session tells whoever watches it: editors, the terminal, tests.

use std::{fmt, net::SocketAddr, sync::Arc};

pub use protocol::incoming::{Means, Mode};

/// One thing worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step of the start began; a later one ends it.
    Step(Step),
    /// The session's state changed.
    State(State),
    /// The result may differ from what the user expects; a sentence for the user.
    Warning(String),
    /// What a user would tell a friend; a sentence for the user.
    Info(String),
    /// A port of the target is subscribed for a listener of the program.
    Subscribed {
        /// Port at the target.
        port: u16,
        /// Where the program listens.
        local: SocketAddr,
        /// Copy or take over.
        mode: Mode,
        /// How the agent gets at the traffic.
        means: Means,
        /// What requests must be like to reach the program, in words; `None`: it gets all.
        filter: Option<Arc<str>>,
    },
    /// A connection that arrived at the target was given to the program.
    Incoming {
        /// Port at the target.
        port: u16,
        /// Who connected.
        peer: SocketAddr,
        /// Copy or take over.
        mode: Mode,
    },
}

/// Steps of a session's start, in order; some may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading kubeconfig, reaching the API server.
    Connecting,
    /// Finding the pod and container.
    ResolvingTarget {
        /// As the user wrote it.
        target: String,
    },
    /// Trying an agent that a former session left.
    ReusingAgent,
    /// Creating an agent.
    StartingAgent {
        /// Where: `pod/x in namespace y`.
        place: String,
    },
    /// Waiting for the agent's first byte; repeated with the reason known so far when it takes long.
    WaitingForAgent {
        /// What the cluster says meanwhile (`ContainerCreating`, `ImagePullBackOff`…), if anything.
        status: Option<String>,
    },
    /// Fetching the target's environment.
    FetchingEnvironment,
    /// Whoever launches the program builds it meanwhile.
    Building {
        /// Its source.
        program: String,
    },
    /// The program may start.
    Ready {
        /// Pod and container that the program stands in for: `pod/x/container/c in namespace y`.
        target: String,
        /// Whether an agent was there already.
        reused_agent: bool,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting to the cluster"),
            Self::ResolvingTarget { target } => write!(f, "finding {target}"),
            Self::ReusingAgent => f.write_str("trying the agent of the last session"),
            Self::StartingAgent { place } => write!(f, "starting an agent in {place}"),
            Self::WaitingForAgent { status: None } => f.write_str("waiting for the agent"),
            Self::WaitingForAgent { status: Some(status) } => write!(f, "waiting for the agent ({status})"),
            Self::FetchingEnvironment => f.write_str("fetching the environment"),
            Self::Building { program } => write!(f, "building {program}"),
            Self::Ready { target, reused_agent: true } => write!(f, "ready: {target} (agent was still there)"),
            Self::Ready { target, reused_agent: false } => write!(f, "ready: {target}"),
        }
    }
}

/// States of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet usable.
    Starting,
    /// All is well.
    Connected,
    /// The link has been silent for too long; remote operations wait.
    Degraded {
        /// What is wrong.
        reason: String,
    },
    /// The session is over without anybody having asked for it; remote operations fail.
    Lost {
        /// Why.
        reason: String,
    },
    /// The session was stopped.
    Stopped,
}

/// Whoever wants to know. Called from the session's tasks: it must return at once.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Event) + Send + Sync>);

impl Observer {
    /// An observer that calls `tell`.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells `event`.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }

    /// Tells a step.
    pub fn step(&self, step: Step) {
        self.tell(Event::Step(step));
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
