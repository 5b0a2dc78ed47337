//! The bytes of one direction of a TCP connection, put in order from its segments (RFC 9293, 3.4 and 3.10).
//!
//! Pure: segments in, bytes out. Nothing is acknowledged, nothing can be asked for again: what the capture missed is a
//! [`Broken`] connection.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

/// Bytes held because an earlier segment is missing. A sender has more than this under way only on paths that a
/// developer does not mirror.
pub(crate) const HELD_LIMIT: usize = 1024 * 1024;

/// Segments held, so that tiny ones do not cost more than they carry.
const HELD_SEGMENTS: usize = 4096;

/// How long a missing segment may take. A sender repeats it within about a second; later, the capture has missed it.
pub(crate) const GAP_DEADLINE: Duration = Duration::from_secs(3);

/// What of a segment matters here.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Sequence number of the first byte of `payload`.
    pub(crate) sequence: u32,
    /// The bytes.
    pub(crate) payload: Bytes,
    /// The sender's last segment.
    pub(crate) fin: bool,
}

/// Why a connection cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Too much arrived behind a missing segment.
    #[error("a segment is missing and too many bytes are behind it")]
    Overfull,
    /// A missing segment never came.
    #[error("a segment was missed by the capture")]
    Gap,
}

/// Puts the segments of one direction in order.
#[derive(Debug)]
pub(crate) struct Assembler {
    /// Sequence number of the next byte in order.
    next: u32,
    /// Segments beyond a gap, by their distance from the start, which unlike the sequence number does not wrap.
    held: BTreeMap<u64, Bytes>,
    held_bytes: usize,
    /// Bytes given out so far.
    position: u64,
    /// Position behind the last byte, once a FIN was seen.
    end: Option<u64>,
    gap_since: Option<Instant>,
}

impl Assembler {
    /// Starts behind a SYN with this sequence number.
    pub(crate) fn after_syn(sequence: u32) -> Self {
        Self {
            next: sequence.wrapping_add(1),
            held: BTreeMap::new(),
            held_bytes: 0,
            position: 0,
            end: None,
            gap_since: None,
        }
    }

    /// Takes a segment in; appends to `out` what is in order now. For bytes that arrive twice the first copy counts.
    pub(crate) fn push(&mut self, segment: Segment, now: Instant, out: &mut Vec<Bytes>) -> Result<(), Broken> {
        let Segment { sequence, payload, fin } = segment;
        // Distance from the next byte; the sequence space is a circle and half of it lies behind us.
        let distance = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        let Some(start) = self.position.checked_add_signed(distance) else {
            return Ok(()); // from before the SYN: a stray
        };
        let length = payload.len() as u64;
        if fin {
            self.end.get_or_insert(start + length);
        }
        self.hold(start, payload);
        self.release(out);
        self.gap_since = if self.held.is_empty() { None } else { self.gap_since.or(Some(now)) };
        if self.held_bytes > HELD_LIMIT || self.held.len() > HELD_SEGMENTS { Err(Broken::Overfull) } else { Ok(()) }
    }

    /// Whether the sender has finished and all its bytes were given out.
    pub(crate) fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| end <= self.position)
    }

    /// Fails when a missing segment can no longer be expected.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Broken> {
        match self.gap_since {
            Some(since) if now.duration_since(since) > GAP_DEADLINE => Err(Broken::Gap),
            _ => Ok(()),
        }
    }

    /// Whether a segment is missing.
    pub(crate) fn has_gap(&self) -> bool {
        self.gap_since.is_some()
    }

    /// Keeps those parts of a segment that are neither given out nor held.
    fn hold(&mut self, mut start: u64, mut payload: Bytes) {
        let skip = self.position.saturating_sub(start).min(payload.len() as u64);
        payload = payload.slice(usize::try_from(skip).expect("within a segment")..);
        start += skip;
        while !payload.is_empty() {
            // The held segment that covers `start`, or else the next one behind it.
            let before = self.held.range(..=start).next_back().map(|(at, bytes)| at + bytes.len() as u64);
            let covered = before.map_or(0, |end| end.saturating_sub(start)).min(payload.len() as u64);
            payload = payload.slice(usize::try_from(covered).expect("within a segment")..);
            start += covered;
            if payload.is_empty() {
                return;
            }
            let room = self.held.range(start..).next().map_or(u64::MAX, |(at, _)| at - start);
            let piece = payload.split_to(usize::try_from(room.min(payload.len() as u64)).expect("within a segment"));
            if piece.is_empty() {
                continue; // a held segment begins right here: the next round skips it
            }
            let len = piece.len();
            self.held.insert(start, piece);
            self.held_bytes += len;
            start += len as u64;
        }
    }

    /// Moves what is in order to `out`.
    fn release(&mut self, out: &mut Vec<Bytes>) {
        while let Some(entry) = self.held.first_entry()
            && *entry.key() == self.position
        {
            let bytes = entry.remove();
            self.held_bytes -= bytes.len();
            self.position += bytes.len() as u64;
            let step = u32::try_from(bytes.len()).expect("a packet is smaller than the sequence space");
            self.next = self.next.wrapping_add(step);
            out.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
