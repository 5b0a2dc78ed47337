//! What is known of a cluster at one moment, for one document: plain data, cheap to clone.

use std::{collections::BTreeMap, sync::Arc};

use config::{Config, Kind, target::Path};

/// Where a document looks: what is left out is taken from the kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Kubeconfig files, as the key `kubeconfig` takes them.
    pub kubeconfig: Option<String>,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// Namespace of the target.
    pub namespace: Option<String>,
    /// The target that the document names, without its container: `deployment/x`, `label/app=x`.
    pub target: Option<String>,
    /// Whether to take any certificate for the API server's; `None`: as the kubeconfig says.
    pub accept_invalid_certificates: Option<bool>,
    /// Whether the environment's proxies are left aside, as by `use_proxy: false`.
    pub direct: bool,
}

impl Scope {
    /// Where a session of `config` would look.
    pub fn of(config: &Config) -> Self {
        let target = config.target.as_ref();
        let path = target.map(|target| &target.path).filter(|path| **path != Path::Targetless);
        Self {
            kubeconfig: config.kubeconfig.clone(),
            context: config.kube_context.clone(),
            namespace: target.and_then(|target| target.namespace.clone()),
            target: path.map(ToString::to_string),
            accept_invalid_certificates: config.accept_invalid_certificates,
            direct: !config.use_proxy,
        }
    }
}

/// Whether what a [`View`] holds can be relied on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody has asked yet, or the first answers are on their way.
    #[default]
    Loading,
    /// The watches run.
    Ready,
    /// The cluster cannot be asked, and why, as a sentence. What is held is what was known last.
    Failed(String),
}

/// What is known. `None` means not known (yet, or not allowed), as opposed to empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How reliable the rest is.
    pub state: State,
    /// Contexts of the kubeconfig, in its order.
    pub contexts: Option<Arc<[String]>>,
    /// The context that the scope means.
    pub context: Option<String>,
    /// The namespace that the scope means.
    pub namespace: Option<String>,
    /// Namespaces of the cluster, sorted; `None` where listing them is forbidden.
    pub namespaces: Option<Arc<[String]>>,
    /// What could be stood in for in the namespace: kinds in the order of [`Kind::ALL`], then by name.
    pub targets: Option<Arc<[TargetItem]>>,
    /// Labels of the namespace's pods and how many have each, sorted; without those that tell revisions and single
    /// pods apart.
    pub labels: Option<Arc<[LabelItem]>>,
    /// Services of the namespace.
    pub services: Option<Arc<[ServiceDetail]>>,
    /// The target that the scope names, if it exists.
    pub target: Option<Arc<Detail>>,
    /// Whether the scope's target is known not to exist.
    pub target_missing: bool,
    /// What the user may not do there and a session needs; `None` until asked.
    pub denied: Option<Arc<[Denied]>>,
}

/// One thing that could be stood in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetItem {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// Pods that are ready, where the watch tells.
    pub ready: Option<u32>,
    /// Pods that there should be, where the object says.
    pub desired: Option<u32>,
    /// Containers, without those of meshes, where the watch tells.
    pub containers: Arc<[String]>,
}

/// A label that pods carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelItem {
    /// `key=value`.
    pub label: Arc<str>,
    /// Pods that carry it.
    pub pods: u32,
}

/// A target, looked at closely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `deployment/x`.
    pub path: String,
    /// Its pods, those that a session would pick first at the front.
    pub pods: Vec<PodDetail>,
    /// Its containers, those of meshes included, from the pod that a session would pick or from the template.
    pub containers: Vec<ContainerDetail>,
    /// The container that a session would pick when none is named.
    pub default_container: Option<String>,
}

/// A pod of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodDetail {
    /// Its name.
    pub name: String,
    /// How it does.
    pub health: Health,
    /// The node that it runs on.
    pub node: Option<String>,
    /// Restarts of all its containers.
    pub restarts: u32,
}

/// How a pod does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It is ready.
    Ready,
    /// It runs but is not ready, and why: a session can use it, Services send it nothing.
    NotReady(String),
    /// A session cannot use it, and why.
    Down(String),
    /// Nothing is known of it.
    #[default]
    Unknown,
}

/// A container of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerDetail {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether it belongs to a mesh, and is never picked by itself.
    pub mesh: bool,
    /// Ports that it declares.
    pub ports: Vec<Port>,
    /// Names of the variables that its spec and its ConfigMaps set, with where each comes from (`spec`,
    /// `configmap/x`, `secret/y`). Values are not kept.
    pub env: BTreeMap<String, String>,
    /// Objects whose variables are all imported and whose names are not known, such as `secret/y`.
    pub env_unlisted: Vec<String>,
    /// Paths of its volume mounts.
    pub mounts: Vec<String>,
    /// Ports that its probes ask.
    pub probe_ports: Vec<u16>,
}

/// A port that a container or service declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: Option<String>,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: String,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceDetail {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// Something that a session needs and the user may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// `patch`.
    pub verb: String,
    /// API group; empty for the core.
    pub group: String,
    /// `pods/ephemeralcontainers`.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
}
