//! What there is to stand in for: the live list behind `mirrord ls`, editors' pickers and `mirrord/targets`.

use std::collections::BTreeMap;

use config::target::Kind;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Pod, ServicePort};
use serde::{Deserialize, Serialize};

use crate::{
    cluster::{Call, Cluster, ClusterError, Form, Resource},
    target::{self, Health, Reference, containers, is_mesh},
};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct TargetQuery {
    /// Namespace; `None`: the context's.
    pub namespace: Option<String>,
    /// Kinds; empty: all.
    pub kinds: Vec<Kind>,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetList {
    /// Targets: kinds in the order of [`Kind::ALL`], then by name. Those that cannot be used now are here as well.
    pub targets: Vec<TargetEntry>,
    /// Namespaces that we may see; only the current one where we may see none.
    pub namespaces: Vec<String>,
    /// Namespace of the targets.
    pub current_namespace: String,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// Kinds that are not listed although they were asked for, and why, for a hint.
    pub hidden: Vec<Hidden>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetEntry {
    /// As the configuration takes it: `deployment/x`, `pod/x/container/c`.
    pub path: String,
    /// `deployment`…
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Whether it can be used now.
    pub available: bool,
    /// Its containers, without those of meshes; empty for a service.
    pub containers: Vec<String>,
    /// Pods that are ready; of a pod 1 or 0. `None` where the object does not say.
    pub ready: Option<u32>,
    /// Pods that there should be.
    pub desired: Option<u32>,
    /// Why it cannot be used, if it says so.
    pub reason: Option<String>,
}

/// A kind that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hidden {
    /// `deployment`…
    pub kind: &'static str,
    /// The API server's words.
    pub reason: String,
}

/// Lists targets and namespaces; all kinds at once.
///
/// A kind that we may not list, or that the cluster does not know, is left out; fails only if no kind can be listed.
pub async fn list(cluster: &Cluster, query: &TargetQuery) -> Result<TargetList, ClusterError> {
    let namespace = query.namespace.as_deref().unwrap_or_else(|| cluster.namespace());
    let kinds = Kind::ALL.into_iter().filter(|kind| query.kinds.is_empty() || query.kinds.contains(kind));
    let (namespaces, listed) = tokio::join!(
        namespaces(cluster),
        join_all(kinds.map(|kind| async move { (kind, entries(cluster, namespace, kind).await) })),
    );
    let (mut targets, mut hidden, mut failed) = (Vec::new(), Vec::new(), None);
    let asked = listed.len();
    for (kind, entries) in listed {
        match entries {
            Ok(entries) => targets.extend(entries),
            // Argo Rollouts are not installed everywhere.
            Err(error) if kind == Kind::Rollout && error.code() == Some(404) => {
                hidden.push(Hidden { kind: kind.as_str(), reason: "the cluster has no such kind".into() });
            }
            Err(error) if error.code().is_some_and(|code| code == 403 || code == 404) => {
                hidden.push(Hidden { kind: kind.as_str(), reason: error.to_string() });
                failed = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = failed.filter(|_| hidden.len() == asked) {
        return Err(error);
    }
    Ok(TargetList {
        targets,
        namespaces: if namespaces.is_empty() { vec![namespace.to_owned()] } else { namespaces },
        current_namespace: namespace.to_owned(),
        context: cluster.context().map(str::to_owned),
        hidden,
    })
}

/// Names of all namespaces; none where we may not see them.
pub async fn namespaces(cluster: &Cluster) -> Vec<String> {
    let all = cluster.all_metadata::<Metadata>(&Call::list(Resource::NAMESPACES)).await.unwrap_or_default();
    let mut names: Vec<String> = all.into_iter().map(|found| found.metadata.name).collect();
    names.sort();
    names
}

/// An object of which only the metadata is read.
#[derive(Deserialize)]
struct Metadata {
    metadata: Head,
}

async fn entries(cluster: &Cluster, namespace: &str, kind: Kind) -> Result<Vec<TargetEntry>, ClusterError> {
    let call = Call::list(target::resource(kind)).within(namespace);
    let mut entries = Vec::new();
    // Boiled down page by page: ten thousand pods in full would be hundreds of megabytes.
    if kind == Kind::Pod {
        let hear = |page: Vec<Pod>| entries.extend(page.iter().flat_map(of_pod));
        cluster.pages(&call, Form::Whole, usize::MAX, hear).await?;
    } else {
        let hear = |page: Vec<Workload>| entries.extend(page.into_iter().map(|found| of_workload(kind, found)));
        cluster.pages(&call, Form::Whole, usize::MAX, hear).await?;
    }
    if kind == Kind::ReplicaSet {
        // Those that a deployment left behind are no targets, and the current one is the deployment itself.
        entries.retain(|entry| entry.desired != Some(0));
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// The parts of metadata that lists are made of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) resource_version: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// The parts of a workload that lists are made of, where its kind has them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Workload {
    pub(crate) metadata: Head,
    #[serde(default)]
    pub(crate) spec: Spec,
    #[serde(default)]
    pub(crate) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Spec {
    replicas: Option<u32>,
    parallelism: Option<u32>,
    template: Option<Template>,
    job_template: Option<JobTemplate>,
    /// A `LabelSelector`; of a Service, plain labels.
    pub(crate) selector: serde_json::Value,
    /// A rollout may borrow a deployment's pods.
    pub(crate) workload_ref: Option<Reference>,
    /// Of a Service.
    pub(crate) ports: Vec<ServicePort>,
}

#[derive(Clone, Debug, Deserialize)]
struct JobTemplate {
    spec: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Clone, Debug, Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    available_replicas: Option<u32>,
    ready_replicas: Option<u32>,
    ready: Option<u32>,
    /// Jobs of a cronjob that run; of a job, their number.
    pub(crate) active: serde_json::Value,
}

pub(crate) fn of_workload(kind: Kind, Workload { metadata, spec, status }: Workload) -> TargetEntry {
    let name = metadata.name;
    let (ready, desired) = match kind {
        Kind::Job => (status.ready, spec.parallelism),
        Kind::CronJob => (status.active.as_array().and_then(|jobs| u32::try_from(jobs.len()).ok()), None),
        Kind::Service => (None, None),
        // A deployment's pod counts when it has been ready for `minReadySeconds`.
        Kind::Deployment | Kind::Rollout => (status.available_replicas, spec.replicas),
        _ => (status.ready_replicas, spec.replicas),
    };
    let template = spec.template.or_else(|| spec.job_template.and_then(|job| job.spec.template));
    let all = template.map(|template| template.spec.containers).unwrap_or_default();
    let available = kind == Kind::Service || ready.unwrap_or(0) > 0;
    TargetEntry {
        path: format!("{kind}/{name}"),
        kind: kind.as_str(),
        name,
        namespace: metadata.namespace,
        available,
        containers: all.into_iter().map(|container| container.name).filter(|name| !is_mesh(name)).collect(),
        ready: if kind == Kind::Service { None } else { Some(ready.unwrap_or(0)) },
        desired,
        reason: (!available).then(|| if desired == Some(0) { "scaled to 0".into() } else { "no pod is ready".into() }),
    }
}

/// One entry for the pod, or one for each of several containers.
fn of_pod(pod: &Pod) -> Vec<TargetEntry> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let own: Vec<String> = containers(pod).map(|found| found.name.clone()).filter(|name| !is_mesh(name)).collect();
    let health = target::health(pod);
    let available = health == Health::Ready;
    let entry = |path: String, containers: Vec<String>| TargetEntry {
        path,
        kind: Kind::Pod.as_str(),
        name: name.clone(),
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        available,
        containers,
        ready: Some(u32::from(available)),
        desired: Some(1),
        reason: match &health {
            Health::Ready => None,
            Health::Running(reason) | Health::Down(reason) => Some(reason.clone()),
        },
    };
    match own.as_slice() {
        [] | [_] => vec![entry(format!("pod/{name}"), own)],
        several => several.iter().map(|one| entry(format!("pod/{name}/container/{one}"), vec![one.clone()])).collect(),
    }
}

impl TargetList {
    /// Paths that can be used now: what `mirrord ls` prints.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(|entry| entry.available).map(|entry| entry.path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_tells_its_pods_and_containers() {
        let found = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "api", "namespace": "shop" },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [{ "name": "app" }, { "name": "istio-proxy" }] } } },
            "status": { "availableReplicas": 1 }
        }));
        let entry = of_workload(Kind::Deployment, found.expect("a deployment"));
        let TargetEntry { path, available, containers, ready, desired, .. } = entry;
        assert_eq!((path.as_str(), available, ready, desired), ("deployment/api", true, Some(1), Some(2)));
        assert_eq!(containers, ["app"]);
    }

    #[test]
    fn a_pod_of_several_containers_is_listed_once_for_each() {
        let pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "a" }, { "name": "b" }, { "name": "istio-proxy" }] },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }
        }));
        let entries = of_pod(&pod.expect("a pod"));
        let paths: Vec<_> = entries.iter().map(|entry| (entry.path.as_str(), entry.available)).collect();
        assert_eq!(paths, [("pod/p/container/a", true), ("pod/p/container/b", true)]);
    }
}
