//! The container of a pod: which one is meant, and what it says about its ports.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::core::v1::{Container, ContainerState, Pod, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use protocol::incoming::Probes;

use super::{Port, TargetError};

/// Containers that meshes, secret injectors and the like add: never meant unless they are named.
const ADDED: [&str; 10] = [
    "kuma-sidecar",
    "kuma-init",
    "istio-proxy",
    "istio-init",
    "linkerd-proxy",
    "linkerd-init",
    "vault-agent",
    "vault-agent-init",
    "queue-proxy",
    "traffic-agent",
];

/// Names the main container, for kubectl and for us.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The container that is meant.
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(super) warning: Option<String>,
}

/// Whether `container` is one that others add to a pod.
pub(crate) fn is_mesh(container: &str) -> bool {
    ADDED.contains(&container)
}

/// Names of the containers that run beside each other: the usual ones, and init containers that stay (sidecars).
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.iter();
    let sidecars = spec.clone().flat_map(|spec| spec.init_containers.iter().flatten());
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.flat_map(|spec| &spec.containers).chain(sidecars)
}

/// The container that `wanted` names; else the one that the pod's annotation names; else the first that was not added.
pub(crate) fn choose(pod: &Pod, wanted: Option<&str>) -> Result<Choice, TargetError> {
    let present: Vec<&str> = containers(pod).map(|container| container.name.as_str()).collect();
    let chosen = |name: &str| Choice { name: name.to_owned(), warning: None };
    if let Some(wanted) = wanted {
        if present.contains(&wanted) {
            return Ok(chosen(wanted));
        }
        return Err(TargetError::NoContainer {
            pod: pod.metadata.name.clone().unwrap_or_default(),
            container: wanted.to_owned(),
            present: present.join(", "),
        });
    }
    let annotated = pod.metadata.annotations.iter().flatten().find(|(key, _)| *key == DEFAULT_CONTAINER);
    if let Some((_, name)) = annotated.filter(|(_, name)| present.contains(&name.as_str())) {
        return Ok(chosen(name));
    }
    let own: Vec<&str> = present.iter().copied().filter(|name| !is_mesh(name)).collect();
    match own.as_slice() {
        [] => Ok(chosen(present.first().copied().unwrap_or_default())),
        [only] => Ok(chosen(only)),
        [first, ..] => Ok(Choice {
            name: (*first).to_owned(),
            warning: Some(format!(
                "pod `{}` has containers {}; `{first}` is used (write …/container/NAME to choose)",
                pod.metadata.name.as_deref().unwrap_or_default(),
                own.join(", "),
            )),
        }),
    }
}

/// The id of `container` at the container runtime.
pub(super) fn running_id(pod: &Pod, container: &str) -> Result<String, TargetError> {
    let status = pod.status.iter();
    let main = status.clone().flat_map(|status| status.container_statuses.iter().flatten());
    let init = status.flat_map(|status| status.init_container_statuses.iter().flatten());
    let found = main.chain(init).find(|status| status.name == container);
    let state = found.and_then(|status| status.state.as_ref());
    match found.and_then(|status| status.container_id.clone()) {
        Some(id) if state.is_some_and(|state| state.running.is_some()) => Ok(id),
        _ => Err(TargetError::ContainerNotRunning {
            pod: pod.metadata.name.clone().unwrap_or_default(),
            container: container.to_owned(),
            cause: state.and_then(why_not).unwrap_or_else(|| "it has not been started yet".into()),
        }),
    }
}

/// Why a container with this state does not run: `CrashLoopBackOff: back-off 5m0s restarting …`. `None`: it runs.
pub(super) fn why_not(state: &ContainerState) -> Option<String> {
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.clone().unwrap_or_else(|| "waiting".into());
        return Some(match &waiting.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        });
    }
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.clone().unwrap_or_else(|| "ended".into());
    Some(format!("{reason} (exit code {})", ended.exit_code))
}

/// Ports that the container of this name declares.
pub(super) fn ports(pod: &Pod, container: &str) -> Vec<Port> {
    containers(pod).find(|found| found.name == container).map(declared).unwrap_or_default()
}

/// Ports that `container` declares.
pub(crate) fn declared(container: &Container) -> Vec<Port> {
    let declared = container.ports.iter().flatten();
    declared
        .filter_map(|port| {
            Some(Port {
                number: u16::try_from(port.container_port).ok()?,
                name: port.name.clone(),
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()),
            })
        })
        .collect()
}

/// What the kubelet asks of a pod to see that it is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Ports that it connects to.
    pub ports: BTreeSet<u16>,
    /// Those of them where it calls gRPC's health service.
    pub by_grpc: BTreeSet<u16>,
    /// Those of them where it speaks TLS.
    pub by_https: BTreeSet<u16>,
    /// Whether it starts commands in containers, which may connect to any port.
    pub by_command: bool,
}

impl Probed {
    /// A probe of one container may be answered by another: all count.
    pub(super) fn of(pod: &Pod) -> Self {
        let all = || containers(pod).flat_map(|container| probes(container).map(move |probe| (container, probe)));
        let ports = |wanted: fn(&Probe) -> bool| {
            let chosen = all().filter(|(_, probe)| wanted(probe));
            chosen.filter_map(|(container, probe)| probed_port(container, probe)).collect()
        };
        let is_https =
            |probe: &Probe| probe.http_get.as_ref().is_some_and(|http| http.scheme.as_deref() == Some("HTTPS"));
        Self {
            ports: ports(|_| true),
            by_grpc: ports(|probe| probe.grpc.is_some()),
            by_https: ports(is_https),
            by_command: all().any(|(_, probe)| probe.exec.is_some()),
        }
    }

    /// Which probes may connect to `port`.
    pub(crate) fn on(&self, port: u16) -> Probes {
        Probes {
            any: self.by_command || self.ports.contains(&port),
            grpc: self.by_grpc.contains(&port),
            https: self.by_https.contains(&port),
        }
    }
}

/// The probes of `container`.
pub(crate) fn probes(container: &Container) -> impl Iterator<Item = &Probe> {
    [&container.readiness_probe, &container.liveness_probe, &container.startup_probe].into_iter().flatten()
}

/// The port that `probe` connects to.
pub(crate) fn probed_port(container: &Container, probe: &Probe) -> Option<u16> {
    let http = probe.http_get.as_ref().map(|http| &http.port);
    let number = match (http.or_else(|| Some(&probe.tcp_socket.as_ref()?.port)), &probe.grpc) {
        (Some(IntOrString::Int(number)), _) => *number,
        (Some(IntOrString::String(name)), _) => {
            let mut declared = container.ports.iter().flatten();
            declared.find(|port| port.name.as_ref() == Some(name))?.container_port
        }
        (None, Some(grpc)) => grpc.port,
        (None, None) => return None,
    };
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: serde_json::Value) -> Pod {
        serde_json::from_value(json).expect("a pod")
    }

    fn check(annotation: Option<&str>, names: &[&str], wanted: Option<&str>) -> Result<(String, bool), String> {
        let containers: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
        let annotations = annotation.map(|name| serde_json::json!({ DEFAULT_CONTAINER: name }));
        let pod = pod(serde_json::json!({
            "metadata": { "name": "x", "annotations": annotations }, "spec": { "containers": containers }
        }));
        choose(&pod, wanted).map(|choice| (choice.name, choice.warning.is_some())).map_err(|error| error.to_string())
    }

    #[test]
    fn the_container_that_is_meant() {
        for (annotation, names, wanted, expected) in [
            (None, &["app"][..], None, ("app", false)),
            (None, &["istio-proxy", "app"], None, ("app", false)),
            (None, &["istio-proxy"], None, ("istio-proxy", false)),
            (None, &["app", "side"], None, ("app", true)),
            (Some("side"), &["app", "side"], None, ("side", false)),
            (Some("gone"), &["app", "side"], None, ("app", true)),
            (Some("side"), &["app", "side", "istio-proxy"], Some("istio-proxy"), ("istio-proxy", false)),
        ] {
            let expected = Ok((expected.0.to_owned(), expected.1));
            assert_eq!(check(annotation, names, wanted), expected, "{names:?} {wanted:?}");
        }
        assert_eq!(
            check(None, &["app", "side"], Some("sid")),
            Err("pod `x` has no container `sid` (it has: app, side)".into())
        );
    }

    #[test]
    fn ports_of_probes_are_found_by_number_and_name() {
        let pod = pod(serde_json::json!({ "spec": { "containers": [
            { "name": "a", "ports": [{ "name": "http", "containerPort": 8080 }],
              "readinessProbe": { "httpGet": { "port": "http" } }, "livenessProbe": { "tcpSocket": { "port": 1 } } },
            { "name": "b", "startupProbe": { "grpc": { "port": 9090 } },
              "livenessProbe": { "httpGet": { "port": 81, "scheme": "HTTPS" } } },
        ] } }));
        let probed = Probed::of(&pod);
        assert_eq!(probed.ports, BTreeSet::from([1, 81, 8080, 9090]));
        let any = Probes { any: true, ..Probes::default() };
        assert_eq!([8080, 82].map(|port| probed.on(port)), [any, Probes::default()]);
        assert_eq!(
            [9090, 81].map(|port| probed.on(port)),
            [Probes { grpc: true, ..any }, Probes { https: true, ..any }]
        );
        assert_eq!(ports(&pod, "a"), [Port { number: 8080, name: Some("http".into()), protocol: "TCP".into() }]);
    }

    #[test]
    fn a_command_may_probe_any_port() {
        let pod = pod(serde_json::json!({ "spec": { "containers": [
            { "name": "a" }, { "name": "b", "livenessProbe": { "exec": { "command": ["curl", "localhost"] } } },
        ] } }));
        assert!(Probed::of(&pod).on(80).any);
    }

    #[test]
    fn a_container_that_does_not_run_says_why() {
        let pod = pod(
            serde_json::json!({ "metadata": { "name": "x" }, "spec": { "containers": [] }, "status": { "containerStatuses": [
            { "name": "a", "containerID": "containerd://1", "image": "", "imageID": "", "ready": false, "restartCount": 1,
              "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } } },
            { "name": "b", "containerID": "containerd://2", "image": "", "imageID": "", "ready": true, "restartCount": 0,
              "state": { "running": {} } },
        ] } }),
        );
        let told = |container| running_id(&pod, container).map_err(|error| error.to_string());
        assert_eq!(told("a"), Err("container `a` of pod `x` does not run: CrashLoopBackOff: back-off 10s".into()));
        assert_eq!(told("b"), Ok("containerd://2".into()));
        assert_eq!(told("c"), Err("container `c` of pod `x` does not run: it has not been started yet".into()));
    }
}
