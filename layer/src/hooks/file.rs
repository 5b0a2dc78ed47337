//! Opening files.

use std::os::fd::IntoRawFd;

use libc::{FILE, c_int, mode_t};

use crate::cabi::Text;
use crate::files;
use crate::hook::hook;
use crate::paths::At;
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;
use crate::stdio;

hook! {
    /// open(2). Variadic in C: the third argument is read from its register whether it was passed or not.
    fn open(path: Text, flags: c_int, mode: mode_t) -> c_int => |layer, path, flags, mode| opened(layer, At::here(path), flags, mode);
    /// As open: offsets have 64 bits anyway.
    fn open64(path: Text, flags: c_int, mode: mode_t) -> c_int => |layer, path, flags, mode| opened(layer, At::here(path), flags, mode);
    /// openat(2)
    fn openat(folder: c_int, path: Text, flags: c_int, mode: mode_t) -> c_int => |layer, folder, path, flags, mode| opened(layer, At { folder, path }, flags, mode);
    /// As openat.
    fn openat64(folder: c_int, path: Text, flags: c_int, mode: mode_t) -> c_int => |layer, folder, path, flags, mode| opened(layer, At { folder, path }, flags, mode);
    /// open(2) under `_FORTIFY_SOURCE`, without a mode.
    fn __open_2(path: Text, flags: c_int) -> c_int => |layer, path, flags| opened(layer, At::here(path), flags, 0);
    /// As `__open_2`.
    fn __open64_2(path: Text, flags: c_int) -> c_int => |layer, path, flags| opened(layer, At::here(path), flags, 0);
    /// openat(2) under `_FORTIFY_SOURCE`.
    fn __openat_2(folder: c_int, path: Text, flags: c_int) -> c_int => |layer, folder, path, flags| opened(layer, At { folder, path }, flags, 0);
    /// As `__openat_2`.
    fn __openat64_2(folder: c_int, path: Text, flags: c_int) -> c_int => |layer, folder, path, flags| opened(layer, At { folder, path }, flags, 0);
    /// creat(2)
    fn creat(path: Text, mode: mode_t) -> c_int => |layer, path, mode| opened(layer, At::here(path), CREATE, mode);
    /// As creat.
    fn creat64(path: Text, mode: mode_t) -> c_int => |layer, path, mode| opened(layer, At::here(path), CREATE, mode);
    /// fopen(3)
    fn fopen(path: Text, mode: Text) -> *mut FILE => stream_opened;
    /// As fopen.
    fn fopen64(path: Text, mode: Text) -> *mut FILE => stream_opened;
    /// freopen(3)
    fn freopen(path: Text, mode: Text, stream: *mut FILE) -> *mut FILE => stream_reopened;
    /// As freopen.
    fn freopen64(path: Text, mode: Text, stream: *mut FILE) -> *mut FILE => stream_reopened;
}

/// creat(2) is open(2) with these.
pub(super) const CREATE: c_int = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;

/// For `syscall` too.
pub(super) fn opened(layer: &Layer, at: At, flags: c_int, mode: mode_t) -> Hooked<c_int> {
    Ok(files::open(layer, at, flags, mode)?.into_raw_fd())
}

fn stream_opened(layer: &Layer, path: Text, mode: Text) -> Hooked<*mut FILE> {
    let flags = stdio::flags(mode.bytes()?).ok_or(Otherwise::Native)?;
    let file = files::open(layer, At::here(path), flags, stdio::NEW_FILE_MODE)?;
    Ok(stdio::stream_of(file, mode.c_str()?)?)
}

/// With a null path freopen changes the stream's mode only: the real function's business.
fn stream_reopened(layer: &Layer, path: Text, mode: Text, stream: *mut FILE) -> Hooked<*mut FILE> {
    let flags = stdio::flags(mode.bytes()?).ok_or(Otherwise::Native)?;
    match files::open(layer, At::here(path), flags, stdio::NEW_FILE_MODE) {
        Ok(file) => Ok(stdio::reopen(&file, flags, mode.c_str()?, stream)?),
        Err(Otherwise::Fail(errno)) => {
            stdio::close_for_reopening(mode.c_str()?, stream);
            Err(Otherwise::Fail(errno))
        }
        Err(otherwise) => Err(otherwise),
    }
}
