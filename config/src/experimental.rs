//! Switches that files of other versions carry.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::milliseconds;

/// Switches that files of other versions carry; they may go away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the language")]
pub struct Experimental {
    /// Which programs macOS is asked to load us into.
    #[schemars(extend("x-status" = { "no-effect": "it concerns macOS" }, "examples" = [{ "mode": "include" }]))]
    pub applev: Option<BTreeMap<String, serde_json::Value>>,
    /// Whether a browser extension is offered that sets the header of the filter.
    #[schemars(extend("x-status" = { "no-effect": "there is no such extension" }))]
    pub browser_extension_config: bool,
    /// Whether `SO_REUSEADDR` is kept off the program's sockets.
    #[schemars(extend("x-status" = { "no-effect": "it concerns macOS" }))]
    pub disable_reuseaddr: Option<bool>,
    /// Whether libraries that cgo opens are hooked.
    #[schemars(extend("x-status" = { "no-effect": "Go programs are served by the kernel, not by hooks" }))]
    pub dlopen_cgo: bool,
    /// Whether `exec` is hooked on Linux.
    #[schemars(extend("x-status" = { "no-effect": "it always is" }))]
    pub enable_exec_hooks_linux: bool,
    /// How Go programs are hooked.
    #[schemars(extend("x-status" = { "no-effect": "Go programs are served by the kernel, not by hooks" }))]
    pub go_asmcgocall: Option<bool>,
    /// Whether the standard streams are protected from programs that close them.
    #[schemars(extend("x-status" = { "no-effect": "our descriptors are never among the first three" }))]
    pub guard_std_fds: Option<bool>,
    /// Whether the program sees no IPv6 address of a network interface.
    pub hide_ipv6_interfaces: bool,
    /// Milliseconds that an idle connection to the program is kept for the next stolen request.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub idle_local_http_connection_timeout: Duration,
    /// Whether the proxy settings of the system are ignored.
    pub ignore_system_proxy_config: bool,
    /// Delays that are added to the traffic.
    #[schemars(extend("x-status" = { "deprecated": null }))]
    pub latency: Latency,
    /// Whether a non-blocking `connect` of TCP stays non-blocking.
    #[schemars(extend("x-status" = { "deprecated": null }))]
    pub non_blocking_tcp_connect: bool,
    /// Where the work-around for macOS logs.
    #[schemars(extend("x-status" = { "no-effect": "it concerns macOS" }, "examples" = ["/tmp/sip.log"]))]
    pub sip_log_destination: Option<String>,
    /// Whether the work-around for macOS uses its own tools.
    #[schemars(extend("x-status" = { "no-effect": "it concerns macOS" }))]
    pub sip_utils: bool,
    /// Whether connecting to port 7 succeeds without any traffic, as some libraries ping that way.
    pub tcp_ping4_mock: bool,
    /// Whether the program on macOS trusts every certificate.
    #[schemars(extend("x-status" = { "no-effect": "it concerns macOS" }))]
    pub trust_any_certificate: bool,
    /// Whether helpers have `/dev/null` for standard streams.
    #[schemars(extend("x-status" = { "no-effect": "the session is no helper process" }))]
    pub use_dev_null: bool,
}

impl Default for Experimental {
    fn default() -> Self {
        Self {
            applev: None,
            browser_extension_config: false,
            disable_reuseaddr: None,
            dlopen_cgo: false,
            enable_exec_hooks_linux: true,
            go_asmcgocall: None,
            guard_std_fds: None,
            hide_ipv6_interfaces: false,
            idle_local_http_connection_timeout: Duration::from_secs(3),
            ignore_system_proxy_config: false,
            latency: Latency::default(),
            non_blocking_tcp_connect: true,
            sip_log_destination: None,
            sip_utils: true,
            tcp_ping4_mock: true,
            trust_any_certificate: false,
            use_dev_null: true,
        }
    }
}

/// Delays that are added to the traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds before the program receives.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub receive_delay: Duration,
    /// Milliseconds before the program sends.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub transmit_delay: Duration,
}
