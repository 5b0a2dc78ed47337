//! From a workload to its pods.

use std::collections::BTreeMap;

use config::target::Kind;
use k8s_openapi::{
    api::core::v1::Pod,
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::core::Selector;
use serde::Deserialize;

use super::{TargetError, missing};
use crate::cluster::{Call, Cluster, Resource};

/// Where the API server keeps objects of `kind`.
pub(crate) fn resource(kind: Kind) -> Resource {
    let (group, version, plural) = match kind {
        Kind::Pod => return Resource::PODS,
        Kind::Deployment => ("apps", "v1", "deployments"),
        Kind::StatefulSet => ("apps", "v1", "statefulsets"),
        Kind::ReplicaSet => ("apps", "v1", "replicasets"),
        Kind::Job => ("batch", "v1", "jobs"),
        Kind::CronJob => ("batch", "v1", "cronjobs"),
        Kind::Rollout => ("argoproj.io", "v1alpha1", "rollouts"),
        Kind::Service => ("", "v1", "services"),
    };
    Resource { group, version, plural }
}

/// What all kinds of workloads have in common.
#[derive(Deserialize)]
struct Workload {
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<i64>,
    /// A `LabelSelector`; of a Service, plain labels.
    selector: serde_json::Value,
    /// A rollout may borrow a deployment's pods.
    workload_ref: Option<Reference>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
    /// Jobs of a cronjob that run.
    active: serde_json::Value,
}

/// Another object of the same namespace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reference {
    kind: String,
    name: String,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    message: String,
}

/// How a workload leads to its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// By labels, in the words of a URL's `labelSelector`; empty: not at all.
    Selector(String),
    /// As the deployment of this name does.
    Deployment(String),
    /// By a job that does not run now.
    NoJob,
}

/// How a workload leads to its pods; the arguments are `spec.selector`, `spec.workloadRef` and `status.active`.
pub(crate) fn lead(
    kind: Kind,
    written: &serde_json::Value,
    borrowed: Option<&Reference>,
    active: &serde_json::Value,
) -> Lead {
    match (kind, borrowed) {
        (Kind::CronJob, _) => match newest_job(active) {
            Some(job) => Lead::Selector(format!("job-name={job}")),
            None => Lead::NoJob,
        },
        (Kind::Rollout, Some(Reference { kind: of, name })) if of == "Deployment" => Lead::Deployment(name.clone()),
        _ => Lead::Selector(selector(written).unwrap_or_default()),
    }
}

/// The pods of a workload; at least one.
pub(super) async fn pods(cluster: &Cluster, namespace: &str, kind: Kind, name: &str) -> Result<Vec<Pod>, TargetError> {
    let found = cluster.read::<Workload>(&Call::get(resource(kind), namespace, name)).await;
    let workload = missing::explain(cluster, namespace, kind, name, found).await?;
    let no_pods =
        |cause: String| TargetError::NoPods { what: format!("{kind}/{name}"), namespace: namespace.to_owned(), cause };
    let lead = lead(kind, &workload.spec.selector, workload.spec.workload_ref.as_ref(), &workload.status.active);
    let selector = match lead {
        Lead::Selector(selector) => selector,
        Lead::Deployment(name) => {
            let call = Call::get(resource(Kind::Deployment), namespace, &name);
            selector(&cluster.read::<Workload>(&call).await?.spec.selector).unwrap_or_default()
        }
        Lead::NoJob => {
            return Err(no_pods(format!(
                "no job of it runs now; `kubectl -n {namespace} create job --from=cronjob/{name} NAME` starts one"
            )));
        }
    };
    if selector.is_empty() {
        return Err(no_pods("it has no selector that leads to any".into()));
    }
    let pods: Vec<Pod> =
        cluster.all(&Call::list(Resource::PODS).within(namespace).with("labelSelector", &selector)).await?;
    if !pods.is_empty() {
        return Ok(pods);
    }
    let troubled = workload.status.conditions.iter().find(|condition| {
        (condition.kind == "ReplicaFailure" && condition.status == "True")
            || (condition.kind == "Progressing" && condition.status == "False")
    });
    Err(no_pods(match (workload.spec.replicas, troubled) {
        (Some(0), _) => {
            format!("it is scaled to 0; `kubectl -n {namespace} scale {kind}/{name} --replicas=1` starts one")
        }
        (_, Some(condition)) => condition.message.clone(),
        _ => format!("none matches `{selector}`"),
    }))
}

/// The pods that have all of these labels; at least one.
pub(super) async fn labelled(
    cluster: &Cluster,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Pod>, TargetError> {
    let selector = plain(labels);
    let pods: Vec<Pod> =
        cluster.all(&Call::list(Resource::PODS).within(namespace).with("labelSelector", &selector)).await?;
    if pods.is_empty() {
        missing::namespace(cluster, namespace).await?;
        let cause = "no pod has these labels".into();
        return Err(TargetError::NoPods { what: format!("label/{selector}"), namespace: namespace.to_owned(), cause });
    }
    Ok(pods)
}

/// Labels in the words of a URL's `labelSelector`.
pub(crate) fn plain(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A selector in the words of a URL's `labelSelector`.
fn selector(written: &serde_json::Value) -> Option<String> {
    if written.get("matchLabels").is_none() && written.get("matchExpressions").is_none() {
        return BTreeMap::deserialize(written).ok().map(|labels| plain(&labels));
    }
    let selector = LabelSelector::deserialize(written).ok()?;
    Selector::try_from(selector).ok().map(|selector| selector.to_string())
}

/// The last of the running jobs, which is the newest.
fn newest_job(active: &serde_json::Value) -> Option<String> {
    let last = active.as_array()?.last()?;
    ObjectMeta::deserialize(last).ok()?.name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_become_words() {
        for (written, expected) in [
            (serde_json::json!({ "matchLabels": { "app": "x", "tier": "y" } }), Some("app=x,tier=y")),
            (
                serde_json::json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["a", "b"] }] }),
                Some("app in (a,b)"),
            ),
            (serde_json::json!({ "app": "x" }), Some("app=x")),
            (serde_json::Value::Null, None),
        ] {
            assert_eq!(selector(&written).as_deref(), expected, "{written}");
        }
    }
}
