//! The client's side of a filtered connection.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::relay;

/// A client's connection, of which something was read already.
#[derive(Debug)]
pub(crate) struct Client {
    tcp: TcpStream,
    /// What was read.
    replay: Bytes,
    breakage: Breakage,
}

/// Whether the client is to see a reset at the end: what it got is not what was to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakage(Arc<AtomicBool>);

impl Breakage {
    pub(crate) fn break_off(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Client {
    pub(crate) fn new(tcp: TcpStream, replay: Vec<u8>, breakage: Breakage) -> Self {
        Self { tcp, replay: replay.into(), breakage }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.breakage.0.load(Ordering::Relaxed) {
            relay::reset(&self.tcp);
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.replay.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let len = self.replay.len().min(buf.remaining());
        buf.put_slice(&self.replay[..len]);
        self.replay.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
