//! Bytes both ways between a TCP connection and a stream of the link, with half-close and resets end to end.

use std::{io, time::Duration};

use protocol::Errno;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp},
};
use tokio_util::sync::CancellationToken;

/// Bytes read from TCP at a time: one frame of the link. Taken only while there is something to read.
const READ_CHUNK: usize = protocol::frame::PAYLOAD_LIMIT;

/// Bytes taken from a stream at a time. Small: it is held while the connection is idle.
const STREAM_CHUNK: usize = 16 * 1024;

/// Silence after which the kernel asks a peer whether it is still there, and how often it asks.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15)).with_retries(4);

/// Options that every connection of ours has. They only matter for speed and for dead peers.
pub(crate) fn set_options(tcp: &TcpStream) {
    let socket = SockRef::from(tcp);
    if let Err(error) = tcp.set_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&KEEPALIVE)) {
        tracing::debug!(%error, "TCP options");
    }
}

/// Ends a connection so that its peer sees a reset.
pub(crate) fn reset(tcp: &TcpStream) {
    if let Err(error) = SockRef::from(tcp).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection is closed instead of reset");
    }
}

/// Relays until both directions are finished; when one breaks, or at `end`, the other side sees a reset.
pub(crate) async fn relay(tcp: TcpStream, stream: link::Stream, end: &CancellationToken) {
    let (reader, writer) = stream.into_split();
    relay_halves(tcp, reader, writer, end).await;
}

/// [`relay`], for a stream that is split already.
pub(crate) async fn relay_halves(
    mut tcp: TcpStream,
    mut reader: link::ReadHalf,
    mut writer: link::WriteHalf,
    end: &CancellationToken,
) {
    let (mut tcp_reader, mut tcp_writer) = tcp.split();
    let both = async {
        tokio::try_join!(to_stream(&mut tcp_reader, &mut writer), to_tcp(&mut reader, &mut tcp_writer)).map(drop)
    };
    let result = tokio::select! {
        result = both => result,
        () = end.cancelled() => Err(io::Error::from_raw_os_error(libc::ECONNRESET)),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
        reset(&tcp);
        writer.reset(error.into());
    }
}

async fn to_stream(from: &mut tcp::ReadHalf<'_>, to: &mut link::WriteHalf) -> io::Result<()> {
    loop {
        from.readable().await?;
        let mut chunk = Vec::with_capacity(READ_CHUNK);
        match from.try_read_buf(&mut chunk) {
            Ok(0) => return to.shutdown().await,
            Ok(_) => to.write_all(&chunk).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn to_tcp(from: &mut link::ReadHalf, to: &mut tcp::WriteHalf<'_>) -> io::Result<()> {
    let mut chunk = vec![0; STREAM_CHUNK];
    loop {
        match from.read(&mut chunk).await? {
            0 => return finish(to).await,
            len => to.write_all(&chunk[..len]).await?,
        }
    }
}

/// Half-closes; a peer that is gone already is no error here.
async fn finish(tcp: &mut tcp::WriteHalf<'_>) -> io::Result<()> {
    match tcp.shutdown().await {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

/// Relays between two TCP connections until both directions are finished; a break of one is a reset of the other.
pub(crate) async fn relay_tcp(mut one: TcpStream, mut other: TcpStream, end: &CancellationToken) {
    let result = tokio::select! {
        result = tokio::io::copy_bidirectional(&mut one, &mut other) => result.map(drop),
        () = end.cancelled() => Err(io::Error::from_raw_os_error(Errno::ECONNRESET.0)),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a passed connection broke");
        reset(&one);
        reset(&other);
    }
}
