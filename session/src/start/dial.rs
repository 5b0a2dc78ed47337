//! Dialling an agent: once, or again and again until it is there.

use std::{io, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use link::PublicKey;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{AgentPlace, StartError};
use crate::{
    cluster::{Cluster, ClusterError},
    forward::{self, Forward},
};

/// From the patch to the first try: no kubelet and runtime start a container in less.
const HEAD_START: Duration = Duration::from_millis(40);
/// From a refused try to the next one; grows from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(250));
/// While tries are answered late because the cluster is far away, a new one begins this long after the one before.
const OVERLAP: Duration = Duration::from_millis(40);
/// Tries at the same time.
const AT_ONCE: usize = 4;
/// After this many tries it takes longer than usual: pauses grow.
const QUICK_TRIES: u32 = 100;

/// Why a dial failed.
#[derive(Debug)]
pub(super) enum DialError {
    /// No port-forward.
    Cluster(ClusterError),
    /// A port-forward, but nobody at its end, or nobody we understand.
    Attempt(io::Error),
}

/// Why there is no answer.
pub(super) enum Failed {
    /// The time is up; what the last try met.
    TooLong(Option<DialError>),
    /// Trying again makes no sense.
    Final(StartError),
}

/// One dial: a port-forward, and the caller's attempt over it.
pub(super) async fn once<T, F, Fut>(
    cluster: &Cluster,
    place: &AgentPlace,
    pinned: impl Fn() -> Option<PublicKey>,
    attempt: &F,
) -> Result<(T, PublicKey), DialError>
where
    F: Fn(Forward, Option<PublicKey>) -> Fut,
    Fut: Future<Output = io::Result<(T, PublicKey)>>,
{
    let AgentPlace { namespace, pod, port, pod_uid: _, container: _ } = place;
    let stream = forward::dial(cluster, namespace, pod, *port).await.map_err(DialError::Cluster)?;
    attempt(stream, pinned()).await.map_err(DialError::Attempt)
}

/// Dials until somebody answers, for `limit` at most.
///
/// A try over the network costs round trips, so a few overlap; nearby, where a refusal comes within milliseconds,
/// each waits for the one before.
pub(super) async fn until_answered<T, F, Fut>(
    cluster: &Cluster,
    place: &AgentPlace,
    limit: Duration,
    attempt: &F,
) -> Result<(T, PublicKey), Failed>
where
    F: Fn(Forward, Option<PublicKey>) -> Fut,
    Fut: Future<Output = io::Result<(T, PublicKey)>>,
{
    let mut met = None;
    let end = Instant::now() + limit;
    let trying = async {
        let mut running = FuturesUnordered::new();
        let mut next = Instant::now() + HEAD_START;
        let mut tries = 0;
        loop {
            tokio::select! {
                Some(answered) = running.next() => match answered {
                    Ok(answered) => return Ok(answered),
                    Err(error) => {
                        met = Some(again(error, place)?);
                        next = next.min(Instant::now() + pause(tries));
                    }
                },
                () = sleep_until(next), if running.len() < AT_ONCE => {
                    tries += 1;
                    running.push(once(cluster, place, || None, attempt));
                    next = Instant::now() + OVERLAP.max(pause(tries));
                }
            }
        }
    };
    match timeout_at(end, trying).await {
        Ok(Ok(answered)) => Ok(answered),
        Ok(Err(error)) => Err(Failed::Final(error)),
        Err(_) => Err(Failed::TooLong(met)),
    }
}

/// The pause after try number `tries`: short at first, later a tenth more each time.
fn pause(tries: u32) -> Duration {
    let growth = 1.1_f64.powi(tries.saturating_sub(QUICK_TRIES).min(100).cast_signed());
    PAUSE.0.mul_f64(growth).min(PAUSE.1)
}

/// Gives `error` back if another try may succeed.
fn again(error: DialError, place: &AgentPlace) -> Result<DialError, StartError> {
    match error {
        DialError::Cluster(error) if error.is_transient() => Ok(DialError::Cluster(error)),
        DialError::Cluster(error) if error.code() == Some(404) => Err(StartError::PodGone { pod: place.pod.clone() }),
        DialError::Cluster(error) => Err(error.into()),
        DialError::Attempt(error) if nobody_listens(&error) => Ok(DialError::Attempt(error)),
        DialError::Attempt(source) => Err(StartError::Handshake { pod: place.pod.clone(), source }),
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | TimedOut | UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_short_while_a_start_usually_takes() {
        assert_eq!(pause(QUICK_TRIES), PAUSE.0);
        assert!(pause(QUICK_TRIES + 10) > PAUSE.0);
        assert_eq!(pause(10_000), PAUSE.1);
    }
}
