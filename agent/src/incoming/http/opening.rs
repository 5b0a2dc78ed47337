//! Tells HTTP from everything else by what a client sends first.

use std::time::Duration;

use super::HEAD_LIMIT;

/// What every client of HTTP/2 without TLS begins with. RFC 9113, 3.4.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Headers of a request; hyper takes no more.
const HEADER_LIMIT: usize = 100;

/// Bytes of a method; registered ones have at most 17.
const METHOD_LIMIT: usize = 32;

/// Methods whose beginning is believed to be HTTP's. RFC 9110, 9.1, and RFC 5789.
pub(crate) const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];

/// How long the head may take of what is HTTP as far as can be seen.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long a word may stay alone that may be a method, or the first command of another protocol, whose client waits now.
const WORD_TIME: Duration = Duration::from_millis(500);

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0 and HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Http(Version),
    /// Something else, or a request that we cannot read: the original program may be able to.
    Other,
    /// Still the one or the other, for so long after the first byte.
    Unfinished(Duration),
}

/// Looks at the bytes that a client sent first.
pub(crate) fn classify(bytes: &[u8]) -> Opening {
    if bytes.starts_with(PREFACE) {
        return Opening::Http(Version::Http2);
    }
    if PREFACE.starts_with(bytes) {
        return Opening::Unfinished(HEAD_TIME);
    }
    if bytes.contains(&b'\n') {
        return head(bytes);
    }
    let method = bytes.iter().take_while(|byte| is_token(**byte)).count();
    let is_known = METHODS.iter().any(|known| bytes.starts_with(known) || known.starts_with(bytes));
    let (_, rest) = bytes.split_at(method);
    let looks_so = match rest {
        [] => method <= METHOD_LIMIT,
        [b'\r'] => method == 0, // an empty line before the request
        [b' ', target @ ..] => (1..=METHOD_LIMIT).contains(&method) && is_printable(target),
        _ => false,
    };
    match (looks_so && bytes.len() < HEAD_LIMIT, is_known) {
        (true, true) => Opening::Unfinished(HEAD_TIME),
        (true, false) => Opening::Unfinished(WORD_TIME),
        (false, _) => Opening::Other,
    }
}

/// Looks at what has a whole line.
fn head(bytes: &[u8]) -> Opening {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => match request.path.map(http::Uri::try_from) {
            Some(Ok(_)) => Opening::Http(Version::Http1),
            _ => Opening::Other,
        },
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => Opening::Unfinished(HEAD_TIME),
        _ => Opening::Other,
    }
}

/// A character of a method's name. RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether it may be an address and a version, of which the line's end is missing.
fn is_printable(rest: &[u8]) -> bool {
    let line = rest.strip_suffix(b"\r").unwrap_or(rest);
    line.iter().all(|byte| *byte == b' ' || !(byte.is_ascii_control() || byte.is_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_from_the_rest_as_soon_as_possible() {
        let (http1, http2) = (Opening::Http(Version::Http1), Opening::Http(Version::Http2));
        let (head, word) = (Opening::Unfinished(HEAD_TIME), Opening::Unfinished(WORD_TIME));
        for (bytes, expected) in [
            (&b""[..], head),
            (b"GE", head),
            (b"GET /a?b HTTP/1.1\r", head),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", head),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", http1),
            (b"get / HTTP/1.0\n\n", http1),
            (b"\r\nPURGE /x HTTP/1.1\r\n\r\nbody", http1),
            (b"OPTIONS * HTTP/1.1\r\n\r\n", http1),
            (b"CONNECT db:5432 HTTP/1.1\r\n\r\n", http1),
            (b"GET http://api/ HTTP/1.1\r\n\r\n", http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM", head),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", http2),
            (b"ruok", word),
            (b"stats", word),
            (b"MKCOL /x", word),
            // Other protocols, and what hyper would refuse.
            (b"\x16\x03\x01", Opening::Other),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Opening::Other),
            (b"AMQP\0\0\x09\x01", Opening::Other),
            (b"EHLO mail.example.org\r\n", Opening::Other),
            (b"*1\r\n$4\r\nPING\r\n", Opening::Other),
            (b"*1\r", Opening::Other),
            (b"SSH-2.0-OpenSSH_9.9\r\n", Opening::Other),
            (b"GET /\r\n", Opening::Other),
            (b"GET / HTTP/3.0\r\n", Opening::Other),
            (b"GET /\x01", Opening::Other),
            (b"PRI * HTTP/2.0\r\n\r\nXX", Opening::Other),
            (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", Opening::Other),
            (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", Opening::Other),
            (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", Opening::Other),
        ] {
            assert_eq!(classify(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn no_head_is_waited_for_without_end() {
        let long = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; HEAD_LIMIT]].concat();
        assert_eq!(classify(&long), Opening::Other);
        assert_eq!(classify(&[b"GET /".to_vec(), vec![b'a'; HEAD_LIMIT]].concat()), Opening::Other);
        let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(HEADER_LIMIT + 1)].concat();
        assert_eq!(classify(&many), Opening::Other);
        assert_eq!(classify(&[b'a'; METHOD_LIMIT + 1]), Opening::Other);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_something(bytes: Vec<u8>) {
            let opening = classify(&bytes);
            // What was decided stays decided, whatever follows.
            if !matches!(opening, Opening::Unfinished(_)) {
                let more = [bytes.as_slice(), b"x"].concat();
                proptest::prop_assert_eq!(classify(&more), opening);
            }
        }

        #[test]
        fn every_beginning_of_a_request_may_still_become_one(len in 0_usize..40) {
            let request = b"POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
            proptest::prop_assert!(matches!(classify(&request[..len]), Opening::Unfinished(_)));
        }
    }
}
