//! Sockets: where they connect, what they listen for, which names they show.

use libc::{c_int, socklen_t};
use protocol::Errno;

use crate::cabi::address::{AddressIn, AddressOut, Length};
use crate::cabi::{Out, Return};
use crate::hook::hook;
use crate::scope::{self, Hooked, Otherwise};
use crate::state::Layer;
use crate::{hold, listeners, outside, sockets, state, sys};

type Connect = unsafe extern "C-unwind" fn(c_int, AddressIn, socklen_t) -> c_int;
type NameOf = unsafe extern "C-unwind" fn(c_int, AddressOut, Length) -> c_int;
type Accept4 = unsafe extern "C-unwind" fn(c_int, AddressOut, Length, c_int) -> c_int;
type GetOption = unsafe extern "C-unwind" fn(c_int, c_int, c_int, Out<c_int>, Length) -> c_int;

hook! {
    /// connect(2). The real one runs outside the scope: it may block, and the thread may be cancelled or interrupted there.
    fn connect(fd: c_int, address: AddressIn, len: socklen_t) -> c_int => around |real: Connect, fd, address: AddressIn, len| {
        let plan = match scope::run(|layer| hold::plan(layer, fd, address.decode(len)?)) {
            Ok(plan) => plan,
            Err(Otherwise::Native | Otherwise::Instead(_)) => {
                // SAFETY: the program's own arguments.
                let result = unsafe { real(fd, address, len) };
                if result == 0 {
                    scope::amend(|layer| { outside::connected(layer, fd); Ok(()) });
                }
                return result;
            }
            Err(Otherwise::Fail(errno)) => return scope::failed(errno),
        };
        // SAFETY: an address that lasts for the call.
        let result = unsafe { real(fd, plan.address.argument(), plan.address.len()) };
        let errno = (result == c_int::FAILED).then(sys::last_error);
        match scope::run(|layer| hold::finish(layer, fd, &plan, errno)) {
            Ok(value) => value,
            Err(Otherwise::Fail(errno)) => scope::failed(errno),
            Err(Otherwise::Native | Otherwise::Instead(_)) => result,
        }
    };
}

hook! {
    /// bind(2)
    fn bind(fd: c_int, address: AddressIn, len: socklen_t) -> c_int
        => |layer, fd, address: AddressIn, len| listeners::bind(layer, fd, address.decode(len)?);
    /// listen(2)
    fn listen(fd: c_int, backlog: c_int) -> c_int => listeners::listen;
}

hook! {
    /// accept(2): the peer shown is the one in the cluster.
    fn accept(fd: c_int, address: AddressOut, length: Length) -> c_int => around |real: NameOf, fd, address, length| {
        // SAFETY: the program's own arguments.
        accepted(address, length, || unsafe { real(fd, address, length) })
    };
    /// As accept.
    fn getpeername(fd: c_int, address: AddressOut, length: Length) -> c_int => around |real: NameOf, fd, address, length| {
        // SAFETY: the program's own arguments.
        named(fd, address, length, peer, || unsafe { real(fd, address, length) })
    };
    /// getsockname(2): of a connection, its address in the cluster; of a listener, the address that was asked for.
    fn getsockname(fd: c_int, address: AddressOut, length: Length) -> c_int => around |real: NameOf, fd, address, length| {
        // SAFETY: the program's own arguments.
        named(fd, address, length, own, || unsafe { real(fd, address, length) })
    };
    /// As accept.
    fn accept4(fd: c_int, address: AddressOut, length: Length, flags: c_int) -> c_int => around |real: Accept4, fd, address, length, flags| {
        // SAFETY: the program's own arguments.
        accepted(address, length, || unsafe { real(fd, address, length, flags) })
    };
    /// getsockopt(2): `SO_ERROR` tells why the cluster refused.
    fn getsockopt(fd: c_int, level: c_int, name: c_int, value: Out<c_int>, length: Length) -> c_int => around |real: GetOption, fd, level, name, value: Out<c_int>, length: Length| {
        // SAFETY: the program's own arguments.
        let result = unsafe { real(fd, level, name, value, length) };
        if result == 0 && level == libc::SOL_SOCKET && name == libc::SO_ERROR {
            scope::amend(|_| error_amended(fd, value, length));
        }
        result
    };
}

/// `SO_ERROR` is an int; a program that asks for fewer bytes keeps the kernel's answer.
fn error_amended(fd: c_int, value: Out<c_int>, length: Length) -> Hooked<()> {
    let is_whole = length.get().is_some_and(|len| len as usize == size_of::<c_int>());
    if is_whole
        && value.get() == Some(libc::ECONNRESET)
        && let Some(Errno(errno)) = hold::true_error(fd)
    {
        value.set(errno)?;
    }
    Ok(())
}

/// Nothing of ours lives on the stack while `real` waits.
fn accepted(address: AddressOut, length: Length, real: impl FnOnce() -> c_int) -> c_int {
    let room = room(address, length);
    let fd = real();
    if fd >= 0
        && let Some(room) = room
    {
        scope::amend(|layer| peer(layer, fd, address, room, length));
    }
    fd
}

type Show = fn(&Layer, c_int, AddressOut, socklen_t, Length) -> Hooked<()>;

fn named(fd: c_int, address: AddressOut, length: Length, show: Show, real: impl FnOnce() -> c_int) -> c_int {
    let room = room(address, length);
    let result = real();
    if result == 0
        && let Some(room) = room
    {
        scope::amend(|layer| show(layer, fd, address, room, length));
    }
    result
}

/// The caller's room for an address, before the kernel overwrites the number; nothing when no address is wanted.
fn room(address: AddressOut, length: Length) -> Option<socklen_t> {
    state::active()?;
    if address.is_null() { None } else { length.get() }
}

fn peer(layer: &Layer, fd: c_int, address: AddressOut, room: socklen_t, length: Length) -> Hooked<()> {
    if let Some(names) = sockets::names_of(layer, fd)? {
        sockets::show(fd, names.peer, address, room, length)?;
    }
    Ok(())
}

fn own(layer: &Layer, fd: c_int, address: AddressOut, room: socklen_t, length: Length) -> Hooked<()> {
    if !sockets::is_stream(fd)? {
        return match listeners::asked_address(layer, fd)? {
            Some(shown) => sockets::show(fd, shown, address, room, length),
            None => Ok(()),
        };
    }
    let shown = match sockets::names_of(layer, fd) {
        Ok(Some(names)) => Some(names.local),
        Ok(None) if sys::socket::peer_address(fd).is_ok() => None,
        // Not connected, or not any more.
        Ok(None) | Err(Otherwise::Fail(Errno(libc::ENOTCONN))) => listeners::asked_address(layer, fd)?,
        Err(otherwise) => return Err(otherwise),
    };
    match shown {
        Some(shown) => sockets::show(fd, shown, address, room, length),
        None => Ok(()),
    }
}
