//! What is taken from the cluster.

pub mod dns;
pub mod env;
pub mod filter;
pub mod fs;
pub mod incoming;
pub mod mapping;
pub mod outgoing;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use dns::Dns;
pub use env::Env;
pub use filter::Filter;
pub use fs::{Fs, FsMode};
pub use incoming::{HttpFilter, Incoming, IncomingMode};
pub use outgoing::Outgoing;

/// What the program takes from the cluster instead of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "copy_target": "Work on a clone of the target's pod.",
    "db_branches": "Private copies of databases.",
    "magic": "Presets, on by default.",
    "preview": "A long-lived copy of the target with another image.",
    "split_queues": "Share message queues with the deployed program."
}))]
pub struct Feature {
    /// Environment variables: whether the target's are imported, and which.
    pub env: Env,
    /// Files: which paths are read from, or written to, the target.
    pub fs: Fs,
    /// Whether the program sees the host name of the pod.
    pub hostname: bool,
    /// Network: traffic that arrives at the target, connections that leave from it, and name resolution.
    pub network: Network,
}

impl Default for Feature {
    fn default() -> Self {
        Self { env: Env::default(), fs: Fs::default(), hostname: true, network: Network::default() }
    }
}

/// All network features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = {
    "true": {},
    "false": { "incoming": { "mode": "off" }, "outgoing": { "tcp": false, "udp": false }, "dns": { "enabled": false } }
}))]
pub struct Network {
    /// Traffic that arrives at the target.
    pub incoming: Incoming,
    /// Connections that the program opens: they leave from the target's network.
    pub outgoing: Outgoing,
    /// Names: resolved as the target resolves them.
    pub dns: Dns,
    /// Whether IPv6 sockets work; without, they fail with EAFNOSUPPORT.
    #[schemars(extend("x-env" = "MIRRORD_ENABLE_IPV6"))]
    pub ipv6: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self { incoming: Incoming::default(), outgoing: Outgoing::default(), dns: Dns::default(), ipv6: true }
    }
}
