//! What session and files helper say to each other over a socket pair: frames of kind, number, length and payload.
//!
//! The helper asks operations of the agent, each under a number of its own; the session passes them on unopened and
//! sends the answer and its blob back under the same number. The session announces files that it is about to open
//! ([`Primed`]) under numbers that have [`PRIME_BIT`] set.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use protocol::{
    codec::{self, DecodeError, EncodeError},
    file::{Handle, Metadata},
};

/// Bytes of a frame's head: kind, number (4 bytes), length of the payload (4 bytes), little endian.
pub(super) const HEAD_LEN: usize = 9;

/// Most bytes in one frame: the session reads blobs in pieces of at most this size.
pub(super) const PAYLOAD_LIMIT: usize = 256 * 1024;

/// Set in the numbers that the session gives out.
pub(super) const PRIME_BIT: u32 = 1 << 31;

/// What the session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToHelper {
    /// The answer to a request, as the agent encoded it.
    Answer = 0,
    /// The next bytes of the blob behind an answer or an announcement.
    Data = 1,
    /// Nothing more comes under this number: an errno, 4 bytes, 0 when all went well.
    End = 2,
    /// A file is about to be opened: an encoded [`Primed`]. [`ToHelper::Data`] and [`ToHelper::End`] follow.
    Prime = 3,
    /// The opening is over: what was not used of the announcement is forgotten.
    Unprime = 4,
    /// Asks for [`ToSession::Settled`] as soon as everything written so far has reached the agent. Payload 1: something
    /// was changed by path, what is known of files is to be forgotten as well.
    Settle = 5,
    /// The session has closed its own copy of the descriptor that came of an announcement: the program has the others.
    Returned = 6,
    /// As [`ToHelper::Answer`], but what the agent has said before: when it was asked for that ([`Moment`], 8 bytes) stands
    /// in front.
    Remembered = 7,
}

/// What the helper says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToSession {
    /// An encoded operation for the agent.
    Request = 0,
    /// Nobody waits for the answer any more.
    Cancel = 1,
    /// Answer to [`ToHelper::Settle`].
    Settled = 2,
    /// Something that was written did not reach the pod, and the program had closed the file: errno, 4 bytes, and path.
    Lost = 3,
}

impl ToHelper {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        use ToHelper::{Answer, Data, End, Prime, Remembered, Returned, Settle, Unprime};
        [Answer, Data, End, Prime, Unprime, Settle, Returned, Remembered].get(usize::from(byte)).copied()
    }
}

impl ToSession {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Request, Self::Cancel, Self::Settled, Self::Lost].get(usize::from(byte)).copied()
    }
}

/// A moment by the machine's monotonic clock, in nanoseconds: one clock for session and helper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
        let [seconds, nanoseconds] = [now.tv_sec(), now.tv_nsec()].map(|part| u64::try_from(part).unwrap_or(0));
        Self(seconds * 1_000_000_000 + nanoseconds)
    }

    /// How long ago it was.
    pub(super) fn age(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }

    #[cfg(test)]
    pub(super) fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).expect("some seconds")))
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

/// A file that the agent holds open and that the session is about to open through the mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Primed {
    /// Absolute inside the target's root, without links; for a file without a name (`O_TMPFILE`) that of its directory.
    pub(super) path: Vec<u8>,
    /// What the agent said of the file.
    pub(super) metadata: Metadata,
    /// When it was asked: what was written after that is in neither the metadata nor the blob.
    pub(super) asked: Moment,
    /// The flags that the local open will have.
    pub(super) flags: i32,
    /// The file at the agent.
    pub(super) content: Held,
}

/// What an announcement's blob is, and the handle behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// All there is to read; the agent holds nothing open.
    Whole,
    /// The beginning of a file.
    File(Handle),
    /// The listing of a directory.
    Directory(Handle),
}

impl Primed {
    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let Self { path, metadata, asked, flags, content } = self;
        let (kind, handle) = match content {
            Held::Whole => (0, None),
            Held::File(handle) => (1, Some(*handle)),
            Held::Directory(handle) => (2, Some(*handle)),
        };
        codec::encode(&(path, metadata, asked.0, flags, kind, handle))
    }

    /// Nothing if a kind and its handle do not go together: the peer is another version of us.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let (path, metadata, asked, flags, kind, handle): (_, _, _, _, i32, Option<Handle>) = codec::decode(bytes)?;
        let content = match (kind, handle) {
            (0, None) => Held::Whole,
            (1, Some(handle)) => Held::File(handle),
            (2, Some(handle)) => Held::Directory(handle),
            _ => return Ok(None),
        };
        Ok(Some(Self { path, metadata, asked: Moment(asked), flags, content }))
    }
}

/// Appends a frame to `out`.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, number: u32, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("payloads are cut to PAYLOAD_LIMIT");
    out.push(kind);
    out.extend(number.to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend(payload);
}

/// A frame's kind, number and length.
pub(super) fn head(bytes: &[u8; HEAD_LEN]) -> (u8, u32, usize) {
    let [kind, rest @ ..] = bytes;
    let (number, len) = rest.split_at(4);
    let four = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("both halves have four"));
    (*kind, four(number), four(len) as usize)
}
