//! The host's name. uname(2) is left alone: it tells of the kernel, too.

use libc::c_int;

use crate::cabi::Room;
use crate::hook::hook;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

hook! {
    /// gethostname(2)
    fn gethostname(name: Room, room: usize) -> c_int => named;
    /// gethostname(2) under `_FORTIFY_SOURCE`.
    fn __gethostname_chk(name: Room, room: usize, size: usize) -> c_int
        => |layer, name, room: usize, size: usize| named(layer, name, room.min(size));
}

/// As glibc: what does not fit is cut off, and is an error.
fn named(layer: &Layer, name: Room, room: usize) -> Hooked<c_int> {
    let host_name = layer.policy.host_name.as_ref().ok_or(Otherwise::Native)?;
    let terminated = [host_name.as_slice(), b"\0"].concat();
    if name.fill(room, &terminated)? < terminated.len() {
        return fail(libc::ENAMETOOLONG);
    }
    Ok(0)
}
