//! Changing files by their paths: permissions, owner, size, times.

use libc::{c_int, gid_t, mode_t, off_t, timespec, timeval, uid_t, utimbuf};
use protocol::file::{Change, SetTime, Timestamp, Which};
use rules::path::Access;

use crate::cabi::{In, Text};
use crate::files;
use crate::hook::hook;
use crate::paths::{self, At};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

hook! {
    /// chmod(2)
    fn chmod(path: Text, mode: mode_t) -> c_int => |layer, path, mode| mode_changed(layer, At::here(path), mode, 0);
    /// As chmod, of a link itself.
    fn lchmod(path: Text, mode: mode_t) -> c_int => |layer, path, mode| mode_changed(layer, At::here(path), mode, libc::AT_SYMLINK_NOFOLLOW);
    /// fchmodat(2)
    fn fchmodat(folder: c_int, path: Text, mode: mode_t, flags: c_int) -> c_int
        => |layer, folder, path, mode, flags| mode_changed(layer, At { folder, path }, mode, flags);
    /// chown(2)
    fn chown(path: Text, user: uid_t, group: gid_t) -> c_int => |layer, path, user, group| owner_changed(layer, At::here(path), user, group, 0);
    /// lchown(2)
    fn lchown(path: Text, user: uid_t, group: gid_t) -> c_int
        => |layer, path, user, group| owner_changed(layer, At::here(path), user, group, libc::AT_SYMLINK_NOFOLLOW);
    /// fchownat(2)
    fn fchownat(folder: c_int, path: Text, user: uid_t, group: gid_t, flags: c_int) -> c_int
        => |layer, folder, path, user, group, flags| owner_changed(layer, At { folder, path }, user, group, flags);
    /// truncate(2)
    fn truncate(path: Text, size: off_t) -> c_int => |layer, path, size| size_changed(layer, At::here(path), size);
    /// As truncate.
    fn truncate64(path: Text, size: off_t) -> c_int => |layer, path, size| size_changed(layer, At::here(path), size);
    /// utime(2)
    fn utime(path: Text, times: In<utimbuf>) -> c_int => |layer, path, times| times_changed(layer, At::here(path), 0, || of_seconds(times));
    /// utimes(2)
    fn utimes(path: Text, times: In<[timeval; 2]>) -> c_int => |layer, path, times| times_changed(layer, At::here(path), 0, || of_microseconds(times));
    /// lutimes(3)
    fn lutimes(path: Text, times: In<[timeval; 2]>) -> c_int
        => |layer, path, times| times_changed(layer, At::here(path), libc::AT_SYMLINK_NOFOLLOW, || of_microseconds(times));
    /// futimesat(2)
    fn futimesat(folder: c_int, path: Text, times: In<[timeval; 2]>) -> c_int
        => |layer, folder, path, times| times_changed(layer, At { folder, path }, 0, || of_microseconds(times));
    /// utimensat(2)
    fn utimensat(folder: c_int, path: Text, times: In<[timespec; 2]>, flags: c_int) -> c_int
        => |layer, folder, path, times, flags| times_changed(layer, At { folder, path }, flags, || of_nanoseconds(times));
}

/// For `syscall` too.
pub(super) fn mode_changed(layer: &Layer, at: At, mode: mode_t, flags: c_int) -> Hooked<c_int> {
    set_mode(layer, changed_file(layer, at, flags)?, mode)
}

/// For `syscall` too.
pub(super) fn owner_changed(layer: &Layer, at: At, user: uid_t, group: gid_t, flags: c_int) -> Hooked<c_int> {
    set_owner(layer, changed_file(layer, at, flags)?, user, group)
}

pub(super) fn set_mode(layer: &Layer, file: Which, mode: mode_t) -> Hooked<c_int> {
    perform(layer, Change { mode: Some(mode & 0o7777), ..unchanged(file) })
}

pub(super) fn set_owner(layer: &Layer, file: Which, user: uid_t, group: gid_t) -> Hooked<c_int> {
    let id = |id: u32| (id != u32::MAX).then_some(id);
    perform(layer, Change { uid: id(user), gid: id(group), ..unchanged(file) })
}

/// For `syscall` too.
pub(super) fn size_changed(layer: &Layer, at: At, size: off_t) -> Hooked<c_int> {
    let file = changed_file(layer, at, 0)?;
    if size < 0 {
        return fail(libc::EINVAL);
    }
    perform(layer, Change { size: Some(size), ..unchanged(file) })
}

/// For `syscall` too.
pub(super) fn times_changed(
    layer: &Layer,
    at: At,
    flags: c_int,
    times: impl FnOnce() -> Hooked<[SetTime; 2]>,
) -> Hooked<c_int> {
    let file = changed_file(layer, at, flags)?;
    set_times(layer, file, times()?)
}

pub(super) fn set_times(layer: &Layer, file: Which, [atime, mtime]: [SetTime; 2]) -> Hooked<c_int> {
    if (atime, mtime) == (SetTime::Keep, SetTime::Keep) {
        // The kernel does not even look at the file.
        return Ok(0);
    }
    perform(layer, Change { atime, mtime, ..unchanged(file) })
}

pub(super) fn of_seconds(times: In<utimbuf>) -> Hooked<[SetTime; 2]> {
    let Some(times) = times.get()? else { return Ok([SetTime::Now; 2]) };
    Ok([times.actime, times.modtime].map(|seconds| SetTime::At(Timestamp { seconds, nanoseconds: 0 })))
}

pub(super) fn of_microseconds(times: In<[timeval; 2]>) -> Hooked<[SetTime; 2]> {
    let Some(times) = times.get()? else { return Ok([SetTime::Now; 2]) };
    if times.iter().any(|time| !(0..1_000_000).contains(&time.tv_usec)) {
        return fail(libc::EINVAL);
    }
    Ok(times.map(|time| SetTime::At(Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_usec * 1000 })))
}

pub(super) fn of_nanoseconds(times: In<[timespec; 2]>) -> Hooked<[SetTime; 2]> {
    let Some([access, change]) = times.get()? else { return Ok([SetTime::Now; 2]) };
    let time = |time: timespec| match time.tv_nsec {
        libc::UTIME_NOW => Ok(SetTime::Now),
        libc::UTIME_OMIT => Ok(SetTime::Keep),
        nanoseconds @ 0..1_000_000_000 => Ok(SetTime::At(Timestamp { seconds: time.tv_sec, nanoseconds })),
        _ => fail(libc::EINVAL),
    };
    Ok([time(access)?, time(change)?])
}

fn changed_file(layer: &Layer, at: At, flags: c_int) -> Hooked<Which> {
    let path = paths::remote(layer, at, Access::Write)?;
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT) != 0 {
        return Err(Otherwise::Fail(protocol::Errno::EINVAL));
    }
    Ok(files::which(path, flags & libc::AT_SYMLINK_NOFOLLOW == 0))
}

fn unchanged(file: Which) -> Change {
    Change { file, mode: None, uid: None, gid: None, size: None, atime: SetTime::Keep, mtime: SetTime::Keep }
}

fn perform(layer: &Layer, change: Change) -> Hooked<c_int> {
    layer.link.perform(change)?;
    Ok(0)
}
