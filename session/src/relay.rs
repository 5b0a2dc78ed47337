//! Moves bytes between a program's connection and a stream of the link, ends and resets included.

use std::time::Duration;

use link::Stream;
use protocol::Errno;
use socket2::SockRef;
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Bytes that are copied at once; a frame's payload.
const BUFFER: usize = 64 * 1024;

/// Copies both ways until both ends have finished; a reset on one side becomes a reset on the other.
pub(crate) async fn both_ways(mut program: TcpStream, stream: Stream) {
    let mut stream = stream;
    match tokio::io::copy_bidirectional_with_sizes(&mut program, &mut stream, BUFFER, BUFFER).await {
        Ok(_) => {}
        Err(error) => {
            tracing::debug!(%error, "connection ended by an error");
            reset(&program);
            stream.reset(Errno::ECONNRESET);
        }
    }
}

/// Copies what the cluster sends to the program and throws away what the program answers.
pub(crate) async fn one_way(program: TcpStream, stream: Stream) {
    let (mut from_cluster, mut to_cluster) = stream.into_split();
    let (mut answers, mut to_program) = program.into_split();
    let copied = async {
        // The mirrored side hears nothing from us; that direction is over at once.
        to_cluster.shutdown().await?;
        tokio::io::copy(&mut from_cluster, &mut to_program).await?;
        to_program.shutdown().await
    };
    let mut nowhere = tokio::io::sink();
    let (copied, drained) = tokio::join!(copied, tokio::io::copy(&mut answers, &mut nowhere));
    if let Err(error) = copied.and(drained.map(drop)) {
        tracing::debug!(%error, "mirrored connection ended by an error");
    }
}

/// Makes the kernel send RST instead of FIN when the socket is closed: close(2) with `SO_LINGER` 0.
pub(crate) fn reset(socket: &TcpStream) {
    if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "cannot ask for a reset");
    }
}
