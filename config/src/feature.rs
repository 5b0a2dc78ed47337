//! What is taken from the cluster.

pub mod copy_target;
pub mod databases;
pub mod dns;
pub mod env;
pub mod filter;
pub mod fs;
pub mod incoming;
pub mod magic;
pub mod mapping;
pub mod outgoing;
pub mod preview;
pub mod queues;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use copy_target::CopyTarget;
pub use databases::Branch;
pub use dns::Dns;
pub use env::Env;
pub use filter::Filter;
pub use fs::{Fs, FsMode};
pub use incoming::{HttpFilter, Incoming, IncomingMode, TlsDelivery};
pub use magic::Magic;
pub use outgoing::Outgoing;
pub use preview::Preview;
pub use queues::Queues;

/// What the program takes from the cluster instead of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Feature {
    /// Environment variables: whether the target's are imported, and which.
    #[schemars(extend("x-core" = true, "examples" = [false, { "exclude": ["OTEL_*"] }]))]
    pub env: Env,
    /// Files: which paths are read from, or written to, the target.
    #[schemars(extend("x-core" = true, "examples" = ["read", { "mode": "read", "local": ["\\.env$"] }]))]
    pub fs: Fs,
    /// Whether the program sees the host name of the pod.
    #[schemars(extend("x-core" = true))]
    pub hostname: bool,
    /// Network: traffic that arrives at the target, connections that leave from it, and name resolution.
    #[schemars(extend("x-core" = true, "examples" = [{ "incoming": "steal", "outgoing": true, "dns": true }]))]
    pub network: Network,
    /// Presets for what most programs need.
    pub magic: Magic,
    /// Works on a clone of the target's pod, which has no probes, instead of the pod itself.
    #[schemars(extend("x-core" = true, "x-tier" = "operator", "examples" = [true, { "scale_down": true }]))]
    pub copy_target: CopyTarget,
    /// Shares message queues with the deployed program: by the name of each queue, or as a list.
    #[schemars(extend(
        "x-core" = true,
        "x-tier" = "operator",
        "examples" = [{ "orders": { "queue_type": "SQS", "message_filter": { "tenant": "^me$" } } }]
    ))]
    pub split_queues: Queues,
    /// A long-lived copy of the target that runs another image.
    #[schemars(extend("x-tier" = "operator", "examples" = [{ "image": "registry.example.com/shop:my-feature" }]))]
    pub preview: Preview,
    /// Private copies of databases for the session.
    #[schemars(extend(
        "x-tier" = "operator",
        "examples" = [[{ "type": "pg", "name": "orders", "connection": { "url": "DATABASE_URL" } }]]
    ))]
    pub db_branches: Vec<Branch>,
}

impl Default for Feature {
    fn default() -> Self {
        Self {
            env: Env::default(),
            fs: Fs::default(),
            hostname: true,
            network: Network::default(),
            magic: Magic::default(),
            copy_target: CopyTarget::default(),
            split_queues: Queues::default(),
            preview: Preview::default(),
            db_branches: Vec::new(),
        }
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
    #[schemars(extend("x-core" = true, "examples" = ["steal", { "mode": "steal", "http_filter": { "header_filter": "^x-session: me$" } }]))]
    pub incoming: Incoming,
    /// Connections that the program opens: they leave from the target's network.
    #[schemars(extend("x-core" = true, "examples" = [false, { "filter": { "local": ["localhost"] } }]))]
    pub outgoing: Outgoing,
    /// Names: resolved as the target resolves them.
    #[schemars(extend("x-core" = true, "examples" = [false, { "filter": { "local": ["localhost"] } }]))]
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
