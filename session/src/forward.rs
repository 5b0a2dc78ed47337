//! A byte stream to a port inside a pod: Kubernetes' port-forward over a WebSocket, driven by hand.
//!
//! Subprotocol `v4.channel.k8s.io` (kubelet, `portforward/websocket.go`): the first byte of every message is its
//! channel, 0 for data and 1 for an error's text; the first message of each channel holds the port. Nothing says that
//! the port was reached: a refusal is a text on the error channel, and success is the first byte that arrives.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Sink as _, Stream as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Interval, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WebSocketError, Message,
        error::ProtocolError,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::cluster::{Call, Cluster, ClusterError, Resource};

const PROTOCOL: &str = "v4.channel.k8s.io";
const DATA: u8 = 0;
const ERROR: u8 = 1;

/// Bytes of one outgoing message at most: fewer cost throughput (containerd handles a message at a time), more cost
/// latency for what comes behind.
const MESSAGE_LIMIT: usize = 128 * 1024;
/// Bytes of one incoming message at most; kubelet sends 32 KiB.
const INCOMING_LIMIT: usize = 4 << 20;
/// A quiet connection is kept alive this often; balancers cut after 60 s, some after 30.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A stream to a port of a pod's loopback interface.
///
/// Bytes leave when the writer flushes, or when a message is full. The error channel's text is the error of the read
/// that meets it. There is no half-close: shutting the stream down closes both directions.
#[derive(Debug)]
pub struct Forward<S = TokioIo<Upgraded>> {
    socket: WebSocketStream<S>,
    port: u16,
    /// Whether the data and the error channel have told their port.
    greeted: [bool; 2],
    /// pod --data--> us
    incoming: Bytes,
    /// us --data--> pod; begins with the channel's number.
    outgoing: BytesMut,
    keep_alive: Interval,
    /// A writer waits for the socket: its waker must not be replaced by a reader that pings.
    writer_waits: bool,
    /// A ping was given to the socket, and not flushed yet.
    ping_pending: bool,
}

/// Opens a stream to `port` of `pod`. That nobody listens there is the error of the first read.
pub async fn dial(cluster: &Cluster, namespace: &str, pod: &str, port: u16) -> Result<Forward, ClusterError> {
    let text = port.to_string();
    let call = Call::new("create", Resource::PODS).within(namespace).of(pod).sub("portforward").with("ports", &text);
    let upgraded = cluster.upgrade(&call, PROTOCOL).await?;
    Ok(Forward::over(TokioIo::new(upgraded), port).await)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Forward<S> {
    /// Speaks over `stream`, on which the upgrade has just been answered.
    async fn over(stream: S, port: u16) -> Self {
        let config = WebSocketConfig::default()
            .write_buffer_size(0) // each message leaves at once
            .max_message_size(Some(INCOMING_LIMIT))
            .max_frame_size(Some(INCOMING_LIMIT));
        let mut keep_alive = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            socket: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await,
            port,
            greeted: [false; 2],
            incoming: Bytes::new(),
            outgoing: BytesMut::new(),
            keep_alive,
            writer_waits: false,
            ping_pending: false,
        }
    }

    /// Gives the outgoing message to the socket.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let ready = Pin::new(&mut self.socket).poll_ready(cx);
        self.writer_waits = ready.is_pending();
        ready!(ready).map_err(into_io)?;
        let message = Message::Binary(self.outgoing.split().freeze());
        Poll::Ready(Pin::new(&mut self.socket).start_send(message).map_err(into_io))
    }

    /// Pings when it is time, unless a writer is at work, which does as well.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let due = self.keep_alive.poll_tick(cx).is_ready();
        if due {
            // Not yet time again: registers for the next tick.
            let _ = self.keep_alive.poll_tick(cx);
        }
        if self.writer_waits {
            return Ok(());
        }
        if due && Pin::new(&mut self.socket).poll_ready(cx).is_ready() {
            Pin::new(&mut self.socket).start_send(Message::Ping(Bytes::new())).map_err(into_io)?;
            self.ping_pending = true;
        }
        if self.ping_pending {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(flushed) => (self.ping_pending = false, flushed.map_err(into_io)?).0,
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Takes a message; data lands in `incoming`.
    fn take(&mut self, mut message: Bytes) -> io::Result<()> {
        let Some(channel) = message.first().copied().filter(|channel| [DATA, ERROR].contains(channel)) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a port-forward message without a channel"));
        };
        message.advance(1);
        if !std::mem::replace(&mut self.greeted[usize::from(channel)], true) {
            if message.len() < 2 || message.get_u16_le() != self.port {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a port-forward to another port"));
            }
            if message.is_empty() {
                return Ok(());
            }
        }
        if channel == ERROR {
            return Err(refusal(&message));
        }
        self.incoming = message;
        Ok(())
    }
}

/// The error that the text on the error channel means: [`io::ErrorKind::ConnectionRefused`] if nobody listens.
fn refusal(text: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(text);
    let refused = text.contains("connection refused");
    let kind = if refused { io::ErrorKind::ConnectionRefused } else { io::ErrorKind::ConnectionReset };
    io::Error::new(kind, format!("port-forward: {}", text.trim()))
}

fn into_io(error: WebSocketError) -> io::Error {
    match error {
        WebSocketError::Io(error) => error,
        WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            io::Error::new(io::ErrorKind::ConnectionReset, "the port-forward was cut")
        }
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Forward<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.incoming.is_empty() {
            this.poll_keep_alive(cx)?;
            match ready!(Pin::new(&mut this.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(message))) => this.take(message)?,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(WebSocketError::ConnectionClosed)) | None => {
                    return Poll::Ready(Ok(()));
                }
                Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                    let text = "the port-forward sent text";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
            }
        }
        let now = this.incoming.len().min(buffer.remaining());
        buffer.put_slice(&this.incoming[..now]);
        this.incoming.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Forward<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.outgoing.len() >= MESSAGE_LIMIT {
            ready!(self.poll_send(cx))?;
        }
        let before = self.outgoing.len().max(1);
        if self.outgoing.is_empty() {
            self.outgoing.extend_from_slice(&[DATA]);
        }
        for slice in slices {
            let room = MESSAGE_LIMIT.saturating_sub(self.outgoing.len());
            self.outgoing.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        Poll::Ready(Ok(self.outgoing.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.writer_waits = flushed.is_pending();
        flushed.map_err(into_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            // The other side may have been faster.
            Ok(()) | Err(WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(into_io(error))),
        }
    }
}

#[cfg(test)]
mod tests;
