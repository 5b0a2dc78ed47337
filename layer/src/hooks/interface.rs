//! Network interfaces: those of the pod, whose addresses a program's connections have.

use libc::{c_int, ifaddrs};
use protocol::Errno;
use protocol::interface::ListInterfaces;

use crate::cabi::Out;
use crate::hook::hook;
use crate::interfaces;
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

hook! {
    /// getifaddrs(3)
    fn getifaddrs(head: Out<*mut ifaddrs>) -> c_int => listed;
}

fn listed(layer: &Layer, head: Out<*mut ifaddrs>) -> Hooked<c_int> {
    if !layer.policy.outgoing.tcp {
        return Err(Otherwise::Native);
    }
    let all = layer.link.perform(ListInterfaces)?;
    head.set(interfaces::build(&all).ok_or(Otherwise::Fail(Errno(libc::ENOMEM)))?)?;
    Ok(0)
}
