//! Tells the kubelet's HTTP probes from other requests by the head of the first request.

/// Bytes that are looked at; a head that is longer is no probe's.
const HEAD_LIMIT: usize = 8 * 1024;

/// What the kubelet calls itself, in lower case.
const USER_AGENT: &[u8] = b"kube-probe/";

/// Request methods of HTTP/1 (RFC 9110, 9.1, and RFC 5789).
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// An HTTP request of the kubelet.
    Probe,
    /// Anything else.
    Other,
    /// Still the one or the other.
    Unfinished,
}

/// Looks at the bytes that a client sent first.
pub(crate) fn classify(bytes: &[u8]) -> Opening {
    let bytes = &bytes[..bytes.len().min(HEAD_LIMIT)];
    let starts_like = |method: &&[u8]| bytes.starts_with(method) || method.starts_with(bytes);
    if !METHODS.iter().any(starts_like) {
        return Opening::Other;
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').skip(1).peekable();
    for line in lines.by_ref().filter(|line| line.ends_with(b"\n")) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Opening::Other; // the head ends
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if line[..colon].eq_ignore_ascii_case(b"user-agent") {
            let is_probe = is_kubelet(line[colon + 1..].trim_ascii_start());
            return if is_probe { Opening::Probe } else { Opening::Other };
        }
    }
    if bytes.len() == HEAD_LIMIT { Opening::Other } else { Opening::Unfinished }
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
            (&b""[..], Opening::Unfinished),
            (b"GE", Opening::Unfinished),
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", Opening::Unfinished),
            (b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-pro", Opening::Unfinished),
            (b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.34\r\n", Opening::Probe),
            (b"HEAD / HTTP/1.1\nuser-agent:Kube-Probe/1.34\n\n", Opening::Probe),
            (b"GET / HTTP/1.1\r\nUser-Agent: curl/8 kube-probe/1\r\n\r\n", Opening::Other),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nUser-Agent: kube-probe/1\r\n", Opening::Other),
            (b"GET /?User-Agent: kube-probe/1 HTTP/1.1\r\n\r\n", Opening::Other),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Opening::Other),
            (b"\x16\x03\x01", Opening::Other),
            (b"GETTING on", Opening::Other),
        ] {
            assert_eq!(classify(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_head_without_end_is_no_probe() {
        let mut bytes = b"GET / HTTP/1.1\r\nX: ".to_vec();
        bytes.resize(HEAD_LIMIT, b'a');
        assert_eq!(classify(&bytes), Opening::Other);
    }
}
