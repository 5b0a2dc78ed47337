//! Where a TCP connection that the program opens leaves from.

use std::net::{IpAddr, SocketAddr};

use protocol::policy::OutgoingPolicy;

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

/// The way to `destination`, an address in its plain form (see [`canonical`]).
pub fn decide(policy: &OutgoingPolicy, destination: SocketAddr) -> (Route, Why) {
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
    (Route::Remote, Why::Key("feature.network.outgoing"))
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
                let (route, why) = decide(policy, address);
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
