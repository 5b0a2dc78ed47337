//! Frames of both editor protocols: header lines, an empty line, and as many bytes of JSON as `Content-Length` says.

use bytes::{Buf, BufMut, BytesMut};
use serde_json::Value;
use tokio_util::codec::{Decoder, Encoder};

/// Bytes of all header lines of one frame. Ours has one line of 20; the rest is slack for `Content-Type`.
pub(crate) const HEADER_LIMIT: usize = 4 * 1024;

/// Bytes of one body. Variables, sources and memory come in pages, so that real messages stay far below.
pub(crate) const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Why a stream of frames cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe broke.
    #[error("cannot read or write: {0}")]
    Io(#[from] std::io::Error),
    /// No end of the header in sight.
    #[error("a header is longer than {HEADER_LIMIT} bytes: these are no messages of an editor")]
    LongHeader,
    /// A header line that is none, or a header without a length.
    #[error("`{0}` is no header of a message (expected `Content-Length: <bytes>`)")]
    BadHeader(String),
    /// A length over the limit.
    #[error("a message of {0} bytes is over the limit of {BODY_LIMIT}")]
    LongBody(u64),
    /// The body is not JSON.
    #[error("a message is not JSON: {0}")]
    BadBody(#[from] serde_json::Error),
    /// The stream ended inside a frame.
    #[error("the stream ended in the middle of a message")]
    Truncated,
}

/// Reads and writes frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Length of the body whose header has been read.
    body: Option<usize>,
}

impl Frames {
    /// The next whole body, if it has arrived. Header and body are taken off `buffer`.
    pub(crate) fn body(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        let length = match self.body {
            Some(length) => length,
            None => match take_header(buffer)? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        self.body = Some(length);
        if buffer.len() < length {
            // Not all at once: a length is a claim, memory is given as bytes arrive.
            buffer.reserve((length - buffer.len()).min(64 * 1024));
            return Ok(None);
        }
        self.body = None;
        Ok(Some(buffer.split_to(length)))
    }
}

impl Decoder for Frames {
    type Item = Value;
    type Error = FrameError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Value>, FrameError> {
        self.body(buffer)?.map(|body| serde_json::from_slice(&body)).transpose().map_err(FrameError::from)
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Value>, FrameError> {
        match self.decode(buffer)? {
            None if self.body.is_some() || !buffer.is_empty() => Err(FrameError::Truncated),
            frame => Ok(frame),
        }
    }
}

impl Encoder<&Value> for Frames {
    type Error = FrameError;

    fn encode(&mut self, message: &Value, buffer: &mut BytesMut) -> Result<(), FrameError> {
        let body = serde_json::to_vec(message)?;
        buffer.put_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        buffer.put_slice(&body);
        Ok(())
    }
}

/// Takes a whole header off `buffer` and gives the length of the body behind it.
fn take_header(buffer: &mut BytesMut) -> Result<Option<usize>, FrameError> {
    // Some adapters end a body with a line break that its length does not count.
    while buffer.first().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        buffer.advance(1);
    }
    let window = &buffer[..buffer.len().min(HEADER_LIMIT)];
    let Some(end) = window.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if window.len() == HEADER_LIMIT { Err(FrameError::LongHeader) } else { Ok(None) };
    };
    let header = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.advance(end + 4);
    let mut length = None;
    for line in header.split("\r\n") {
        let bad = || FrameError::BadHeader(crate::terminal::harmless(line));
        let (name, value) = line.split_once(':').ok_or_else(bad)?;
        if !name.trim().eq_ignore_ascii_case("content-length") {
            continue;
        }
        let value = value.trim();
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || length.is_some() {
            return Err(bad());
        }
        length = Some(value.parse().unwrap_or(u64::MAX));
    }
    match length {
        None => Err(FrameError::BadHeader(crate::terminal::harmless(&header))),
        Some(length) => usize::try_from(length)
            .ok()
            .filter(|length| *length <= BODY_LIMIT)
            .map(Some)
            .ok_or(FrameError::LongBody(length)),
    }
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Decodes `input` in pieces of every size from one byte to all, which must not matter.
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(input: &str, expected: Expect) {
        let mut results: Vec<String> =
            [1, 3, 7, input.len().max(1)].into_iter().map(|piece| decode(input.as_bytes(), piece)).collect();
        results.dedup();
        assert_eq!(results.len(), 1, "the result depends on how the bytes arrive: {results:#?}");
        expected.assert_eq(&results[0]);
    }

    fn decode(input: &[u8], piece: usize) -> String {
        let (mut frames, mut buffer, mut out) = (Frames::default(), BytesMut::new(), Vec::new());
        for chunk in input.chunks(piece) {
            buffer.extend_from_slice(chunk);
            loop {
                match frames.decode(&mut buffer) {
                    Ok(Some(value)) => out.push(value.to_string()),
                    Ok(None) => break,
                    Err(error) => return [out, vec![format!("error: {error}")]].concat().join("\n"),
                }
            }
        }
        match frames.decode_eof(&mut buffer) {
            Ok(Some(value)) => out.push(value.to_string()),
            Ok(None) => {}
            Err(error) => out.push(format!("error: {error}")),
        }
        out.join("\n")
    }

    #[test]
    fn frames_are_read_whatever_the_other_headers() {
        check(
            "Content-Length: 2\r\n\r\n{}content-length:  8 \r\nContent-Type: x\r\n\r\n{\"b\": 1}",
            expect![[r#"
                {}
                {"b":1}"#]],
        );
    }

    #[test]
    fn a_line_break_that_no_length_counts_is_skipped() {
        check(
            "Content-Length: 2\r\n\r\n{}\r\nContent-Length: 2\r\n\r\n[]",
            expect![[r"
                {}
                []"]],
        );
    }

    #[test]
    fn bad_lengths_end_the_stream() {
        check(
            "Content-Length: -1\r\n\r\n{}",
            expect!["error: `Content-Length: -1` is no header of a message (expected `Content-Length: <bytes>`)"],
        );
        check(
            "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            expect!["error: `Content-Length: 3` is no header of a message (expected `Content-Length: <bytes>`)"],
        );
        check(
            "Content-Length: 67108865\r\n\r\n",
            expect!["error: a message of 67108865 bytes is over the limit of 67108864"],
        );
        check(
            "Content-Length: 99999999999999999999999\r\n\r\n",
            expect!["error: a message of 18446744073709551615 bytes is over the limit of 67108864"],
        );
        check(
            "Hello\r\n\r\n",
            expect!["error: `Hello` is no header of a message (expected `Content-Length: <bytes>`)"],
        );
        check("Content-Length: 9\r\n\r\n{}", expect!["error: the stream ended in the middle of a message"]);
        check(
            "Content-Length: 2\r\n\r\n{x",
            expect!["error: a message is not JSON: key must be a string at line 1 column 2"],
        );
    }

    #[test]
    fn an_endless_header_is_refused() {
        let flood = "x".repeat(HEADER_LIMIT + 1);
        assert_eq!(
            decode(flood.as_bytes(), 100),
            "error: a header is longer than 4096 bytes: these are no messages of an editor"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let message = serde_json::json!({"z": 1, "a": "ü\n", "big": 9_007_199_254_740_993_i64});
        let mut buffer = BytesMut::new();
        Frames::default().encode(&message, &mut buffer).unwrap();
        assert_eq!(decode(&buffer, 5), r#"{"z":1,"a":"ü\n","big":9007199254740993}"#);
    }
}
