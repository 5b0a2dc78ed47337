//! Which pod of several: how each one is, and the one that is taken.

use std::{borrow::Borrow, cmp::Reverse, collections::BTreeMap};

use config::target::Path;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};

use super::{TargetError, container};

/// How a pod is, best first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Gets traffic.
    Ready,
    /// A container runs, but the pod is not ready: Services send it nothing.
    Running(String),
    /// Cannot be used.
    Down(String),
}

#[derive(Debug)]
pub(super) struct Choice {
    pub(super) pod: Pod,
    pub(super) others: Vec<String>,
    pub(super) warning: Option<String>,
}

/// How `pod` is.
pub(crate) fn health(pod: &Pod) -> Health {
    let Some(status) = &pod.status else { return Health::Down("it has no status yet".into()) };
    let phase = status.phase.as_deref().unwrap_or("Unknown");
    let statuses = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    // What a container waits for says more than the phase: `Pending` is also an image that cannot be pulled.
    let blocked = statuses().filter(|status| status.state.as_ref().is_some_and(|state| state.running.is_none()));
    let blocked = blocked
        .filter(|status| !status.ready)
        .find_map(|found| Some(format!("container `{}`: {}", found.name, container::why_not(found.state.as_ref()?)?)));
    let conditions = || status.conditions.iter().flatten();
    let told = conditions().find(|condition| condition.status == "False" && condition.message.is_some());
    let told = told.and_then(|condition| condition.message.clone());
    let why = || {
        let reason = status.reason.as_ref().map(|reason| match &status.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason.clone(),
        });
        let cause = blocked.clone().or(reason).or(told.clone());
        cause.map_or_else(|| format!("it is {phase}"), |cause| format!("it is {phase}; {cause}"))
    };
    if phase != "Running" {
        return Health::Down(why());
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Health::Down("it is being deleted".into());
    }
    let runs = statuses().any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()));
    match conditions().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
        true => Health::Ready,
        false if runs => Health::Running(blocked.or(told).unwrap_or_else(|| "its Ready condition is not met".into())),
        false => Health::Down(why()),
    }
}

/// Pods in the order in which they would be taken: of the best health, of the newest revision, the oldest of them; by
/// name where all is equal.
pub(crate) fn ranked<P: Borrow<Pod>>(pods: Vec<P>) -> Vec<(Health, P)> {
    let begun = revisions(&pods);
    let mut ranked: Vec<(Health, P)> = pods.into_iter().map(|pod| (health(pod.borrow()), pod)).collect();
    ranked.sort_by_cached_key(|(health, pod)| {
        let pod = pod.borrow();
        let rank = match health {
            Health::Ready => 0,
            Health::Running(_) => 1,
            Health::Down(_) => 2,
        };
        let begun = begun.get(revision(pod)).cloned().flatten();
        (rank, Reverse(begun), pod.metadata.creation_timestamp.clone(), pod.metadata.name.clone())
    });
    ranked
}

/// The pod to take.
pub(super) fn choose(pods: Vec<Pod>, path: &Path, namespace: &str) -> Result<Choice, TargetError> {
    let ranked = ranked(pods);
    let what = || path.to_string();
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    let usable = ranked.iter().filter(|(health, _)| *health == Health::Ready).count();
    let others: Vec<String> = ranked
        .iter()
        .skip(1)
        .filter(|(health, _)| !matches!(health, Health::Down(_)))
        .map(|(_, pod)| name(pod))
        .collect();
    let Some((health, pod)) = ranked.into_iter().next() else {
        return Err(TargetError::NoPods {
            what: what(),
            namespace: namespace.to_owned(),
            cause: "none matches".into(),
        });
    };
    let warning = match health {
        Health::Down(cause) => {
            return Err(TargetError::NotRunning {
                what: what(),
                namespace: namespace.to_owned(),
                pod: name(&pod),
                cause,
            });
        }
        Health::Running(cause) => {
            Some(format!("pod `{}` is not ready ({cause}); Services send it no traffic", name(&pod)))
        }
        Health::Ready if usable > 1 => Some(format!(
            "{} has {usable} ready pods; `{}` is used, the others keep their own traffic",
            what(),
            name(&pod)
        )),
        Health::Ready => None,
    };
    Ok(Choice { pod, others, warning })
}

/// When each revision's first pod was made.
fn revisions<P: Borrow<Pod>>(pods: &[P]) -> BTreeMap<String, Option<Time>> {
    let mut begun: BTreeMap<String, Option<Time>> = BTreeMap::new();
    for pod in pods.iter().map(Borrow::borrow) {
        let made = pod.metadata.creation_timestamp.clone();
        begun
            .entry(revision(pod).to_owned())
            .and_modify(|first| *first = first.take().min(made.clone()))
            .or_insert(made);
    }
    begun
}

/// The revision of the workload that `pod` is of; empty where there is no such thing.
fn revision(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key));
    let keys = ["pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash"];
    keys.iter().find_map(|key| label(key)).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name revision made-at state`, where state is `ready`, `running`, `ending`, or a reason to wait.
    fn pod(text: &str) -> Pod {
        let [name, revision, made, state] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("four words") };
        let runs = ["ready", "running", "ending"].contains(&state);
        let container = if runs {
            serde_json::json!({ "running": {} })
        } else {
            serde_json::json!({ "waiting": { "reason": state } })
        };
        let deleted = (state == "ending").then_some("2026-01-02T00:00:00Z");
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": name, "labels": { "pod-template-hash": revision }, "deletionTimestamp": deleted,
                          "creationTimestamp": format!("2026-01-01T00:00:0{made}Z") },
            "status": { "phase": if runs { "Running" } else { "Pending" },
                        "conditions": [{ "type": "Ready", "status": if state == "ready" { "True" } else { "False" } }],
                        "containerStatuses": [{ "name": "c", "image": "", "imageID": "", "ready": state == "ready",
                                                "restartCount": 0, "state": container }] }
        }))
        .expect("a pod")
    }

    fn check(pods: &[&str]) -> String {
        let path = "deployment/x".parse::<config::Target>().expect("a path").path;
        match choose(pods.iter().map(|text| pod(text)).collect(), &path, "shop") {
            Ok(Choice { pod, others, warning }) => {
                let warned = if warning.is_some() { "!" } else { "" };
                format!("{}{warned} [{}]", pod.metadata.name.unwrap_or_default(), others.join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_pod_that_is_taken() {
        for (pods, expected) in [
            (&["a 1 0 ready"][..], "a []"),
            (&["b 1 0 ready", "a 1 0 ready"], "a! [b]"),
            (&["a 1 1 ready", "b 1 0 ready"], "b! [a]"),
            (&["old 1 0 ready", "new2 2 5 ready", "new1 2 4 ready"], "new1! [new2 old]"),
            (&["a 1 0 running", "b 1 1 ready"], "b [a]"),
            (&["a 1 0 running"], "a! []"),
            (&["a 1 0 ending", "b 1 1 ready"], "b []"),
        ] {
            assert_eq!(check(pods), expected, "{pods:?}");
        }
    }

    #[test]
    fn pods_that_do_not_run_say_why() {
        assert_eq!(
            check(&["a 1 0 ImagePullBackOff"]),
            "deployment/x in namespace `shop` has no running pod: it is Pending; container `c`: ImagePullBackOff; \
             `kubectl -n shop describe pod a` tells more"
        );
        assert_eq!(check(&[]), "deployment/x in namespace `shop` has no pods: none matches");
    }
}
