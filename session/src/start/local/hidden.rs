//! Unix listeners that have no name any more: only who holds a descriptor of the socket's file can connect.

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::DirBuilderExt, net::UnixListener},
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use tokio::net::UnixStream;

/// The way to a listener whose socket has been handed to another process.
#[derive(Debug)]
pub(super) struct HiddenListener {
    /// The socket's file, opened with `O_PATH`; its name is gone. open(2).
    file: OwnedFd,
}

impl HiddenListener {
    /// Binds in a private directory and removes both; gives the way in and the socket that listens.
    pub(super) fn bind() -> io::Result<(Self, OwnedFd)> {
        let directory = private_directory()?;
        let made = Self::bind_in(&directory);
        std::fs::remove_dir(&directory)?;
        made
    }

    fn bind_in(directory: &Path) -> io::Result<(Self, OwnedFd)> {
        let path = directory.join("s");
        let listener = UnixListener::bind(&path)?;
        let file = open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        std::fs::remove_file(&path)?;
        Ok((Self { file: file? }, listener.into()))
    }

    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(format!("/proc/self/fd/{}", self.file.as_raw_fd())).await
    }
}

/// A new directory of mode 0700 at the first place where one can be made.
fn private_directory() -> io::Result<PathBuf> {
    let places = [std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Some(std::env::temp_dir())];
    let mut refusal = None;
    for place in places.into_iter().flatten().chain([PathBuf::from("/dev/shm"), PathBuf::from("/run")]) {
        for attempt in 0..100 {
            let path = place.join(format!("mirrord-{}-{attempt}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    refusal = Some(error);
                    break;
                }
            }
        }
    }
    Err(refusal.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}
