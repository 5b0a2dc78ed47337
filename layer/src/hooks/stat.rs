//! Asking about files.

use libc::{c_int, c_uint};
use protocol::file::Metadata;
use rules::path::Access;

use crate::cabi::{Out, Text};
use crate::files;
use crate::files::status::{extended_status_of, status_of};
use crate::hook::hook;
use crate::paths::{self, At};
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

/// `struct stat`, which has 64-bit members in both of its names.
type Status = Out<libc::stat>;

hook! {
    /// stat(2)
    fn stat(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, At::here(path), true, status);
    /// As stat.
    fn stat64(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, At::here(path), true, status);
    /// lstat(2)
    fn lstat(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, At::here(path), false, status);
    /// As lstat.
    fn lstat64(path: Text, status: Status) -> c_int => |layer, path, status| stated(layer, At::here(path), false, status);
    /// fstat(2)
    fn fstat(fd: c_int, status: Status) -> c_int => opened;
    /// As fstat.
    fn fstat64(fd: c_int, status: Status) -> c_int => opened;
    /// fstat(2) of programs built against glibc before 2.33.
    fn __fxstat(version: c_int, fd: c_int, status: Status) -> c_int => |layer, _, fd, status| opened(layer, fd, status);
    /// As `__fxstat`.
    fn __fxstat64(version: c_int, fd: c_int, status: Status) -> c_int => |layer, _, fd, status| opened(layer, fd, status);
    /// fstatat(2)
    fn fstatat(folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, folder, path, status, flags| stated_at(layer, At { folder, path }, status, flags);
    /// As fstatat.
    fn fstatat64(folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, folder, path, status, flags| stated_at(layer, At { folder, path }, status, flags);
    /// stat(2) of programs built against glibc before 2.33.
    fn __xstat(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, At::here(path), true, status);
    /// As `__xstat`.
    fn __xstat64(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, At::here(path), true, status);
    /// lstat(2) of programs built against glibc before 2.33.
    fn __lxstat(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, At::here(path), false, status);
    /// As `__lxstat`.
    fn __lxstat64(version: c_int, path: Text, status: Status) -> c_int => |layer, _, path, status| stated(layer, At::here(path), false, status);
    /// fstatat(2) of programs built against glibc before 2.33.
    fn __fxstatat(version: c_int, folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, _, folder, path, status, flags| stated_at(layer, At { folder, path }, status, flags);
    /// As `__fxstatat`.
    fn __fxstatat64(version: c_int, folder: c_int, path: Text, status: Status, flags: c_int) -> c_int
        => |layer, _, folder, path, status, flags| stated_at(layer, At { folder, path }, status, flags);
    /// statx(2)
    fn statx(folder: c_int, path: Text, flags: c_int, mask: c_uint, status: Out<libc::statx>) -> c_int
        => |layer, folder, path, flags, _, status| extended(layer, At { folder, path }, flags, status);
    /// access(2)
    fn access(path: Text, mode: c_int) -> c_int => |layer, path, mode| files::access(layer, At::here(path), mode, true);
    /// access(2) with effective ids; the agent has one set of ids only.
    fn eaccess(path: Text, mode: c_int) -> c_int => |layer, path, mode| files::access(layer, At::here(path), mode, true);
    /// As eaccess.
    fn euidaccess(path: Text, mode: c_int) -> c_int => |layer, path, mode| files::access(layer, At::here(path), mode, true);
    /// faccessat(2)
    fn faccessat(folder: c_int, path: Text, mode: c_int, flags: c_int) -> c_int => |layer, folder, path, mode, flags| accessed(layer, At { folder, path }, mode, flags);
}

/// What statx(2) knows; `AT_STATX_SYNC_TYPE` has two bits.
const EXTENDED_FLAGS: c_int = libc::AT_EMPTY_PATH
    | libc::AT_SYMLINK_NOFOLLOW
    | libc::AT_NO_AUTOMOUNT
    | libc::AT_STATX_FORCE_SYNC
    | libc::AT_STATX_DONT_SYNC;

/// For `syscall` too.
pub(super) fn opened(layer: &Layer, fd: c_int, status: Status) -> Hooked<c_int> {
    status.set(files::open_status(layer, fd)?.0)?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn stated_at(layer: &Layer, at: At, status: Status, flags: c_int) -> Hooked<c_int> {
    if means_descriptor(at.path, flags) {
        return opened(layer, at.folder, status);
    }
    stated(layer, at, follows(flags), status)
}

pub(super) fn stated(layer: &Layer, at: At, follow: bool, status: Status) -> Hooked<c_int> {
    status.set(status_of(&metadata(layer, at, follow)?))?;
    Ok(0)
}

pub(super) fn extended(layer: &Layer, at: At, flags: c_int, status: Out<libc::statx>) -> Hooked<c_int> {
    if flags & !EXTENDED_FLAGS != 0 {
        return Err(Otherwise::Native); // the kernel refuses
    }
    let metadata = if means_descriptor(at.path, flags) {
        match files::open_status(layer, at.folder)? {
            (status, true) => Metadata::from(&status),
            // The kernel tells more of a file than stat(2) does.
            (_, false) => return Err(Otherwise::Native),
        }
    } else {
        metadata(layer, at, follows(flags))?
    };
    status.set(extended_status_of(&metadata))?;
    Ok(0)
}

pub(super) fn accessed(layer: &Layer, at: At, mode: c_int, flags: c_int) -> Hooked<c_int> {
    files::access(layer, at, mode, follows(flags))
}

/// Whether the `*at` call is about the descriptor itself: `AT_EMPTY_PATH` and an empty path, or, since Linux 6.11, none.
fn means_descriptor(path: Text, flags: c_int) -> bool {
    let is_empty = path.pointer().is_null() || path.bytes().is_ok_and(<[u8]>::is_empty);
    flags & libc::AT_EMPTY_PATH != 0 && is_empty
}

fn follows(flags: c_int) -> bool {
    flags & libc::AT_SYMLINK_NOFOLLOW == 0
}

fn metadata(layer: &Layer, at: At, follow: bool) -> Hooked<Metadata> {
    let path = paths::remote(layer, at, Access::Read)?;
    Ok(files::stat(layer, path, follow)?)
}
