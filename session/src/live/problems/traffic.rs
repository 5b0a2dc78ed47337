//! Whether the ports of a configuration are those of the target, and whose probes they are.

use std::collections::BTreeSet;

use config::{Code, Config, Incoming, IncomingMode, Problem};

use super::place::Places;
use crate::live::view::{Detail, Port, View};

const INCOMING: &str = "/feature/network/incoming";

pub(super) fn check(config: &Config, places: &Places<'_>, view: &View, problems: &mut Vec<Problem>) {
    let Some(detail) = &view.target else { return };
    let incoming = &config.feature.network.incoming;
    if incoming.mode == IncomingMode::Off {
        return;
    }
    problems.extend(undeclared(incoming, places, detail));
    if incoming.mode == IncomingMode::Steal {
        problems.extend(probes(incoming, places, detail));
    }
}

/// Ports of the target that the configuration names and no container declares. Containers of a pod share their ports.
fn undeclared(incoming: &Incoming, places: &Places<'_>, detail: &Detail) -> Vec<Problem> {
    let declared = detail.containers.iter().flat_map(|container| &container.ports);
    let declared: Vec<&Port> = declared.filter(|port| port.protocol == "TCP").collect();
    if declared.is_empty() {
        return Vec::new(); // declaring is optional: nothing follows from nothing
    }
    let named = named(incoming);
    let told: Vec<String> = declared.iter().map(|port| describe(port)).collect();
    let unused: BTreeSet<u16> = declared.iter().map(|port| port.number).collect();
    let unused: Vec<u16> = unused.into_iter().filter(|number| named.iter().all(|(.., port)| port != number)).collect();
    let wrong = named.iter().filter(|(.., port)| declared.iter().all(|declared| declared.number != *port));
    wrong
        .filter_map(|(list, parts, port)| {
            let message = format!("{} declares no port {port}", detail.path);
            let problem = places.item(Code::PortUndeclared, &format!("{INCOMING}/{list}"), parts, message)?;
            let problem = problem.help(format!("it declares {}", told.join(", ")));
            Some(match unused[..] {
                [only] => places.replace_number(problem, only),
                _ => problem,
            })
        })
        .collect()
}

/// Ports of the target that are named, with where: the list, and the way to the item.
fn named(incoming: &Incoming) -> Vec<(&'static str, Vec<usize>, u16)> {
    let ports = incoming.ports.iter().flatten().enumerate().map(|(at, port)| ("ports", vec![at], *port));
    let mapped = incoming.port_mapping.iter().enumerate();
    let mapped = mapped.map(|(at, (_, remote))| ("port_mapping", vec![at, 1], *remote));
    let filtered = incoming.http_filter.iter().flat_map(|filter| filter.ports.iter().flatten().enumerate());
    let filtered = filtered.map(|(at, port)| ("http_filter/ports", vec![at], *port));
    ports.chain(mapped).chain(filtered).collect()
}

/// `8080 (http)`.
fn describe(port: &Port) -> String {
    match &port.name {
        Some(name) => format!("{} ({name})", port.number),
        None => port.number.to_string(),
    }
}

/// Probes that the program would have to answer.
fn probes(incoming: &Incoming, places: &Places<'_>, detail: &Detail) -> Option<Problem> {
    if !incoming.steal_probes {
        return None;
    }
    let asked = detail.containers.iter().flat_map(|container| &container.probe_ports);
    let stolen: BTreeSet<u16> = asked.filter(|port| is_taken_whole(incoming, **port)).copied().collect();
    if stolen.is_empty() {
        return None;
    }
    let list = stolen.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("the program would have to answer the kubelet's probes on port {list}");
    let problem = places.problem(Code::StealsProbes, &format!("{INCOMING}/steal_probes"), message)?;
    Some(problem.help("while it does not, the pod is taken out of service or restarted"))
}

/// Whether all of what arrives at `port` may go to the program, whoever it comes from.
fn is_taken_whole(incoming: &Incoming, port: u16) -> bool {
    let listed = incoming.ports.as_ref().is_none_or(|ports| ports.contains(&port));
    let filtered = incoming.http_filter.as_ref().is_some_and(|filter| {
        filter.demand() != config::feature::incoming::Demand::Nothing
            && filter.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    });
    listed && !filtered
}
