//! The host's name. Of what uname(2) tells, the rest is the kernel's, which is this machine's.

use libc::{c_int, utsname};

use crate::cabi::{Out, Room};
use crate::hook::hook;
use crate::scope::{self, Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::sys;

hook! {
    /// gethostname(2)
    fn gethostname(name: Room, room: usize) -> c_int => named;
    /// gethostname(2) under `_FORTIFY_SOURCE`.
    fn __gethostname_chk(name: Room, room: usize, size: usize) -> c_int
        => |layer, name, room: usize, size: usize| named(layer, name, room.min(size));
}

type Uname = unsafe extern "C-unwind" fn(Out<utsname>) -> c_int;

hook! {
    /// uname(2)
    fn uname(name: Out<utsname>) -> c_int => around |real: Uname, name: Out<utsname>| {
        // SAFETY: the program's own argument.
        let result = unsafe { real(name) };
        if result == 0 {
            scope::amend(|layer| renamed(layer, name));
        }
        result
    };
}

/// uname(2) by number.
pub(super) fn by_number(layer: &Layer, name: Out<utsname>) -> Hooked<c_int> {
    name.set(sys::system_names()?)?;
    // Without another name, this machine's stands.
    let _ = renamed(layer, name);
    Ok(0)
}

/// What does not fit is cut off, as sethostname(2) would not have it at all.
fn renamed(layer: &Layer, name: Out<utsname>) -> Hooked<()> {
    let host_name = layer.policy.host_name.as_ref().ok_or(Otherwise::Native)?;
    let mut whole = name.get().ok_or(Otherwise::Native)?;
    let room = whole.nodename.len() - 1;
    let bytes = host_name.iter().take(room).map(|byte| byte.cast_signed());
    for (slot, byte) in whole.nodename.iter_mut().zip(bytes.chain(std::iter::repeat(0))) {
        *slot = byte;
    }
    name.set(whole)
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
