//! Tells the kubelet's probes from other connections by what comes first.

use protocol::incoming::Probes;

use super::{
    http::{METHODS, PREFACE},
    tls,
};

/// Bytes that are looked at; a head that is longer is no probe's.
const HEAD_LIMIT: usize = 8 * 1024;

/// What the kubelet calls itself, in lower case.
const USER_AGENT: &[u8] = b"kube-probe/";

/// Who a connection is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// The kubelet.
    Probe,
    /// Anybody who speaks HTTP/2, where the kubelet may be among them: each request tells for itself.
    Calls,
    /// Somebody else.
    Other,
}

/// Looks at the bytes that a client sent first; `None` while they may become several.
pub(crate) fn guess(bytes: &[u8], spared: Probes) -> Option<Guess> {
    let other = Some(Guess::Other);
    let grpc = if spared.grpc { by_grpc(bytes) } else { other };
    let https = if spared.https { by_https(bytes) } else { other };
    let guesses = [by_http(bytes), grpc, https];
    guesses.into_iter().flatten().find(|guess| *guess != Guess::Other).or_else(|| {
        // No kind is possible any more.
        guesses.iter().all(Option::is_some).then_some(Guess::Other)
    })
}

fn by_grpc(bytes: &[u8]) -> Option<Guess> {
    if bytes.starts_with(PREFACE) {
        return Some(Guess::Calls);
    }
    (!PREFACE.starts_with(bytes)).then_some(Guess::Other)
}

fn by_https(bytes: &[u8]) -> Option<Guess> {
    match tls::classify(bytes) {
        tls::Opening::Nameless => Some(Guess::Probe),
        tls::Opening::Named | tls::Opening::Other => Some(Guess::Other),
        tls::Opening::Unfinished => None,
    }
}

/// By the head of the first request.
fn by_http(bytes: &[u8]) -> Option<Guess> {
    let bytes = &bytes[..bytes.len().min(HEAD_LIMIT)];
    let starts_like = |method: &&[u8]| bytes.starts_with(method) || method.starts_with(bytes);
    if !METHODS.iter().any(starts_like) {
        return Some(Guess::Other);
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').skip(1).peekable();
    for line in lines.by_ref().filter(|line| line.ends_with(b"\n")) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Some(Guess::Other); // the head ends
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if line[..colon].eq_ignore_ascii_case(b"user-agent") {
            let is_probe = is_kubelet(line[colon + 1..].trim_ascii_start());
            return Some(if is_probe { Guess::Probe } else { Guess::Other });
        }
    }
    (bytes.len() == HEAD_LIMIT).then_some(Guess::Other)
}

/// Whether this is what the kubelet calls itself.
pub(crate) fn is_kubelet(user_agent: &[u8]) -> bool {
    user_agent.get(..USER_AGENT.len()).is_some_and(|start| start.eq_ignore_ascii_case(USER_AGENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_told_by_their_user_agent() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"GE", None),
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", None),
            (b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-pro", None),
            (b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.34\r\n", Some(Guess::Probe)),
            (b"HEAD / HTTP/1.1\nuser-agent:Kube-Probe/1.34\n\n", Some(Guess::Probe)),
            (b"GET / HTTP/1.1\r\nUser-Agent: curl/8 kube-probe/1\r\n\r\n", Some(Guess::Other)),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nUser-Agent: kube-probe/1\r\n", Some(Guess::Other)),
            (b"GET /?User-Agent: kube-probe/1 HTTP/1.1\r\n\r\n", Some(Guess::Other)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Guess::Other)),
            (b"\x16\x03\x01", Some(Guess::Other)),
            (b"GETTING on", Some(Guess::Other)),
        ] {
            assert_eq!(by_http(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn only_what_may_come_is_waited_for() {
        let (grpc, https) = (Probes { grpc: true, ..Probes::default() }, Probes { https: true, ..Probes::default() });
        let http = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.34\r\n";
        for (bytes, spared, expected) in [
            (&http[..], Probes::default(), Some(Guess::Probe)),
            (http, grpc, Some(Guess::Probe)),
            (http, https, Some(Guess::Probe)),
            (PREFACE, Probes::default(), Some(Guess::Other)),
            (PREFACE, grpc, Some(Guess::Calls)),
            (PREFACE, https, Some(Guess::Other)),
            (&PREFACE[..9], grpc, None),
            (&PREFACE[..9], https, Some(Guess::Other)),
            (b"\x16", grpc, Some(Guess::Other)),
            (b"\x16", https, None),
            (b"\x16\x03\x01\0\x04\x02\0\0\0", https, Some(Guess::Other)),
        ] {
            assert_eq!(guess(bytes, spared), expected, "{} {spared:?}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_head_without_end_is_no_probe() {
        let mut bytes = b"GET / HTTP/1.1\r\nX: ".to_vec();
        bytes.resize(HEAD_LIMIT, b'a');
        assert_eq!(by_http(&bytes), Some(Guess::Other));
    }
}
