//! What each key of the language does in this version: one table, from which warnings and refusals follow.
//!
//! A written key without effect is told, with what happens instead. It stops the launch only where going on without it
//! would be dangerous or plainly wrong: other people's traffic, files or connections at the wrong place.

use config::{Config, Loaded};
use serde_json::Value;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// What the manual says.
    Works,
    /// Nothing yet; what happens instead.
    Nothing(&'static str),
    /// Nothing yet, and why a launch without it would be wrong.
    Refused(&'static str),
}

/// A key, or all keys of a group that have no line of their own.
struct Line {
    /// Canonical pointer.
    pointer: &'static str,
    effect: Effect,
    /// The value that asks for what happens anyway, as JSON; without it every empty, absent or false one.
    happens: Option<&'static str>,
}

const fn works(pointer: &'static str) -> Line {
    Line { pointer, effect: Effect::Works, happens: None }
}

const fn nothing(pointer: &'static str, instead: &'static str) -> Line {
    Line { pointer, effect: Effect::Nothing(instead), happens: None }
}

const fn refused(pointer: &'static str, why: &'static str) -> Line {
    Line { pointer, effect: Effect::Refused(why), happens: None }
}

impl Line {
    /// The value that is harmless to write.
    const fn unless(self, happens: &'static str) -> Self {
        Self { happens: Some(happens), ..self }
    }
}

const OWN_POD: &str = "the agent is an ephemeral container of the target's pod and has no pod of its own";
const OWN_PROXY: &str = "the session lives in mirrord itself, whose log MIRRORD_LOG steers";
const NO_CHANGE: &str = "answers reach their clients as they are";
const NO_CONTAINER: &str = "there is no command `container` yet";
const NO_OPERATOR: &str = "it needs the operator, which this version does not work with";

const TABLE: &[Line] = &[
    works("/target"),
    works("/kubeconfig"),
    works("/kube_context"),
    works("/accept_invalid_certificates"),
    works("/use_proxy"),
    works("/key"),
    works("/skip_processes"),
    works("/skip_build_tools"),
    works("/skip_extra_build_tools"),
    works("/telemetry"),
    works("/sip_binaries"),
    works("/skip_sip"),
    nothing("/api", "no socket serves the session's status"),
    refused("/operator", "you insist on the operator, which this version does not work with"),
    nothing("/baggage", NO_OPERATOR),
    nothing("/traceparent", NO_OPERATOR),
    nothing("/multi_cluster", NO_OPERATOR),
    nothing("/profile", "profiles are not read; only this file counts"),
    // feature
    works("/feature/env"),
    works("/feature/hostname"),
    nothing("/feature/magic", "there is no such preset yet"),
    works("/feature/magic/aws"),
    nothing("/feature/magic/auto_mount", "only the mode and your patterns decide about the pod's volumes"),
    nothing("/feature/magic/turbo", "write `feature.network.outgoing.ignore_localhost` for Turbopack"),
    works("/feature/fs/mode"),
    works("/feature/fs/local"),
    works("/feature/fs/not_found"),
    works("/feature/fs/read_only"),
    works("/feature/fs/read_write"),
    works("/feature/fs/mapping"),
    works("/feature/fs/readonly_file_buffer"), // a remote file is fetched whole when it is opened
    works("/feature/network/incoming"),
    nothing("/feature/network/incoming/on_concurrent_steal", NO_OPERATOR).unless(r#""abort""#),
    nothing("/feature/network/incoming/tls_delivery", "stolen TLS reaches the program as it arrives"),
    nothing("/feature/network/incoming/https_delivery", "stolen TLS reaches the program as it arrives"),
    nothing("/feature/network/ipv6", "IPv6 sockets work as they do without us").unless("true"),
    works("/feature/network/outgoing/tcp"),
    works("/feature/network/outgoing/ignore_localhost"),
    nothing("/feature/network/outgoing/udp", "UDP leaves from this machine"),
    works("/feature/network/outgoing/filter"),
    refused("/feature/network/outgoing/unix_streams", "sockets of this machine would be used instead of the target's"),
    works("/feature/network/dns/enabled"),
    works("/feature/network/dns/filter"),
    refused("/feature/copy_target", NO_OPERATOR),
    refused("/feature/split_queues", NO_OPERATOR),
    refused("/feature/db_branches", NO_OPERATOR),
    refused("/feature/preview", NO_OPERATOR),
    // agent
    works("/agent/image"),
    works("/agent/image_pull_policy"),
    works("/agent/privileged"),
    works("/agent/startup_timeout"),
    works("/agent/communication_timeout"),
    works("/agent/log_level"),
    works("/agent/check_out_of_pods"), // an ephemeral container takes no slot
    works("/agent/external_ip_fix"),   // what is passed on goes to the address that it was sent to
    works("/agent/ephemeral"),
    nothing("/agent/annotations", OWN_POD),
    nothing("/agent/labels", OWN_POD),
    nothing("/agent/namespace", OWN_POD),
    nothing("/agent/node_selector", OWN_POD),
    nothing("/agent/priority_class", OWN_POD),
    nothing("/agent/resources", OWN_POD),
    nothing("/agent/security_context", OWN_POD),
    nothing("/agent/service_account", OWN_POD),
    nothing("/agent/tolerations", OWN_POD),
    nothing("/agent/disable_mesh_sidecar_injection", OWN_POD).unless("true"),
    nothing("/agent/ttl", "an ephemeral container is kept by its pod").unless("1"),
    nothing(
        "/agent/image_pull_secrets",
        "an ephemeral container uses those of its pod and of the pod's service account",
    ),
    nothing("/agent/clean_iptables_on_start", "the agent leaves no rules behind that could be stale"),
    works("/agent/disabled_capabilities"),
    nothing("/agent/dns", "lookups follow the target's resolv.conf"),
    nothing("/agent/exclude_from_mesh", "the agent's port is on loopback, which meshes leave alone"),
    nothing("/agent/flush_connections", "connections from before stay with the target"),
    nothing("/agent/http_detection_timeout", "a filtered port has its own times: half a second for silent clients")
        .unless("2"),
    nothing("/agent/inject_headers", NO_CHANGE),
    works("/agent/jaq_time_limit"),
    nothing("/agent/json_log", "the agent logs plain lines"),
    works("/agent/max_body_buffer_size"),
    works("/agent/max_body_buffer_timeout"),
    nothing("/agent/metrics", "no metrics are served"),
    nothing("/agent/nftables", "the agent takes what the node's kernel offers"),
    nothing("/agent/override_cache_control", NO_CHANGE),
    // the rest
    works("/internal_proxy/idle_timeout"),
    works("/internal_proxy/start_idle_timeout"),
    nothing("/internal_proxy", OWN_PROXY),
    nothing("/external_proxy", NO_CONTAINER),
    nothing("/container", NO_CONTAINER),
    nothing("/ci", "there is no command `ci` yet"),
    nothing("/startup_retry", "a start that fails is not tried again"),
    nothing("/experimental", "it is accepted for the sake of existing files"),
];

/// Values that have no effect though their key works.
const VALUES: &[(&str, &str, Effect)] = &[(
    "/agent/ephemeral",
    "false",
    Effect::Refused("the agent cannot run in a job of its own; without the key it is an ephemeral container"),
)];

/// What was written and will not happen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// What stops the launch.
    pub(super) refusals: Vec<String>,
    /// What the user has to know.
    pub(super) warnings: Vec<String>,
}

/// Sentences about every written key that does not work.
pub(super) fn lacking(loaded: &Loaded, config: &Config) -> Lacking {
    let values = serde_json::to_value(config).unwrap_or(Value::Null);
    let mut lacking = Lacking::default();
    let mut told: Vec<&str> = Vec::new();
    for written in &loaded.written {
        let value = values.pointer(&written.pointer);
        let Some((pointer, effect)) = judge(&written.pointer, value) else { continue };
        // A group that is refused as a whole is told once.
        let key = if matches!(effect, Effect::Refused(_)) { pointer } else { written.pointer.as_str() };
        if told.contains(&key) {
            continue;
        }
        told.push(key);
        let name = key.trim_start_matches('/').replace('/', ".");
        match effect {
            Effect::Works => {}
            Effect::Nothing(instead) => {
                lacking.warnings.push(format!("`{name}` has no effect in this version: {instead}"));
            }
            Effect::Refused(why) => lacking.refusals.push(format!(
                "`{name}`: this version does not do that yet: {why}; remove the key to start without it"
            )),
        }
    }
    lacking
}

/// What the value at a written pointer does, and the key that the table has for it; nothing if it works or asks for
/// nothing.
fn judge<'a>(pointer: &'a str, value: Option<&Value>) -> Option<(&'a str, Effect)> {
    let is = |json: &str| value.is_some_and(|value| serde_json::from_str::<Value>(json).is_ok_and(|it| it == *value));
    if let Some((_, _, effect)) = VALUES.iter().find(|(key, json, _)| *key == pointer && is(json)) {
        return Some((pointer, *effect));
    }
    let line = line_of(pointer)?;
    let harmless = line.happens.map_or_else(|| value.is_some_and(asks_for_nothing), is);
    if line.effect == Effect::Works || harmless {
        return None;
    }
    Some((&pointer[..line.pointer.len()], line.effect))
}

/// The line of a key: its own, else that of the nearest group around it.
fn line_of(pointer: &str) -> Option<&'static Line> {
    let around =
        |line: &&Line| pointer.strip_prefix(line.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    TABLE.iter().filter(around).max_by_key(|line| line.pointer.len())
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.values().all(asks_for_nothing),
    }
}

#[cfg(test)]
mod tests;
