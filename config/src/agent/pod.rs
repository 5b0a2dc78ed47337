//! What the agent's pod has of Kubernetes: resources, tolerations, confinement.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Resources of a container, as Kubernetes has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// What the node must have left.
    #[schemars(extend("x-values" = "quantity", "examples" = [{ "cpu": "10m", "memory": "64Mi" }]))]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container gets at most.
    #[schemars(extend("x-values" = "quantity", "examples" = [{ "cpu": "500m", "memory": "256Mi" }]))]
    pub limits: BTreeMap<String, Quantity>,
}

impl Default for Resources {
    fn default() -> Self {
        let quantities = |cpu: &str, memory: &str| {
            [("cpu", cpu), ("memory", memory)]
                .map(|(name, quantity)| (name.to_owned(), Quantity::Text(quantity.to_owned())))
                .into()
        };
        Self { requests: quantities("1m", "1Mi"), limits: quantities("1", "100Mi") }
    }
}

/// An amount of a resource, as Kubernetes writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Quantity {
    /// Whole units.
    Units(u64),
    /// With a suffix, such as `100Mi` or `500m`.
    Text(String),
}

/// Which taints of a node are tolerated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Toleration {
    /// Key of the taint; otherwise every key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["dedicated"]))]
    pub key: Option<String>,
    /// How key and value are compared.
    pub operator: TolerationOperator,
    /// Value of the taint, with the operator `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["shop"]))]
    pub value: Option<String>,
    /// Effect of the taint; otherwise every effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Seconds that a `NoExecute` taint is tolerated; otherwise for ever.
    #[serde(rename = "tolerationSeconds", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [300]))]
    pub toleration_seconds: Option<i64>,
}

/// How the key and value of a taint are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Key and value are equal.
    #[default]
    Equal,
    /// The key exists, whatever its value.
    Exists,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Effect {
    /// No new ones.
    NoSchedule,
    /// Rather no new ones.
    PreferNoSchedule,
    /// Not even those that run.
    NoExecute,
}

/// A capability that the agent would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// Redirects incoming traffic.
    NetAdmin,
    /// Reads the environment and files of the target's processes.
    SysPtrace,
    /// Enters the namespaces of the target.
    SysAdmin,
}

/// Confinement of the agent's container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityContext {
    /// `AppArmor` profile.
    pub app_armor_profile: Option<Confinement>,
    /// Seccomp profile.
    pub seccomp_profile: Option<Confinement>,
}

/// A profile that confines a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Where the profile comes from.
    #[serde(rename = "type")]
    pub kind: ConfinementKind,
    /// Name of the node's profile, with the type `Localhost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["profiles/mirrord.json"]))]
    pub localhost_profile: Option<String>,
}

/// Where a confining profile comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConfinementKind {
    /// None.
    Unconfined,
    /// The container runtime.
    RuntimeDefault,
    /// A file of the node.
    Localhost,
}
