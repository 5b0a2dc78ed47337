//! The working directory.

use std::os::fd::AsRawFd;

use libc::{c_char, c_int};
use protocol::Errno;
use rules::path::Access;

use crate::cabi::{Room, Text};
use crate::hook::hook;
use crate::paths::{self, At, File};
use crate::scope::{self, Decision, Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::{copied, files, heap, state, sys, working};

hook! {
    /// chdir(2)
    fn chdir(path: Text) -> c_int => changed;
    /// fchdir(2)
    fn fchdir(fd: c_int) -> c_int => changed_to_open;
    /// getcwd(3) under `_FORTIFY_SOURCE`.
    fn __getcwd_chk(text: Room, room: usize, size: usize) -> *mut c_char => |_, text, room: usize, size| told(text, room.min(size));
    /// getwd(3): room for `PATH_MAX` bytes.
    fn getwd(text: Room) -> *mut c_char => |_, text| told_into(text);
    /// getwd(3) under `_FORTIFY_SOURCE`.
    fn __getwd_chk(text: Room, size: usize) -> *mut c_char => |_, text, _| told_into(text);
    /// get_current_dir_name(3)
    fn get_current_dir_name() -> *mut c_char => |_| told(Room::NULL, 0);
}

type Getcwd = unsafe extern "C-unwind" fn(Room, usize) -> *mut c_char;

hook! {
    /// getcwd(3). A program on the skip list that has gone into an open folder of the target has no path there: libc
    /// would look for one for ever, since the target's root is not this machine's.
    fn getcwd(text: Room, room: usize) -> *mut c_char => around |real: Getcwd, text, room| {
        if let Some(layer) = state::attached()
            && layer.skipped
            && working::is_in_targets(layer.policy.files_device)
        {
            return scope::failed(Errno::ENOENT);
        }
        match scope::decide(|_| told(text, room)) {
            Decision::Value(value) => value,
            // SAFETY: the program's own arguments.
            Decision::Native | Decision::Instead(_) => unsafe { real(text, room) },
        }
    };
}

/// For `syscall` too.
pub(super) fn changed(layer: &Layer, path: Text) -> Hooked<c_int> {
    match paths::file(layer, At::here(path), Access::Read)? {
        File::Remote(path) => {
            let folder = files::open_folder(layer, path)?;
            working::enter(layer, folder.as_raw_fd())?;
        }
        // By Linux's name for an open folder of the target, it is one.
        File::Local(None) if !working::is_remote() && !path.bytes()?.starts_with(b"/proc/") => {
            return Err(Otherwise::Native);
        }
        File::Local(instead) => match instead {
            Some(path) => working::leave(layer, &path)?,
            None => working::leave(layer, path.c_str()?)?,
        },
    }
    Ok(0)
}

/// For `syscall` too.
pub(super) fn changed_to_open(layer: &Layer, fd: c_int) -> Hooked<c_int> {
    if layer.policy.files_device == 0 && !copied::is_there() {
        return Err(Otherwise::Native);
    }
    working::enter(layer, fd)?;
    Ok(0)
}

/// `getcwd` of the C library: null asks for an allocation, of `room` bytes if that is not 0.
fn told(text: Room, room: usize) -> Hooked<*mut c_char> {
    let path = current()?;
    if text.is_null() {
        return if room == 0 || room > path.len() { heap::text(&path, room) } else { fail(libc::ERANGE) };
    }
    if room == 0 {
        return fail(libc::EINVAL);
    }
    told_by_number(text, room)?;
    Ok(text.pointer())
}

fn told_into(text: Room) -> Hooked<*mut c_char> {
    if !working::is_remote() {
        return Err(Otherwise::Native);
    }
    if text.is_null() {
        return fail(libc::EINVAL);
    }
    told(text, sys::PATH_LIMIT)
}

/// getcwd(2), the system call: gives the length with the NUL.
pub(super) fn told_by_number(text: Room, room: usize) -> Hooked<usize> {
    let mut path = current()?;
    path.push(0);
    if path.len() > room { fail(libc::ERANGE) } else { text.fill(room, &path) }
}

fn current() -> Hooked<Vec<u8>> {
    if !working::is_remote() {
        return Err(Otherwise::Native);
    }
    working::current().map_err(|errno: Errno| Otherwise::Fail(errno))
}
