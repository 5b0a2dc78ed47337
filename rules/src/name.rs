//! Where a host name is resolved.

use std::net::IpAddr;

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

/// Who resolves `name`, given the policy's `remote_dns`. `name` must not be a numeric address in libc's wider sense
/// (`127.1`); those with four parts, and IPv6, are recognised here too.
pub fn decide(remote_dns: bool, name: &[u8]) -> (Resolver, Why) {
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
    (Resolver::Remote, Why::Key("feature.network.dns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_the_target_and_numbers_stay() {
        let who = |name: &str| decide(true, name.as_bytes()).0;
        assert_eq!(who("db.default.svc"), Resolver::Remote);
        assert_eq!(who("under_score"), Resolver::Remote);
        assert_eq!(who("localhost"), Resolver::Remote);
        assert_eq!(who("10.0.0.1"), Resolver::Local);
        assert_eq!(who("::1"), Resolver::Local);
        assert_eq!(who(""), Resolver::NoName);
        assert_eq!(who(&"a".repeat(300)), Resolver::NoName);
        assert_eq!(decide(true, b"\xff").0, Resolver::NoName);
        assert_eq!(decide(false, b"db").0, Resolver::Local);
    }
}
