//! What is known of a file, and changing it.

use std::os::fd::BorrowedFd;

use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    sys::{
        stat::{FchmodatFlags, Mode, UtimensatFlags, fchmod, fchmodat, fstat, futimens, utimensat},
        statfs::fstatfs,
        statvfs::fstatvfs,
        time::TimeSpec,
    },
    unistd::{AccessFlags, Gid, Uid, faccessat, fchown, fchownat, ftruncate, truncate},
};
use protocol::{
    Errno,
    file::{Change, FsStatus, Metadata, SetTime, Timestamp},
};

use super::{Subject, errno, resolve::link_to};

/// stat(2), lstat(2), fstat(2).
pub(crate) fn stat(subject: Subject<'_>) -> Result<Metadata, Errno> {
    Ok(Metadata::from(&fstat(subject.fd()).map_err(errno)?))
}

/// access(2), with the rights that the thread has for files.
pub(crate) fn access(subject: Subject<'_>, mode: i32) -> Result<(), Errno> {
    let mode = AccessFlags::from_bits(mode).ok_or(Errno::EINVAL)?;
    faccessat(subject.fd(), "", mode, AtFlags::AT_EMPTY_PATH | AtFlags::AT_EACCESS).map_err(errno)
}

/// chmod(2), chown(2), truncate(2), utimensat(2), in this order; what was done stays when a later one fails.
pub(crate) fn change(subject: Subject<'_>, request: &Change) -> Result<Metadata, Errno> {
    let Change { file: _, mode, uid, gid, size, atime, mtime } = *request;
    if let Some(mode) = mode {
        set_mode(subject, Mode::from_bits_truncate(mode & 0o7777)).map_err(errno)?;
    }
    if uid.is_some() || gid.is_some() {
        set_owner(subject, uid.map(Uid::from_raw), gid.map(Gid::from_raw)).map_err(errno)?;
    }
    if let Some(size) = size {
        set_size(subject, size).map_err(errno)?;
    }
    if (atime, mtime) != (SetTime::Keep, SetTime::Keep) {
        set_times(subject, time(atime), time(mtime)).map_err(errno)?;
    }
    stat(subject)
}

// A path goes through our own link to it, which is followed to exactly this file, be it a symbolic link: the calls with
// an empty path are younger than the kernels that we meet.

fn set_mode(subject: Subject<'_>, mode: Mode) -> nix::Result<()> {
    match subject {
        Subject::Open(fd) => fchmod(fd, mode),
        Subject::Place(fd) => fchmodat(AT_FDCWD, link_to(fd).as_str(), mode, FchmodatFlags::FollowSymlink),
    }
}

fn set_owner(subject: Subject<'_>, user: Option<Uid>, group: Option<Gid>) -> nix::Result<()> {
    match subject {
        Subject::Open(fd) => fchown(fd, user, group),
        Subject::Place(fd) => fchownat(fd, "", user, group, AtFlags::AT_EMPTY_PATH),
    }
}

fn set_size(subject: Subject<'_>, size: i64) -> nix::Result<()> {
    match subject {
        Subject::Open(fd) => ftruncate(fd, size),
        Subject::Place(fd) => truncate(link_to(fd).as_str(), size),
    }
}

fn set_times(subject: Subject<'_>, access: TimeSpec, change: TimeSpec) -> nix::Result<()> {
    match subject {
        Subject::Open(fd) => futimens(fd, &access, &change),
        Subject::Place(fd) => {
            utimensat(AT_FDCWD, link_to(fd).as_str(), &access, &change, UtimensatFlags::FollowSymlink)
        }
    }
}

fn time(time: SetTime) -> TimeSpec {
    match time {
        SetTime::Keep => TimeSpec::UTIME_OMIT,
        SetTime::Now => TimeSpec::UTIME_NOW,
        SetTime::At(Timestamp { seconds, nanoseconds }) => TimeSpec::new(seconds, nanoseconds),
    }
}

/// statfs(2).
#[expect(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the width of these fields depends on the platform"
)]
pub(crate) fn stat_fs(subject: Subject<'_>) -> Result<FsStatus, Errno> {
    let (kind, status) = (fstatfs(subject.fd()).map_err(errno)?, fstatvfs(subject.fd()).map_err(errno)?);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Ok(FsStatus {
        kind: kind.filesystem_type().0 as i64,
        bsize: signed(status.block_size().into()),
        blocks: status.blocks().into(),
        bfree: status.blocks_free().into(),
        bavail: status.blocks_available().into(),
        files: status.files().into(),
        ffree: status.files_free().into(),
        namelen: signed(status.name_max().into()),
        frsize: signed(status.fragment_size().into()),
        flags: signed(status.flags().bits().into()),
    })
}

impl<'a> Subject<'a> {
    fn fd(self) -> BorrowedFd<'a> {
        match self {
            Self::Open(fd) | Self::Place(fd) => fd,
        }
    }
}
