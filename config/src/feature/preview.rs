//! A long-lived copy of the target with another image.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::seconds;

/// A long-lived copy of the target that runs another image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preview {
    /// Image that the copy runs.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_IMAGE", "examples" = ["registry.example.com/shop:my-feature"]))]
    pub image: Option<String>,
    /// How many pods it has.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_REPLICAS"))]
    pub replicas: u32,
    /// Minutes that it lives, or `infinite`; otherwise as the operator says.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_TTL_MINS", "examples" = [60, "infinite"]))]
    pub ttl_mins: Option<Lifetime>,
    /// Seconds that it lives, or `infinite`; otherwise as the operator says.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_TTL_SECS", "examples" = [3600, "infinite"]))]
    pub ttl_secs: Option<Lifetime>,
    /// Seconds until a copy that is not ready counts as failed.
    #[serde(with = "seconds")]
    #[schemars(with = "u32", extend("x-env" = "MIRRORD_PREVIEW_CREATION_TIMEOUT_SECS"))]
    pub creation_timeout_secs: Duration,
    /// Whether it sleeps, with no pods, while there is no traffic.
    #[schemars(extend("examples" = [{ "sleep_after_secs": 600 }]))]
    pub idle: Option<Idle>,
    /// Which labels of the target's pod template it inherits; otherwise all.
    #[schemars(extend("examples" = [{ "exclude": ["team"] }]))]
    pub labels: Labels,
    /// Files that are placed into its pods.
    #[schemars(extend("examples" = [[{ "source": "config/local.yaml", "path": "/etc/shop/local.yaml" }]]))]
    pub config_mounts: Vec<BTreeMap<String, Value>>,
    /// Files that are placed into its pods from a Kubernetes secret made for them.
    #[schemars(extend("examples" = [[{ "source": "secrets/token", "path": "/etc/shop/token" }]]))]
    pub secret_mounts: Vec<BTreeMap<String, Value>>,
}

impl Default for Preview {
    fn default() -> Self {
        Self {
            image: None,
            replicas: 1,
            ttl_mins: None,
            ttl_secs: None,
            creation_timeout_secs: Duration::from_mins(1),
            idle: None,
            labels: Labels::default(),
            config_mounts: Vec::new(),
            secret_mounts: Vec::new(),
        }
    }
}

/// How long something lives, in the unit of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Lifetime {
    /// So long.
    Units(u32),
    /// As long as nobody removes it.
    Forever(Infinite),
}

/// The word for a lifetime without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Infinite {
    /// Until somebody removes it.
    Infinite,
}

/// Sleep without traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idle {
    /// Seconds without traffic until it sleeps; otherwise as the operator says.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_IDLE_SLEEP_AFTER_SECS", "examples" = [600]))]
    pub sleep_after_secs: Option<u32>,
    /// Seconds that a request waits at most until it is awake; otherwise as the operator says.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_IDLE_WAKE_TIMEOUT_SECS", "examples" = [60]))]
    pub wake_timeout_secs: Option<u32>,
    /// Whether it sleeps from the beginning.
    #[schemars(extend("x-env" = "MIRRORD_PREVIEW_START_IDLE"))]
    pub start_idle: bool,
}

/// Which labels are inherited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Labels {
    /// Only labels with these keys.
    #[schemars(extend("x-short" = "list", "examples" = [["app"]]))]
    pub include: Option<Vec<String>>,
    /// All labels but those with these keys.
    #[schemars(extend("x-short" = "list", "examples" = [["team"]]))]
    pub exclude: Option<Vec<String>>,
}
