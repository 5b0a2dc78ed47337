//! Extended attributes. xattr(7)

use libc::{c_int, ssize_t};
use protocol::file::{GetAttribute, ListAttributes, RemoveAttribute, SetAttribute, WRITE_LIMIT, Which};
use rules::path::Access;

use crate::cabi::{In, Room, Text};
use crate::files;
use crate::hook::hook;
use crate::paths::{self, At};
use crate::scope::{Hooked, fail};
use crate::state::Layer;

hook! {
    /// getxattr(2)
    fn getxattr(path: Text, name: Text, value: Room, room: usize) -> ssize_t => |layer, path, name, value, room| got(layer, path, true, name, value, room);
    /// lgetxattr(2)
    fn lgetxattr(path: Text, name: Text, value: Room, room: usize) -> ssize_t => |layer, path, name, value, room| got(layer, path, false, name, value, room);
    /// listxattr(2)
    fn listxattr(path: Text, names: Room, room: usize) -> ssize_t => |layer, path, names, room| listed(layer, path, true, names, room);
    /// llistxattr(2)
    fn llistxattr(path: Text, names: Room, room: usize) -> ssize_t => |layer, path, names, room| listed(layer, path, false, names, room);
}

hook! {
    /// setxattr(2)
    fn setxattr(path: Text, name: Text, value: In<u8>, len: usize, flags: c_int) -> c_int
        => |layer, path, name, value, len, flags| set(layer, path, true, name, value, len, flags);
    /// lsetxattr(2)
    fn lsetxattr(path: Text, name: Text, value: In<u8>, len: usize, flags: c_int) -> c_int
        => |layer, path, name, value, len, flags| set(layer, path, false, name, value, len, flags);
    /// removexattr(2)
    fn removexattr(path: Text, name: Text) -> c_int => |layer, path, name| removed(layer, path, true, name);
    /// lremovexattr(2)
    fn lremovexattr(path: Text, name: Text) -> c_int => |layer, path, name| removed(layer, path, false, name);
}

/// For `syscall` too, as all below.
pub(super) fn got(layer: &Layer, path: Text, follow: bool, name: Text, value: Room, room: usize) -> Hooked<ssize_t> {
    got_of(layer, file(layer, path, follow, Access::Read)?, name, value, room)
}

pub(super) fn listed(layer: &Layer, path: Text, follow: bool, names: Room, room: usize) -> Hooked<ssize_t> {
    listed_of(layer, file(layer, path, follow, Access::Read)?, names, room)
}

pub(super) fn set(
    layer: &Layer,
    path: Text,
    follow: bool,
    name: Text,
    value: In<u8>,
    len: usize,
    flags: c_int,
) -> Hooked<c_int> {
    set_on(layer, file(layer, path, follow, Access::Write)?, name, value, len, flags)
}

pub(super) fn removed(layer: &Layer, path: Text, follow: bool, name: Text) -> Hooked<c_int> {
    removed_from(layer, file(layer, path, follow, Access::Write)?, name)
}

pub(super) fn got_of(layer: &Layer, file: Which, name: Text, value: Room, room: usize) -> Hooked<ssize_t> {
    let name = checked(name)?;
    copied(&layer.link.perform(GetAttribute { file, name })?, value, room)
}

pub(super) fn listed_of(layer: &Layer, file: Which, names: Room, room: usize) -> Hooked<ssize_t> {
    copied(&layer.link.perform(ListAttributes { file })?, names, room)
}

pub(super) fn set_on(layer: &Layer, file: Which, name: Text, value: In<u8>, len: usize, flags: c_int) -> Hooked<c_int> {
    let name = checked(name)?;
    if len > WRITE_LIMIT {
        return fail(libc::E2BIG);
    }
    let value = value.bytes(len)?;
    layer.link.perform(SetAttribute { file, name, value, flags })?;
    Ok(0)
}

pub(super) fn removed_from(layer: &Layer, file: Which, name: Text) -> Hooked<c_int> {
    let name = checked(name)?;
    layer.link.perform(RemoveAttribute { file, name })?;
    Ok(0)
}

fn file(layer: &Layer, path: Text, follow: bool, access: Access) -> Hooked<Which> {
    Ok(files::which(paths::remote(layer, At::here(path), access)?, follow))
}

/// A name is neither empty nor longer than 255 bytes.
fn checked(name: Text) -> Hooked<Vec<u8>> {
    const NAME_LIMIT: usize = 255;
    match name.bytes()? {
        name if (1..=NAME_LIMIT).contains(&name.len()) => Ok(name.to_vec()),
        _ => fail(libc::ERANGE),
    }
}

/// Without room, the length is asked for.
fn copied(bytes: &[u8], into: Room, room: usize) -> Hooked<ssize_t> {
    if room == 0 {
        return Ok(bytes.len().cast_signed());
    }
    if bytes.len() > room {
        return fail(libc::ERANGE);
    }
    if bytes.is_empty() {
        return Ok(0);
    }
    Ok(into.fill(room, bytes)?.cast_signed())
}
