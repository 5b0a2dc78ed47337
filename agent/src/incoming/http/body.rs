//! A request's body, of which a filter may want to see the beginning before anybody gets it.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

/// What was read of a body, and the rest of it.
#[derive(Debug)]
pub(crate) struct RequestBody {
    kept: VecDeque<Result<Frame<Bytes>, hyper::Error>>,
    /// Nothing once its end was read.
    rest: Option<Incoming>,
}

impl RequestBody {
    /// Nothing is read yet.
    pub(crate) fn new(rest: Incoming) -> Self {
        Self { kept: VecDeque::new(), rest: Some(rest) }
    }

    /// A whole one.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self { kept: VecDeque::from([Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))]), rest: None }
    }

    /// All of it, if it has at most `limit` bytes and arrives in `time`. It can be read again.
    pub(crate) async fn whole(&mut self, limit: usize, time: Duration) -> Option<Bytes> {
        let deadline = Instant::now() + time;
        while let Some(rest) = &mut self.rest {
            let announced = usize::try_from(rest.size_hint().lower()).unwrap_or(usize::MAX);
            if self.kept.iter().map(data_len).sum::<usize>().saturating_add(announced) > limit {
                return None;
            }
            match timeout_at(deadline, rest.frame()).await.ok()? {
                Some(frame) => self.kept.push_back(frame),
                None => self.rest = None,
            }
        }
        let mut whole = BytesMut::new();
        for frame in &self.kept {
            whole.extend_from_slice(frame.as_ref().ok()?.data_ref().map_or(&[], |data| data));
        }
        (whole.len() <= limit).then(|| whole.freeze())
    }
}

fn data_len(frame: &Result<Frame<Bytes>, hyper::Error>) -> usize {
    frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Buf::remaining)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(frame) = self.kept.pop_front() {
            return Poll::Ready(Some(frame));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.kept.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.kept.iter().map(data_len).sum::<usize>() as u64;
        let rest = self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(kept));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint
    }
}
