//! The error that crosses the wire: an `errno` value, the language that programs understand.

use bincode::{Decode, Encode};

/// A Linux `errno` value (errno(3)), as the target's kernel gave it. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Errno(pub i32);

impl Errno {
    /// `ENOENT`: no such file or directory.
    pub const ENOENT: Self = Self(2);
    /// `EIO`: input/output error; also what a lost session looks like.
    pub const EIO: Self = Self(5);
    /// `EACCES`: permission denied.
    pub const EACCES: Self = Self(13);
    /// `EINVAL`: invalid argument.
    pub const EINVAL: Self = Self(22);
    /// `ENOSYS`: not implemented.
    pub const ENOSYS: Self = Self(38);
    /// `EADDRINUSE`: address already in use.
    pub const EADDRINUSE: Self = Self(98);
    /// `ECONNRESET`: connection reset by peer.
    pub const ECONNRESET: Self = Self(104);
    /// `ETIMEDOUT`: connection timed out.
    pub const ETIMEDOUT: Self = Self(110);
    /// `ECONNREFUSED`: connection refused.
    pub const ECONNREFUSED: Self = Self(111);
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::error::Error for Errno {}

impl From<std::io::Error> for Errno {
    /// The error's own number, or `EIO` for errors that never came from the kernel.
    fn from(error: std::io::Error) -> Self {
        error.raw_os_error().map_or(Self::EIO, Self)
    }
}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}
