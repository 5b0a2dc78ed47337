//! Rules of the delivery of TLS.

use std::net::IpAddr;

use super::Context;
use crate::feature::incoming::{Incoming, TlsDelivery};
use crate::problem::{Code, Problem};

const INCOMING: &str = "/feature/network/incoming";

pub(super) fn check(incoming: &Incoming, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Incoming { tls_delivery, https_delivery, .. } = incoming;
    if tls_delivery.is_some() && https_delivery.is_some() {
        let message = "`https_delivery` is the old name of `tls_delivery`, and both are here";
        let problem = context.deletable(Code::TlsBoth, &format!("{INCOMING}/https_delivery"), message);
        problems.push(problem.help("delete it"));
    }
    for (key, delivery) in [("tls_delivery", tls_delivery), ("https_delivery", https_delivery)] {
        if let Some(delivery) = delivery {
            self::delivery(delivery, &format!("{INCOMING}/{key}"), context, problems);
        }
    }
}

fn delivery(delivery: &TlsDelivery, pointer: &str, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let TlsDelivery { protocol: _, trust_roots, server_cert, server_name } = delivery;
    let roots = format!("{pointer}/trust_roots");
    match (trust_roots.as_deref(), server_cert) {
        (Some([]), _) => {
            let problem = context.deletable(Code::TlsRoots, &roots, "nobody is trusted");
            problems.push(problem.help("name a PEM file, or delete it to trust anyone"));
        }
        (Some(_), Some(_)) => {
            let message = "`trust_roots` and `server_cert` cannot be combined";
            problems.push(context.deletable(Code::TlsRoots, &roots, message).help("keep one"));
        }
        _ => {}
    }
    if let Some(name) = server_name.as_deref().filter(|name| !is_server_name(name)) {
        let message = format!("`{name}` is neither a DNS name nor an address");
        problems.push(context.problem(Code::TlsName, &format!("{pointer}/server_name"), message));
    }
}

/// A DNS name (RFC 1035, with underscores) or an IP address.
fn is_server_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.parse::<IpAddr>().is_ok()
        || (name.len() <= 253 && name.strip_suffix('.').unwrap_or(name).split('.').all(is_label))
}
