//! A stream of messages: read one by one, written under numbers of ours and within a time limit.

use std::{
    io::{Error, ErrorKind},
    time::Duration,
};

use futures::SinkExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::frames::{FrameError, Frames};

/// How long a peer may leave its input unread. An editor that is stopped itself reads nothing for a while.
const WRITE_LIMIT: Duration = Duration::from_mins(1);

/// Messages of a peer.
pub(super) type Input = FramedRead<Box<dyn AsyncRead + Send + Unpin>, Frames>;

/// Messages for a peer.
pub(super) struct Output {
    frames: FramedWrite<Box<dyn AsyncWrite + Send + Unpin>, Frames>,
    /// Number of the last message.
    seq: i64,
}

/// Reads messages from `stream`.
pub(super) fn input(stream: impl AsyncRead + Send + Unpin + 'static) -> Input {
    FramedRead::new(Box::new(stream), Frames::default())
}

impl Output {
    /// Writes messages to `stream`.
    pub(super) fn new(stream: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { frames: FramedWrite::new(Box::new(stream), Frames::default()), seq: 0 }
    }

    /// Sends `message` under the next number, which is given back. A peer that reads nothing for too long is an error.
    pub(super) async fn send(&mut self, mut message: Value) -> Result<i64, FrameError> {
        self.seq += 1;
        if message.is_object() {
            message["seq"] = self.seq.into();
        }
        let stalled = || Error::new(ErrorKind::TimedOut, "the peer reads nothing");
        timeout(WRITE_LIMIT, self.frames.send(&message)).await.unwrap_or_else(|_| Err(stalled().into()))?;
        Ok(self.seq)
    }

    /// The number under which the next message goes out.
    pub(super) fn next_seq(&self) -> i64 {
        self.seq + 1
    }
}
