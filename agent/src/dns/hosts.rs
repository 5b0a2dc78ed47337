//! `/etc/hosts`: names that need no name server. hosts(5).

use std::net::IpAddr;

use protocol::dns::Family;

/// The lines of a hosts file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hosts {
    /// Address and its names; the first name is the canonical one.
    lines: Vec<(IpAddr, Vec<String>)>,
}

impl Hosts {
    /// Reads the file's text; lines that are not understood are left out, as libc does.
    pub(super) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let address = words.next()?.parse().ok()?;
            let names: Vec<String> = words.map(str::to_owned).collect();
            (!names.is_empty()).then_some((address, names))
        });
        Self { lines: lines.collect() }
    }

    /// Addresses of `name` (without a final dot), IPv4 first, and the canonical name.
    pub(super) fn find(&self, name: &str, family: Family) -> Option<(Vec<IpAddr>, String)> {
        let is_wanted = |address: &IpAddr| match family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        let matches = || {
            self.lines.iter().filter(|(address, names)| {
                is_wanted(address) && names.iter().any(|known| known.eq_ignore_ascii_case(name))
            })
        };
        let (_, names) = matches().next()?;
        let mut addresses: Vec<IpAddr> = matches().map(|(address, _)| *address).collect();
        addresses.sort_by_key(IpAddr::is_ipv6); // stable: keeps the file's order within a family
        addresses.dedup();
        Some((addresses, names[0].clone()))
    }

    /// Names of `address`, the canonical one first: those of the first line that has it, as for libc.
    pub(super) fn names_of(&self, address: IpAddr) -> Option<Vec<String>> {
        self.lines.iter().find(|(known, _)| *known == address).map(|(_, names)| names.clone())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const FILE: &[u8] = b"\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
10.1.0.10  web-0.web.demo.svc.cluster.local  web-0   # the pod
10.1.0.11  both
fe00::1    both
10.1.0.12  both
not-an-address  web-0
10.1.0.13
\xff\xfe broken
";

    fn check(name: &str, family: Family, expected: &Expect) {
        let found = Hosts::parse(FILE).find(name, family);
        let text = found.map_or_else(
            || "nothing".to_owned(),
            |(addresses, canonical)| {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                format!("{canonical}: {}", addresses.join(" "))
            },
        );
        expected.assert_eq(&text);
    }

    #[test]
    fn names_are_found_as_libc_finds_them() {
        check("localhost", Family::Any, &expect!["localhost: 127.0.0.1 ::1"]);
        check("localhost", Family::V6, &expect!["localhost: ::1"]);
        check("WEB-0", Family::Any, &expect!["web-0.web.demo.svc.cluster.local: 10.1.0.10"]);
        check("web-0", Family::V6, &expect!["nothing"]);
        check("both", Family::Any, &expect!["both: 10.1.0.11 10.1.0.12 fe00::1"]);
        check("pod", Family::Any, &expect!["nothing"]);
        check("", Family::Any, &expect!["nothing"]);
    }

    #[test]
    fn addresses_have_the_names_of_their_first_line() {
        let names = |text: &str| Hosts::parse(FILE).names_of(text.parse().expect("an address"));
        assert_eq!(names("10.1.0.10").expect("is there"), ["web-0.web.demo.svc.cluster.local", "web-0"]);
        assert_eq!(names("::1").expect("is there"), ["localhost", "ip6-localhost", "ip6-loopback"]);
        assert_eq!([names("10.1.0.13"), names("10.1.0.99")], [None, None]);
    }
}
