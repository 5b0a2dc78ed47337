//! From what the user calls the target to one container of one running pod.

mod container;
mod missing;
mod pods;
mod workload;

use config::target::{Kind, Path, Target};
pub use container::Probed;
pub(crate) use container::{choose as choose_container, containers, declared, is_mesh, probed_port, probes};
use k8s_openapi::api::core::v1::Pod;
pub(crate) use pods::{Health, health, ranked};
pub(crate) use workload::{Lead, Reference, lead, plain, resource};

use crate::{
    cluster::{Call, Cluster, ClusterError, Resource},
    event::{Event, Observer, Step},
};

/// One container of one running pod: whom the program stands in for.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// As the user wrote it, without the container.
    pub path: Path,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Its uid, which a later pod of the same name does not have.
    pub pod_uid: String,
    /// Name of the container.
    pub container: String,
    /// Its id at the container runtime, with the runtime's prefix: `containerd://…`.
    pub container_id: String,
    /// Other pods that would have done, for when this one goes away.
    pub others: Vec<String>,
    /// What the kubelet asks of the pod's containers, which share one network.
    pub probed: Probed,
    /// Ports that the container declares.
    pub ports: Vec<Port>,
    /// Whether containers of the pod see each other's processes: the target is then not process 1.
    pub shares_processes: bool,
    /// The pod as it was found.
    pub(crate) object: Box<Pod>,
}

/// A port that a container declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// Why there is nobody to stand in for.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The API server was not reached, or did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// No target is named.
    #[error("no target is named; write `target` as KIND/NAME, such as deployment/shop")]
    Targetless,
    /// There is no such object.
    #[error("there is no {what} in namespace `{namespace}`; {help}")]
    NotFound {
        /// The object.
        what: String,
        /// Where it was looked for.
        namespace: String,
        /// What there is instead.
        help: String,
    },
    /// There is no such namespace.
    #[error("there is no namespace `{namespace}`; {help}")]
    NoNamespace {
        /// Its name.
        namespace: String,
        /// What there is instead.
        help: String,
    },
    /// The object has no pods.
    #[error("{what} in namespace `{namespace}` has no pods: {cause}")]
    NoPods {
        /// The object.
        what: String,
        /// Its namespace.
        namespace: String,
        /// Why, and what to do.
        cause: String,
    },
    /// Pods, but none that runs.
    #[error(
        "{what} in namespace `{namespace}` has no running pod: {cause}; `kubectl -n {namespace} describe pod {pod}` tells more"
    )]
    NotRunning {
        /// The object.
        what: String,
        /// Its namespace.
        namespace: String,
        /// The pod that was looked at last.
        pod: String,
        /// What its status says.
        cause: String,
    },
    /// The pod has no such container.
    #[error("pod `{pod}` has no container `{container}` (it has: {present})")]
    NoContainer {
        /// The pod.
        pod: String,
        /// As the user wrote it.
        container: String,
        /// Containers of the pod.
        present: String,
    },
    /// The container does not run.
    #[error("container `{container}` of pod `{pod}` does not run: {cause}")]
    ContainerNotRunning {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// What its status says.
        cause: String,
    },
}

/// Finds the pod and the container that `target` names.
///
/// One call for a pod or labels, two for a workload. Of several pods, a ready one of the newest revision is taken,
/// the oldest of them, so that the next session finds the same; a pick among several is a warning.
pub async fn resolve(cluster: &Cluster, target: &Target, observer: &Observer) -> Result<Resolved, TargetError> {
    let Target { path, container: wanted, namespace } = target;
    let namespace = namespace.as_deref().unwrap_or_else(|| cluster.namespace());
    observer.step(Step::ResolvingTarget { target: target.to_string() });
    let pods = match path {
        Path::Targetless => return Err(TargetError::Targetless),
        Path::Object { kind: Kind::Pod, name } => {
            let pod = cluster.read(&Call::get(Resource::PODS, namespace, name)).await;
            vec![missing::explain(cluster, namespace, Kind::Pod, name, pod).await?]
        }
        Path::Object { kind, name } => workload::pods(cluster, namespace, *kind, name).await?,
        Path::Labels(labels) => workload::labelled(cluster, namespace, labels).await?,
    };
    let pods::Choice { pod, others, warning } = pods::choose(pods, path, namespace)?;
    let container::Choice { name: container, warning: among } = container::choose(&pod, wanted.as_deref())?;
    for warning in warning.into_iter().chain(among) {
        observer.tell(Event::Warning(warning));
    }
    let name = pod.metadata.name.clone().unwrap_or_default();
    Ok(Resolved {
        path: path.clone(),
        namespace: namespace.to_owned(),
        pod_uid: pod.metadata.uid.clone().unwrap_or_default(),
        container_id: container::running_id(&pod, &container)?,
        probed: Probed::of(&pod),
        ports: container::ports(&pod, &container),
        shares_processes: pod.spec.as_ref().is_some_and(|spec| spec.share_process_namespace == Some(true)),
        pod: name,
        container,
        others,
        object: Box::new(pod),
    })
}
