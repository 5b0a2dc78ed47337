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
    #[schemars(extend("x-env" = "MIRRORD_TCP_OUTGOING"))]
    pub tcp: bool,
    /// Whether UDP does: connected sockets, and queries to port 53.
    #[schemars(extend("x-env" = "MIRRORD_UDP_OUTGOING"))]
    pub udp: bool,
    /// Which destinations: `remote` lists those reached through the target, or `local` those reached from this machine.
    pub filter: Option<Filter>,
    /// Whether loopback destinations mean this machine instead of the pod.
    pub ignore_localhost: bool,
    /// Unix sockets that are reached in the target: regular expressions over their names.
    #[schemars(extend("x-short" = "list", "x-meaning" = "regex", "x-env" = "MIRRORD_OUTGOING_REMOTE_UNIX_STREAMS"))]
    pub unix_streams: Vec<String>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { tcp: true, udp: true, filter: None, ignore_localhost: false, unix_streams: Vec::new() }
    }
}
