//! The one place where what the user wrote becomes decisions for layer and agent.
//!
//! Every struct of the configuration is taken apart without `..`: a new key does not compile until someone says here
//! what it does. A key that was written and whose effect is not built yet is refused by name, never ignored.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStrExt, path::Path};

use config::{
    Agent, Code, Config, Dns, Env, Ephemeral, Feature, Fs, FsMode, Incoming, Loaded, Network, Outgoing, Target,
};
use protocol::{
    incoming::Mode,
    policy::{FileMode, FilePolicy, IncomingPolicy, OutgoingPolicy, Policy},
};

use crate::{cluster::ConnectOptions, incoming::wire_mode};

/// What a session does, decided.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Whom the program stands in for.
    pub(crate) target: Option<Target>,
    /// How to reach the cluster.
    pub(crate) cluster: ConnectOptions,
    /// How to start the agent.
    pub(crate) agent: Agent,
    /// How the environments are merged.
    pub(crate) env: Env,
    /// What the layers do; the ports of the hold listener are still to be filled in.
    pub(crate) policy: Policy,
    /// How incoming traffic is taken, if at all.
    pub(crate) incoming: Option<Mode>,
    /// Whether kubelet probes stay with the target.
    pub(crate) spare_probes: bool,
    /// Whether the program sees the pod's host name.
    pub(crate) host_name: bool,
}

/// What the plan needs to know of this machine.
pub(crate) struct Here<'a> {
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    pub(crate) working_directory: &'a Path,
}

/// Why there is no plan: one sentence for each key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Refused(pub Vec<String>);

/// Collects keys whose effect is not built yet.
struct NotYet<'a> {
    loaded: &'a Loaded,
    refused: Vec<String>,
}

impl NotYet<'_> {
    /// Refuses the key at `pointer` when the user wrote it and it asks for more than there is.
    fn refuse(&mut self, pointer: &str, asks_for_more: bool) {
        if asks_for_more && self.loaded.is_written(pointer) {
            let key = pointer.trim_start_matches('/').replace('/', ".");
            self.refused
                .push(format!("`{key}`: this version does not do that yet; remove the key to start without it"));
        }
    }
}

/// Decides. Errs with everything that is in the way.
pub(crate) fn plan(loaded: &Loaded, here: &Here<'_>) -> Result<Plan, Refused> {
    let Some(config) = loaded.config.clone() else {
        return Err(Refused(vec!["the configuration has errors".to_owned()]));
    };
    let mut not_yet = NotYet { loaded, refused: Vec::new() };
    for problem in loaded.problems.iter().filter(|problem| problem.code == Code::UnsupportedKey) {
        let key = problem.pointer.trim_start_matches('/').replace('/', ".");
        not_yet.refused.push(format!("`{key}`: this version does not do that yet; remove the key to start without it"));
    }
    let plan = from_config(config, here, &mut not_yet);
    // The layer's engine knows fewer patterns than the language: what it cannot match would silently never match.
    let faults = rules::path::PathRules::new(&plan.policy.files, b"").faults();
    not_yet.refused.extend(faults.into_iter().map(|fault| format!("`feature.fs`: {fault}")));
    if not_yet.refused.is_empty() { Ok(plan) } else { Err(Refused(not_yet.refused)) }
}

fn from_config(config: Config, here: &Here<'_>, not_yet: &mut NotYet<'_>) -> Plan {
    let Config {
        target,
        feature,
        agent,
        key: _, // names the session in templates, which are rendered before
        kubeconfig,
        kube_context,
        accept_invalid_certificates,
        operator,
        skip_processes,
        skip_build_tools,
        skip_extra_build_tools,
        telemetry: _, // there is none
        use_proxy,
    } = config;
    not_yet.refuse("/operator", operator == Some(true));
    let Feature { env, fs, hostname, network } = feature;
    let Network { incoming, outgoing, dns, ipv6 } = network;
    not_yet.refuse("/feature/network/ipv6", !ipv6);
    let Dns { enabled: remote_dns, filter } = dns;
    not_yet.refuse("/feature/network/dns/filter", filter.is_some());
    let (incoming, mode, spare_probes) = incoming_policy(incoming, not_yet);
    let mut skipped = skip_processes;
    skipped.extend(rules::process::HELPERS.iter().map(|&helper| helper.to_owned()));
    if skip_build_tools {
        skipped.extend(rules::process::BUILD_TOOLS.iter().map(|&tool| tool.to_owned()));
        skipped.extend(skip_extra_build_tools);
    }
    check_env(&env, not_yet);
    let namespace = target.as_ref().and_then(|target| target.namespace.clone());
    Plan {
        target,
        cluster: ConnectOptions {
            kubeconfig,
            context: kube_context,
            accept_invalid_certificates,
            use_proxy,
            namespace,
        },
        agent: check_agent(agent, not_yet),
        env,
        policy: Policy {
            files: file_policy(fs, remote_dns, here, not_yet),
            remote_dns,
            outgoing: outgoing_policy(outgoing, not_yet),
            incoming,
            host_name: None, // known once the agent has told it
            skip_processes: skipped,
        },
        incoming: mode,
        spare_probes,
        host_name: hostname,
    }
}

fn check_env(env: &Env, not_yet: &mut NotYet<'_>) {
    let Env { enabled: _, include: _, exclude: _, mapping: _, r#override: _, unset: _, env_file, load_from_process } =
        env;
    not_yet.refuse("/feature/env/env_file", env_file.is_some());
    not_yet.refuse("/feature/env/load_from_process", *load_from_process);
}

fn file_policy(fs: Fs, remote_dns: bool, here: &Here<'_>, not_yet: &mut NotYet<'_>) -> FilePolicy {
    let Fs { mode, read_only, read_write, local, not_found, mapping, readonly_file_buffer: _ } = fs;
    // A remote file is fetched whole when it is opened: no read-ahead size can change anything, as long as one is wanted.
    not_yet.refuse("/feature/fs/read_write", !read_write.is_empty());
    not_yet.refuse("/feature/fs/mapping", mapping != config::feature::mapping::Mapping::default());
    not_yet.refuse("/feature/fs/mode", mode == FsMode::Write);
    let folder = |name: &str| {
        let path = here.environment.get(std::ffi::OsStr::new(name));
        path.map(|path| without_final_slash(path.as_bytes())).unwrap_or_default()
    };
    let temporary = folder("TMPDIR");
    FilePolicy {
        mode: match mode {
            FsMode::Local => FileMode::Local,
            FsMode::LocalWithOverrides => FileMode::LocalWithOverrides,
            FsMode::Read => FileMode::Read,
            FsMode::Write => FileMode::Write,
        },
        not_found,
        read_write,
        read_only,
        local,
        resolver_files_remote: remote_dns,
        home: folder("HOME"),
        temporary: if temporary.is_empty() { b"/tmp".to_vec() } else { temporary },
        working: without_final_slash(here.working_directory.as_os_str().as_bytes()),
    }
}

fn without_final_slash(path: &[u8]) -> Vec<u8> {
    path.strip_suffix(b"/").unwrap_or(path).to_vec()
}

fn outgoing_policy(outgoing: Outgoing, not_yet: &mut NotYet<'_>) -> OutgoingPolicy {
    let Outgoing { tcp, udp, filter, ignore_localhost, unix_streams } = outgoing;
    not_yet.refuse("/feature/network/outgoing/udp", udp);
    not_yet.refuse("/feature/network/outgoing/filter", filter.is_some());
    not_yet.refuse("/feature/network/outgoing/unix_streams", !unix_streams.is_empty());
    OutgoingPolicy { tcp, ignore_localhost, hold_port: 0, relay_port: 0 }
}

fn incoming_policy(incoming: Incoming, not_yet: &mut NotYet<'_>) -> (IncomingPolicy, Option<Mode>, bool) {
    let Incoming { mode, ports, ignore_ports, port_mapping, listen_ports, ignore_localhost, steal_probes, http_filter } =
        incoming;
    not_yet.refuse("/feature/network/incoming/listen_ports", !listen_ports.is_empty());
    not_yet.refuse("/feature/network/incoming/http_filter", http_filter.is_some());
    let mode = wire_mode(mode);
    let policy = IncomingPolicy { enabled: mode.is_some(), ignore_localhost, ports, ignore_ports, port_mapping };
    (policy, mode, !steal_probes)
}

fn check_agent(agent: Agent, not_yet: &mut NotYet<'_>) -> Agent {
    let Agent {
        image: _,
        image_pull_policy: _,
        image_pull_secrets,
        namespace,
        ephemeral,
        privileged: _,
        service_account,
        annotations,
        labels,
        startup_timeout: _,
        communication_timeout: _,
        ttl: _, // an ephemeral container is kept by its pod, however long it has been finished
        log_level: _,
        json_log,
        flush_connections,
        http_detection_timeout: _, // no effect without `http_filter`, which is refused
        max_body_buffer_size: _,
        max_body_buffer_timeout: _,
    } = &agent;
    not_yet.refuse("/agent/image_pull_secrets", !image_pull_secrets.is_empty());
    not_yet.refuse("/agent/namespace", namespace.is_some());
    not_yet.refuse("/agent/ephemeral", *ephemeral == Ephemeral::Never);
    not_yet.refuse("/agent/service_account", service_account.is_some());
    not_yet.refuse("/agent/annotations", !annotations.is_empty());
    not_yet.refuse("/agent/labels", !labels.is_empty());
    not_yet.refuse("/agent/json_log", *json_log);
    not_yet.refuse("/agent/flush_connections", *flush_connections);
    agent
}
