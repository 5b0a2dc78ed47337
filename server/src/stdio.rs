//! Standard input and output of a server that an editor has started. The runtime watches them itself: Tokio's own are read
//! and written by threads beside it, and every message would wait for them.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream as Socket,
    },
};

use nix::sys::stat::{SFlag, fstat};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{UnixStream, unix::pipe},
};

/// Where messages come from.
pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;

/// Where messages go.
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Standard input.
pub(crate) fn input() -> Input {
    watched_input(io::stdin().as_fd()).unwrap_or_else(|error| {
        tracing::debug!(%error, "standard input is read by a thread");
        Box::new(tokio::io::stdin())
    })
}

/// Standard output.
pub(crate) fn output() -> Output {
    watched_output(io::stdout().as_fd()).unwrap_or_else(|error| {
        tracing::debug!(%error, "standard output is written by a thread");
        Box::new(tokio::io::stdout())
    })
}

fn watched_input(fd: BorrowedFd<'_>) -> io::Result<Input> {
    match kind(fd)? {
        SFlag::S_IFIFO => Ok(Box::new(pipe::Receiver::from_owned_fd(fd.try_clone_to_owned()?)?)),
        SFlag::S_IFSOCK => Ok(Box::new(socket(fd.try_clone_to_owned()?)?)),
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

fn watched_output(fd: BorrowedFd<'_>) -> io::Result<Output> {
    match kind(fd)? {
        SFlag::S_IFIFO => Ok(Box::new(pipe::Sender::from_owned_fd(fd.try_clone_to_owned()?)?)),
        SFlag::S_IFSOCK => Ok(Box::new(socket(fd.try_clone_to_owned()?)?)),
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

/// Editors give pipes or sockets. A terminal stays as it is: it belongs to others, too, who would find it not blocking.
fn kind(fd: BorrowedFd<'_>) -> io::Result<SFlag> {
    Ok(SFlag::from_bits_truncate(fstat(fd)?.st_mode & SFlag::S_IFMT.bits()))
}

/// A stream socket of any family: it is only read and written.
fn socket(fd: OwnedFd) -> io::Result<UnixStream> {
    let socket = Socket::from(fd);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn pipes_and_sockets_are_watched_and_nothing_else() {
        let (read, write) = io::pipe().unwrap();
        let (one, other) = Socket::pair().unwrap();
        for (read, write) in [(OwnedFd::from(read), OwnedFd::from(write)), (one.into(), other.into())] {
            let (mut input, mut output) =
                (watched_input(read.as_fd()).unwrap(), watched_output(write.as_fd()).unwrap());
            drop((read, write));
            // More than a pipe holds: both sides wait for each other.
            let text = vec![b'x'; 1 << 20];
            let mut seen = Vec::new();
            let written = async {
                output.write_all(&text).await.unwrap();
                drop(output);
            };
            let (_, ()) = tokio::join!(input.read_to_end(&mut seen), written);
            assert!(seen == text, "{} bytes came", seen.len());
        }
        let file = File::open("/dev/null").unwrap();
        assert!(watched_input(file.as_fd()).is_err() && watched_output(file.as_fd()).is_err());
    }
}
