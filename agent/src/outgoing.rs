//! Connections that the program opens: they leave from the target's network namespace, which the agent lives in.

use std::net::SocketAddr;

use protocol::{
    Errno,
    outgoing::{Connect, Connected},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::relay;

/// Serves one outgoing connection's stream to its end. The kernel's own time-outs hold: the program sees what a
/// program in the target would see.
pub(crate) async fn serve(request: Connect, mut stream: link::Stream, end: &CancellationToken) {
    let destination = request.destination;
    let connected = tokio::select! {
        connected = connect(destination) => connected,
        // The program gave up while the kernel still tried.
        () = wait_for_reset(&mut stream) => return tracing::debug!(%destination, "connect was given up"),
        () = end.cancelled() => return stream.reset(Errno::ECONNRESET),
    };
    tracing::debug!(%destination, errno = connected.as_ref().err().map(|errno| errno.0), "connect");
    let (tcp, answer) = match connected {
        Ok((tcp, local)) => (Some(tcp), Ok(Connected { local })),
        Err(errno) => (None, Err(errno)),
    };
    if let Err(error) = stream.write_message::<Result<Connected, Errno>>(&answer).await {
        return tracing::debug!(%error, "nobody waits for the connection");
    }
    match tcp {
        Some(tcp) => relay::relay(tcp, stream, end).await,
        None => {
            // Only the answer travels; the stream may be gone already, which is the same.
            drop(stream.shutdown().await);
        }
    }
}

async fn connect(destination: SocketAddr) -> Result<(TcpStream, SocketAddr), Errno> {
    let socket = if destination.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let tcp = socket.connect(destination).await?;
    relay::set_options(&tcp);
    let local = tcp.local_addr()?;
    Ok((tcp, local))
}

/// Resolves when the session resets the stream; whatever it sends meanwhile stays in the stream.
async fn wait_for_reset(stream: &mut link::Stream) {
    if stream.read(&mut []).await.is_ok() {
        std::future::pending::<()>().await; // bytes or their end are waiting: that is no reset
    }
}
