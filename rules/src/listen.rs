//! Which of the program's listeners the pod's traffic is brought to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use protocol::policy::IncomingPolicy;

use crate::{Why, address::canonical};

/// What a listener is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Traffic that arrives at this port of the target belongs to it.
    Subscribed {
        /// TCP port of the target.
        remote_port: u16,
    },
    /// The kernel's business alone.
    Private,
}

/// What a listener is for which the program asked `requested`, in plain form ([`crate::address::canonical`]).
pub fn decide(policy: &IncomingPolicy, requested: SocketAddr) -> (Listener, Why) {
    let private = |why| (Listener::Private, why);
    if !policy.enabled {
        return private(Why::Key("feature.network.incoming"));
    }
    let port = requested.port();
    if let Some(index) = policy.listen_ports.iter().position(|(asked, _)| *asked == port && port != 0) {
        let why = Why::Entry("feature.network.incoming.listen_ports", index);
        return (Listener::Subscribed { remote_port: remote_port(policy, port) }, why);
    }
    if port == 0 {
        return private(Why::Fact("the port was left to the kernel"));
    }
    if policy.ignore_localhost && requested.ip().is_loopback() {
        return private(Why::Key("feature.network.incoming.ignore_localhost"));
    }
    // Debuggers try whether a port is free on all addresses before they take it on the loopback one.
    let is_debuggers = requested.ip().is_loopback() || requested.ip().is_unspecified();
    if is_debuggers && policy.debugger_ports.iter().any(|(from, to)| (*from..=*to).contains(&port)) {
        return private(Why::Fact("a debugger's port"));
    }
    if let Some(index) = policy.ignore_ports.iter().position(|ignored| *ignored == port) {
        return private(Why::Entry("feature.network.incoming.ignore_ports", index));
    }
    let remote_port = remote_port(policy, port);
    match &policy.ports {
        Some(ports) if !ports.contains(&remote_port) => private(Why::Unlisted("feature.network.incoming.ports")),
        _ => (Listener::Subscribed { remote_port }, Why::Key("feature.network.incoming")),
    }
}

/// The port to bind, exactly, for a listener that asks for `port`; nothing when it gets whatever is free.
pub fn real_port(policy: &IncomingPolicy, port: u16) -> Option<u16> {
    policy.listen_ports.iter().find(|(asked, _)| *asked == port).map(|(_, real)| *real)
}

/// The target's port that `local` stands for: `port_mapping`, else the same number.
pub fn remote_port(policy: &IncomingPolicy, local: u16) -> u16 {
    policy.port_mapping.iter().find(|(from, _)| *from == local).map_or(local, |(_, to)| *to)
}

/// What is tried when `address` is not to be had, in order; all in the family that it is written in.
pub fn fallbacks(address: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let ip = canonical(address).ip();
    let everywhere = match (address.ip(), ip) {
        (IpAddr::V4(_), _) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        (IpAddr::V6(_), IpAddr::V4(_)) => IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
        (IpAddr::V6(_), IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let elsewhere = !ip.is_loopback() && !ip.is_unspecified();
    let same_address = SocketAddr::new(address.ip(), 0);
    let same_port = SocketAddr::new(everywhere, address.port());
    let neither = SocketAddr::new(everywhere, 0);
    [Some(same_address), elsewhere.then_some(same_port), elsewhere.then_some(neither)].into_iter().flatten()
}

/// What is bound in the place of an address that is not this machine's but the target's, for a socket whose port does not
/// matter to the target: TCP with port 0, and UDP, which also sends from there. Nothing for addresses that every machine
/// has.
pub fn substitute(address: SocketAddr, is_stream: bool) -> Option<SocketAddr> {
    if is_stream {
        return fallbacks(address).nth(1);
    }
    let ip = canonical(address).ip();
    let everywhere: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(SocketAddr::new(everywhere, address.port()))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn listeners_are_sorted() {
        let policy = IncomingPolicy {
            enabled: true,
            ignore_localhost: true,
            ports: Some(vec![80, 443]),
            ignore_ports: vec![443],
            port_mapping: vec![(8080, 80)],
            listen_ports: vec![(9229, 19_229)],
            debugger_ports: vec![(5678, 5680)],
        };
        let lines: Vec<String> =
            ["0.0.0.0:80", "127.0.0.1:80", "0.0.0.0:8080", "0.0.0.0:9000", "[::]:443", "[::]:0", "127.0.0.1:9229"]
                .iter()
                .map(|text| {
                    let (listener, why) = decide(&policy, text.parse().expect("a test's address"));
                    format!("{text} {listener:?}: {why}\n")
                })
                .collect();
        expect![[r#"
            0.0.0.0:80 Subscribed { remote_port: 80 }: `feature.network.incoming` says so
            127.0.0.1:80 Private: `feature.network.incoming.ignore_localhost` says so
            0.0.0.0:8080 Subscribed { remote_port: 80 }: `feature.network.incoming` says so
            0.0.0.0:9000 Private: no entry of feature.network.incoming.ports matches
            [::]:443 Private: matches feature.network.incoming.ignore_ports[0]
            [::]:0 Private: the port was left to the kernel
            127.0.0.1:9229 Subscribed { remote_port: 9229 }: matches feature.network.incoming.listen_ports[0]
        "#]]
        .assert_eq(&lines.concat());
        let policy = IncomingPolicy { ignore_localhost: false, ports: None, ..policy };
        let at = |text: &str| decide(&policy, text.parse().expect("an address")).0;
        assert_eq!(at("127.0.0.1:5679"), Listener::Private);
        assert_eq!(at("[::]:5679"), Listener::Private);
        assert_ne!(at("10.0.0.9:5679"), Listener::Private);
        assert_eq!((real_port(&policy, 9229), real_port(&policy, 80)), (Some(19_229), None));
    }

    #[test]
    fn fallbacks_come_in_order() {
        let shown = |text: &str| {
            let all: Vec<String> =
                fallbacks(text.parse().expect("an address")).map(|address| address.to_string()).collect();
            all.join(" ")
        };
        assert_eq!(shown("0.0.0.0:80"), "0.0.0.0:0");
        assert_eq!(shown("127.0.0.1:80"), "127.0.0.1:0");
        assert_eq!(shown("10.0.0.9:80"), "10.0.0.9:0 127.0.0.1:80 127.0.0.1:0");
        assert_eq!(shown("[fd00::9]:80"), "[fd00::9]:0 [::]:80 [::]:0");
        assert_eq!(shown("[::]:80"), "[::]:0");
        assert_eq!(shown("[::ffff:10.0.0.9]:80"), "[::ffff:10.0.0.9]:0 [::ffff:127.0.0.1]:80 [::ffff:127.0.0.1]:0");
    }

    #[test]
    fn the_targets_addresses_have_substitutes() {
        let shown = |text: &str| {
            let of = |is_stream| substitute(text.parse().expect("an address"), is_stream).map(|it| it.to_string());
            format!("{:?} {:?}", of(true), of(false))
        };
        assert_eq!(shown("10.0.0.9:0"), r#"Some("127.0.0.1:0") Some("0.0.0.0:0")"#);
        assert_eq!(shown("[fd00::9]:0"), r#"Some("[::]:0") Some("[::]:0")"#);
        let udp = substitute("10.0.0.9:53".parse().expect("an address"), false);
        assert_eq!(udp, Some("0.0.0.0:53".parse().expect("an address")));
        for everywhere in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "[::ffff:127.0.0.1]:0"] {
            assert_eq!(shown(everywhere), "None None", "{everywhere}");
        }
    }
}
