//! Presets: what is filled in after merging, where the user left it open.
//!
//! What they fill in does not count as written: a version that cannot do it starts without it. Two presets need what
//! only a session knows, the pod's mounts (`feature.magic.auto_mount`) and the program ([`turbo`]).

use std::collections::{BTreeMap, HashSet};

use crate::feature::filter::{Destination, Host};
use crate::feature::mapping::Rewrite;
use crate::{Config, Dns, Env, Filter, Loaded};

/// Whether loopback destinations of Next.js and Turbopack mean this machine: their workers talk to one another there.
pub fn turbo(loaded: &Loaded) -> bool {
    let is_on = loaded.config.as_ref().is_some_and(|config| config.feature.magic.turbo);
    is_on && !loaded.is_written("/feature/network/outgoing/ignore_localhost")
}

/// Fills in. `env` is the environment that the program would inherit.
pub(crate) fn apply(config: &mut Config, env: &BTreeMap<String, String>) {
    let feature = &mut config.feature;
    if feature.magic.aws {
        unset_profile(&mut feature.env);
        feature.fs.mapping.0.extend(hidden_credentials(env));
    }
    names(feature.network.outgoing.filter.as_ref(), &mut feature.network.dns);
}

const AWS_PROFILE: &str = "AWS_PROFILE";

/// The local profile means nothing to the target's account, unless the user gives the name a meaning.
fn unset_profile(env: &mut Env) {
    let is_decided = env.r#override.contains_key(AWS_PROFILE)
        || env.include.iter().flatten().chain(&env.unset).any(|name| name.eq_ignore_ascii_case(AWS_PROFILE));
    if !is_decided {
        env.unset.push(AWS_PROFILE.to_owned());
    }
}

/// Leads `~/.aws` to where nothing is. It comes after the user's own rewrites, of which the first one counts.
fn hidden_credentials(env: &BTreeMap<String, String>) -> Option<Rewrite> {
    let folder = |name| env.get(name).map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
    let (home, temporary) = (folder("HOME")?, folder("TMPDIR").unwrap_or("/tmp"));
    let pattern = format!(r"^{}/\.aws(/.*)?", fancy_regex::escape(home));
    Some(Rewrite { pattern, replacement: format!("{}/.aws$1", temporary.replace('$', "$$")) })
}

/// Copies the names of the outgoing filter into the dns filter, where it has the same side or does not exist: what is
/// reached through the target is resolved there too.
fn names(outgoing: Option<&Filter>, dns: &mut Dns) {
    let Some(outgoing) = outgoing.filter(|_| dns.enabled) else { return };
    let is_same_side = |dns: &Filter| {
        matches!((outgoing, dns), (Filter::Remote(_), Filter::Remote(_)) | (Filter::Local(_), Filter::Local(_)))
    };
    // What one side does not list is on the other one.
    if dns.filter.as_ref().is_some_and(|dns| !is_same_side(dns)) {
        return;
    }
    let mut entries = dns.filter.as_ref().map(|filter| filter.entries().to_vec()).unwrap_or_default();
    let is_whole = |entry: &&Destination| entry.protocol.is_none() && entry.port.is_none();
    let known = entries.iter().filter(is_whole).filter_map(|entry| name(&entry.host));
    let mut known: HashSet<_> = known.map(str::to_owned).collect();
    for host in outgoing.entries().iter().map(|entry| &entry.host) {
        if name(host).is_some_and(|name| known.insert(name.to_owned())) {
            entries.push(Destination { protocol: None, host: host.clone(), port: None });
        }
    }
    if !known.is_empty() {
        dns.filter = Some(match outgoing {
            Filter::Remote(_) => Filter::Remote(entries),
            Filter::Local(_) => Filter::Local(entries),
        });
    }
}

fn name(host: &Host) -> Option<&str> {
    match host {
        Host::Name(name) => Some(name),
        Host::Any | Host::Subnet { .. } => None,
    }
}
