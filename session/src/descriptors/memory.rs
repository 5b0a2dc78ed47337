//! Whole files in memory: memfds that look like the file they are copies of.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        memfd::{MFdFlags, memfd_create},
        resource::{Resource, getrlimit},
        stat::{Mode, fchmod, futimens},
        time::TimeSpec,
    },
};
use protocol::{
    Errno,
    file::{Metadata, Timestamp},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of a blob that are moved at once.
const CHUNK: usize = 256 * 1024;

/// Least bytes that are moved at once: most files are smaller.
const LEAST: usize = 4 * 1024 + 1;

/// Largest blob, in bytes: a remote file is held in this machine's memory for as long as the program has it open.
pub(super) const LIMIT: usize = 1024 * 1024 * 1024;

/// Longest name of a file in memory, in bytes. memfd_create(2)
const NAME_LIMIT: usize = 249;

/// Whether a file of `size` bytes may be held in memory, as far as this process's limits go: RLIMIT_FSIZE of setrlimit(2)
/// counts there as on disks.
pub(super) fn has_room(size: i64) -> bool {
    let limit = getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(limit, _)| limit);
    u64::try_from(size).is_ok_and(|size| size <= limit)
}

/// An empty file in memory for what is at `path` in the target. Its name is the path, if that fits: lsof(8) shows it,
/// and layers find their way back from a descriptor by it.
pub(super) fn create(path: &[u8]) -> io::Result<OwnedFd> {
    let name = CString::new(path).ok().filter(|name| name.as_bytes().len() <= NAME_LIMIT);
    Ok(memfd_create(name.as_deref().unwrap_or(c"mirrord"), MFdFlags::MFD_CLOEXEC)?)
}

/// Moves a blob into a file in memory. `expected` is how long it probably is. Fails with `EFBIG` beyond [`LIMIT`].
pub(super) async fn fill(memfd: &OwnedFd, blob: &mut (impl AsyncRead + Unpin), expected: usize) -> io::Result<usize> {
    let mut chunk = vec![0; expected.clamp(LEAST, CHUNK)];
    let mut total = 0;
    loop {
        let len = blob.read(&mut chunk).await?;
        if len == 0 {
            return Ok(total);
        }
        total += len;
        if total > LIMIT {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        write_all(memfd, &chunk[..len])?;
    }
}

pub(super) fn write_all(memfd: &OwnedFd, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let written = nix::unistd::write(memfd, rest)?;
        rest = &rest[written..];
    }
    Ok(())
}

/// Opens it anew: with an offset of its own, at 0, and the access that `flags` name.
pub(super) fn reopen(memfd: &OwnedFd, flags: OFlag) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
    Ok(open(path.as_str(), flags | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// Gives it the permissions and times of the file that it is a copy of.
pub(super) fn dress(memfd: &OwnedFd, metadata: &Metadata) -> Result<(), Errno> {
    let errno = |errno: nix::Error| Errno(errno as i32);
    let time = |Timestamp { seconds, nanoseconds }: Timestamp| {
        let valid = (0..1_000_000_000).contains(&nanoseconds);
        TimeSpec::new(seconds, if valid { nanoseconds } else { 0 })
    };
    fchmod(memfd, Mode::from_bits_truncate(metadata.mode & 0o7777)).map_err(errno)?;
    futimens(memfd, &time(metadata.atime), &time(metadata.mtime)).map_err(errno)
}
