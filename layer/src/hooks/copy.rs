//! Descriptors that are copies: what changes the file, or asks for more than the copy has, goes to the file by its path,
//! and to the copy. All other descriptors are the kernel's business.

use libc::{c_int, gid_t, mode_t, ssize_t, timespec, timeval, uid_t};
use protocol::file::Which;
use rules::path::{Access, Place};

use super::{attribute, change};
use crate::cabi::{In, Room, Text};
use crate::files;
use crate::hook::hook;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

hook! {
    /// fchmod(2)
    fn fchmod(fd: c_int, mode: mode_t) -> c_int => mode_changed;
    /// fchown(2)
    fn fchown(fd: c_int, user: uid_t, group: gid_t) -> c_int => owner_changed;
    /// futimens(3)
    fn futimens(fd: c_int, times: In<[timespec; 2]>) -> c_int => times_changed;
    /// futimes(3)
    fn futimes(fd: c_int, times: In<[timeval; 2]>) -> c_int => |layer, fd, times| {
        and_the_copy(change::set_times(layer, file(layer, fd, Access::Write)?, change::of_microseconds(times)?))
    };
    /// fsetxattr(2)
    fn fsetxattr(fd: c_int, name: Text, value: In<u8>, len: usize, flags: c_int) -> c_int => attribute_set;
    /// fremovexattr(2)
    fn fremovexattr(fd: c_int, name: Text) -> c_int => attribute_removed;
    /// flock(2)
    fn flock(fd: c_int, operation: c_int) -> c_int => locked;
    /// fgetxattr(2)
    fn fgetxattr(fd: c_int, name: Text, value: Room, room: usize) -> ssize_t => attribute_got;
    /// flistxattr(2)
    fn flistxattr(fd: c_int, names: Room, room: usize) -> ssize_t => attributes_listed;
}

/// For `syscall` too, as all below.
pub(super) fn mode_changed(layer: &Layer, fd: c_int, mode: mode_t) -> Hooked<c_int> {
    and_the_copy(change::set_mode(layer, file(layer, fd, Access::Write)?, mode))
}

pub(super) fn owner_changed(layer: &Layer, fd: c_int, user: uid_t, group: gid_t) -> Hooked<c_int> {
    // The copy's owner stays, so that the program can go on with it.
    change::set_owner(layer, file(layer, fd, Access::Write)?, user, group)
}

pub(super) fn times_changed(layer: &Layer, fd: c_int, times: In<[timespec; 2]>) -> Hooked<c_int> {
    and_the_copy(change::set_times(layer, file(layer, fd, Access::Write)?, change::of_nanoseconds(times)?))
}

pub(super) fn attribute_set(
    layer: &Layer,
    fd: c_int,
    name: Text,
    value: In<u8>,
    len: usize,
    flags: c_int,
) -> Hooked<c_int> {
    attribute::set_on(layer, file(layer, fd, Access::Write)?, name, value, len, flags)
}

pub(super) fn attribute_removed(layer: &Layer, fd: c_int, name: Text) -> Hooked<c_int> {
    attribute::removed_from(layer, file(layer, fd, Access::Write)?, name)
}

pub(super) fn attribute_got(layer: &Layer, fd: c_int, name: Text, value: Room, room: usize) -> Hooked<ssize_t> {
    attribute::got_of(layer, file(layer, fd, Access::Read)?, name, value, room)
}

pub(super) fn attributes_listed(layer: &Layer, fd: c_int, names: Room, room: usize) -> Hooked<ssize_t> {
    attribute::listed_of(layer, file(layer, fd, Access::Read)?, names, room)
}

/// Nobody else would see the lock.
pub(super) fn locked(layer: &Layer, fd: c_int, _operation: c_int) -> Hooked<c_int> {
    files::path_of_copy(fd)?;
    layer.notices.copy_lock.say(format_args!(
        "a file of the target is open as a copy, and nobody would see a lock on it (ENOLCK); open it for writing"
    ));
    fail(libc::ENOLCK)
}

/// What fstat(2) shows afterwards is the copy's.
fn and_the_copy(changed: Hooked<c_int>) -> Hooked<c_int> {
    changed?;
    Err(Otherwise::Native)
}

/// The file that `fd` is a copy of. It is not written to where its path is this machine's for writing.
fn file(layer: &Layer, fd: c_int, access: Access) -> Hooked<Which> {
    let path = files::path_of_copy(fd)?;
    let Some(path) =
        path.filter(|path| access == Access::Read || layer.paths.decide(path, access).place == Place::Remote)
    else {
        layer.notices.copy.say(format_args!(
            "a file of the target is open as a copy, whose permissions, owner, times and attributes are not the file's \
             (EROFS); the rules let nothing be written there"
        ));
        return fail(libc::EROFS);
    };
    Ok(files::which(path, true))
}
