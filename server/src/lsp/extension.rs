//! Our own methods, and what they ask of the cluster. `editors/PROTOCOL.md` is their documentation.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// Which targets are asked for; what is left out is taken from the kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Query {
    /// Namespace to list.
    pub namespace: Option<String>,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// Kubeconfig file.
    pub kubeconfig: Option<String>,
    /// Kinds to list, as in target paths (`deployment`, `pod`); empty: all.
    pub types: Vec<String>,
}

/// What could be stood in for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// The targets of one namespace, workloads first.
    pub targets: Vec<Available>,
    /// The namespaces that the user may choose from; empty when listing them is forbidden.
    pub namespaces: Vec<String>,
    /// The namespace of `targets`.
    pub current_namespace: String,
    /// The context that was asked.
    pub context: Option<String>,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Available {
    /// As it is written in a configuration, without a container: `deployment/shop`.
    pub path: String,
    /// Where it lives.
    pub namespace: String,
    /// `deployment`, `pod`, …
    pub kind: String,
    /// Whether a pod of it is ready.
    pub available: bool,
    /// The containers that can be stood in for.
    pub containers: Vec<String>,
}

/// Lists targets. The session implements it.
pub trait TargetSource: Send + Sync {
    /// The targets now, or a sentence for the user that says why they cannot be told.
    fn targets(&self, query: Query) -> BoxFuture<'static, Result<Targets, String>>;
}
