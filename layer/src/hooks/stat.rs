//! Asking about files.

use libc::{c_char, c_int, c_uint, ssize_t};
use protocol::file::{Metadata, Timestamp};
use rules::path::Access;

use crate::cabi::{Out, Room, Text};
use crate::files;
use crate::hook::hook;
use crate::resolve;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

/// `struct stat`, which has 64-bit members in both of its names.
type Status = Out<libc::stat>;

hook! {
    /// stat(2)
    fn stat(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, path, true, status);
    /// As stat.
    fn stat64(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, path, true, status);
    /// lstat(2)
    fn lstat(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, path, false, status);
    /// As lstat.
    fn lstat64(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, path, false, status);
    /// fstat(2)
    fn fstat(fd: c_int, status: Status) -> c_int => opened;
    /// As fstat.
    fn fstat64(fd: c_int, status: Status) -> c_int => opened;
    /// fstat(2) of programs built against glibc before 2.33.
    fn __fxstat(version: c_int, fd: c_int, status: Status) -> c_int => |layer, _, fd, status| opened(layer, fd, status);
    /// As `__fxstat`.
    fn __fxstat64(version: c_int, fd: c_int, status: Status) -> c_int => |layer, _, fd, status| opened(layer, fd, status);
    /// fstatat(2)
    fn fstatat(folder: c_int, path: Text, status: Status, flags: c_int) -> c_int => stated_at;
    /// As fstatat.
    fn fstatat64(folder: c_int, path: Text, status: Status, flags: c_int) -> c_int => stated_at;
    /// stat(2) of programs built against glibc before 2.33.
    fn __xstat(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, path, true, status);
    /// As `__xstat`.
    fn __xstat64(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, path, true, status);
    /// lstat(2) of programs built against glibc before 2.33.
    fn __lxstat(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, path, false, status);
    /// As `__lxstat`.
    fn __lxstat64(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, path, false, status);
    /// fstatat(2) of programs built against glibc before 2.33.
    fn __fxstatat(version: c_int, folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, _, folder, path, status, flags| stated_at(layer, folder, path, status, flags);
    /// As `__fxstatat`.
    fn __fxstatat64(version: c_int, folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, _, folder, path, status, flags| stated_at(layer, folder, path, status, flags);
    /// statx(2)
    fn statx(folder: c_int, path: Text, flags: c_int, mask: c_uint, status: Out<libc::statx>) -> c_int => extended;
    /// access(2)
    fn access(path: Text, mode: c_int) -> c_int => accessed;
    /// access(2) with effective ids; the agent has one set of ids only.
    fn eaccess(path: Text, mode: c_int) -> c_int => accessed;
    /// As eaccess.
    fn euidaccess(path: Text, mode: c_int) -> c_int => accessed;
    /// faccessat(2)
    fn faccessat(folder: c_int, path: Text, mode: c_int, flags: c_int) -> c_int => |layer, _, path, mode, _| accessed(layer, path, mode);
    /// readlink(2)
    fn readlink(path: Text, text: Room, room: usize) -> ssize_t => link_read;
    /// readlinkat(2)
    fn readlinkat(folder: c_int, path: Text, text: Room, room: usize) -> ssize_t => |layer, _, path, text, room| link_read(layer, path, text, room);
    /// readlink(2) under `_FORTIFY_SOURCE`.
    fn __readlink_chk(path: Text, text: Room, room: usize, size: usize) -> ssize_t
        => |layer, path, text, room: usize, size: usize| link_read(layer, path, text, room.min(size));
    /// readlinkat(2) under `_FORTIFY_SOURCE`.
    fn __readlinkat_chk(folder: c_int, path: Text, text: Room, room: usize, size: usize) -> ssize_t
        => |layer, _, path, text, room: usize, size: usize| link_read(layer, path, text, room.min(size));
    /// realpath(3)
    fn realpath(path: Text, resolved: Room) -> *mut c_char => resolved_path;
    /// realpath(3) under `_FORTIFY_SOURCE`.
    fn __realpath_chk(path: Text, resolved: Room, size: usize) -> *mut c_char
        => |layer, path, resolved, _| resolved_path(layer, path, resolved);
}

/// For `syscall` too.
pub(super) fn opened(_layer: &Layer, fd: c_int, status: Status) -> Hooked<c_int> {
    status.set(files::open_status(fd)?)?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn stated_at(layer: &Layer, folder: c_int, path: Text, status: Status, flags: c_int) -> Hooked<c_int> {
    if means_descriptor(path, flags) {
        return opened(layer, folder, status);
    }
    stated(layer, path, flags & libc::AT_SYMLINK_NOFOLLOW == 0, status)
}

pub(super) fn stated(layer: &Layer, path: Text, follow: bool, status: Status) -> Hooked<c_int> {
    status.set(status_of(&metadata(layer, path, follow)?))?;
    Ok(0)
}

/// Whether the `*at` call is about the descriptor itself: `AT_EMPTY_PATH` and an empty path.
fn means_descriptor(path: Text, flags: c_int) -> bool {
    flags & libc::AT_EMPTY_PATH != 0 && path.bytes().is_ok_and(<[u8]>::is_empty)
}

pub(super) fn extended(
    layer: &Layer,
    folder: c_int,
    path: Text,
    flags: c_int,
    _mask: c_uint,
    status: Out<libc::statx>,
) -> Hooked<c_int> {
    if means_descriptor(path, flags) {
        status.set(extended_status_of(&metadata_of(&files::open_status(folder)?)))?;
        return Ok(0);
    }
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    status.set(extended_status_of(&metadata(layer, path, follow)?))?;
    Ok(0)
}

pub(super) fn accessed(layer: &Layer, path: Text, mode: c_int) -> Hooked<c_int> {
    files::access(layer, path.bytes()?, mode)
}

pub(super) fn link_read(layer: &Layer, path: Text, text: Room, room: usize) -> Hooked<ssize_t> {
    let path = path.bytes()?;
    files::must_be_remote(layer, path, Access::Read)?;
    if room == 0 {
        return fail(libc::EINVAL);
    }
    let target = files::read_link(layer, path)?;
    Ok(text.fill(room, &target)?.cast_signed())
}

fn metadata(layer: &Layer, path: Text, follow: bool) -> Hooked<Metadata> {
    let path = path.bytes()?;
    files::must_be_remote(layer, path, Access::Read)?;
    Ok(files::stat(layer, path, follow)?)
}

/// One round trip for each name of the path and each link in it.
fn resolved_path(layer: &Layer, path: Text, resolved: Room) -> Hooked<*mut c_char> {
    let path = path.bytes()?;
    files::must_be_remote(layer, path, Access::Read)?;
    let mut real = resolve::real_path(path, |prefix| files::read_link(layer, prefix))?;
    real.push(0);
    let room = if resolved.is_null() {
        crate::heap::bytes(real.len()).ok_or(Otherwise::Fail(protocol::Errno(libc::ENOMEM)))?
    } else {
        resolved
    };
    // Null means a new allocation of the right size; otherwise the caller has `PATH_MAX` bytes, and `real` fits.
    room.fill(real.len(), &real)?;
    Ok(room.pointer())
}

fn status_of(metadata: &Metadata) -> libc::stat {
    let mut status = crate::heap::zeroed_stat();
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

fn metadata_of(status: &libc::stat) -> Metadata {
    let time = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
    Metadata {
        dev: status.st_dev,
        ino: status.st_ino,
        mode: status.st_mode,
        nlink: status.st_nlink,
        uid: status.st_uid,
        gid: status.st_gid,
        rdev: status.st_rdev,
        size: status.st_size,
        blksize: status.st_blksize,
        blocks: status.st_blocks,
        atime: time(status.st_atime, status.st_atime_nsec),
        mtime: time(status.st_mtime, status.st_mtime_nsec),
        ctime: time(status.st_ctime, status.st_ctime_nsec),
    }
}

fn extended_status_of(metadata: &Metadata) -> libc::statx {
    let mut status = crate::heap::zeroed_statx();
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
    let mut stamp = crate::heap::zeroed_statx().stx_atime;
    stamp.tv_sec = time.seconds;
    stamp.tv_nsec = narrowed(time.nanoseconds.unsigned_abs());
    stamp
}

/// `number`, or the largest that statx(2) has room for.
fn narrowed(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
