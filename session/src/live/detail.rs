//! From pods to what editors show of a target.

use std::collections::BTreeMap;

use config::Path;
use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};

use super::view::{ContainerDetail, Detail, Health, PodDetail, Port};
use crate::target::{self, choose_container, containers, declared, is_mesh, probed_port, probes, ranked};

/// What other objects have told.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Keys of ConfigMaps; `None`: it cannot be read.
    pub(super) config_maps: BTreeMap<String, Option<Vec<String>>>,
}

/// Describes the target `path`, which has `pods`, or would have pods like `template`.
pub(super) fn detail(path: &Path, pods: Vec<&Pod>, template: Option<&Pod>, known: &Known) -> Detail {
    let ranked = ranked(pods);
    let example = ranked.first().map(|(_, pod)| *pod).or(template);
    let chosen = example.and_then(|pod| choose_container(pod, None).ok()).map(|choice| choice.name);
    Detail {
        path: path.to_string(),
        pods: ranked.iter().map(|(health, pod)| of_pod(health, pod)).collect(),
        containers: example.into_iter().flat_map(containers).map(|found| of_container(found, known)).collect(),
        default_container: chosen.filter(|name| !name.is_empty()),
    }
}

/// Names of the ConfigMaps of which all keys become variables.
pub(super) fn config_maps(pod: &Pod) -> Vec<String> {
    let sources = containers(pod).flat_map(|container| container.env_from.iter().flatten());
    let mut names: Vec<String> =
        sources.filter_map(|source| Some(source.config_map_ref.as_ref()?.name.clone())).collect();
    names.sort();
    names.dedup();
    names
}

fn of_pod(health: &target::Health, pod: &Pod) -> PodDetail {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    PodDetail {
        name: pod.metadata.name.clone().unwrap_or_default(),
        health: match health {
            target::Health::Ready => Health::Ready,
            target::Health::Running(why) => Health::NotReady(why.clone()),
            target::Health::Down(why) => Health::Down(why.clone()),
        },
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        restarts: statuses.map(|status| u32::try_from(status.restart_count).unwrap_or(0)).sum(),
    }
}

fn of_container(container: &Container, known: &Known) -> ContainerDetail {
    let mounts = container.volume_mounts.iter().flatten();
    let (env, env_unlisted) = variables(container, known);
    ContainerDetail {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        mesh: is_mesh(&container.name),
        ports: declared(container).into_iter().map(port).collect(),
        env,
        env_unlisted,
        mounts: mounts.map(|mount| mount.mount_path.clone()).collect(),
        probe_ports: asked(container),
    }
}

fn port(target::Port { number, name, protocol }: target::Port) -> Port {
    Port { number, name, protocol }
}

/// Names of variables with where each comes from, and objects whose names are not known.
fn variables(container: &Container, known: &Known) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut env, mut unlisted) = (BTreeMap::new(), Vec::new());
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if let Some(secret) = &source.secret_ref {
            // Even the names in a Secret are nobody's business.
            unlisted.push(format!("secret/{}", secret.name));
        }
        let Some(config_map) = &source.config_map_ref else { continue };
        let from = format!("configmap/{}", config_map.name);
        match known.config_maps.get(&config_map.name) {
            Some(Some(keys)) => env.extend(keys.iter().map(|key| (format!("{prefix}{key}"), from.clone()))),
            _ => unlisted.push(from),
        }
    }
    env.extend(container.env.iter().flatten().map(|variable| (variable.name.clone(), origin(variable))));
    (env, unlisted)
}

fn origin(variable: &EnvVar) -> String {
    let Some(from) = &variable.value_from else { return "spec".into() };
    match (&from.secret_key_ref, &from.config_map_key_ref) {
        (Some(secret), _) => format!("secret/{}", secret.name),
        (None, Some(config_map)) => format!("configmap/{}", config_map.name),
        (None, None) => "spec".into(),
    }
}

/// Ports of its probes, sorted.
fn asked(container: &Container) -> Vec<u16> {
    let mut ports: Vec<u16> = probes(container).filter_map(|probe| probed_port(container, probe)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": name },
            "spec": { "nodeName": "node-1", "containers": [
                { "name": "istio-proxy", "image": "istio" },
                { "name": "app", "image": "app:1",
                  "ports": [{ "name": "http", "containerPort": 8080 }, { "containerPort": 53, "protocol": "UDP" }],
                  "readinessProbe": { "httpGet": { "port": "http" } },
                  "livenessProbe": { "httpGet": { "port": 8443, "scheme": "HTTPS" } },
                  "volumeMounts": [{ "name": "v", "mountPath": "/data" }],
                  "envFrom": [{ "configMapRef": { "name": "shared" }, "prefix": "S_" }, { "configMapRef": { "name": "hidden" } },
                              { "secretRef": { "name": "keys" } }],
                  "env": [{ "name": "PLAIN", "value": "secret-free" },
                          { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "token" } } },
                          { "name": "S_B", "valueFrom": { "configMapKeyRef": { "name": "other", "key": "b" } } }] }] },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
                        "containerStatuses": [
                            { "name": "app", "image": "", "imageID": "", "ready": ready, "restartCount": 3, "state": { "running": {} } },
                            { "name": "istio-proxy", "image": "", "imageID": "", "ready": true, "restartCount": 1, "state": { "running": {} } }] }
        }))
        .expect("a pod")
    }

    #[test]
    fn a_target_is_described_by_the_pod_that_a_session_would_pick() {
        let (first, second) = (pod("a", false), pod("b", true));
        let keys = BTreeMap::from([
            ("shared".to_owned(), Some(vec!["A".to_owned(), "B".to_owned()])),
            ("hidden".to_owned(), None),
        ]);
        let path = "deployment/x".parse::<config::Target>().expect("a path").path;
        let told = detail(&path, vec![&first, &second], None, &Known { config_maps: keys });
        let pods: Vec<_> = told.pods.iter().map(|pod| (pod.name.as_str(), pod.health == Health::Ready)).collect();
        assert_eq!(pods, [("b", true), ("a", false)]);
        assert_eq!((told.pods[0].restarts, told.pods[0].node.as_deref()), (4, Some("node-1")));
        assert_eq!(told.default_container.as_deref(), Some("app"));
        let app = &told.containers[1];
        assert_eq!((told.containers[0].mesh, app.mesh), (true, false));
        let ports: Vec<_> = app.ports.iter().map(|port| (port.number, port.name.as_deref(), &*port.protocol)).collect();
        assert_eq!(ports, [(8080, Some("http"), "TCP"), (53, None, "UDP")]);
        assert_eq!(app.probe_ports, [8080, 8443]);
        assert_eq!(app.mounts, ["/data"]);
        let env: Vec<_> = app.env.iter().map(|(name, from)| format!("{name} {from}")).collect();
        assert_eq!(env, ["PLAIN spec", "S_A configmap/shared", "S_B configmap/other", "TOKEN secret/keys"]);
        assert_eq!(app.env_unlisted, ["configmap/hidden", "secret/keys"]);
        assert!(!format!("{told:?}").contains("secret-free"), "values are not kept");
    }

    #[test]
    fn without_pods_the_template_tells() {
        let template = pod("", false);
        let path = "deployment/x".parse::<config::Target>().expect("a path").path;
        let told = detail(&path, Vec::new(), Some(&template), &Known::default());
        assert_eq!((told.pods.len(), told.containers.len()), (0, 2));
        assert_eq!(config_maps(&template), ["hidden", "shared"]);
    }
}
