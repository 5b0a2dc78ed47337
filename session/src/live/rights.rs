//! What the user may not do and a session needs: asked in advance, so that nobody finds out by a failed start.

use std::convert::Infallible;

use config::{Kind, Path};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::{follow::pause, shared::Shared, view::Denied};
use crate::{
    cluster::{Call, Cluster, ClusterError, Resource},
    target::resource,
};

const REVIEWS: Resource = Resource { group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews" };

/// For which targets a session does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// For all.
    All,
    /// For those that may have several pods.
    Many,
    /// For those of a kind.
    Kind(Kind),
}

impl For {
    /// Whether it is done for the target `path`; `None`: for a target that is not chosen yet.
    pub(super) fn concerns(self, path: Option<&Path>) -> bool {
        match (self, path) {
            (Self::All, _) | (Self::Many, Some(Path::Labels(_))) => true,
            (Self::Many, Some(Path::Object { kind, .. })) => *kind != Kind::Pod,
            (Self::Kind(of), Some(Path::Object { kind, .. })) => *kind == of,
            (Self::Many | Self::Kind(_), _) => false,
        }
    }
}

/// Something that a session does.
struct Need {
    of: For,
    /// Any of these will do.
    verbs: &'static [&'static str],
    resource: Resource,
    subresource: Option<&'static str>,
}

/// What a session does in the namespace of its target.
fn needs() -> Vec<Need> {
    let pods = |of, verbs, subresource| Need { of, verbs, resource: Resource::PODS, subresource };
    let mut needs = vec![
        pods(For::All, &["get"], None),
        pods(For::Many, &["list"], None),
        pods(For::All, &["get"], Some("log")),
        pods(For::All, &["patch"], Some("ephemeralcontainers")),
        // Which of them counts depends on the version of Kubernetes.
        pods(For::All, &["create", "get"], Some("portforward")),
    ];
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod);
    needs.extend(kinds.map(|kind| {
        let (resource, subresource) = (resource(kind), None);
        Need { of: For::Kind(kind), verbs: &["get"], resource, subresource }
    }));
    needs
}

/// Asks now and then.
pub(super) async fn ask(shared: &Shared, cluster: &Cluster, id: u64, namespace: &str) -> Infallible {
    let mut failures = 0;
    loop {
        let answers = join_all(needs().into_iter().map(|need| denied(cluster, namespace, need))).await;
        match answers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(denied) => {
                failures = 0;
                let denied: Vec<_> = denied.into_iter().flatten().collect();
                shared.change(|known| {
                    let known = &mut known.space(id)?.denied;
                    Some(known.replace(denied.clone()).as_ref() != Some(&denied))
                });
                sleep(shared.pace.closed).await;
            }
            Err(error) => {
                failures += 1;
                tracing::debug!(%error, "permissions cannot be asked for");
                sleep(pause(failures)).await;
            }
        }
    }
}

async fn denied(cluster: &Cluster, namespace: &str, need: Need) -> Result<Option<(For, Denied)>, ClusterError> {
    let Need { of, verbs, resource, subresource } = need;
    for verb in verbs {
        if may(cluster, namespace, verb, resource, subresource).await? {
            return Ok(None);
        }
    }
    let resource_name = match subresource {
        Some(subresource) => format!("{}/{subresource}", resource.plural),
        None => resource.plural.to_owned(),
    };
    let verb = verbs.first().copied().unwrap_or_default().to_owned();
    let group = resource.group.to_owned();
    Ok(Some((of, Denied { verb, group, resource: resource_name, namespace: namespace.to_owned() })))
}

async fn may(
    cluster: &Cluster,
    namespace: &str,
    verb: &str,
    resource: Resource,
    subresource: Option<&str>,
) -> Result<bool, ClusterError> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    let Resource { group, version: _, plural } = resource;
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": namespace, "verb": verb, "group": group, "resource": plural, "subresource": subresource } },
    });
    let review: Review = cluster.create(&Call::new("create", REVIEWS), &review).await?;
    Ok(review.status.allowed)
}
