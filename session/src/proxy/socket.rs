//! The socket that layers connect to, in a directory that nobody else may enter.

use std::{
    fs, io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use tokio::net::{UnixListener, UnixStream};

/// Connections that may wait to be accepted: a program may start many threads and children at once.
const BACKLOG: i32 = 1024;

/// What names of sessions' folders begin with.
pub(crate) const FOLDER_PREFIX: &str = "mirrord-";

/// The socket and its directory; both are removed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    directory: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// Makes a `SOCK_SEQPACKET` socket, mode 0600, in a fresh directory, mode 0700, under `parent`.
    pub(crate) fn new(parent: &Path, name: &str) -> io::Result<Self> {
        let directory = parent.join(format!("{FOLDER_PREFIX}{name}"));
        fs::DirBuilder::new().create(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        let path = directory.join("layer.sock");
        let made = (|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
            bind(socket.as_raw_fd(), &UnixAddr::new(&path)?)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            listen(&socket, Backlog::new(BACKLOG)?)?;
            // Only accept(2) and readiness are used of the listener: its socket type does not matter to it.
            UnixListener::from_std(socket.into())
        })();
        match made {
            Ok(listener) => Ok(Self { directory, listener }),
            Err(error) => {
                drop(fs::remove_dir_all(&directory)); // the first error is the one that matters
                Err(error)
            }
        }
    }

    /// The next layer that connects.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }

    /// The session's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.directory
    }

    /// Path for the layers.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("layer.sock")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(directory = %self.directory.display(), %error, "cannot remove the session's directory");
        }
    }
}
