//! What stat(2) tells, in the forms that C has for it.

use protocol::file::{FsStatus, Metadata, Timestamp};

use crate::heap::{zeroed_stat, zeroed_statfs, zeroed_statvfs, zeroed_statx};

pub(crate) fn status_of(metadata: &Metadata) -> libc::stat {
    let mut status = zeroed_stat();
    status.st_dev = metadata.dev;
    status.st_ino = metadata.ino;
    status.st_mode = metadata.mode;
    status.st_nlink = metadata.nlink;
    status.st_uid = metadata.uid;
    status.st_gid = metadata.gid;
    status.st_rdev = metadata.rdev;
    status.st_size = metadata.size;
    status.st_blksize = metadata.blksize;
    status.st_blocks = metadata.blocks;
    status.st_atime = metadata.atime.seconds;
    status.st_atime_nsec = metadata.atime.nanoseconds;
    status.st_mtime = metadata.mtime.seconds;
    status.st_mtime_nsec = metadata.mtime.nanoseconds;
    status.st_ctime = metadata.ctime.seconds;
    status.st_ctime_nsec = metadata.ctime.nanoseconds;
    status
}

pub(crate) fn extended_status_of(metadata: &Metadata) -> libc::statx {
    let mut status = zeroed_statx();
    status.stx_mask = libc::STATX_BASIC_STATS;
    status.stx_blksize = narrowed(metadata.blksize.unsigned_abs());
    status.stx_nlink = narrowed(metadata.nlink);
    status.stx_uid = metadata.uid;
    status.stx_gid = metadata.gid;
    // The upper bits of a mode hold nothing.
    status.stx_mode = u16::try_from(metadata.mode & 0xFFFF).unwrap_or(0);
    status.stx_ino = metadata.ino;
    status.stx_size = metadata.size.unsigned_abs();
    status.stx_blocks = metadata.blocks.unsigned_abs();
    status.stx_atime = time_of(metadata.atime);
    status.stx_mtime = time_of(metadata.mtime);
    status.stx_ctime = time_of(metadata.ctime);
    status.stx_rdev_major = libc::major(metadata.rdev);
    status.stx_rdev_minor = libc::minor(metadata.rdev);
    status.stx_dev_major = libc::major(metadata.dev);
    status.stx_dev_minor = libc::minor(metadata.dev);
    status
}

fn time_of(time: Timestamp) -> libc::statx_timestamp {
    let mut stamp = zeroed_statx().stx_atime;
    stamp.tv_sec = time.seconds;
    stamp.tv_nsec = narrowed(time.nanoseconds.unsigned_abs());
    stamp
}

/// `number`, or the largest that statx(2) has room for.
fn narrowed(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `struct statfs`
pub(crate) fn fs_status_of(status: &FsStatus) -> libc::statfs64 {
    let mut shown = zeroed_statfs();
    shown.f_type = status.kind;
    shown.f_bsize = status.bsize;
    shown.f_blocks = status.blocks;
    shown.f_bfree = status.bfree;
    shown.f_bavail = status.bavail;
    shown.f_files = status.files;
    shown.f_ffree = status.ffree;
    shown.f_namelen = status.namelen;
    shown.f_frsize = status.frsize;
    shown.f_flags = status.flags;
    shown
}

/// `struct statvfs`
pub(crate) fn portable_fs_status_of(status: &FsStatus) -> libc::statvfs {
    /// Set by the kernel to say that the flags mean something. statfs(2)
    const ST_VALID: u64 = 0x20;
    let mut shown = zeroed_statvfs();
    shown.f_bsize = status.bsize.unsigned_abs();
    shown.f_frsize = status.frsize.unsigned_abs();
    shown.f_blocks = status.blocks;
    shown.f_bfree = status.bfree;
    shown.f_bavail = status.bavail;
    shown.f_files = status.files;
    shown.f_ffree = status.ffree;
    shown.f_favail = status.ffree;
    shown.f_flag = status.flags.unsigned_abs() & !ST_VALID;
    shown.f_namemax = status.namelen.unsigned_abs();
    shown
}
