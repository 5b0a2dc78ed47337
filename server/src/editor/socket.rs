//! A Unix socket of an editor's, for this user alone: each connection is served for itself.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Bytes of a socket's path: `sun_path` has 108, the last of which is NUL. unix(7).
const PATH_LIMIT: usize = 107;

/// Connections at once.
const CONNECTIONS: usize = 64;

/// Pause after a connection that could not be accepted: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(50);

/// Why nobody can connect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// No kernel takes such a path.
    #[error(
        "cannot listen at `{path}`: this path has {length} bytes, a socket's has at most {PATH_LIMIT}; name a shorter one, \
         or one that is relative to the working directory"
    )]
    LongPath {
        /// Where.
        path: PathBuf,
        /// Bytes of it.
        length: usize,
    },
    /// It is something of the user's.
    #[error("cannot listen at `{0}`: it is there and is no socket; name a path where nothing is")]
    NoSocket(PathBuf),
    /// Another server is there.
    #[error("cannot listen at `{0}`: a server listens there already; end it, or name another path")]
    Taken(PathBuf),
    /// The system forbids it.
    #[error("cannot listen at `{path}`: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A socket that listens. Its name goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the name, which by then may be another server's.
    identity: (u64, u64),
}

impl Socket {
    /// Listens at `path`, in the place of a socket where nobody does any more. To be called in a runtime.
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let length = path.as_os_str().as_bytes().len();
        if length > PATH_LIMIT {
            return Err(SocketError::LongPath { path: path.to_owned(), length });
        }
        let failure = |error| SocketError::Io { path: path.to_owned(), error };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure(error)),
            Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NoSocket(path.to_owned())),
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Ok(_) => return Err(SocketError::Taken(path.to_owned())),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failure)?;
                }
                Err(error) => return Err(failure(error)),
            },
        }
        let listener = UnixListener::bind(path).map_err(failure)?;
        let found = fs::symlink_metadata(path).map_err(failure)?;
        let socket = Self { listener, path: path.to_owned(), identity: (found.dev(), found.ino()) };
        // For those who look: who is served is decided by whose process it is.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failure)?;
        Ok(socket)
    }

    /// Serves every connection of this user's until `stop`, and waits until all have ended.
    pub(crate) async fn serve<F>(self, stop: &CancellationToken, serve: impl Fn(UnixStream) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let own_uid = nix::unistd::getuid().as_raw();
        let mut served = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = served.join_next() => continue,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == own_uid) => {
                    if served.len() < CONNECTIONS {
                        served.spawn(serve(stream));
                    } else {
                        tracing::warn!("a connection beyond {CONNECTIONS} is closed");
                    }
                }
                Ok(_) => tracing::warn!("another user's connection is closed"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self);
        served.join_all().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket's name stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn echo(mut stream: UnixStream) {
        let mut bytes = [0; 3];
        while stream.read_exact(&mut bytes).await.is_ok() && stream.write_all(&bytes).await.is_ok() {}
    }

    #[tokio::test]
    async fn connections_are_served_side_by_side_and_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dap.sock");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        let stopped = stop.clone();
        server.spawn(async move { socket.serve(&stopped, echo).await });
        let mut connections = [UnixStream::connect(&path).await.unwrap(), UnixStream::connect(&path).await.unwrap()];
        for (number, stream) in connections.iter_mut().enumerate().rev() {
            stream.write_all(format!("it{number}").as_bytes()).await.unwrap();
            let mut answer = [0; 3];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, *format!("it{number}").as_bytes());
        }
        stop.cancel();
        assert!(
            tokio::time::timeout(Duration::from_millis(100), server.join_next()).await.is_err(),
            "it waits for them"
        );
        assert!(!path.exists(), "nobody new is let in");
        drop(connections);
        server.join_next().await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn beyond_the_limit_the_connection_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dap.sock");
        let socket = Socket::bind(&path).unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move { socket.serve(&CancellationToken::new(), echo).await });
        let mut connections = Vec::new();
        for _ in 0..=CONNECTIONS {
            connections.push(UnixStream::connect(&path).await.unwrap());
        }
        assert_eq!(connections[CONNECTIONS].read(&mut [0]).await.unwrap(), 0);
        connections.remove(0);
        let mut answer = [0; 3];
        loop {
            let mut next = UnixStream::connect(&path).await.unwrap();
            // One that is closed at once may be so before or after it is written to.
            if next.write_all(b"abc").await.is_ok() && next.read_exact(&mut answer).await.is_ok() {
                break;
            }
        }
        server.shutdown().await;
    }

    #[tokio::test]
    async fn only_a_socket_where_nobody_listens_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dap.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketError::Taken(_))));
        drop(socket);
        assert!(!path.exists(), "its name is still there");

        fs::write(&path, "mine").unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketError::NoSocket(_))));

        let nowhere = Socket::bind(&folder.path().join("nowhere/dap.sock")).unwrap_err();
        assert!(nowhere.to_string().ends_with("No such file or directory (os error 2)"), "{nowhere}");
    }

    #[tokio::test]
    async fn a_successors_name_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dap.sock");
        let first = Socket::bind(&path).unwrap();
        fs::rename(&path, folder.path().join("aside")).unwrap();
        let second = Socket::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }

    #[tokio::test]
    async fn a_path_that_no_socket_can_have_is_refused_with_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let room = PATH_LIMIT - folder.path().as_os_str().len() - 1;
        drop(Socket::bind(&folder.path().join("x".repeat(room))).expect("it just fits"));
        let path = folder.path().join("x".repeat(room + 1));
        let refused = Socket::bind(&path).unwrap_err().to_string();
        let expected =
            "this path has 108 bytes, a socket's has at most 107; name a shorter one, or one that is relative";
        assert!(refused.contains(expected), "{refused}");
    }
}
