//! How the agent runs.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the agent, our program in the cluster, is started and behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "check_out_of_pods": "Refuse early when the node has no room for a pod.",
    "clean_iptables_on_start": "Wipe stale redirection rules.",
    "disable_mesh_sidecar_injection": "Mark the agent so that meshes skip it.",
    "disabled_capabilities": "Capabilities to withhold from the agent.",
    "dns": "How the agent resolves names.",
    "exclude_from_mesh": "Mesh ignores the port of an ephemeral agent.",
    "external_ip_fix": "Pass-through reaches servers bound to the pod's address.",
    "inject_headers": "Tag responses with the way that they took.",
    "jaq_time_limit": "Milliseconds that one jq run may take.",
    "metrics": "Address that serves Prometheus metrics.",
    "nftables": "Which back end redirects traffic.",
    "node_selector": "Node selector of the agent's pod.",
    "override_cache_control": "Forbid caching of responses that passed the agent.",
    "priority_class": "Priority class of the agent's pod.",
    "resources": "Resources of the agent's pod.",
    "security_context": "Confinement of the agent's job.",
    "tolerations": "Tolerations of the agent's pod."
}))]
pub struct Agent {
    /// Image of the agent; otherwise ours of the same version as this program.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE"))]
    pub image: Option<Image>,
    /// When the image is pulled.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE_PULL_POLICY"))]
    pub image_pull_policy: PullPolicy,
    /// Secrets that unlock the image registry.
    pub image_pull_secrets: Vec<Secret>,
    /// Namespace of the agent's job. An ephemeral agent runs in that of the target.
    #[schemars(extend("x-meaning" = "namespace", "x-env" = "MIRRORD_AGENT_NAMESPACE"))]
    pub namespace: Option<String>,
    /// Whether the agent is an ephemeral container of the target's pod, or a job of its own.
    #[schemars(extend("x-env" = "MIRRORD_EPHEMERAL_CONTAINER"))]
    pub ephemeral: Ephemeral,
    /// Whether the agent is privileged: needed on Bottlerocket, with `SELinux`, under Istio ambient.
    pub privileged: bool,
    /// Service account of the agent's job and pod.
    pub service_account: Option<String>,
    /// More annotations for the agent's job and pod.
    pub annotations: BTreeMap<String, String>,
    /// More labels for the agent's job and pod.
    pub labels: BTreeMap<String, String>,
    /// Seconds until an agent that is not ready counts as failed.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_AGENT_STARTUP_TIMEOUT"))]
    pub startup_timeout: Duration,
    /// Seconds that an agent stays when nobody is connected to it.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_AGENT_COMMUNICATION_TIMEOUT"))]
    pub communication_timeout: Duration,
    /// Seconds that a finished agent is kept, for its logs.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_AGENT_TTL"))]
    pub ttl: Duration,
    /// Log directives for the agent.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_RUST_LOG", "examples" = ["info", "debug"]))]
    pub log_level: String,
    /// Whether the agent logs JSON lines.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_JSON_LOG"))]
    pub json_log: bool,
    /// Whether established connections are cut when stealing begins, so that their clients come to the program.
    #[schemars(extend("x-env" = "MIRRORD_AGENT_STEALER_FLUSH_CONNECTIONS"))]
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
            service_account: None,
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            startup_timeout: Duration::from_mins(1),
            communication_timeout: Duration::from_secs(30),
            ttl: Duration::from_secs(1),
            log_level: "info".to_owned(),
            json_log: false,
            flush_connections: true,
            http_detection_timeout: Duration::from_secs(2),
            max_body_buffer_size: 65_535,
            max_body_buffer_timeout: Duration::from_secs(1),
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
    #[schemars(extend("x-env" = "MIRRORD_AGENT_IMAGE_TAG"))]
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

/// Durations written as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

/// Durations written as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(duration.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
