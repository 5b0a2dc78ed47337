//! The ways in which an agent gets started, and the one into a pod of a cluster.
//!
//! ```text
//! an agent of ours lingers? ── dial ──────────────────────────────┬──▶ Started
//!            └─ no ── patch the pod ─┬─ dial until it answers ────┘      └─ confirm: its key stands in its log
//!                                    └─ look at its status, to say why it does not
//! ```

mod confirm;
mod dial;
mod ephemeral;
pub mod local;
mod status;

use std::{io, time::Duration};

use futures::future::BoxFuture;
use link::PublicKey;

use crate::{
    cluster::{Cluster, ClusterError},
    event::{Observer, Step},
    forward::Forward,
    keys::{Keys, KnownAgent},
    target::Resolved,
};

/// Name of our image where the configuration names none; its tag is this program's version.
const IMAGE: &str = "mirrord-agent";

/// How long a lingering agent may take to answer: it either does at once, or is gone.
const REUSE_LIMIT: Duration = Duration::from_secs(3);

/// Lingering agents that are tried; the newest first.
const REUSE_TRIES: usize = 2;

/// An agent that answers.
pub struct Started<T> {
    /// What the attempt gave.
    pub value: T,
    /// Whether the agent was there already.
    pub reused: bool,
    /// Where it is.
    pub place: AgentPlace,
    /// Compares the key that the agent has shown with the one in its log, as soon as that can be read, and remembers
    /// it. On [`StartError::WrongKey`] the session must end at once. Takes about a second for a new agent.
    pub confirm: BoxFuture<'static, Result<(), StartError>>,
}

/// Where an agent is, to dial it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPlace {
    /// Namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Uid of the pod.
    pub pod_uid: String,
    /// Its ephemeral container.
    pub container: String,
    /// Its port on the pod's loopback interface.
    pub port: u16,
}

/// Why no agent serves us.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API server was not reached, or said no: a missing permission is here.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The cluster's rules do not admit the agent.
    #[error("the cluster does not admit an agent in pod `{pod}`: {cause}; {help}")]
    NotAdmitted {
        /// The pod.
        pod: String,
        /// The API server's own words.
        cause: String,
        /// What to do.
        help: &'static str,
    },
    /// The agent's container cannot be made.
    #[error("the node cannot start the agent in pod `{pod}`: {reason}: {message}; {help}")]
    NotCreated {
        /// The pod.
        pod: String,
        /// Kubernetes' word for it: `ErrImagePull`…
        reason: String,
        /// Its explanation.
        message: String,
        /// What to do.
        help: String,
    },
    /// The agent ended.
    #[error("the agent in pod `{pod}` ended with exit code {code}{}", told(.log))]
    Ended {
        /// The pod.
        pod: String,
        /// Its exit code.
        code: i32,
        /// The end of its log.
        log: String,
    },
    /// The pod went away meanwhile.
    #[error("pod `{pod}` went away while the agent was being started; start again to use another one")]
    PodGone {
        /// The pod.
        pod: String,
    },
    /// No agent answered in time.
    #[error("no agent answered in pod `{pod}` within {} s (`agent.startup_timeout`): {status}{}", .limit.as_secs(), told(.log))]
    TimedOut {
        /// The pod.
        pod: String,
        /// How long it had.
        limit: Duration,
        /// What its status says, or what the last attempt met.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Somebody answered whom we cannot talk to.
    #[error("the agent in pod `{pod}` answers, but: {source}")]
    Handshake {
        /// The pod.
        pod: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Somebody between us and the agent.
    #[error(
        "the agent in pod `{pod}` is not the one that answers: container `{container}` logged key {logged}, the answer came with {shown}; \
         something in the pod intercepts the agent's port: do not trust this session"
    )]
    WrongKey {
        /// The pod.
        pod: String,
        /// The agent's container.
        container: String,
        /// Key in the log.
        logged: String,
        /// Key in the handshake.
        shown: String,
    },
    /// The configuration asks for a job.
    #[error(
        "`agent.ephemeral: false` asks for an agent in a job of its own, which this version cannot start; remove it"
    )]
    NoJob,
}

fn told(log: &str) -> String {
    if log.trim().is_empty() { String::new() } else { format!("; its log ends:\n{}", log.trim_end()) }
}

/// Starts an agent beside `target`, or finds the one that the last session left.
///
/// `attempt` makes of a stream what the caller needs, and tells the key that the agent has shown; it must insist on
/// the key that it is given, if any. It is called again, also while an earlier call still runs, as long as it fails
/// because nobody listens yet: with [`io::ErrorKind::ConnectionRefused`], `ConnectionReset`, `ConnectionAborted`,
/// `BrokenPipe`, `UnexpectedEof` or `TimedOut`. Any other error is final.
///
/// Can be dropped at any point. An ephemeral container cannot be taken out of a pod again: an agent that was started
/// and is not wanted any more ends by itself when no session has come to it within a minute.
pub async fn start<T, F, Fut>(
    cluster: &Cluster,
    target: &Resolved,
    agent: &config::Agent,
    keys: &Keys,
    observer: &Observer,
    attempt: F,
) -> Result<Started<T>, StartError>
where
    F: Fn(Forward, Option<PublicKey>) -> Fut,
    Fut: Future<Output = io::Result<(T, PublicKey)>>,
{
    if agent.ephemeral == config::Ephemeral::Never {
        return Err(StartError::NoJob);
    }
    let image = config::agent::Image::reference(agent.image.as_ref(), IMAGE, env!("CARGO_PKG_VERSION"));
    let own = keys.identity().public_key().to_string();
    for place in ephemeral::lingering(target, &own, &image).take(REUSE_TRIES) {
        observer.step(Step::ReusingAgent);
        let known = keys.recall(&place.pod_uid, &place.container).map(|known: KnownAgent| known.key);
        let tried = dial::once(cluster, &place, || known.clone(), &attempt);
        match tokio::time::timeout(REUSE_LIMIT, tried).await {
            Ok(Ok((value, shown))) => {
                let confirm: BoxFuture<'static, _> = if known.as_ref() == Some(&shown) {
                    Box::pin(async { Ok(()) })
                } else {
                    Box::pin(confirm::confirm(cluster.clone(), place.clone(), shown, keys.clone(), observer.clone()))
                };
                return Ok(Started { value, reused: true, place, confirm });
            }
            Ok(Err(error)) => tracing::debug!(container = place.container, ?error, "no lingering agent"),
            Err(_) => tracing::debug!(container = place.container, "the lingering agent does not answer"),
        }
    }
    observer.step(Step::StartingAgent { place: format!("pod/{} in namespace {}", target.pod, target.namespace) });
    let place = ephemeral::create(cluster, target, agent, &own, &image).await?;
    observer.step(Step::WaitingForAgent { status: None });
    let (value, shown) = tokio::select! {
        answered = dial::until_answered(cluster, &place, agent.startup_timeout, &attempt) => match answered {
            Err(dial::Failed::TooLong(met)) => Err(status::timed_out(cluster, &place, agent.startup_timeout, met).await),
            Err(dial::Failed::Final(error)) => Err(error),
            Ok(answered) => Ok(answered),
        },
        error = status::watch(cluster, &place, &image, observer) => Err(error),
    }?;
    let confirm = Box::pin(confirm::confirm(cluster.clone(), place.clone(), shown, keys.clone(), observer.clone()));
    Ok(Started { value, reused: false, place, confirm })
}
