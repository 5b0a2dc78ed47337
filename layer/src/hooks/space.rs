//! Asking about the file system of a file.

use libc::{c_int, c_long};
use protocol::file::{FsStatus, StatFs};
use rules::path::Access;

use crate::cabi::{Out, Text};
use crate::files::{self, status};
use crate::hook::hook;
use crate::instead::Instead;
use crate::paths::{self, At};
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

hook! {
    /// statfs(2)
    fn statfs(path: Text, status: Out<libc::statfs64>) -> c_int => stated;
    /// As statfs.
    fn statfs64(path: Text, status: Out<libc::statfs64>) -> c_int => stated;
    /// statvfs(3)
    fn statvfs(path: Text, status: Out<libc::statvfs>) -> c_int => stated_portably;
    /// As statvfs.
    fn statvfs64(path: Text, status: Out<libc::statvfs>) -> c_int => stated_portably;
}

hook! {
    /// fstatfs(2) of a copy, whose file system is not its file's.
    fn fstatfs(fd: c_int, status: Out<libc::statfs64>) -> c_int => stated_of;
    /// As fstatfs.
    fn fstatfs64(fd: c_int, status: Out<libc::statfs64>) -> c_int => stated_of;
    /// As fstatfs.
    fn fstatvfs(fd: c_int, status: Out<libc::statvfs>) -> c_int => stated_portably_of;
    /// As fstatfs.
    fn fstatvfs64(fd: c_int, status: Out<libc::statvfs>) -> c_int => stated_portably_of;
}

hook! {
    /// pathconf(3)
    fn pathconf(path: Text, name: c_int) -> c_long => limit;
}

/// For `syscall` too.
pub(super) fn stated(layer: &Layer, path: Text, room: Out<libc::statfs64>) -> Hooked<c_int> {
    room.set(status::fs_status_of(&ask(layer, path)?))?;
    Ok(0)
}

fn stated_portably(layer: &Layer, path: Text, room: Out<libc::statvfs>) -> Hooked<c_int> {
    room.set(status::portable_fs_status_of(&ask(layer, path)?))?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn stated_of(layer: &Layer, fd: c_int, room: Out<libc::statfs64>) -> Hooked<c_int> {
    room.set(status::fs_status_of(&ask_of(layer, fd)?))?;
    Ok(0)
}

fn stated_portably_of(layer: &Layer, fd: c_int, room: Out<libc::statvfs>) -> Hooked<c_int> {
    room.set(status::portable_fs_status_of(&ask_of(layer, fd)?))?;
    Ok(0)
}

/// What file systems differ in; the rest is the same for all of Linux, and said of this machine's root.
fn limit(layer: &Layer, path: Text, name: c_int) -> Hooked<c_long> {
    let status = ask(layer, path)?;
    match name {
        libc::_PC_NAME_MAX => Ok(status.namelen),
        libc::_PC_REC_XFER_ALIGN | libc::_PC_ALLOC_SIZE_MIN => Ok(status.frsize),
        libc::_PC_REC_MIN_XFER_SIZE => Ok(status.bsize),
        _ => Err(Otherwise::Instead(Instead::of(path, c"/".to_owned()))),
    }
}

fn ask_of(layer: &Layer, fd: c_int) -> Hooked<FsStatus> {
    let path = files::path_of_copy(fd)?.ok_or(Otherwise::Native)?;
    Ok(layer.link.perform(StatFs { file: files::which(path, true) })?)
}

fn ask(layer: &Layer, path: Text) -> Hooked<FsStatus> {
    let path = paths::remote(layer, At::here(path), Access::Read)?;
    Ok(layer.link.perform(StatFs { file: files::which(path, true) })?)
}
