//! A target that is not there: what the user may have meant.

use config::target::Kind;
use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::{TargetError, resource};
use crate::cluster::{Call, Cluster, ClusterError, Resource, near};

/// Kinds in which a name is looked for when it is not there in the kind that was written.
const LIKELY: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::Pod, Kind::Service];

/// An object of which only the metadata is read.
#[derive(Deserialize)]
struct Named {
    metadata: ObjectMeta,
}

/// `found`, or, if it is not there, an error that says what is.
pub(super) async fn explain<T>(
    cluster: &Cluster,
    of_namespace: &str,
    kind: Kind,
    name: &str,
    found: Result<T, ClusterError>,
) -> Result<T, TargetError> {
    match found {
        Err(error) if error.code() == Some(404) => {}
        found => return Ok(found?),
    }
    namespace(cluster, of_namespace).await?;
    let kinds = LIKELY.iter().copied().filter(|likely| *likely != kind).chain([kind]);
    let (elsewhere, present) = tokio::join!(
        namespaces_with(cluster, kind, name),
        join_all(kinds.map(|kind| async move { (kind, names(cluster, of_namespace, kind).await) })),
    );
    let of_kind = |wanted: Kind| present.iter().filter(move |(kind, _)| *kind == wanted).flat_map(|(_, names)| names);
    let help = if !elsewhere.is_empty() {
        format!("it is in namespace {}: set `target.namespace`", elsewhere.join(" and "))
    } else if let Some((other, _)) = present.iter().find(|(_, names)| names.iter().any(|present| present == name)) {
        format!("did you mean `{other}/{name}`?")
    } else {
        near::help(name, of_kind(kind).map(String::as_str).collect::<Vec<_>>())
    };
    Err(TargetError::NotFound { what: format!("{kind} `{name}`"), namespace: of_namespace.to_owned(), help })
}

/// Fails if there is no namespace `name`, as far as we may know.
pub(super) async fn namespace(cluster: &Cluster, name: &str) -> Result<(), TargetError> {
    let found = cluster.read::<Named>(&Call::new("get", Resource::NAMESPACES).of(name)).await;
    if !matches!(&found, Err(error) if error.code() == Some(404)) {
        return Ok(()); // there, or not for us to know
    }
    let all = cluster.all_metadata::<Named>(&Call::list(Resource::NAMESPACES)).await.unwrap_or_default();
    let present: Vec<&str> = all.iter().filter_map(|found| found.metadata.name.as_deref()).collect();
    Err(TargetError::NoNamespace { namespace: name.to_owned(), help: near::help(name, present) })
}

/// Names of what there is of `kind`; none where we may not look.
async fn names(cluster: &Cluster, namespace: &str, kind: Kind) -> Vec<String> {
    let all = cluster.all_metadata::<Named>(&Call::list(resource(kind)).within(namespace)).await;
    all.unwrap_or_default().into_iter().filter_map(|found| found.metadata.name).collect()
}

/// Namespaces that have a `kind` of this name; none where we may not look.
async fn namespaces_with(cluster: &Cluster, kind: Kind, name: &str) -> Vec<String> {
    let field = format!("metadata.name={name}");
    let all = cluster.all_metadata::<Named>(&Call::list(resource(kind)).with("fieldSelector", &field)).await;
    all.unwrap_or_default()
        .into_iter()
        .filter_map(|found| found.metadata.namespace)
        .map(|name| format!("`{name}`"))
        .collect()
}
