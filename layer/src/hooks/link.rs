//! Names of files: links, renaming, real paths.

use std::ffi::CString;

use libc::{c_char, c_int, c_uint, ssize_t};
use protocol::file::{HardLink, Rename, SymbolicLink};
use rules::path::Access;

use crate::cabi::{Room, Text};
use crate::hook::hook;
use crate::paths::{self, At, File};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::{files, heap, sys, working};

hook! {
    /// readlink(2)
    fn readlink(path: Text, text: Room, room: usize) -> ssize_t => |layer, path, text, room| link_read(layer, At::here(path), text, room);
    /// readlinkat(2)
    fn readlinkat(folder: c_int, path: Text, text: Room, room: usize) -> ssize_t
        => |layer, folder, path, text, room| link_read(layer, At { folder, path }, text, room);
    /// readlink(2) under `_FORTIFY_SOURCE`.
    fn __readlink_chk(path: Text, text: Room, room: usize, size: usize) -> ssize_t
        => |layer, path, text, room: usize, size: usize| link_read(layer, At::here(path), text, room.min(size));
    /// readlinkat(2) under `_FORTIFY_SOURCE`.
    fn __readlinkat_chk(folder: c_int, path: Text, text: Room, room: usize, size: usize) -> ssize_t
        => |layer, folder, path, text, room: usize, size: usize| link_read(layer, At { folder, path }, text, room.min(size));
    /// realpath(3)
    fn realpath(path: Text, resolved: Room) -> *mut c_char => resolved_path;
    /// realpath(3) under `_FORTIFY_SOURCE`.
    fn __realpath_chk(path: Text, resolved: Room, size: usize) -> *mut c_char
        => |layer, path, resolved, _| resolved_path(layer, path, resolved);
    /// `realpath(path, NULL)`
    fn canonicalize_file_name(path: Text) -> *mut c_char => |layer, path| resolved_path(layer, path, Room::NULL);
    /// symlink(2): the text is passed on as it is.
    fn symlink(text: Text, path: Text) -> c_int => |layer, text, path| link_made(layer, text, At::here(path));
    /// symlinkat(2)
    fn symlinkat(text: Text, folder: c_int, path: Text) -> c_int => |layer, text, folder, path| link_made(layer, text, At { folder, path });
    /// link(2)
    fn link(from: Text, to: Text) -> c_int => |layer, from, to| named(layer, At::here(from), At::here(to), 0);
    /// linkat(2)
    fn linkat(from_folder: c_int, from: Text, to_folder: c_int, to: Text, flags: c_int) -> c_int
        => |layer, from_folder, from, to_folder, to, flags| named(layer, at(from_folder, from), at(to_folder, to), flags);
    /// rename(2)
    fn rename(from: Text, to: Text) -> c_int => |layer, from, to| renamed(layer, At::here(from), At::here(to), 0);
    /// renameat(2)
    fn renameat(from_folder: c_int, from: Text, to_folder: c_int, to: Text) -> c_int
        => |layer, from_folder, from, to_folder, to| renamed(layer, at(from_folder, from), at(to_folder, to), 0);
    /// renameat2(2)
    fn renameat2(from_folder: c_int, from: Text, to_folder: c_int, to: Text, flags: c_uint) -> c_int
        => |layer, from_folder, from, to_folder, to, flags| renamed(layer, at(from_folder, from), at(to_folder, to), flags);
}

pub(super) fn at(folder: c_int, path: Text) -> At {
    At { folder, path }
}

/// For `syscall` too.
pub(super) fn link_read(layer: &Layer, at: At, text: Room, room: usize) -> Hooked<ssize_t> {
    if let Some(path) = files::name_of_descriptor(at)? {
        return Ok(text.fill(room, &path)?.cast_signed());
    }
    let path = paths::remote(layer, at, Access::Read)?;
    if room == 0 {
        return fail(libc::EINVAL);
    }
    let target = files::read_link(layer, path)?;
    Ok(text.fill(room, &target)?.cast_signed())
}

/// Null means a new allocation of the right size; otherwise the caller has `PATH_MAX` bytes.
fn resolved_path(layer: &Layer, path: Text, resolved: Room) -> Hooked<*mut c_char> {
    let path = paths::remote(layer, At::here(path), Access::Read)?;
    let mut real = files::real_path(layer, &path)?;
    if resolved.is_null() {
        return heap::text(&real, 0);
    }
    real.push(0);
    resolved.fill(real.len(), &real)?;
    Ok(resolved.pointer())
}

/// For `syscall` too.
pub(super) fn link_made(layer: &Layer, text: Text, at: At) -> Hooked<c_int> {
    let path = paths::remote(layer, at, Access::Write)?;
    let text = text.bytes()?.to_vec();
    if text.is_empty() {
        return fail(libc::ENOENT);
    }
    if text.len() >= sys::PATH_LIMIT {
        return fail(libc::ENAMETOOLONG);
    }
    layer.link.perform(SymbolicLink { text, path })?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn named(layer: &Layer, from: At, to: At, flags: c_int) -> Hooked<c_int> {
    if flags & !(libc::AT_SYMLINK_FOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return fail(libc::EINVAL);
    }
    if let Some(fd) = open_file(layer, from, flags)
        && let File::Remote(path) = paths::file(layer, to, Access::Write)?
    {
        return open_file_named(layer, fd, &path);
    }
    let (path, to) = paths::both(layer, from, to)?;
    let follow = flags & libc::AT_SYMLINK_FOLLOW != 0;
    layer.link.perform(HardLink { file: files::which(path, follow), to })?;
    Ok(0)
}

/// The open file of the target that linkat(2) is about: by its number, or by Linux's name for it.
fn open_file(layer: &Layer, from: At, flags: c_int) -> Option<c_int> {
    let path = from.path.bytes().ok()?;
    let fd = if path.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
        from.folder
    } else if flags & libc::AT_SYMLINK_FOLLOW != 0 {
        let number = path.strip_prefix(b"/proc/self/fd/")?;
        std::str::from_utf8(number).ok()?.parse().ok()?
    } else {
        return None;
    };
    working::is_targets(layer, fd, libc::S_IFREG).then_some(fd)
}

/// A file without a name (`O_TMPFILE`) is known to the kernel only: its folder is opened to name it there.
fn open_file_named(layer: &Layer, fd: c_int, path: &[u8]) -> Hooked<c_int> {
    let slash = path.iter().rposition(|byte| *byte == b'/').ok_or(Otherwise::Native)?;
    let parent = if slash == 0 { b"/" } else { &path[..slash] };
    let folder = files::open_folder(layer, parent.to_vec())?;
    let name = CString::new(&path[slash + 1..]).map_err(|_| Otherwise::Native)?;
    sys::link_open(fd, &folder, &name)?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn renamed(layer: &Layer, from: At, to: At, flags: c_uint) -> Hooked<c_int> {
    let (from, to) = paths::both(layer, from, to)?;
    if flags & !(libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE) != 0 {
        return fail(libc::EINVAL);
    }
    layer.link.perform(Rename { from, to, flags })?;
    Ok(0)
}
