//! Frames of the multiplexed link between session and agent: many streams on one connection, no stream blocks another.
//!
//! A frame is a header of [`HEADER_LEN`] bytes (kind: 1, stream: 4, payload length: 4; little endian) and its payload.
//! Streams opened by the session have odd numbers, those opened by the agent even ones; numbers are not used again.
//! Stream 0 is the connection itself.

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 9;

/// Largest payload, in bytes. Small enough that a frame of a bulk stream delays others by well under a millisecond.
pub const PAYLOAD_LIMIT: usize = 64 * 1024;

/// Bytes that the agent may send on a stream before the session grants more. Wide: the session has the memory, and
/// window / round-trip time bounds the rate of one stream (2 MiB at 20 ms: 100 MiB/s).
pub const WINDOW_TO_SESSION: u32 = 2 * 1024 * 1024;

/// Bytes that the session may send on a stream before the agent grants more. Narrower: the agent lives in the
/// target's memory limit.
pub const WINDOW_TO_AGENT: u32 = 512 * 1024;

/// Streams that one side may have open at a time; an `Open` beyond it is reset with `EAGAIN`.
pub const STREAM_LIMIT: usize = 16 * 1024;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// First frame of each side, stream 0: [`crate::control::Hello`] or [`crate::control::Welcome`].
    Hello = 0,
    /// Opens a stream: [`crate::control::StreamHead`].
    Open = 1,
    /// Bytes of a stream, covered by its window.
    Data = 2,
    /// The sender sends nothing more on this stream (half-close). No payload.
    Finish = 3,
    /// The stream is gone in both directions: errno, 4 bytes.
    Reset = 4,
    /// The receiver has consumed this many bytes: 4 bytes.
    Credit = 5,
    /// Are you there: 8 bytes, sent back in a `Pong`. Renews the lease.
    Ping = 6,
    /// Answer to `Ping`, same payload.
    Pong = 7,
    /// The sender leaves for good: reason, UTF-8.
    Goodbye = 8,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Hello,
            1 => Self::Open,
            2 => Self::Data,
            3 => Self::Finish,
            4 => Self::Reset,
            5 => Self::Credit,
            6 => Self::Ping,
            7 => Self::Pong,
            8 => Self::Goodbye,
            _ => return None,
        })
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// Which stream it belongs to.
    pub stream: u32,
    /// Payload length in bytes, at most [`PAYLOAD_LIMIT`].
    pub len: u32,
}

/// Why bytes are not a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No such kind: the peer is not one of ours, or of another version.
    #[error("unknown frame kind {0}")]
    Kind(u8),
    /// Longer than [`PAYLOAD_LIMIT`], or of a length that this kind never has.
    #[error("frame {kind:?} with a payload of {len} bytes")]
    Length {
        /// The frame's kind.
        kind: Kind,
        /// Announced payload length.
        len: u32,
    },
    /// Stream 0 where a stream is needed, or another where the connection is meant.
    #[error("frame {kind:?} on stream {stream}")]
    Stream {
        /// The frame's kind.
        kind: Kind,
        /// The stream's number.
        stream: u32,
    },
}

impl Header {
    /// The header as it travels.
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = self.kind as u8;
        bytes[1..5].copy_from_slice(&self.stream.to_le_bytes());
        bytes[5..9].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    /// Reads and checks a header, so that a caller may allocate `len` bytes without further thought.
    pub fn decode(bytes: [u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        let kind = Kind::from_byte(bytes[0]).ok_or(HeaderError::Kind(bytes[0]))?;
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let (stream, len) = (number(1), number(5));
        let len_fits = match kind {
            Kind::Hello | Kind::Open | Kind::Data | Kind::Goodbye => len as usize <= PAYLOAD_LIMIT,
            Kind::Finish => len == 0,
            Kind::Reset | Kind::Credit => len == 4,
            Kind::Ping | Kind::Pong => len == 8,
        };
        if !len_fits {
            return Err(HeaderError::Length { kind, len });
        }
        let of_connection = matches!(kind, Kind::Hello | Kind::Ping | Kind::Pong | Kind::Goodbye);
        if of_connection != (stream == 0) {
            return Err(HeaderError::Stream { kind, stream });
        }
        Ok(Self { kind, stream, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_the_wire() {
        for header in [
            Header { kind: Kind::Data, stream: 7, len: 65_536 },
            Header { kind: Kind::Hello, stream: 0, len: 12 },
            Header { kind: Kind::Finish, stream: u32::MAX, len: 0 },
        ] {
            assert_eq!(Header::decode(header.encode()), Ok(header));
        }
    }

    #[test]
    fn oversized_and_misplaced_frames_are_refused() {
        let data = Header { kind: Kind::Data, stream: 1, len: 65_537 }.encode();
        assert!(matches!(Header::decode(data), Err(HeaderError::Length { .. })));
        let ping = Header { kind: Kind::Ping, stream: 3, len: 8 }.encode();
        assert!(matches!(Header::decode(ping), Err(HeaderError::Stream { .. })));
        assert!(matches!(Header::decode([99; HEADER_LEN]), Err(HeaderError::Kind(99))));
    }
}
