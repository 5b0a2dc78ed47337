//! Watching files, which only works for those of this machine.

use libc::{c_int, c_uint};
use rules::path::Access;

use crate::cabi::{Out, Text};
use crate::hook::hook;
use crate::notice::printable;
use crate::paths::{self, At};
use crate::scope::{Hooked, fail};
use crate::state::Layer;

hook! {
    /// inotify_add_watch(2)
    fn inotify_add_watch(fd: c_int, path: Text, mask: u32) -> c_int => |layer, _, path, _| watched(layer, At::here(path));
    /// fanotify_mark(2)
    fn fanotify_mark(fd: c_int, flags: c_uint, mask: u64, folder: c_int, path: Text) -> c_int
        => |layer, _, _, _, folder, path| watched(layer, At { folder, path });
    /// name_to_handle_at(2): what cannot be opened by such a handle has none, which callers expect.
    fn name_to_handle_at(folder: c_int, path: Text, handle: Out<u8>, mount: Out<c_int>, flags: c_int) -> c_int
        => |layer, folder, path, _, _, _| without_handle(layer, At { folder, path });
}

/// For `syscall` too.
pub(super) fn watched(layer: &Layer, at: At) -> Hooked<c_int> {
    let path = paths::remote(layer, at, Access::Read)?;
    layer.notices.watch.say(format_args!(
        "{} is the target's and cannot be watched for changes (ENOTSUP); read it again from time to time instead",
        printable(&path)
    ));
    fail(libc::ENOTSUP)
}

/// For `syscall` too.
pub(super) fn without_handle(layer: &Layer, at: At) -> Hooked<c_int> {
    paths::remote(layer, at, Access::Read)?;
    fail(libc::EOPNOTSUPP)
}
