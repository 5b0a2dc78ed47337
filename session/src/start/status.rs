//! What the cluster says while the agent is awaited: for the user's eyes, and to give up early.

use std::time::Duration;

use config::agent::PullPolicy;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use serde::Deserialize;
use tokio::time::Instant;

use super::{AgentPlace, StartError, dial::DialError};
use crate::{
    cluster::{Call, Cluster, Resource},
    event::{Observer, Step},
};

/// From one look to the next. kubelet itself looks once a second.
const LOOK: Duration = Duration::from_secs(1);
/// A status that does not change is told again after this long.
const REMIND: Duration = Duration::from_secs(20);
/// Lines of the agent's log that go into an error.
const LOG_LINES: &str = "10";
/// Bytes of the log that are read.
const LOG_BYTES: &str = "4096";

/// Reasons for waiting from which a container does not recover by itself soon.
const HOPELESS: [&str; 9] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// How the agent's container is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// On its way, or running; words for it.
    Waiting(String),
    /// It will not come; reason and message.
    Hopeless(String, String),
    /// It has ended with this code.
    Ended(i32),
}

/// Looks at the pod every second and tells what it finds; resolves when the agent will not come.
///
/// A usual start is over before the first look.
pub(super) async fn watch(cluster: &Cluster, place: &AgentPlace, image: &str, observer: &Observer) -> StartError {
    let (mut said, mut last) = (Instant::now(), String::new());
    loop {
        tokio::time::sleep(LOOK).await;
        let pod = match cluster.read::<Pod>(&Call::get(Resource::PODS, &place.namespace, &place.pod)).await {
            Ok(pod) if pod.metadata.uid.as_deref() == Some(&place.pod_uid) => pod,
            Ok(_) => return StartError::PodGone { pod: place.pod.clone() },
            Err(error) if error.code() == Some(404) => return StartError::PodGone { pod: place.pod.clone() },
            Err(error) => {
                // The dials meet the same, and decide.
                tracing::debug!(%error, "cannot look at the pod");
                continue;
            }
        };
        let status = match condition(&pod, &place.container) {
            Condition::Waiting(status) => status,
            Condition::Ended(code) => {
                return StartError::Ended { pod: place.pod.clone(), code, log: log(cluster, place).await };
            }
            Condition::Hopeless(reason, message) => return not_created(place, image, reason, message),
        };
        if let Some((reason, message)) = trouble(cluster, place).await {
            return not_created(place, image, reason, message);
        }
        if status != last || said.elapsed() >= REMIND {
            observer.step(Step::WaitingForAgent { status: Some(status.clone()) });
            (said, last) = (Instant::now(), status);
        }
    }
}

fn not_created(place: &AgentPlace, image: &str, reason: String, message: String) -> StartError {
    let help = help(&reason, image);
    StartError::NotCreated { pod: place.pod.clone(), reason, message, help }
}

/// What an event says.
#[derive(Deserialize)]
struct Happened {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// Warnings about the agent's container, as reason and message. They come at once; kubelet tells the same in the pod's
/// status only when it comes to that pod again, after 10 s and more. None where we may not read events.
async fn trouble(cluster: &Cluster, place: &AgentPlace) -> Option<(String, String)> {
    const EVENTS: Resource = Resource { group: "", version: "v1", plural: "events" };
    let of_agent = format!(
        "involvedObject.uid={},involvedObject.fieldPath=spec.ephemeralContainers{{{}}},type=Warning",
        place.pod_uid, place.container
    );
    let call = Call::list(EVENTS).within(&place.namespace).with("fieldSelector", &of_agent);
    told(&cluster.all::<Happened>(&call).await.unwrap_or_default())
}

/// The reason that `Error: ErrImagePull` names, and the longest message, which is the one with the cause.
fn told(events: &[Happened]) -> Option<(String, String)> {
    let longest = events.iter().max_by_key(|event| event.message.len())?;
    let named = events
        .iter()
        .find_map(|event| HOPELESS.iter().find(|reason| event.message.strip_prefix("Error: ") == Some(reason)));
    let reason = named.map_or_else(|| longest.reason.clone(), |reason| (*reason).to_owned());
    Some((reason, longest.message.clone()))
}

/// The error when the time is up; `met` is what the last dial met.
pub(super) async fn timed_out(
    cluster: &Cluster,
    place: &AgentPlace,
    limit: Duration,
    met: Option<DialError>,
) -> StartError {
    let pod = cluster.read::<Pod>(&Call::get(Resource::PODS, &place.namespace, &place.pod)).await;
    let status = match pod.map(|pod| condition(&pod, &place.container)) {
        Ok(Condition::Waiting(status)) => status,
        Ok(Condition::Hopeless(reason, message)) => format!("{reason}: {message}"),
        Ok(Condition::Ended(code)) => format!("it ended with exit code {code}"),
        Err(error) => error.to_string(),
    };
    let met = match met {
        Some(DialError::Cluster(error)) => format!("; the last dial met: {error}"),
        Some(DialError::Attempt(error)) => format!("; the last dial met: {error}"),
        None => String::new(),
    };
    let log = log(cluster, place).await;
    StartError::TimedOut { pod: place.pod.clone(), limit, status: status + &met, log }
}

/// How `container` of `pod` is; kubelet never starts an ephemeral container again.
pub(super) fn condition(pod: &Pod, container: &str) -> Condition {
    let mut statuses = pod.status.iter().flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let Some(ContainerStatus { state: Some(state), .. }) = statuses.find(|status| status.name == container) else {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("the node");
        return Condition::Waiting(format!("{node} has not taken it up yet"));
    };
    let ContainerState { waiting, running, terminated } = state;
    if let Some(ended) = terminated {
        return Condition::Ended(ended.exit_code);
    }
    if running.is_some() {
        return Condition::Waiting("its container runs, but its port does not answer yet".into());
    }
    let reason = waiting.as_ref().and_then(|waiting| waiting.reason.clone()).unwrap_or_else(|| "Waiting".into());
    let message = waiting.as_ref().and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    if HOPELESS.contains(&reason.as_str()) {
        return Condition::Hopeless(reason, message);
    }
    Condition::Waiting(if message.is_empty() { reason } else { format!("{reason}: {message}") })
}

fn help(reason: &str, image: &str) -> String {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => format!(
            "can the node pull `{image}`? Set `agent.image` to where your cluster can get it; secrets for it belong to the pod's service account"
        ),
        "ErrImageNeverPull" => {
            format!("`{image}` is not on the node, and `agent.image_pull_policy` is {}", PullPolicy::Never.as_str())
        }
        "InvalidImageName" => format!("`{image}` in `agent.image` is not the name of an image"),
        _ => "`kubectl describe pod` tells more".into(),
    }
}

/// The end of the agent's log; empty if it cannot be read.
async fn log(cluster: &Cluster, place: &AgentPlace) -> String {
    let call = Call::get(Resource::PODS, &place.namespace, &place.pod).sub("log");
    let call = call.with("container", &place.container).with("tailLines", LOG_LINES).with("limitBytes", LOG_BYTES);
    cluster.text(&call).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_name_the_reason_and_the_cause() {
        let event = |reason: &str, message: &str| Happened { reason: reason.into(), message: message.into() };
        let pull = event("Failed", "Failed to pull image \"x\": no such host");
        let told_of = |events: &[Happened]| told(events).map(|(reason, message)| format!("{reason}: {message}"));
        let expected = Some("ErrImagePull: Failed to pull image \"x\": no such host".to_owned());
        assert_eq!(told_of(&[pull, event("Failed", "Error: ErrImagePull")]), expected);
        assert_eq!(told_of(&[event("Failed", "Error: no runtime")]).as_deref(), Some("Failed: Error: no runtime"));
        assert_eq!(told_of(&[]), None);
    }

    #[test]
    fn the_condition_of_an_agent() {
        let check = |state: serde_json::Value| {
            let pod = serde_json::from_value(serde_json::json!({
                "spec": { "containers": [], "nodeName": "node1" },
                "status": { "ephemeralContainerStatuses": [
                    { "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state }
                ] }
            }));
            condition(&pod.expect("a pod"), "a")
        };
        let waiting = |reason, message| serde_json::json!({ "waiting": { "reason": reason, "message": message } });
        assert_eq!(check(waiting("ContainerCreating", None)), Condition::Waiting("ContainerCreating".into()));
        assert_eq!(
            check(waiting("ErrImagePull", Some("no such host"))),
            Condition::Hopeless("ErrImagePull".into(), "no such host".into())
        );
        assert_eq!(check(serde_json::json!({ "terminated": { "exitCode": 3 } })), Condition::Ended(3));
        let running = Condition::Waiting("its container runs, but its port does not answer yet".into());
        assert_eq!(check(serde_json::json!({ "running": {} })), running);
    }
}
