//! What a client gets: a program's answer as it comes, or a word of ours.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::client::Breakage;

/// Body of an answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A program's. What breaks in the middle breaks the client's connection, where that carries nothing else.
    Passed { body: Incoming, breakage: Option<Breakage> },
    /// Ours; given once.
    Said(Option<Bytes>),
}

impl Answer {
    /// Status 502, with the reason in words: the request matched a filter, and its program is gone.
    pub(crate) fn bad_gateway(reason: String) -> Response<Self> {
        let mut response = Response::new(Self::Said(Some(reason.into())));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Said(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Self::Passed { body, breakage } => {
                let polled = Pin::new(body).poll_frame(cx);
                if let (Poll::Ready(Some(Err(_))), Some(breakage)) = (&polled, breakage) {
                    breakage.break_off();
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Said(words) => words.is_none(),
            Self::Passed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Said(words) => SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64)),
            Self::Passed { body, .. } => body.size_hint(),
        }
    }
}
