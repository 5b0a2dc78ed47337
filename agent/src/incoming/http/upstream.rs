//! HTTP towards the programs: the original one, and those of sessions.

use std::{future::Future, io, net::SocketAddr, pin::Pin, time::Duration};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::incoming::{Mode, Verdict};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{CONNECTION_WINDOW, HEAD_LIMIT, RequestBody, STREAM_LIMIT, Tasks, Version};
use crate::incoming::{stolen::VERDICT_LIMIT, subscriber::Subscriber};

/// How long the end of the last answer may be looked for before another connection is made.
const READY_LIMIT: Duration = Duration::from_secs(1);

/// What one answer may send before the client has read it, where a link may be behind it.
const ANSWER_WINDOW: u32 = 256 * 1024;

/// Sends requests over one connection.
#[derive(Debug)]
pub(crate) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// How a request fared.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

impl Sender {
    /// Begins to speak HTTP. The connection lives in a task until it ends, this is dropped, or `gone` resolves; then `left` is
    /// called.
    pub(crate) async fn connect(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        version: Version,
        tasks: &Tasks,
        gone: impl Future<Output = ()> + Send + 'static,
        left: impl FnOnce() + Send + 'static,
    ) -> hyper::Result<Self> {
        let io = TokioIo::new(io);
        let ended = tasks.end().child_token();
        let tasks = tasks.until(ended.clone());
        let gone = async move {
            gone.await;
            ended.cancel(); // of the tasks that the connection has started itself, too
        };
        match version {
            Version::Http1 => {
                let mut builder = http1::Builder::new();
                builder.preserve_header_case(true).max_buf_size(HEAD_LIMIT);
                let (sender, connection) = builder.handshake(io).await?;
                tasks.spawn(drive(connection.with_upgrades(), gone, left));
                Ok(Self::Http1(sender))
            }
            Version::Http2 => {
                let mut builder = http2::Builder::new(tasks.clone());
                builder
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(ANSWER_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .initial_max_send_streams(usize::try_from(STREAM_LIMIT).expect("small"))
                    .max_send_buf_size(HEAD_LIMIT)
                    .max_header_list_size(u32::try_from(HEAD_LIMIT).expect("small"));
                let (sender, connection) = builder.handshake(io).await?;
                tasks.spawn(drive(connection, gone, left));
                Ok(Self::Http2(sender))
            }
        }
    }

    /// Whether it can take a request now; the connection may have ended meanwhile.
    pub(crate) async fn is_usable(&mut self) -> bool {
        let ready = match self {
            Self::Http1(sender) => timeout(READY_LIMIT, sender.ready()).await,
            Self::Http2(sender) => timeout(READY_LIMIT, sender.ready()).await,
        };
        matches!(ready, Ok(Ok(())))
    }

    /// Sends a request. What was not sent comes back.
    pub(crate) fn send(&mut self, request: Request<RequestBody>) -> Pin<Box<dyn Future<Output = Sent> + Send>> {
        match self {
            Self::Http1(sender) => Box::pin(sender.try_send_request(request)),
            Self::Http2(sender) => Box::pin(sender.try_send_request(request)),
        }
    }
}

async fn drive<E: std::fmt::Display>(
    connection: impl Future<Output = Result<(), E>>,
    gone: impl Future<Output = ()>,
    left: impl FnOnce(),
) {
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection to a program broke");
        },
        () = gone => {}
    }
    left();
}

/// Offers the requests of a client to a session; `None` when its program does not take them.
pub(crate) async fn offer(
    subscriber: &Subscriber,
    peer: SocketAddr,
    local: SocketAddr,
) -> io::Result<Option<link::Stream>> {
    let mut stream = subscriber.open(Mode::Steal, peer, local).map_err(io::Error::other)?;
    let verdict = tokio::select! {
        verdict = timeout(VERDICT_LIMIT, stream.read_message::<Verdict>()) => verdict,
        () = subscriber.ended.cancelled() => return Ok(None),
    };
    match verdict {
        Ok(verdict) => Ok((verdict? == Verdict::Accepted).then_some(stream)),
        Err(_) => Ok(None),
    }
}
