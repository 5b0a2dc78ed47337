//! HTTP responses of the pod's services.

use std::io;

/// An HTTP response as [`super::LocalPod::send_request`] got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Response {
    /// Responses of demo programs are short; whatever comes is bounded.
    pub(super) const LIMIT_BYTES: u64 = 1024 * 1024;

    /// Reads a whole response.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| {
            let head: String = head.chars().take(80).collect();
            io::Error::new(io::ErrorKind::InvalidData, format!("not an HTTP response: {head:?}"))
        })?;
        Ok(Self { status, body: body.to_owned() })
    }
}
