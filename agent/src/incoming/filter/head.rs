//! The head of a request as filters see it.

use std::sync::Arc;

use http::{header::HOST, request::Parts};

/// What conditions are about, but for the body.
#[derive(Debug)]
pub(crate) struct Head {
    method: http::Method,
    /// Without and with the query.
    paths: [String; 2],
    /// `name: value`, names in lower case. Values that are no text are left out: nothing matches them.
    lines: Arc<[String]>,
    is_probe: bool,
}

impl Head {
    /// That of a request which arrived.
    pub(crate) fn of(parts: &Parts) -> Self {
        let whole = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some(format!("{name}: {value}"))
        };
        // HTTP/2 has the host in the address.
        let host = parts.uri.authority().filter(|_| !parts.headers.contains_key(HOST));
        let host = host.map(|host| format!("host: {host}"));
        let agent = parts.headers.get(http::header::USER_AGENT).map_or(&b""[..], http::HeaderValue::as_bytes);
        Self {
            method: parts.method.clone(),
            paths: [parts.uri.path().to_owned(), whole.to_owned()],
            lines: host.into_iter().chain(parts.headers.iter().filter_map(line)).collect(),
            is_probe: crate::incoming::probe::is_kubelet(agent),
        }
    }

    pub(super) fn method(&self) -> &str {
        self.method.as_str()
    }

    pub(super) fn paths(&self) -> &[String; 2] {
        &self.paths
    }

    pub(super) fn lines(&self) -> &Arc<[String]> {
        &self.lines
    }

    /// Whether the kubelet asks how the target is.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }
}
