//! A target, looked at closely: its pods are followed, and what they refer to is read.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use config::Kind;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use serde::{Deserialize, de::IgnoredAny};
use tokio::time::{Instant, timeout_at};

use super::{
    follow::{Followed, follow},
    shared::Shared,
    target::{Aim, MOST_PODS, Wants},
};
use crate::{
    cluster::{Call, Cluster, ClusterError, Form, Resource},
    target::resource,
};

/// What was read once is read again after this long.
const DOUBTED_AFTER: Duration = Duration::from_mins(1);

const CONFIG_MAPS: Resource = Resource { group: "", version: "v1", plural: "configmaps" };

/// Keeps what is known of a target up to date, until it is forgotten.
pub(super) async fn tend(shared: &Shared, cluster: &Cluster, id: u64, namespace: &str) {
    let mut changes = shared.changes();
    while let Some(aim) = shared.with(|known| known.target(id).map(|(aim, _)| aim)) {
        shared.change(|known| Some(known.target(id)?.1.turn(&aim)));
        let other = async {
            while shared.with(|known| known.target(id).map(|(aim, _)| aim)).as_ref() == Some(&aim) {
                if changes.changed().await.is_err() {
                    return; // the sender lives in `shared`
                }
            }
        };
        tokio::select! {
            never = pods(shared, cluster, id, namespace, &aim) => match never {},
            never = read(shared, cluster, id, namespace) => match never {},
            () = other => {}
        }
    }
}

async fn pods(shared: &Shared, cluster: &Cluster, id: u64, namespace: &str, aim: &Aim) -> Infallible {
    let list = Call::list(Resource::PODS).within(namespace);
    let list = match aim {
        Aim::Named(name) => list.with("fieldSelector", &format!("metadata.name={name}")),
        Aim::Labelled(selector) => list.with("labelSelector", selector),
        Aim::Waiting | Aim::Missing | Aim::Unknown | Aim::Podless => return std::future::pending().await,
    };
    let followed = Followed { list, form: Form::Whole, most: MOST_PODS };
    let hear = |news| {
        shared.change(|known| Some(known.target(id)?.1.hear(news)));
    };
    follow::<Pod>(cluster, &followed, &shared.pace, hear).await
}

/// Reads what the pods refer to.
async fn read(shared: &Shared, cluster: &Cluster, id: u64, namespace: &str) -> Infallible {
    let mut changes = shared.changes();
    let mut doubted = Instant::now() + DOUBTED_AFTER;
    loop {
        changes.mark_unchanged();
        let wants = shared.with(|known| known.target(id).map(|(_, target)| target.wants())).unwrap_or_default();
        let Wants { config_maps, template } = wants;
        for name in config_maps {
            let keys = keys(cluster, namespace, &name).await;
            shared.change(|known| Some(known.target(id)?.1.learn(name, keys)));
        }
        if let Some((kind, name)) = template {
            let found = of_template(cluster, namespace, kind, &name).await;
            shared.change(|known| Some(known.target(id)?.1.learn_template(found)));
            continue; // it may refer to ConfigMaps
        }
        if timeout_at(doubted, changes.changed()).await.is_err() {
            doubted = Instant::now() + DOUBTED_AFTER;
            shared.with(|known| known.target(id).map(|(_, target)| target.doubt()));
        }
    }
}

/// Names in a ConfigMap; the values are not even kept while it is read.
async fn keys(cluster: &Cluster, namespace: &str, name: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct ConfigMap {
        #[serde(default)]
        #[expect(clippy::zero_sized_map_values, reason = "the values are nobody's business")]
        data: BTreeMap<String, IgnoredAny>,
    }
    match cluster.read::<ConfigMap>(&Call::get(CONFIG_MAPS, namespace, name)).await {
        Ok(found) => Some(found.data.into_keys().collect()),
        Err(error) => silent(&error),
    }
}

/// A pod as the object would make it.
async fn of_template(cluster: &Cluster, namespace: &str, kind: Kind, name: &str) -> Option<Pod> {
    #[derive(Deserialize)]
    struct Workload {
        spec: Spec,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        template: Option<PodTemplateSpec>,
        job_template: Option<Box<Workload>>,
    }
    let found = match cluster.read::<Workload>(&Call::get(resource(kind), namespace, name)).await {
        Ok(found) => found.spec,
        Err(error) => return silent(&error),
    };
    let template = found.template.or_else(|| found.job_template?.spec.template)?;
    Some(Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, ..Pod::default() })
}

/// Less is shown; the reason is for the log.
fn silent<T>(error: &ClusterError) -> Option<T> {
    tracing::debug!(%error, "a part of a target cannot be read");
    None
}
