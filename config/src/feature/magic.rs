//! Presets for what most programs need.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Presets, on by default. They fill in what the rest of the configuration leaves open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Magic {
    /// Whether the volume mounts of the pod are read from the target.
    pub auto_mount: bool,
    /// Whether the AWS profile and credentials of this machine are hidden from the program.
    pub aws: bool,
    /// Whether Next.js and Turbopack find their own helpers: for them, loopback destinations mean this machine.
    pub turbo: bool,
}

impl Default for Magic {
    fn default() -> Self {
        Self { auto_mount: true, aws: true, turbo: true }
    }
}
