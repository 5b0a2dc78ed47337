//! Rules of incoming traffic: ports and HTTP filters.

use super::Context;
use crate::feature::incoming::{Condition, HttpFilter, Incoming};
use crate::problem::{Code, Problem};

const INCOMING: &str = "/feature/network/incoming";

pub(super) fn check(incoming: &Incoming, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Incoming { ports, ignore_ports, port_mapping, listen_ports, http_filter, .. } = incoming;
    if ports.is_some() && !ignore_ports.is_empty() {
        let message = "`ports` and `ignore_ports` cannot be combined";
        problems.push(context.problem(Code::PortsBoth, &format!("{INCOMING}/ignore_ports"), message).help("keep one"));
    }
    for (key, pairs) in [("port_mapping", port_mapping), ("listen_ports", listen_ports)] {
        twice(key, pairs, context, problems);
    }
    for (index, (local, remote)) in port_mapping.iter().enumerate() {
        if local == remote {
            let message = format!("port {local} is mapped to itself, which is so anyway");
            problems.push(
                context
                    .problem(Code::PortIdentity, &format!("{INCOMING}/port_mapping/{index}"), message)
                    .help("delete it"),
            );
        }
    }
    if let Some(filter) = http_filter {
        http(filter, context, problems);
    }
}

fn twice(key: &str, pairs: &[(u16, u16)], context: &Context<'_>, problems: &mut Vec<Problem>) {
    for (index, (left, right)) in pairs.iter().enumerate() {
        let earlier = &pairs[..index];
        let port = if earlier.iter().any(|pair| pair.0 == *left) {
            left
        } else if earlier.iter().any(|pair| pair.1 == *right) {
            right
        } else {
            continue;
        };
        let message = format!("port {port} stands in `{key}` twice");
        problems.push(
            context
                .problem(Code::PortTwice, &format!("{INCOMING}/{key}/{index}"), message)
                .help("each port has one partner"),
        );
    }
}

fn http(filter: &HttpFilter, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let HttpFilter {
        header_filter,
        header_filter_jq,
        path_filter,
        method_filter,
        body_filter,
        all_of,
        any_of,
        ports: _,
    } = filter;
    let texts = [
        ("header_filter", header_filter),
        ("header_filter_jq", header_filter_jq),
        ("path_filter", path_filter),
        ("method_filter", method_filter),
    ];
    let pointer = |key: &str| format!("{INCOMING}/http_filter/{key}");

    let mut used: Vec<&str> = texts.iter().filter(|(_, text)| text.is_some()).map(|(key, _)| *key).collect();
    used.extend(body_filter.is_some().then_some("body_filter"));
    used.extend(all_of.is_some().then_some("all_of"));
    used.extend(any_of.is_some().then_some("any_of"));
    if let [_, second, ..] = used.as_slice() {
        let message = format!("{} filters at once: {}", used.len(), used.join(", "));
        problems.push(
            context
                .problem(Code::FilterSeveral, &pointer(second), message)
                .help("put the conditions into one `all_of`"),
        );
    }

    for (key, _) in texts.iter().filter(|(_, text)| text.as_deref() == Some("")) {
        problems.push(context.problem(Code::FilterEmpty, &pointer(key), "an empty filter").help("delete it"));
    }
    for (key, conditions) in [("all_of", all_of), ("any_of", any_of)] {
        let Some(conditions) = conditions else { continue };
        if conditions.is_empty() {
            problems.push(
                context.problem(Code::FilterEmpty, &pointer(key), "no condition").help("add one, or delete the key"),
            );
        }
        for (index, _) in conditions.iter().enumerate().filter(|(_, condition)| is_empty(condition)) {
            let pointer = format!("{}/{index}", pointer(key));
            problems.push(context.problem(Code::FilterEmpty, &pointer, "an empty condition").help("delete it"));
        }
    }
}

fn is_empty(condition: &Condition) -> bool {
    match condition {
        Condition::Header(text) | Condition::HeaderJq(text) | Condition::Path(text) | Condition::Method(text) => {
            text.is_empty()
        }
        Condition::Body { query, matches: _ } => query.is_empty(),
    }
}
