//! Rules between outgoing connections and name resolution.

use std::collections::HashSet;

use super::Context;
use crate::feature::filter::{Destination, Filter, Host};
use crate::feature::{Dns, Network, Outgoing};
use crate::problem::{Code, Problem};

const DNS_FILTER: &str = "/feature/network/dns/filter";
const OUTGOING_FILTER: &str = "/feature/network/outgoing/filter";

pub(super) fn check(network: &Network, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Network { incoming: _, outgoing, dns, ipv6: _ } = network;
    let Outgoing { filter: outgoing, tcp: _, udp: _, ignore_localhost: _, unix_streams: _ } = outgoing;
    let Dns { enabled, filter: dns } = dns;

    if !enabled
        && let Some(Filter::Remote(entries)) = outgoing
        && entries.iter().any(|entry| name(entry).is_some())
    {
        let message = "names of the cluster are listed, but dns is off: they will be resolved on this machine";
        problems.push(
            context.problem(Code::OutgoingRemoteNoDns, OUTGOING_FILTER, message).help("turn dns on, or list addresses"),
        );
    }
    if let Some(filter) = dns
        && context.is_known("/feature/network/dns")
        && (!enabled || filter.entries().is_empty())
    {
        let message = if *enabled { "the filter has no entry" } else { "the filter does nothing while dns is off" };
        problems.push(context.deletable(Code::DnsFilterUnused, DNS_FILTER, message));
    }
    if let (Some(outgoing), Some(dns)) = (outgoing, dns) {
        let ((Filter::Remote(here), Filter::Local(there)) | (Filter::Local(here), Filter::Remote(there))) =
            (outgoing, dns)
        else {
            return;
        };
        let here: HashSet<_> = here.iter().filter_map(name).collect();
        let (key, mut there) =
            (if matches!(dns, Filter::Remote(_)) { "remote" } else { "local" }, there.iter().enumerate());
        // The first one stands for all.
        if let Some((index, name)) =
            there.find_map(|(index, entry)| Some((index, name(entry)?)).filter(|(_, name)| here.contains(name)))
        {
            let message =
                format!("`{name}` is on one side of the outgoing filter and on the other side of the dns filter");
            let problem = context.problem(Code::NetFilterSides, &format!("{DNS_FILTER}/{key}/{index}"), message);
            problems.push(problem.help("list it on the same side of both"));
        }
    }
}

fn name(entry: &Destination) -> Option<&str> {
    match &entry.host {
        Host::Name(name) => Some(name),
        Host::Any | Host::Subnet { .. } => None,
    }
}
