//! Making and removing the entries of folders.

use libc::{c_int, dev_t, mode_t};
use protocol::Errno;
use protocol::file::{MakeDirectory, MakeNode, Remove};
use rules::path::Access;

use crate::cabi::{Out, Text};
use crate::hook::hook;
use crate::paths::{self, At};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::umask;

hook! {
    /// mkdir(2)
    fn mkdir(path: Text, mode: mode_t) -> c_int => |layer, path, mode| folder_made(layer, At::here(path), mode);
    /// mkdirat(2)
    fn mkdirat(folder: c_int, path: Text, mode: mode_t) -> c_int => |layer, folder, path, mode| folder_made(layer, At { folder, path }, mode);
    /// mknod(2)
    fn mknod(path: Text, mode: mode_t, device: dev_t) -> c_int => |layer, path, mode, _| node_made(layer, At::here(path), mode);
    /// mknodat(2)
    fn mknodat(folder: c_int, path: Text, mode: mode_t, device: dev_t) -> c_int => |layer, folder, path, mode, _| node_made(layer, At { folder, path }, mode);
    /// mknod(2) of programs built against glibc before 2.33.
    fn __xmknod(version: c_int, path: Text, mode: mode_t, device: Out<dev_t>) -> c_int => |layer, _, path, mode, _| node_made(layer, At::here(path), mode);
    /// As `__xmknod`.
    fn __xmknodat(version: c_int, folder: c_int, path: Text, mode: mode_t, device: Out<dev_t>) -> c_int
        => |layer, _, folder, path, mode, _| node_made(layer, At { folder, path }, mode);
    /// mkfifo(3)
    fn mkfifo(path: Text, mode: mode_t) -> c_int => |layer, path, mode: mode_t| node_made(layer, At::here(path), mode & 0o7777 | libc::S_IFIFO);
    /// mkfifoat(3)
    fn mkfifoat(folder: c_int, path: Text, mode: mode_t) -> c_int
        => |layer, folder, path, mode: mode_t| node_made(layer, At { folder, path }, mode & 0o7777 | libc::S_IFIFO);
    /// rmdir(2)
    fn rmdir(path: Text) -> c_int => |layer, path| removed(layer, At::here(path), true);
    /// unlink(2)
    fn unlink(path: Text) -> c_int => |layer, path| removed(layer, At::here(path), false);
    /// unlinkat(2)
    fn unlinkat(folder: c_int, path: Text, flags: c_int) -> c_int => |layer, folder, path, flags| removed_at(layer, At { folder, path }, flags);
    /// remove(3)
    fn remove(path: Text) -> c_int => |layer, path| removed_whatever(layer, At::here(path));
}

/// For `syscall` too.
pub(super) fn folder_made(layer: &Layer, at: At, mode: mode_t) -> Hooked<c_int> {
    let path = paths::remote(layer, at, Access::Write)?;
    let mode = mode & 0o7777 & !umask::current();
    layer.link.perform(MakeDirectory { path, mode })?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn node_made(layer: &Layer, at: At, mode: mode_t) -> Hooked<c_int> {
    let path = paths::remote(layer, at, Access::Write)?;
    let kind = match mode & libc::S_IFMT {
        0 => libc::S_IFREG,
        kind @ (libc::S_IFREG | libc::S_IFIFO | libc::S_IFSOCK) => kind,
        libc::S_IFCHR | libc::S_IFBLK | libc::S_IFDIR => return fail(libc::EPERM),
        _ => return fail(libc::EINVAL),
    };
    let mode = kind | mode & 0o7777 & !umask::current();
    layer.link.perform(MakeNode { path, mode })?;
    Ok(0)
}

/// For `syscall` too.
pub(super) fn removed_at(layer: &Layer, at: At, flags: c_int) -> Hooked<c_int> {
    if flags & !libc::AT_REMOVEDIR != 0 {
        return fail(libc::EINVAL);
    }
    removed(layer, at, flags & libc::AT_REMOVEDIR != 0)
}

/// For `syscall` too.
pub(super) fn removed(layer: &Layer, at: At, directory: bool) -> Hooked<c_int> {
    let path = paths::remote(layer, at, Access::Write)?;
    layer.link.perform(Remove { path, directory })?;
    Ok(0)
}

/// A file, or else an empty folder.
fn removed_whatever(layer: &Layer, at: At) -> Hooked<c_int> {
    match removed(layer, at, false) {
        Err(Otherwise::Fail(Errno(libc::EISDIR))) => removed(layer, at, true),
        result => result,
    }
}
