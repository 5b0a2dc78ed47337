//! Rulings about names, connections and ports.

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
};

use config::IncomingMode;
use rules::{
    address::{self, Route},
    listen::{self, Listener},
    name::{self, Resolver},
};

use super::{Act, Case, Outcome, Ruling};

/// A port for questions that name none: any but 0 does.
const SOME_PORT: u16 = 1;

/// An address for names, which are not resolved here: any that is not this machine's.
const SOME_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)); // RFC 5737

impl Case<'_> {
    pub(super) fn host(&self, host: &str) -> Vec<Ruling> {
        let (host, port) = split(host);
        let address = host.parse::<IpAddr>().ok();
        let mut rulings = Vec::new();
        let is_address = address.is_some();
        if !is_address {
            let (resolver, why) =
                name::decide(self.policy.remote_dns, self.policy.dns_filter.as_ref(), host.as_bytes());
            let outcome = match resolver {
                Resolver::Local => Outcome::Local,
                Resolver::Remote => Outcome::Remote,
                Resolver::NoName => Outcome::NotFound,
            };
            rulings.push(self.ruling(Act::Resolve, outcome, why));
        }
        let local_name = host.eq_ignore_ascii_case("localhost");
        let address = address.unwrap_or(if local_name { IpAddr::from([127, 0, 0, 1]) } else { SOME_ADDRESS });
        let destination = address::canonical(SocketAddr::new(address, port.unwrap_or(SOME_PORT)));
        // An address may be behind any name of the filter; of a name only its own entry is certain.
        let unsure = Cell::new(false);
        let stands_for = |name: &str, _| {
            unsure.set(unsure.get() || is_address);
            !is_address && name.eq_ignore_ascii_case(host)
        };
        let (route, why) = address::decide(&self.policy.outgoing, destination, &stands_for);
        if unsure.get() {
            let text = format!("{why}, unless the address belongs to a name that is listed there");
            let filter = Some("/feature/network/outgoing/filter".to_owned());
            return vec![self.because(Act::Connect, Outcome::Depends, text, filter)];
        }
        rulings.push(match route {
            Route::Local => self.ruling(Act::Connect, Outcome::Local, why),
            Route::Remote => self.ruling(Act::Connect, Outcome::Remote, why),
            Route::AskSession => self.because(
                Act::Connect,
                Outcome::Depends,
                "a loopback address: the program's own listener if it has one there, else the pod's loopback",
                None,
            ),
        });
        rulings.push(self.because(Act::Send, Outcome::Local, "UDP leaves from this machine in this version", None));
        rulings
    }

    pub(super) fn port(&self, port: u16) -> Vec<Ruling> {
        let incoming = &self.config.feature.network.incoming;
        let (listener, why) = listen::decide(&self.policy.incoming, SocketAddr::new([0, 0, 0, 0].into(), port));
        let mut rulings = Vec::new();
        match listener {
            Listener::Private => rulings.push(self.ruling(Act::Listen, Outcome::Local, why)),
            Listener::Subscribed { remote_port } => {
                let (outcome, verb) = match incoming.mode {
                    IncomingMode::Steal => (Outcome::Stolen, "taken over from"),
                    IncomingMode::Mirror | IncomingMode::Off => (Outcome::Mirrored, "copied from"),
                };
                let mapped = incoming.port_mapping.iter().position(|(local, _)| *local == port);
                let (text, pointer) = match mapped {
                    Some(index) => (
                        format!(
                            "traffic is {verb} the target's port {remote_port}, by entry {} of feature.network.incoming.port_mapping",
                            index + 1
                        ),
                        format!("/feature/network/incoming/port_mapping/{index}"),
                    ),
                    None => (
                        format!(
                            "traffic is {verb} the target's port of the same number; feature.network.incoming.mode decides"
                        ),
                        "/feature/network/incoming/mode".to_owned(),
                    ),
                };
                rulings.push(self.because(Act::Listen, outcome, text, Some(pointer)));
            }
        }
        if !incoming.ignore_localhost && matches!(listener, Listener::Subscribed { .. }) {
            return rulings;
        }
        let (loopback, why) = listen::decide(&self.policy.incoming, SocketAddr::new([127, 0, 0, 1].into(), port));
        if loopback != listener {
            let mut ruling = self.ruling(Act::Listen, Outcome::Local, why);
            ruling.because = format!("bound to loopback: {}", ruling.because);
            rulings.push(ruling);
        }
        rulings
    }
}

/// `HOST[:PORT]`, where an IPv6 address with a port stands in brackets.
fn split(text: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (text, None),
    }
}
