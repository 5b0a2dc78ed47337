//! Network interfaces: those of the pod, whose addresses a program's connections have.

use libc::{c_char, c_int, c_uint, ifaddrs};
use protocol::Errno;
use protocol::interface::{Interface, ListInterfaces};

use crate::cabi::{Out, Return, Room, Text};
use crate::hook::hook;
use crate::interfaces;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;

impl Return for c_uint {
    /// No index: if_nametoindex(3).
    const FAILED: Self = 0;
}

hook! {
    /// getifaddrs(3)
    fn getifaddrs(head: Out<*mut ifaddrs>) -> c_int => |layer, head: Out<*mut ifaddrs>| {
        head.set(interfaces::build(&all(layer)?).ok_or(Otherwise::Fail(Errno(libc::ENOMEM)))?)?;
        Ok(0)
    };
    /// if_nametoindex(3)
    fn if_nametoindex(name: Text) -> c_uint => index_of;
    /// if_indextoname(3)
    fn if_indextoname(index: c_uint, name: Room) -> *mut c_char => name_of;
    /// if_nameindex(3)
    fn if_nameindex() -> *mut libc::if_nameindex => |layer| {
        interfaces::build_index(&all(layer)?).ok_or(Otherwise::Fail(Errno(libc::ENOBUFS)))
    };
}

fn all(layer: &Layer) -> Hooked<Vec<Interface>> {
    if !layer.policy.outgoing.tcp {
        return Err(Otherwise::Native);
    }
    Ok(layer.link.perform(ListInterfaces)?)
}

fn index_of(layer: &Layer, name: Text) -> Hooked<c_uint> {
    let (name, all) = (name.bytes()?, all(layer)?);
    let found = interfaces::indexed(&all).find(|(_, known)| *known == name);
    found.map_or(fail(libc::ENODEV), |(index, _)| Ok(index))
}

/// The caller promises room for IF_NAMESIZE bytes.
fn name_of(layer: &Layer, index: c_uint, name: Room) -> Hooked<*mut c_char> {
    let all = all(layer)?;
    let Some((_, known)) = interfaces::indexed(&all).find(|(known, _)| *known == index) else {
        return fail(libc::ENXIO);
    };
    name.fill(libc::IF_NAMESIZE, &[known, b"\0"].concat())?;
    Ok(name.pointer())
}
