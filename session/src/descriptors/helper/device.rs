//! `/dev/fuse`: one request with each read, one answer with each write. fuse(4).

use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
};

use nix::errno::Errno as SystemErrno;
use protocol::Errno;
use tokio::io::unix::AsyncFd;

use super::abi::{Body, Request};
use crate::descriptors::registered;

/// Most bytes that a program's write brings at once, in pages of 4 KiB: 1 MiB.
pub(super) const PAGES: u16 = 256;

/// Room for a request of that size and its head; the kernel takes no less.
const BUFFER: usize = PAGES as usize * 4096 + 4096;

/// Code of a message that a file's attributes are no longer right (`FUSE_NOTIFY_INVAL_INODE`).
const INVALIDATE: i32 = 2;

/// The kernel's end of the mount.
#[derive(Debug)]
pub(super) struct Device(AsyncFd<OwnedFd>);

impl Device {
    /// `device` does not block.
    pub(super) fn new(device: OwnedFd) -> io::Result<Self> {
        registered(device).map(Self)
    }

    /// A buffer for [`Self::next`].
    pub(super) fn buffer() -> Vec<u8> {
        vec![0; BUFFER]
    }

    /// The next request; nothing when the mount is gone.
    pub(super) async fn next(&self, buffer: &mut [u8]) -> io::Result<Option<Request>> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|device| nix::unistd::read(device.get_ref(), buffer).map_err(io::Error::from));
            match read {
                Err(_would_block) => {}
                Ok(Ok(len)) => {
                    if let Some(request) = Request::parse(&buffer[..len]) {
                        return Ok(Some(request));
                    }
                }
                Ok(Err(error)) => match error.raw_os_error() {
                    // Taken back before we could read it, or a signal.
                    Some(libc::ENOENT | libc::EINTR) => {}
                    Some(libc::ENODEV) => return Ok(None),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Answers a request. The kernel does not take answers to what it has given up: that is no error.
    pub(super) fn answer(&self, unique: u64, answer: &Result<Body, Errno>) {
        let (error, body) = match answer {
            Ok(body) => (0, body.0.as_slice()),
            Err(errno) => (-errno.0.clamp(1, 511), &[][..]),
        };
        self.send(unique, error, body);
    }

    /// Tells the kernel that what it knows of a file's attributes is old. Its pages stay until they prove to be old as
    /// well: dropping them from here could wait for a read that waits for us.
    pub(super) fn forget_attributes(&self, node: u64) {
        let body = Body::default().u64(node).u64((-1i64).cast_unsigned()).u64(0);
        self.send(0, INVALIDATE, &body.0);
    }

    fn send(&self, unique: u64, error: i32, body: &[u8]) {
        const HEAD: usize = 16;
        let len = u32::try_from(HEAD + body.len()).expect("answers are at most as large as requests");
        let head = Body::default().u32(len).u32(error.cast_unsigned()).u64(unique);
        let parts = [IoSlice::new(&head.0), IoSlice::new(body)];
        match nix::sys::uio::writev(self.0.get_ref(), &parts) {
            Ok(_) | Err(SystemErrno::ENOENT | SystemErrno::ENODEV) => {}
            Err(errno) => {
                tracing::debug!(%errno, unique, "the kernel did not take an answer");
                if error == 0 && unique != 0 {
                    // Whoever waits must not wait for ever.
                    let head = Body::default().u32(16).u32((-libc::EIO).cast_unsigned()).u64(unique);
                    // If the kernel does not take that either, it waits for nothing any more.
                    let _ = nix::unistd::write(self.0.get_ref(), &head.0);
                }
            }
        }
    }
}
