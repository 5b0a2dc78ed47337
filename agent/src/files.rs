//! The target's files.
//!
//! Everything here blocks, and happens with the rights that the calling thread has at that moment.

pub(crate) mod attributes;
pub(crate) mod blob;
pub(crate) mod content;
mod details;
mod flags;
pub(crate) mod handles;
mod listing;
pub(crate) mod locks;
pub(crate) mod metadata;
pub(crate) mod names;
mod open;
mod resolve;
pub(crate) mod turns;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::stat::{FileStat, SFlag};
use protocol::Errno;

pub(crate) use self::open::{open, read_small};
use self::{
    handles::OpenFile,
    resolve::{LastLink, resolve},
};

/// A file that something is done with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// It is open.
    Open(BorrowedFd<'a>),
    /// It was found by its path (`O_PATH`): it may be a symbolic link, and nobody has opened it.
    Place(BorrowedFd<'a>),
}

impl<'a> From<&'a OpenFile> for Subject<'a> {
    fn from(file: &'a OpenFile) -> Self {
        if file.is_bare() { Self::Place(file.as_fd()) } else { Self::Open(file.as_fd()) }
    }
}

/// Does something with the file at a path; a symbolic link as last component is followed if `follow`.
pub(crate) fn at_path<T>(
    root: &OwnedFd,
    path: &[u8],
    follow: bool,
    act: impl FnOnce(Subject<'_>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let place = resolve(root, path, LastLink::from(follow))?;
    act(Subject::Place(place.as_fd()))
}

fn file_type(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn errno(error: nix::Error) -> Errno {
    Errno(error as i32)
}

#[cfg(test)]
mod tests;
