//! `/etc/resolv.conf`: which name servers, and which names are tried. resolv.conf(5).

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// Name servers that libc uses; more are ignored (resolv.conf(5), `MAXNS`).
const SERVER_LIMIT: usize = 3;

/// Search domains that are used: as many as Kubernetes lets a pod have.
const SEARCH_LIMIT: usize = 32;

/// Upper bounds that resolv.conf(5) sets for `ndots`, `timeout` and `attempts`.
const NDOTS_LIMIT: usize = 15;
const TIMEOUT_LIMIT: u64 = 30;
const ATTEMPTS_LIMIT: usize = 5;

/// What the file says, with libc's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<IpAddr>,
    /// Domains, without a final dot.
    pub(super) search: Vec<String>,
    /// Names with this many dots are tried as they are before the search list.
    pub(super) ndots: usize,
    /// How long one server has for one try.
    pub(super) timeout: Duration,
    /// How often all servers are tried.
    pub(super) attempts: usize,
    /// The first server of each query changes.
    pub(super) rotate: bool,
    /// Queries go over TCP only.
    pub(super) use_tcp: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_tcp: false,
        }
    }
}

impl ResolvConf {
    /// Reads the file's text; what is not understood is left out, as libc does.
    pub(super) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut conf = Self::default();
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    if let Some(server) = words.next().and_then(|word| word.parse().ok()) {
                        conf.servers.push(server);
                    }
                }
                // The last of these lines wins.
                Some("search") => conf.search = words.map(without_dot).take(SEARCH_LIMIT).collect(),
                Some("domain") => conf.search = words.map(without_dot).take(1).collect(),
                Some("options") => words.for_each(|option| conf.set(option)),
                _ => {}
            }
        }
        conf.search.retain(|domain| !domain.is_empty());
        conf.servers.truncate(SERVER_LIMIT);
        if conf.servers.is_empty() {
            conf.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        conf
    }

    fn set(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        let number = value.parse::<u64>().ok();
        let small = number.and_then(|number| usize::try_from(number).ok());
        match (name, number, small) {
            ("ndots", _, Some(ndots)) => self.ndots = ndots.min(NDOTS_LIMIT),
            ("attempts", _, Some(attempts)) => self.attempts = attempts.clamp(1, ATTEMPTS_LIMIT),
            ("timeout", Some(seconds), _) => self.timeout = Duration::from_secs(seconds.clamp(1, TIMEOUT_LIMIT)),
            ("rotate", ..) => self.rotate = true,
            ("use-vc", ..) => self.use_tcp = true,
            _ => {}
        }
    }

    /// Absolute names (without the final dot) to try for `name`, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let own = std::iter::once(name.to_owned());
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        if name.matches('.').count() >= self.ndots {
            own.chain(searched).collect()
        } else {
            searched.chain(own).collect()
        }
    }
}

fn without_dot(domain: &str) -> String {
    domain.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const POD: &[u8] = b"\
search demo.svc.cluster.local svc.cluster.local cluster.local.
nameserver 10.96.0.10
options ndots:5
";

    #[test]
    fn a_pods_file_is_understood() {
        expect![[r#"
            ResolvConf {
                servers: [
                    10.96.0.10,
                ],
                search: [
                    "demo.svc.cluster.local",
                    "svc.cluster.local",
                    "cluster.local",
                ],
                ndots: 5,
                timeout: 5s,
                attempts: 2,
                rotate: false,
                use_tcp: false,
            }
        "#]]
        .assert_debug_eq(&ResolvConf::parse(POD));
    }

    #[test]
    fn odd_lines_leave_the_defaults() {
        let text = b"nameserver nonsense\n;search x\noptions ndots:x timeout:900 attempts:0 rotate use-vc edns0\nsearch a\ndomain b c\n\xff\n";
        let conf = ResolvConf::parse(text);
        let expected = ResolvConf {
            servers: vec![Ipv4Addr::LOCALHOST.into()],
            search: vec!["b".to_owned()],
            timeout: Duration::from_secs(30),
            attempts: 1,
            rotate: true,
            use_tcp: true,
            ..ResolvConf::default()
        };
        assert_eq!(conf, expected);
    }

    #[test]
    fn the_search_list_is_walked_as_libc_walks_it() {
        let conf = ResolvConf::parse(POD);
        assert_eq!(
            conf.candidates("backend"),
            ["backend.demo.svc.cluster.local", "backend.svc.cluster.local", "backend.cluster.local", "backend"]
        );
        assert_eq!(conf.candidates("a.b.c.d.e.f")[0], "a.b.c.d.e.f");
        assert_eq!(conf.candidates("example.org."), ["example.org"]);
    }
}
