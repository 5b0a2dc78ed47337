//! Descriptors that are copies: what changes the file, or asks for more than the copy has, goes to the file by its path,
//! and to the copy. All other descriptors are the kernel's business.

use libc::{FILE, c_int, c_long, gid_t, mode_t, off_t, ssize_t, timespec, timeval, uid_t};
use protocol::file::Which;
use rules::path::{Access, Place};

use super::{attribute, change};
use crate::cabi::{In, Room, Text};
use crate::hook::hook;
use crate::scope::{self, Decision, Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::{files, stdio};

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
    fn flock(fd: c_int, operation: c_int) -> c_int => |layer, fd, _| locked(layer, fd);
    /// lockf(3)
    fn lockf(fd: c_int, operation: c_int, len: off_t) -> c_int => |layer, fd, _, _| locked(layer, fd);
    /// As lockf.
    fn lockf64(fd: c_int, operation: c_int, len: off_t) -> c_int => |layer, fd, _, _| locked(layer, fd);
    /// fgetxattr(2)
    fn fgetxattr(fd: c_int, name: Text, value: Room, room: usize) -> ssize_t => attribute_got;
    /// flistxattr(2)
    fn flistxattr(fd: c_int, names: Room, room: usize) -> ssize_t => attributes_listed;
}

type Fcntl = unsafe extern "C-unwind" fn(c_int, c_int, c_long) -> c_int;
type Close = unsafe extern "C-unwind" fn(c_int) -> c_int;
type CloseStream = unsafe extern "C-unwind" fn(*mut FILE) -> c_int;

hook! {
    /// fcntl(2), for record locks. Variadic in C: the third argument is read from its register whether it was passed or not.
    fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int => around |real: Fcntl, fd, command, argument| {
        // SAFETY: the program's own arguments.
        controlled(fd, command, || unsafe { real(fd, command, argument) })
    };
    /// As fcntl.
    fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int => around |real: Fcntl, fd, command, argument| {
        // SAFETY: the program's own arguments.
        controlled(fd, command, || unsafe { real(fd, command, argument) })
    };
    /// close(2): what was written to a copy reaches the target before, or the call fails.
    fn close(fd: c_int) -> c_int => around |real: Close, fd| {
        // SAFETY: the program's own argument.
        after_sending(|| fd, || unsafe { real(fd) })
    };
    /// fclose(3), as close.
    fn fclose(stream: *mut FILE) -> c_int => around |real: CloseStream, stream| {
        // SAFETY: the program's own argument.
        after_sending(|| stdio::flushed(stream), || unsafe { real(stream) })
    };
}

hook! {
    /// fsync(2)
    fn fsync(fd: c_int) -> c_int => synchronised;
    /// fdatasync(2)
    fn fdatasync(fd: c_int) -> c_int => synchronised;
}

fn controlled(fd: c_int, command: c_int, real: impl FnOnce() -> c_int) -> c_int {
    let decision = if is_about_locks(command) { scope::decide(|layer| locked(layer, fd)) } else { Decision::Native };
    match decision {
        Decision::Value(value) => value,
        Decision::Native | Decision::Instead(_) => real(),
    }
}

pub(super) fn is_about_locks(command: c_int) -> bool {
    const COMMANDS: [c_int; 6] =
        [libc::F_SETLK, libc::F_SETLKW, libc::F_GETLK, libc::F_OFD_SETLK, libc::F_OFD_SETLKW, libc::F_OFD_GETLK];
    COMMANDS.contains(&command)
}

/// Closes a descriptor, but sends what was written to it first, if it is a copy. It is closed, whatever comes of that.
fn after_sending(fd: impl FnOnce() -> c_int, close: impl FnOnce() -> c_int) -> c_int {
    // No destructors from here on: a thread may be cancelled in close(2).
    let failure = if files::may_write_copies() {
        let fd = fd();
        scope::run(|layer| files::synchronise_copy(layer, fd, false)).map_or_else(Otherwise::errno, |()| None)
    } else {
        None
    };
    let closed = close();
    match failure {
        Some(errno) if closed == 0 => scope::failed(errno),
        _ => closed,
    }
}

/// For `syscall` too, as all below.
pub(super) fn synchronised(layer: &Layer, fd: c_int) -> Hooked<c_int> {
    files::synchronise_copy(layer, fd, true)?;
    Ok(0)
}

/// Before a descriptor is closed by number.
pub(super) fn sent(layer: &Layer, fd: c_int) -> Hooked<c_int> {
    files::synchronise_copy(layer, fd, false)?;
    Err(Otherwise::Native)
}

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

/// Nobody else would see a lock on a copy: the file itself takes its place, if it can be had.
pub(super) fn locked(layer: &Layer, fd: c_int) -> Hooked<c_int> {
    let path = files::path_of_copy(fd)?;
    if path.is_none_or(|path| files::become_itself(layer, fd, path).is_err()) {
        layer
            .notices
            .copy_lock
            .say(format_args!("a file of the target is open as a copy, and nobody would see a lock on it (ENOLCK)"));
        return fail(libc::ENOLCK);
    }
    Err(Otherwise::Native)
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
