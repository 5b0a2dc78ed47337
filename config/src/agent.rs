//! How the agent runs.

mod pod;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{milliseconds, seconds};

pub use pod::TolerationOperator;
pub use pod::{Capability, Confinement, ConfinementKind, Effect, Quantity, Resources, SecurityContext, Toleration};

/// How the agent, our program in the cluster, is started and behaves. Unused under an operator, which has its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the language")]
pub struct Agent {
    /// Image of the agent; otherwise ours of the same version as this program.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_AGENT_IMAGE",
        "x-flag" = "-i --agent-image",
        "examples" = ["registry.example.com/mirrord-agent:1.0", { "registry": "registry.example.com/mirrord-agent" }]
    ))]
    pub image: Option<Image>,
    /// When the image is pulled.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE_PULL_POLICY"))]
    pub image_pull_policy: PullPolicy,
    /// Secrets that unlock the image registry.
    #[schemars(extend("x-core" = true, "examples" = [[{ "name": "registry-credentials" }]]))]
    pub image_pull_secrets: Vec<Secret>,
    /// Namespace of the agent's job. An ephemeral agent runs in that of the target.
    #[schemars(extend(
        "x-core" = true,
        "x-meaning" = "namespace",
        "x-env" = "MIRRORD_AGENT_NAMESPACE",
        "x-flag" = "-a --agent-namespace",
        "examples" = ["tools"]
    ))]
    pub namespace: Option<String>,
    /// Whether the agent is an ephemeral container of the target's pod, or a job of its own.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_EPHEMERAL_CONTAINER",
        "x-flag" = { "-e --ephemeral-container": true },
        "examples" = [true, false, "auto"]
    ))]
    pub ephemeral: Ephemeral,
    /// Whether the agent is privileged: needed on Bottlerocket, with `SELinux`, under Istio ambient.
    #[schemars(extend("x-core" = true))]
    pub privileged: bool,
    /// Capabilities that are withheld from the agent.
    #[schemars(extend("examples" = [["NET_ADMIN"]]))]
    pub disabled_capabilities: Vec<Capability>,
    /// Service account of the agent's job and pod.
    #[schemars(extend("x-core" = true, "examples" = ["mirrord-agent"]))]
    pub service_account: Option<String>,
    /// More annotations for the agent's job and pod.
    #[schemars(extend("x-core" = true, "examples" = [{ "example.com/team": "shop" }]))]
    pub annotations: BTreeMap<String, String>,
    /// More labels for the agent's job and pod.
    #[schemars(extend("x-core" = true, "examples" = [{ "team": "shop" }]))]
    pub labels: BTreeMap<String, String>,
    /// Node selector of the agent's pod.
    #[schemars(extend("examples" = [{ "kubernetes.io/arch": "amd64" }]))]
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations of the job's pod; `[]` for none. Otherwise every taint is tolerated if there is a target.
    #[schemars(extend("x-core" = true, "examples" = [[{ "operator": "Exists" }], []]))]
    pub tolerations: Option<Vec<Toleration>>,
    /// Priority class of the agent's pod.
    #[schemars(extend("examples" = ["system-node-critical"]))]
    pub priority_class: Option<String>,
    /// Resources of the job's pod.
    #[schemars(extend("examples" = [{ "limits": { "cpu": "500m", "memory": "256Mi" } }]))]
    pub resources: Resources,
    /// Confinement of the agent's job.
    #[schemars(extend("examples" = [{ "seccomp_profile": { "type": "Unconfined" } }]))]
    pub security_context: SecurityContext,
    /// Whether the start fails early when the node has no room for a pod.
    pub check_out_of_pods: bool,
    /// Whether the agent is marked so that meshes put no sidecar beside it.
    pub disable_mesh_sidecar_injection: bool,
    /// Whether the mesh ignores the port of an ephemeral agent.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_EXCLUDE_FROM_MESH"))]
    pub exclude_from_mesh: bool,
    /// Seconds until an agent that is not ready counts as failed.
    #[serde(with = "seconds")]
    #[schemars(
        with = "u32",
        extend("x-core" = true, "x-env" = "MIRRORD_AGENT_STARTUP_TIMEOUT", "x-flag" = "--agent-startup-timeout")
    )]
    pub startup_timeout: Duration,
    /// Seconds that an agent stays when nobody is connected to it.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_AGENT_COMMUNICATION_TIMEOUT"))]
    pub communication_timeout: Duration,
    /// Seconds that a finished agent is kept, for its logs.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-core" = true, "x-env" = "MIRRORD_AGENT_TTL", "x-flag" = "--agent-ttl"))]
    pub ttl: Duration,
    /// Log directives for the agent.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_AGENT_RUST_LOG",
        "x-flag" = "-l --agent-log-level",
        "examples" = ["debug", "mirrord=trace,warn"]
    ))]
    pub log_level: String,
    /// Whether the agent logs JSON lines.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_JSON_LOG"))]
    pub json_log: bool,
    /// Address that serves Prometheus metrics; otherwise none does.
    #[schemars(extend("x-meaning" = "socket-address", "examples" = ["0.0.0.0:9000"]))]
    pub metrics: Option<String>,
    /// How the agent looks names up.
    #[schemars(extend("examples" = [{ "timeout": 4, "attempts": 3 }]))]
    pub dns: AgentDns,
    /// Whether traffic is redirected by nftables or by legacy tables; otherwise the agent finds out.
    pub nftables: Option<bool>,
    /// Whether stale redirection rules are wiped when the agent starts.
    #[schemars(extend(
        "x-env" = "MIRRORD_AGENT_CLEAN_IPTABLES_ON_START",
        "x-status" = { "no-effect": "our agent leaves no rules behind" }
    ))]
    pub clean_iptables_on_start: bool,
    /// Whether traffic that is passed on also reaches servers bound to the pod's own address.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_EXTERNAL_IP_FIX"))]
    pub external_ip_fix: bool,
    /// Whether established connections are cut when stealing begins, so that their clients come to the program.
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_AGENT_STEALER_FLUSH_CONNECTIONS"))]
    pub flush_connections: bool,
    /// Seconds to wait for the first bytes of a connection before it counts as not HTTP.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_AGENT_HTTP_DETECTION_TIMEOUT"))]
    pub http_detection_timeout: Duration,
    /// Bytes of a request's body that a filter reads at most; a longer body does not match.
    pub max_body_buffer_size: u64,
    /// Milliseconds that a filter waits for a request's body; a slower one does not match.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub max_body_buffer_timeout: Duration,
    /// Milliseconds that one run of a jq program may take; a slower one does not match.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub jaq_time_limit: Duration,
    /// Whether responses tell in a `Mirrord-Agent` header who answered.
    pub inject_headers: bool,
    /// Whether caching is forbidden of responses that passed the agent.
    pub override_cache_control: bool,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            image: None,
            image_pull_policy: PullPolicy::IfNotPresent,
            image_pull_secrets: Vec::new(),
            namespace: None,
            ephemeral: Ephemeral::Auto,
            privileged: false,
            disabled_capabilities: Vec::new(),
            service_account: None,
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            tolerations: None,
            priority_class: None,
            resources: Resources::default(),
            security_context: SecurityContext::default(),
            check_out_of_pods: true,
            disable_mesh_sidecar_injection: true,
            exclude_from_mesh: false,
            startup_timeout: Duration::from_mins(1),
            communication_timeout: Duration::from_secs(30),
            ttl: Duration::from_secs(1),
            log_level: "info".to_owned(),
            json_log: false,
            metrics: None,
            dns: AgentDns::default(),
            nftables: None,
            clean_iptables_on_start: false,
            external_ip_fix: true,
            flush_connections: true,
            http_detection_timeout: Duration::from_secs(2),
            max_body_buffer_size: 65_535,
            max_body_buffer_timeout: Duration::from_secs(1),
            jaq_time_limit: Duration::from_millis(500),
            inject_headers: false,
            override_cache_control: true,
        }
    }
}

/// An image: `registry/name:tag`, or name and tag apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Image {
    /// The whole reference.
    Reference(String),
    /// In parts.
    Parts(ImageParts),
}

/// An image in parts; what is not written is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageParts {
    /// Registry and name; otherwise ours.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE_REGISTRY", "examples" = ["registry.example.com/mirrord-agent"]))]
    pub registry: Option<String>,
    /// Tag; otherwise the version of this program.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE_TAG", "examples" = ["1.0"]))]
    pub tag: Option<String>,
}

impl ImageParts {
    /// The parts of a whole reference.
    pub(crate) fn of(reference: &str) -> Self {
        let (registry, tag) = match reference.rsplit_once(':') {
            Some((registry, tag)) if !tag.contains('/') => (registry, Some(tag.to_owned())),
            _ => (reference, None),
        };
        Self { registry: Some(registry.to_owned()), tag }
    }
}

impl Image {
    /// The whole reference, where `registry` and `tag` are ours.
    pub fn reference(image: Option<&Image>, registry: &str, tag: &str) -> String {
        match image {
            Some(Image::Reference(reference)) => reference.clone(),
            Some(Image::Parts(ImageParts { registry: theirs, tag: their_tag })) => {
                format!("{}:{}", theirs.as_deref().unwrap_or(registry), their_tag.as_deref().unwrap_or(tag))
            }
            None => format!("{registry}:{tag}"),
        }
    }
}

/// How the agent looks names up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentDns {
    /// Seconds that one try may take.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub timeout: Duration,
    /// Tries for each lookup; otherwise as the target's `/etc/resolv.conf` says.
    #[schemars(extend("examples" = [3]))]
    pub attempts: Option<u32>,
}

impl Default for AgentDns {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(1), attempts: None }
    }
}

/// When Kubernetes pulls an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Each time.
    Always,
    /// Unless the node has it.
    IfNotPresent,
    /// Never: the node has it.
    Never,
}

impl PullPolicy {
    /// The word of Kubernetes.
    pub fn as_str(self) -> &'static str {
        match self {
            PullPolicy::Always => "Always",
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Never => "Never",
        }
    }
}

/// A Kubernetes secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its name.
    #[schemars(extend("examples" = ["registry-credentials"]))]
    pub name: String,
}

/// Where the agent runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ephemeral {
    /// As an ephemeral container when cluster and permissions allow, else as a job.
    #[default]
    Auto,
    /// `true`: as an ephemeral container, or not at all.
    Always,
    /// `false`: as a job.
    Never,
}

impl Serialize for Ephemeral {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Ephemeral::Auto => serializer.serialize_str("auto"),
            Ephemeral::Always => serializer.serialize_bool(true),
            Ephemeral::Never => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Ephemeral {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(true) => Ok(Ephemeral::Always),
            serde_json::Value::Bool(false) => Ok(Ephemeral::Never),
            value if value == "auto" => Ok(Ephemeral::Auto),
            _ => Err(serde::de::Error::custom("true, false or `auto`")),
        }
    }
}

impl JsonSchema for Ephemeral {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ephemeral".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "boolean" }, {
            "const": "auto",
            "description": "As an ephemeral container when cluster and permissions allow, else as a job."
        }]})
    }
}
