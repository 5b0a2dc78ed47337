//! The one place where what the user wrote becomes decisions for layer and agent.
//!
//! What each key does here, and which keys do nothing yet, is one table: [`keys`]. A test walks the language and finds
//! keys that are missing there, so that no key is ever ignored silently.

mod keys;
mod requests;
mod variables;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use config::{Agent, Config, Env, Fs, FsMode, Incoming, Loaded, Outgoing, Target, feature::filter};
use protocol::{
    incoming::Mode,
    policy::{Destination, FileMode, FilePolicy, Filter, Host, IncomingPolicy, LaunchPolicy, OutgoingPolicy, Policy},
};

pub(crate) use self::requests::Requests;
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
    /// Which requests the program gets; `None`: all.
    pub(crate) requests: Option<Requests>,
    /// Whether kubelet probes stay with the target.
    pub(crate) spare_probes: bool,
    /// Whether the program sees the pod's host name.
    pub(crate) host_name: bool,
    /// The name to show instead of the pod's.
    pub(crate) shown_host_name: Option<Vec<u8>>,
    /// What the user wrote and will not get; sentences.
    pub(crate) warnings: Vec<String>,
}

/// What decisions need to know of the machine that the program runs on.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// The environment that the program would have without us.
    pub environment: &'a BTreeMap<OsString, OsString>,
    /// Its working directory.
    pub working_directory: &'a Path,
}

/// Why there is no plan: one sentence for each key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Refused(pub Vec<String>);

/// Decides. Errs with everything that is in the way.
pub(crate) fn plan(loaded: &Loaded, here: &Here<'_>) -> Result<Plan, Refused> {
    let Some(config) = &loaded.config else {
        return Err(Refused(vec!["the configuration has errors".to_owned()]));
    };
    let keys::Lacking { mut refusals, mut warnings } = keys::lacking(loaded, config);
    warnings.extend(variables::faults(here));
    let policy = policy(config, here);
    // The layer's engine knows fewer patterns than the language: what it cannot match would silently never match.
    refusals.extend(rules::path::PathRules::new(&policy.files).faults());
    let requests = requests::requests(config).unwrap_or_else(|refusal| {
        refusals.push(refusal);
        None
    });
    if !refusals.is_empty() {
        return Err(Refused(refusals));
    }
    let Config { target, agent, feature, .. } = config.clone();
    Ok(Plan {
        cluster: ConnectOptions {
            kubeconfig: config.kubeconfig.clone(),
            context: config.kube_context.clone(),
            accept_invalid_certificates: config.accept_invalid_certificates,
            use_proxy: config.use_proxy,
            namespace: target.as_ref().and_then(|target| target.namespace.clone()),
        },
        target,
        agent,
        env: feature.env,
        policy,
        incoming: wire_mode(feature.network.incoming.mode),
        requests,
        spare_probes: !feature.network.incoming.steal_probes,
        host_name: feature.hostname,
        shown_host_name: variables::host_name(here),
        warnings,
    })
}

/// What the layers of a session with this configuration do, as far as the target has no say in it. Pure: the language
/// server and `mirrord explain` ask it about sessions that do not run.
pub fn policy(config: &Config, here: &Here<'_>) -> Policy {
    let network = &config.feature.network;
    let remote_dns = network.dns.enabled;
    Policy {
        files: file_policy(&config.feature.fs, remote_dns, here),
        remote_dns,
        dns_filter: network.dns.filter.as_ref().map(wire_filter),
        outgoing: outgoing_policy(&network.outgoing, here),
        incoming: incoming_policy(&network.incoming, here),
        host_name: None, // known once the agent has told it
        skip_processes: skipped(config),
        // The rest, and the device, are the session's to fill in.
        launch: LaunchPolicy { strict: variables::strict(here), ..LaunchPolicy::default() },
        files_device: 0,
    }
}

fn skipped(config: &Config) -> Vec<String> {
    let mut skipped = config.skip_processes.clone();
    skipped.extend(rules::process::HELPERS.iter().map(|&helper| helper.to_owned()));
    if config.skip_build_tools {
        skipped.extend(rules::process::BUILD_TOOLS.iter().map(|&tool| tool.to_owned()));
        skipped.extend(config.skip_extra_build_tools.iter().cloned());
    }
    skipped
}

fn file_policy(fs: &Fs, remote_dns: bool, here: &Here<'_>) -> FilePolicy {
    let folder = |name: &str| {
        let path = here.environment.get(OsStr::new(name));
        path.map(|path| without_final_slash(path.as_bytes())).unwrap_or_default()
    };
    let temporary = folder("TMPDIR");
    FilePolicy {
        mode: match fs.mode {
            FsMode::Local => FileMode::Local,
            FsMode::LocalWithOverrides => FileMode::LocalWithOverrides,
            FsMode::Read => FileMode::Read,
            FsMode::Write => FileMode::Write,
        },
        not_found: fs.not_found.clone(),
        read_write: fs.read_write.clone(),
        read_only: fs.read_only.clone(),
        local: fs.local.clone(),
        mapping: fs.mapping.0.iter().map(|rewrite| (rewrite.pattern.clone(), rewrite.replacement.clone())).collect(),
        resolver_files_remote: remote_dns,
        home: folder("HOME"),
        temporary: if temporary.is_empty() { b"/tmp".to_vec() } else { temporary },
        working: without_final_slash(here.working_directory.as_os_str().as_bytes()),
        launched: Vec::new(),    // told by the launch
        target_root: Vec::new(), // told by the target
    }
}

fn without_final_slash(path: &[u8]) -> Vec<u8> {
    path.strip_suffix(b"/").unwrap_or(path).to_vec()
}

fn outgoing_policy(outgoing: &Outgoing, here: &Here<'_>) -> OutgoingPolicy {
    OutgoingPolicy {
        tcp: outgoing.tcp,
        filter: outgoing.filter.as_ref().map(wire_filter),
        ignore_localhost: outgoing.ignore_localhost || variables::outgoing_ignores_localhost(here),
        // The session fills them in.
        hold_port: 0,
        relay_port: 0,
    }
}

fn wire_filter(filter: &filter::Filter) -> Filter {
    let entry = |entry: &filter::Destination| Destination {
        host: match &entry.host {
            filter::Host::Any => Host::Any,
            filter::Host::Name(name) => Host::Name(name.clone()),
            filter::Host::Subnet { address, length } => Host::Subnet { address: *address, length: *length },
        },
        port: entry.port,
        tcp: entry.protocol != Some(filter::Protocol::Udp),
    };
    Filter {
        lists_remote: matches!(filter, filter::Filter::Remote(_)),
        entries: filter.entries().iter().map(entry).collect(),
    }
}

fn incoming_policy(incoming: &Incoming, here: &Here<'_>) -> IncomingPolicy {
    IncomingPolicy {
        enabled: wire_mode(incoming.mode).is_some(),
        ignore_localhost: incoming.ignore_localhost,
        ports: incoming.ports.clone(),
        ignore_ports: incoming.ignore_ports.clone(),
        port_mapping: incoming.port_mapping.clone(),
        listen_ports: incoming.listen_ports.clone(),
        debugger_ports: variables::debugger_ports(here).unwrap_or_default(),
    }
}
