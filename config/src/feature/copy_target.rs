//! A clone of the target's pod.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Works on a clone of the target's pod, which has no probes. Writing the object turns it on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": { "enabled": true }, "false": { "enabled": false } }))]
pub struct CopyTarget {
    /// Whether the pod is cloned.
    #[serde(default = "written")]
    #[schemars(extend("x-core" = true))]
    pub enabled: bool,
    /// Whether the original workload runs no pod meanwhile.
    #[serde(default)]
    #[schemars(extend("x-core" = true))]
    pub scale_down: bool,
    /// Containers that the clone omits.
    #[serde(default)]
    #[schemars(extend("examples" = [["istio-proxy"]]))]
    pub exclude_containers: Vec<String>,
    /// Init containers that the clone omits.
    #[serde(default)]
    #[schemars(extend("examples" = [["migrate"]]))]
    pub exclude_init_containers: Vec<String>,
}

/// What `enabled` is inside an object that does not say it.
fn written() -> bool {
    true
}
