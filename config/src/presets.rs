//! Presets: what is filled in after merging, where the user left it open.
//!
//! What they fill in does not count as written: a version that cannot do it starts without it.

use std::collections::BTreeMap;

use crate::feature::filter::{Destination, Host};
use crate::{Config, Dns, Filter, Outgoing, WrittenKey};

/// Fills in. `env` is the environment that the program would inherit.
pub(crate) fn apply(config: &mut Config, _written: &[WrittenKey], _env: &BTreeMap<String, String>) {
    let Outgoing { filter: outgoing, tcp: _, udp: _, ignore_localhost: _, unix_streams: _ } =
        &config.feature.network.outgoing;
    names(outgoing.as_ref(), &mut config.feature.network.dns);
}

/// Copies the names of the outgoing filter into the dns filter, where it has the same side or does not exist: what is
/// reached through the target is resolved there too.
fn names(outgoing: Option<&Filter>, dns: &mut Dns) {
    let Some(outgoing) = outgoing.filter(|_| dns.enabled) else { return };
    let mut names: Vec<Destination> = Vec::new();
    for Destination { protocol: _, host, port: _ } in outgoing.entries() {
        let name = Destination { protocol: None, host: host.clone(), port: None };
        if matches!(host, Host::Name(_)) && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return;
    }
    match (outgoing, &mut dns.filter) {
        (Filter::Remote(_), Some(Filter::Remote(entries))) | (Filter::Local(_), Some(Filter::Local(entries))) => {
            names.retain(|name| !entries.contains(name));
            entries.append(&mut names);
        }
        (Filter::Remote(_), none @ None) => *none = Some(Filter::Remote(names)),
        (Filter::Local(_), none @ None) => *none = Some(Filter::Local(names)),
        // What one side does not list is on the other one.
        (Filter::Remote(_), Some(Filter::Local(_))) | (Filter::Local(_), Some(Filter::Remote(_))) => {}
    }
}
