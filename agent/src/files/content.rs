//! What is done with open files.

use std::sync::Arc;

use nix::{
    fcntl::{FallocateFlags, OFlag, fallocate},
    sys::{stat::Mode, uio::pwrite},
    unistd::{Whence, fdatasync, fsync, lseek},
};
use protocol::{
    Errno,
    file::{Allocate, READ_LIMIT, Read, Seek, Synchronise, Write},
};

use super::{blob::Blob, errno, handles::OpenFile, resolve::link_to};

/// pread(2).
pub(crate) fn read(file: Arc<OpenFile>, request: Read) -> Result<Blob, Errno> {
    let Read { handle: _, offset, len } = request;
    if len > READ_LIMIT {
        return Err(Errno::EINVAL);
    }
    Blob::of_file(file, offset, usize::try_from(len).map_err(|_| Errno::EINVAL)?)
}

/// pwrite(2), until all is written. Under `O_APPEND` Linux appends wherever the offset points.
pub(crate) fn write(file: &OpenFile, request: &Write) -> Result<(), Errno> {
    let Write { handle: _, offset, data } = request;
    let (mut offset, mut rest) = (*offset, data.as_slice());
    loop {
        match pwrite(file, rest, offset) {
            Ok(written) => {
                rest = &rest[written..];
                offset = offset.saturating_add(i64::try_from(written).expect("at most the data"));
                if rest.is_empty() {
                    return Ok(());
                }
                if written == 0 {
                    return Err(Errno::EIO); // it would never end
                }
            }
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(errno(error)),
        }
    }
}

/// A listing from the directory's beginning, through a descriptor of its own: others may be under way.
pub(crate) fn list(directory: &OpenFile) -> Result<Blob, Errno> {
    if !directory.is_directory() {
        return Err(Errno(libc::ENOTDIR));
    }
    if directory.is_bare() {
        return Err(Errno(libc::EBADF));
    }
    Blob::of_directory(Arc::new(directory.open_again(OFlag::O_RDONLY | OFlag::O_DIRECTORY)?))
}

/// fsync(2), fdatasync(2).
pub(crate) fn synchronise(file: &OpenFile, request: Synchronise) -> Result<(), Errno> {
    let Synchronise { handle: _, data_only } = request;
    if data_only { fdatasync(file) } else { fsync(file) }.map_err(errno)
}

/// fallocate(2).
pub(crate) fn allocate(file: &OpenFile, request: Allocate) -> Result<(), Errno> {
    let Allocate { handle: _, mode, offset, len } = request;
    fallocate(file, FallocateFlags::from_bits_retain(mode), offset, len).map_err(errno)
}

/// lseek(2). The descriptor's own offset means nothing to anybody.
pub(crate) fn seek(file: &OpenFile, request: Seek) -> Result<i64, Errno> {
    let Seek { handle: _, offset, data } = request;
    lseek(file, offset, if data { Whence::SeekData } else { Whence::SeekHole }).map_err(errno)
}

impl OpenFile {
    /// Another description of the same file.
    pub(super) fn open_again(&self, flags: OFlag) -> Result<Self, Errno> {
        let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let descriptor = nix::fcntl::open(link_to(self).as_str(), flags, Mode::empty()).map_err(errno)?;
        Ok(self.like(descriptor, flags))
    }
}
