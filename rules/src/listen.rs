//! Which of the program's listeners the pod's traffic is brought to.

use std::net::SocketAddr;

use protocol::policy::IncomingPolicy;

use crate::Why;

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
    if port == 0 {
        return private(Why::Fact("the port was left to the kernel"));
    }
    if policy.ignore_localhost && requested.ip().is_loopback() {
        return private(Why::Key("feature.network.incoming.ignore_localhost"));
    }
    if policy.ignore_ports.contains(&port) {
        return private(Why::Key("feature.network.incoming.ignore_ports"));
    }
    let remote_port = remote_port(policy, port);
    match &policy.ports {
        Some(ports) if !ports.contains(&remote_port) => private(Why::Key("feature.network.incoming.ports")),
        _ => (Listener::Subscribed { remote_port }, Why::Key("feature.network.incoming")),
    }
}

/// The target's port that `local` stands for: `port_mapping`, else the same number.
pub fn remote_port(policy: &IncomingPolicy, local: u16) -> u16 {
    policy.port_mapping.iter().find(|(from, _)| *from == local).map_or(local, |(_, to)| *to)
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
        };
        let lines: Vec<String> = ["0.0.0.0:80", "127.0.0.1:80", "0.0.0.0:8080", "0.0.0.0:9000", "[::]:443", "[::]:0"]
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
            0.0.0.0:9000 Private: `feature.network.incoming.ports` says so
            [::]:443 Private: `feature.network.incoming.ignore_ports` says so
            [::]:0 Private: the port was left to the kernel
        "#]]
        .assert_eq(&lines.concat());
    }
}
