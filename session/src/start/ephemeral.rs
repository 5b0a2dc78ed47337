//! The agent as an ephemeral container of the target's pod: how it is asked for, and how one of ours is known again.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use serde_json::{Value, json};

use super::{
    AgentPlace, StartError,
    status::{self, Condition},
};
use crate::{
    cluster::{Call, Cluster, ClusterError, Resource},
    target::{Resolved, containers},
};

/// What the names of our containers begin with.
const NAME: &str = "mirrord-agent-";
/// Ports among which one is drawn: registered to few, below the range that Linux gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// What an agent needs besides being root: steer (`NET_ADMIN`, `BPF`) and copy (`NET_RAW`) traffic, and look into the
/// target's process (`SYS_PTRACE`). The others are among those that containers have anyway: with them the agent takes
/// over the rights of the target's process before it touches a file (`SETUID`, `SETGID`), and has no fewer than that.
const CAPABILITIES: [&str; 10] =
    ["NET_ADMIN", "NET_RAW", "BPF", "SYS_PTRACE", "SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"];

const CLIENT_KEY: &str = "--client-key";
const PORT: &str = "--port";

/// Agents of ours in the target's pod that may still run, the newest first.
///
/// The pod is as old as the target's resolution: one that has ended since refuses the dial.
pub(super) fn lingering(target: &Resolved, own_key: &str, image: &str) -> impl Iterator<Item = AgentPlace> {
    let containers = target.object.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let found: Vec<AgentPlace> = containers
        .filter(|container| container.name.starts_with(NAME) && container.image.as_deref() == Some(image))
        .filter(|container| container.target_container_name.as_deref() == Some(&target.container))
        .filter(|container| matches!(status::condition(&target.object, &container.name), Condition::Waiting(_)))
        .filter(|container| argument(container, CLIENT_KEY) == Some(own_key))
        .filter_map(|container| Some(place(target, &container.name, argument(container, PORT)?.parse().ok()?)))
        .collect();
    found.into_iter().rev()
}

fn place(target: &Resolved, container: &str, port: u16) -> AgentPlace {
    AgentPlace {
        namespace: target.namespace.clone(),
        pod: target.pod.clone(),
        pod_uid: target.pod_uid.clone(),
        container: container.to_owned(),
        port,
    }
}

/// The value behind argument `name`.
fn argument<'a>(container: &'a EphemeralContainer, name: &str) -> Option<&'a str> {
    let arguments = container.args.as_deref()?;
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

/// Asks for a new agent in the target's pod. It is not there yet when this returns.
pub(super) async fn create(
    cluster: &Cluster,
    target: &Resolved,
    agent: &config::Agent,
    own_key: &str,
    image: &str,
) -> Result<AgentPlace, StartError> {
    let random = u64::from_le_bytes(crate::random::random().expect("the kernel has random numbers"));
    let name = format!("{NAME}{}", suffix(random));
    let port = port(random, &taken(&target.object));
    let patch = json!({ "spec": { "ephemeralContainers": [container(target, agent, own_key, image, &name, port)] } });
    let call = Call::new("patch", Resource::PODS).within(&target.namespace).of(&target.pod).sub("ephemeralcontainers");
    match cluster.patch::<Value>(&call, &patch).await {
        Ok(_) => Ok(place(target, &name, port)),
        Err(error) => Err(refused(error, &target.pod)),
    }
}

fn container(target: &Resolved, agent: &config::Agent, own_key: &str, image: &str, name: &str, port: u16) -> Value {
    let grace = agent.communication_timeout.as_secs();
    let mut arguments = vec![CLIENT_KEY.to_owned(), own_key.to_owned(), PORT.to_owned(), port.to_string()];
    let mut argument = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    argument("--grace", &grace.to_string());
    argument("--log-level", &agent.log_level);
    // `targetContainerName` makes the target process 1 of the agent's view, unless the whole pod shares processes.
    argument("--target-pid", "1");
    let id = target.container_id.rsplit_once("://").map_or(target.container_id.as_str(), |(_, id)| id);
    argument("--container-id", id);
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": agent.image_pull_policy.as_str(),
        "targetContainerName": target.container,
        "args": arguments,
        "securityContext": security(agent),
    })
}

/// Root whatever the pod says, because files of the target may belong to anybody; nothing beyond what is needed.
fn security(agent: &config::Agent) -> Value {
    let user = json!({ "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": false, "readOnlyRootFilesystem": true });
    let mut context = user;
    if agent.privileged {
        context["privileged"] = true.into();
    } else {
        let withheld: Vec<Value> = agent.disabled_capabilities.iter().map(|capability| json!(capability)).collect();
        let wanted: Vec<Value> =
            CAPABILITIES.iter().map(|name| json!(name)).filter(|name| !withheld.contains(name)).collect();
        context["capabilities"] = json!({ "drop": ["ALL"], "add": wanted });
        context["allowPrivilegeEscalation"] = false.into();
    }
    context
}

/// What the API server's refusal of the patch means.
fn refused(error: ClusterError, pod: &str) -> StartError {
    let status = match error {
        ClusterError::Refused { status, call: _ } if (400..500).contains(&status.code) && status.code != 429 => status,
        other => return other.into(),
    };
    let cause = status.message;
    let help = if status.code == 404 {
        return StartError::PodGone { pod: pod.to_owned() };
    } else if cause.contains("PodSecurity") {
        "the namespace forbids the agent's rights: ask for the label `pod-security.kubernetes.io/enforce: privileged` on it, or use a target in another namespace"
    } else if cause.contains("exceeded quota") {
        "the namespace's quota is used up: ask for more"
    } else if cause.contains("static pod") {
        "static pods take no further containers: choose another target"
    } else if cause.contains("admission webhook") {
        "a policy of the cluster forbids it: ask its owner for an exception for the agent's image and capabilities"
    } else {
        "ask the cluster's owner for an exception, or use another target"
    };
    StartError::NotAdmitted { pod: pod.to_owned(), cause, help }
}

/// Ports that are known to be in use in the pod, by its declarations and by other agents' arguments.
fn taken(pod: &Pod) -> BTreeSet<u16> {
    let declared = containers(pod).flat_map(|container| container.ports.iter().flatten());
    let declared = declared.filter_map(|port| u16::try_from(port.container_port).ok());
    let ephemeral = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let agents = ephemeral.filter_map(|container| argument(container, PORT)?.parse().ok());
    declared.chain(agents).collect()
}

/// A port by lot that is not `taken`.
fn port(random: u64, taken: &BTreeSet<u16>) -> u16 {
    let free: Vec<u16> = PORTS.filter(|port| !taken.contains(port)).collect();
    let at = random % u64::try_from(free.len()).expect("a pod has fewer containers than there are ports");
    free[usize::try_from(at).expect("an index")]
}

/// Eight letters and digits, the ones that Kubernetes itself uses in names.
fn suffix(mut random: u64) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut letter = || {
        let at = usize::try_from(random % 27).expect("an index");
        random /= 27;
        char::from(ALPHABET[at])
    };
    (0..8).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(ephemeral: &Value, statuses: &Value) -> Resolved {
        let object = json!({
            "spec": { "containers": [{ "name": "app", "ports": [{ "containerPort": 20_001 }] }], "ephemeralContainers": ephemeral },
            "status": { "ephemeralContainerStatuses": statuses }
        });
        Resolved {
            path: config::target::Path::Targetless,
            namespace: "shop".into(),
            pod: "p".into(),
            pod_uid: "u".into(),
            container: "app".into(),
            container_id: "containerd://abc".into(),
            others: Vec::new(),
            probed: crate::target::Probed::default(),
            ports: Vec::new(),
            shares_processes: false,
            object: Box::new(serde_json::from_value(object).expect("a pod")),
        }
    }

    #[test]
    fn only_a_living_agent_of_ours_is_used_again() {
        let agent = |name: &str, key: &str, image: &str, container: &str| json!({ "name": name, "image": image, "targetContainerName": container, "args": [CLIENT_KEY, key, PORT, "20007"] });
        let target = target(
            &json!([
                agent("mirrord-agent-old", "mine", "i:1", "app"),
                agent("mirrord-agent-ended", "mine", "i:1", "app"),
                agent("mirrord-agent-theirs", "theirs", "i:1", "app"),
                agent("mirrord-agent-other-version", "mine", "i:2", "app"),
                agent("mirrord-agent-other-container", "mine", "i:1", "side"),
                agent("debugger", "mine", "i:1", "app"),
                agent("mirrord-agent-new", "mine", "i:1", "app"),
            ]),
            &json!([{ "name": "mirrord-agent-ended", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                     "state": { "terminated": { "exitCode": 0 } } }]),
        );
        let found: Vec<_> = lingering(&target, "mine", "i:1").map(|place| (place.container, place.port)).collect();
        assert_eq!(found, [("mirrord-agent-new".to_owned(), 20_007), ("mirrord-agent-old".to_owned(), 20_007)]);
    }

    #[test]
    fn a_new_agent_is_recognised_later() {
        let mut target = target(&json!([]), &json!([]));
        let spec = container(&target, &config::Agent::default(), "mine", "i:1", "mirrord-agent-x", 20_009);
        let container: EphemeralContainer = serde_json::from_value(spec.clone()).expect("a container");
        assert_eq!(
            container.args.as_deref().unwrap_or_default().join(" "),
            "--client-key mine --port 20009 --grace 30 --log-level info --target-pid 1 --container-id abc"
        );
        target.object.spec.as_mut().expect("a spec").ephemeral_containers = Some(vec![container]);
        assert_eq!(lingering(&target, "mine", "i:1").count(), 1);
        assert_eq!(taken(&target.object), BTreeSet::from([20_001, 20_009]));
    }

    #[test]
    fn capabilities_are_withheld_by_name() {
        let agent: config::Agent =
            serde_json::from_value(json!({ "disabled_capabilities": ["SYS_PTRACE", "SYS_ADMIN"] })).expect("known");
        let added = security(&agent)["capabilities"]["add"].clone();
        assert_eq!(added.as_array().map(Vec::len), Some(CAPABILITIES.len() - 1));
        assert!(!added.to_string().contains("SYS_PTRACE"), "{added}");
    }

    #[test]
    fn names_and_ports_are_drawn() {
        assert_eq!(suffix(0), "bbbbbbbb");
        assert_eq!(suffix(u64::MAX).len(), 8);
        assert_eq!(port(0, &BTreeSet::from([20_000])), 20_001);
        assert_eq!(port(10_000, &BTreeSet::new()), 20_000);
    }

    #[test]
    fn admission_speaks_in_its_own_words() {
        let words = r#"pods "p" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities"#;
        let status = kube::core::Status::failure(words, "Forbidden").with_code(403).boxed();
        let told = refused(ClusterError::Refused { call: "patch".into(), status }, "p").to_string();
        assert!(told.contains(words) && told.contains("enforce: privileged"), "{told}");
    }
}
