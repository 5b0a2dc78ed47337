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
    #[schemars(extend("x-core" = true, "x-env" = "MIRRORD_REMOTE_DNS", "x-flag" = { "--no-remote-dns": false }))]
    pub enabled: bool,
    /// Which names: `remote` lists those that the target resolves, or `local` those that this machine does. Names
    /// match exactly.
    #[schemars(extend("x-core" = true, "examples" = [{ "remote": ["database", "cache.staging"] }]))]
    pub filter: Option<Filter>,
}

impl Default for Dns {
    fn default() -> Self {
        Self { enabled: true, filter: None }
    }
}
