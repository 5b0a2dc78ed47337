//! Whether the agent that answers is the one that was started: its log, which the cluster vouches for, names its key.

use std::time::Duration;

use link::PublicKey;
use tokio::time::Instant;

use super::{AgentPlace, StartError};
use crate::{
    cluster::{Call, Cluster, Resource},
    event::{Event, Observer},
    keys::{Keys, KnownAgent},
};

/// kubelet notices a new container within a second; only then is its log to be had.
const LIMIT: Duration = Duration::from_secs(10);
/// From one try to the next.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of the log in which the line must stand: it is the first.
const LOG_BYTES: &str = "4096";

/// Waits until the agent's log can be read and compares its key with `shown`; remembers it if they are equal.
///
/// Fails only if they differ. A log that cannot be read is a warning.
pub(super) async fn confirm(
    cluster: Cluster,
    place: AgentPlace,
    shown: PublicKey,
    keys: Keys,
    observer: Observer,
) -> Result<(), StartError> {
    let call = Call::get(Resource::PODS, &place.namespace, &place.pod).sub("log");
    let call = call.with("container", &place.container).with("limitBytes", LOG_BYTES);
    let end = Instant::now() + LIMIT;
    let failure = loop {
        let failure = match cluster.text(&call).await {
            Ok(log) => match logged_key(&log) {
                Some(logged) if logged == shown => {
                    keys.remember(&place.pod_uid, &place.container, &KnownAgent { key: shown, port: place.port });
                    return Ok(());
                }
                Some(logged) => {
                    return Err(StartError::WrongKey {
                        pod: place.pod,
                        container: place.container,
                        logged: logged.to_string(),
                        shown: shown.to_string(),
                    });
                }
                None => "its log does not name its key".to_owned(),
            },
            Err(error) if error.code() == Some(403) => break error.to_string(),
            Err(error) => error.to_string(),
        };
        if Instant::now() >= end {
            break failure;
        }
        tokio::time::sleep(PAUSE).await;
    };
    observer.tell(Event::Warning(format!(
        "it could not be confirmed that it is our agent that answers in pod `{}`: {failure}",
        place.pod
    )));
    Ok(())
}

/// The key in the agent's greeting to its log: `mirrord-agent 0.1.0 protocol 1 key 302a…`.
fn logged_key(log: &str) -> Option<PublicKey> {
    let line = log.lines().find(|line| line.starts_with("mirrord-agent "))?;
    let (_, key) = line.rsplit_once(" key ")?;
    key.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_behind_other_lines() {
        let key: PublicKey = "302a3005".parse().expect("a key");
        let log = format!("WARN something\nmirrord-agent 0.1.0 protocol 1 key {key}\nmirrord-agent x key 00\n");
        assert_eq!(logged_key(&log), Some(key));
        assert_eq!(logged_key("mirrord-agent: no target"), None);
    }
}
