//! How names are resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Filter;

/// Name resolution as the target does it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": {}, "false": { "enabled": false } }))]
pub struct Dns {
    /// Whether names are resolved by the target.
    #[schemars(extend("x-env" = "MIRRORD_REMOTE_DNS"))]
    pub enabled: bool,
    /// Which names: `remote` lists those that the target resolves, or `local` those that this machine does. Names
    /// match exactly.
    pub filter: Option<Filter>,
}

impl Default for Dns {
    fn default() -> Self {
        Self { enabled: true, filter: None }
    }
}
