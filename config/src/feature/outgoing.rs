//! Connections that the program opens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Filter;

/// Connections leave from the target's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": {}, "false": { "tcp": false, "udp": false } }))]
pub struct Outgoing {
    /// Whether TCP connections do.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_TCP_OUTGOING",
        "x-flag" = { "--no-outgoing": false, "--no-tcp-outgoing": false }
    ))]
    pub tcp: bool,
    /// Whether UDP does: connected sockets, and queries to port 53.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = "MIRRORD_UDP_OUTGOING",
        "x-flag" = { "--no-outgoing": false, "--no-udp-outgoing": false }
    ))]
    pub udp: bool,
    /// Which destinations: `remote` lists those reached through the target, or `local` those reached from this machine.
    #[schemars(extend("x-core" = true, "examples" = [{ "remote": ["tcp://10.1.0.0/16:5432", "database"] }]))]
    pub filter: Option<Filter>,
    /// Whether loopback destinations mean this machine instead of the pod.
    #[schemars(extend("x-core" = true))]
    pub ignore_localhost: bool,
    /// Unix sockets that are reached in the target: regular expressions over their names.
    #[schemars(extend(
        "x-short" = "list",
        "x-meaning" = "regex",
        "x-env" = "MIRRORD_OUTGOING_REMOTE_UNIX_STREAMS",
        "examples" = [["^/var/run/postgresql/"]]
    ))]
    pub unix_streams: Vec<String>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { tcp: true, udp: true, filter: None, ignore_localhost: false, unix_streams: Vec::new() }
    }
}
