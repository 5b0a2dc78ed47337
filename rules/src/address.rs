//! Where a TCP connection that the program opens leaves from.

use std::net::{IpAddr, SocketAddr};

use protocol::policy::{Destination, Filter, Host, OutgoingPolicy};

use crate::Why;

/// Way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From this machine, to the address that was asked for.
    Local,
    /// From the target's network namespace.
    Remote,
    /// A loopback address: only the session knows whether one of its programs listens there.
    AskSession,
}

/// The way to `destination`, an address in its plain form (see [`canonical`]). `stands_for` says whether a name of the
/// filter stands for an address; it is asked only while no other entry has decided.
pub fn decide(
    policy: &OutgoingPolicy,
    destination: SocketAddr,
    stands_for: &dyn Fn(&str, IpAddr) -> bool,
) -> (Route, Why) {
    if !policy.tcp {
        return (Route::Local, Why::Key("feature.network.outgoing.tcp"));
    }
    if destination.port() == 0 {
        return (Route::Local, Why::Fact("port 0 is left to the kernel"));
    }
    // connect(2) to the unspecified address means loopback on Linux.
    if destination.ip().is_loopback() || destination.ip().is_unspecified() {
        return if policy.ignore_localhost {
            (Route::Local, Why::Key("feature.network.outgoing.ignore_localhost"))
        } else {
            (Route::AskSession, Why::Fact("a loopback address"))
        };
    }
    let Some(filter) = &policy.filter else {
        return (Route::Remote, Why::Key("feature.network.outgoing"));
    };
    let (listed, why) = listed(filter, destination, stands_for);
    (if listed == filter.lists_remote { Route::Remote } else { Route::Local }, why)
}

fn listed(filter: &Filter, destination: SocketAddr, stands_for: &dyn Fn(&str, IpAddr) -> bool) -> (bool, Why) {
    let key = if filter.lists_remote {
        "feature.network.outgoing.filter.remote"
    } else {
        "feature.network.outgoing.filter.local"
    };
    let fits = |entry: &Destination, named: bool| {
        let Destination { host, port, tcp } = entry;
        *tcp && port.is_none_or(|port| port == destination.port())
            && match host {
                Host::Any => !named,
                Host::Subnet { address, length } => !named && in_subnet(destination.ip(), *address, *length),
                Host::Name(name) => named && stands_for(name, destination.ip()),
            }
    };
    let position = |named| filter.entries.iter().position(|entry| fits(entry, named));
    // Names last: somebody may have to be asked for their addresses.
    match position(false).or_else(|| position(true)) {
        Some(index) => (true, Why::Entry(key, index)),
        None => (false, Why::Unlisted(key)),
    }
}

/// Whether the first `length` bits of both addresses are the same.
fn in_subnet(address: IpAddr, subnet: IpAddr, length: u8) -> bool {
    let plain = |ip: IpAddr| canonical(SocketAddr::new(ip, 0)).ip();
    let shift = |bits: u32| bits.saturating_sub(u32::from(length));
    match (plain(address), plain(subnet)) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0,
        _ => false,
    }
}

/// `address` with an IPv4 address written into IPv6 (`::ffff:a.b.c.d`) made plain again.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(policy: &OutgoingPolicy, destinations: &[&str], expected: &Expect) {
        let lines: Vec<String> = destinations
            .iter()
            .map(|text| {
                let address = canonical(text.parse().expect("a test's address"));
                let (route, why) =
                    decide(policy, address, &|name, ip| name == "db" && ip == IpAddr::from([10, 1, 2, 3]));
                format!("{text} {route:?}: {why}\n")
            })
            .collect();
        expected.assert_eq(&lines.concat());
    }

    const DESTINATIONS: &[&str] = &[
        "10.1.2.3:80",
        "10.1.2.3:0",
        "127.0.0.1:80",
        "0.0.0.0:80",
        "[::1]:80",
        "[::]:80",
        "[::ffff:127.0.0.1]:80",
        "[::ffff:10.0.0.1]:80",
        "[fd00::1]:80",
    ];

    #[test]
    fn remote_unless_loopback() {
        let policy = OutgoingPolicy { tcp: true, ..OutgoingPolicy::default() };
        check(
            &policy,
            DESTINATIONS,
            &expect![[r#"
                10.1.2.3:80 Remote: `feature.network.outgoing` says so
                10.1.2.3:0 Local: port 0 is left to the kernel
                127.0.0.1:80 AskSession: a loopback address
                0.0.0.0:80 AskSession: a loopback address
                [::1]:80 AskSession: a loopback address
                [::]:80 AskSession: a loopback address
                [::ffff:127.0.0.1]:80 AskSession: a loopback address
                [::ffff:10.0.0.1]:80 Remote: `feature.network.outgoing` says so
                [fd00::1]:80 Remote: `feature.network.outgoing` says so
            "#]],
        );
    }

    fn entry(host: Host, port: Option<u16>) -> Destination {
        Destination { host, port, tcp: true }
    }

    #[test]
    fn a_filter_splits_by_address_port_and_name() {
        let subnet = |text: &str, length| Host::Subnet { address: text.parse().expect("an address"), length };
        let entries = vec![
            entry(subnet("10.0.0.0", 24), Some(80)),
            entry(Host::Name("db".into()), None),
            entry(subnet("fd00::", 8), None),
            Destination { tcp: false, ..entry(Host::Any, None) },
        ];
        let destinations =
            ["10.0.0.9:80", "10.0.0.9:81", "10.0.1.9:80", "10.1.2.3:5", "[fd00::1]:1", "[fe80::1]:1", "127.0.0.1:80"];
        let filter = |lists_remote| OutgoingPolicy {
            tcp: true,
            filter: Some(Filter { lists_remote, entries: entries.clone() }),
            ..OutgoingPolicy::default()
        };
        check(
            &filter(true),
            &destinations,
            &expect![[r#"
            10.0.0.9:80 Remote: matches feature.network.outgoing.filter.remote[0]
            10.0.0.9:81 Local: no entry of feature.network.outgoing.filter.remote matches
            10.0.1.9:80 Local: no entry of feature.network.outgoing.filter.remote matches
            10.1.2.3:5 Remote: matches feature.network.outgoing.filter.remote[1]
            [fd00::1]:1 Remote: matches feature.network.outgoing.filter.remote[2]
            [fe80::1]:1 Local: no entry of feature.network.outgoing.filter.remote matches
            127.0.0.1:80 AskSession: a loopback address
        "#]],
        );
        check(
            &filter(false),
            &destinations[..2],
            &expect![[r#"
            10.0.0.9:80 Local: matches feature.network.outgoing.filter.local[0]
            10.0.0.9:81 Remote: no entry of feature.network.outgoing.filter.local matches
        "#]],
        );
    }

    #[test]
    fn loopback_stays_when_the_user_says_so() {
        let policy = OutgoingPolicy { tcp: true, ignore_localhost: true, ..OutgoingPolicy::default() };
        check(
            &policy,
            &["127.0.0.1:80", "[::1]:80", "10.0.0.1:80"],
            &expect![[r#"
                127.0.0.1:80 Local: `feature.network.outgoing.ignore_localhost` says so
                [::1]:80 Local: `feature.network.outgoing.ignore_localhost` says so
                10.0.0.1:80 Remote: `feature.network.outgoing` says so
            "#]],
        );
    }
}
