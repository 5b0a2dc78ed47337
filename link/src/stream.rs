//! One stream of a link: an asynchronous reader and writer with half-close and reset.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use protocol::{
    Errno,
    codec::{self, Decode, Encode},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{connection::Alive, message};

/// Both directions of a stream. Dropped before both are finished, it is reset.
#[derive(Debug)]
pub struct Stream {
    reader: ReadHalf,
    writer: WriteHalf,
}

/// What the peer sends. Dropped early, the rest is thrown away.
#[derive(Debug)]
pub struct ReadHalf {
    id: u32,
    link: Arc<Alive>,
}

/// What we send. Dropped without [`tokio::io::AsyncWriteExt::shutdown`], the stream is reset.
#[derive(Debug)]
pub struct WriteHalf {
    id: u32,
    link: Arc<Alive>,
}

impl Stream {
    pub(crate) fn new(id: u32, link: Arc<Alive>) -> Self {
        Self { reader: ReadHalf { id, link: link.clone() }, writer: WriteHalf { id, link } }
    }

    /// Number of the stream in its link, for logs.
    pub fn id(&self) -> u32 {
        self.reader.id
    }

    /// Both directions, to be used by different tasks.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.reader, self.writer)
    }

    /// Ends both directions at once; the peer's reads fail with `errno`.
    pub fn reset(self, errno: Errno) {
        self.writer.reset(errno);
    }

    /// Resolves when the peer has reset the stream or the link is gone, with the errno that reads and writes fail with:
    /// for work that nobody may want any more. That the peer has finished its direction does not count.
    pub async fn reset_by_peer(&mut self) -> Errno {
        let ReadHalf { id, link } = &self.reader;
        std::future::poll_fn(|cx| link.shared().with(|state| state.poll_reset(*id, cx))).await
    }

    /// Sends one message.
    pub async fn write_message<T: Encode>(&mut self, message: &T) -> io::Result<()> {
        self.writer.write_message(message).await
    }

    /// Sends one message that is encoded already.
    pub async fn write_encoded(&mut self, message: &[u8]) -> io::Result<()> {
        self.writer.write_encoded(message).await
    }

    /// Receives one message.
    pub async fn read_message<T: Decode<()>>(&mut self) -> io::Result<T> {
        self.reader.read_message().await
    }

    /// Receives one message without decoding it.
    pub async fn read_encoded(&mut self) -> io::Result<Vec<u8>> {
        self.reader.read_encoded().await
    }
}

impl ReadHalf {
    /// Receives one message.
    pub async fn read_message<T: Decode<()>>(&mut self) -> io::Result<T> {
        let encoded = message::read(self).await?;
        codec::decode(&encoded).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Receives one message without decoding it.
    pub async fn read_encoded(&mut self) -> io::Result<Vec<u8>> {
        message::read(self).await
    }
}

impl WriteHalf {
    /// Sends one message.
    pub async fn write_message<T: Encode>(&mut self, message: &T) -> io::Result<()> {
        let encoded = codec::encode(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        message::write(self, &encoded).await
    }

    /// Sends one message that is encoded already.
    pub async fn write_encoded(&mut self, message: &[u8]) -> io::Result<()> {
        message::write(self, message).await
    }

    /// Ends both directions at once; the peer's reads fail with `errno`.
    pub fn reset(&self, errno: Errno) {
        self.link.shared().with(|state| state.reset(self.id, errno));
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.link.shared().with(|state| state.drop_reader(self.id));
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.link.shared().with(|state| state.drop_writer(self.id));
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.link.shared().with(|state| state.poll_read(self.id, cx, buf))
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.link.shared().with(|state| state.poll_write(self.id, cx, bytes))
    }

    /// Nothing to do: the link's writer sends what it has as soon as window and connection allow.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.link.shared().with(|state| state.finish(self.id)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
