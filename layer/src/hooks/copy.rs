//! Changing files by descriptors that are copies: it would change the copy only, so it fails. All other descriptors are
//! the kernel's business.

use libc::{c_int, gid_t, mode_t, timespec, timeval, uid_t};

use crate::cabi::{In, Text};
use crate::files;
use crate::hook::hook;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

hook! {
    /// fchmod(2)
    fn fchmod(fd: c_int, mode: mode_t) -> c_int => |layer, fd, _| changed(layer, fd);
    /// fchown(2)
    fn fchown(fd: c_int, user: uid_t, group: gid_t) -> c_int => |layer, fd, _, _| changed(layer, fd);
    /// futimens(3)
    fn futimens(fd: c_int, times: In<[timespec; 2]>) -> c_int => |layer, fd, _| changed(layer, fd);
    /// futimes(3)
    fn futimes(fd: c_int, times: In<[timeval; 2]>) -> c_int => |layer, fd, _| changed(layer, fd);
    /// fsetxattr(2)
    fn fsetxattr(fd: c_int, name: Text, value: In<u8>, len: usize, flags: c_int) -> c_int => |layer, fd, _, _, _, _| changed(layer, fd);
    /// fremovexattr(2)
    fn fremovexattr(fd: c_int, name: Text) -> c_int => |layer, fd, _| changed(layer, fd);
    /// flock(2)
    fn flock(fd: c_int, operation: c_int) -> c_int => locked;
}

/// For `syscall` too.
pub(super) fn changed(layer: &Layer, fd: c_int) -> Hooked<c_int> {
    must_be_copy(fd)?;
    layer.notices.copy.say(format_args!(
        "a file of the target is open as a copy, whose permissions, owner, times and attributes are not the file's (EROFS); \
         change them by its path"
    ));
    fail(libc::EROFS)
}

/// For `syscall` too. Nobody else would see the lock.
pub(super) fn locked(layer: &Layer, fd: c_int, _operation: c_int) -> Hooked<c_int> {
    must_be_copy(fd)?;
    layer.notices.copy_lock.say(format_args!(
        "a file of the target is open as a copy, and nobody would see a lock on it (ENOLCK); open it for writing"
    ));
    fail(libc::ENOLCK)
}

fn must_be_copy(fd: c_int) -> Hooked<()> {
    let (_, is_copy) = files::open_status(fd)?;
    if is_copy { Ok(()) } else { Err(Otherwise::Native) }
}
