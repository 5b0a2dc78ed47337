//! Where a host name is resolved.

use std::net::IpAddr;

use protocol::policy::{Filter, Host};

use crate::Why;

/// Longest name that is worth a question: RFC 1035 allows 253 bytes of text; a search list may shorten what is sent.
pub const NAME_LIMIT: usize = 253;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// This machine's libc.
    Local,
    /// The target.
    Remote,
    /// Nobody can: not a name.
    NoName,
}

/// Who resolves `name`, given the policy's `remote_dns` and `dns_filter`. Entries match whole names. `name` must not be a numeric address in libc's wider sense
/// (`127.1`); those with four parts, and IPv6, are recognised here too.
pub fn decide(remote_dns: bool, filter: Option<&Filter>, name: &[u8]) -> (Resolver, Why) {
    if !remote_dns {
        return (Resolver::Local, Why::Key("feature.network.dns"));
    }
    let Ok(text) = std::str::from_utf8(name) else {
        return (Resolver::NoName, Why::Fact("the name is not UTF-8"));
    };
    if text.parse::<IpAddr>().is_ok() {
        return (Resolver::Local, Why::Fact("a numeric address"));
    }
    if text.is_empty() || text.len() > NAME_LIMIT + 1 {
        return (Resolver::NoName, Why::Fact("the name has no valid length"));
    }
    let Some(filter) = filter else { return (Resolver::Remote, Why::Key("feature.network.dns")) };
    let key =
        if filter.lists_remote { "feature.network.dns.filter.remote" } else { "feature.network.dns.filter.local" };
    let plain = text.trim_end_matches('.');
    let is_listed = |host: &Host| match host {
        Host::Any => true,
        Host::Name(name) => name.trim_end_matches('.').eq_ignore_ascii_case(plain),
        Host::Subnet { .. } => false,
    };
    let (listed, why) = match filter.entries.iter().position(|entry| is_listed(&entry.host)) {
        Some(index) => (true, Why::Entry(key, index)),
        None => (false, Why::Unlisted(key)),
    };
    (if listed == filter.lists_remote { Resolver::Remote } else { Resolver::Local }, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_the_target_and_numbers_stay() {
        let who = |name: &str| decide(true, None, name.as_bytes()).0;
        let listed = |lists_remote, name: &str| {
            let entry = |host| protocol::policy::Destination { host, port: Some(5432), tcp: true };
            let filter = Filter { lists_remote, entries: vec![entry(Host::Name("db".into()))] };
            decide(true, Some(&filter), name.as_bytes()).0
        };
        assert_eq!((listed(true, "DB."), listed(true, "db.shop")), (Resolver::Remote, Resolver::Local));
        assert_eq!((listed(false, "db"), listed(false, "other")), (Resolver::Local, Resolver::Remote));
        assert_eq!(who("db.default.svc"), Resolver::Remote);
        assert_eq!(who("under_score"), Resolver::Remote);
        assert_eq!(who("localhost"), Resolver::Remote);
        assert_eq!(who("10.0.0.1"), Resolver::Local);
        assert_eq!(who("::1"), Resolver::Local);
        assert_eq!(who(""), Resolver::NoName);
        assert_eq!(who(&"a".repeat(300)), Resolver::NoName);
        assert_eq!(decide(true, None, b"\xff").0, Resolver::NoName);
        assert_eq!(decide(false, None, b"db").0, Resolver::Local);
    }
}
