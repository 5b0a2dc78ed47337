//! syscall(2): libuv and others make some calls by number.

use std::os::fd::IntoRawFd;

use libc::{c_int, c_long};

use super::stat;
use crate::cabi::{Out, Room, Text};
use crate::files;
use crate::hook::hook;
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;

hook! {
    /// syscall(2). Variadic in C: six arguments are read, and passed on, whether they were passed or not.
    fn syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long
        => |layer, number, a, b, c, d, e, _| by_number(layer, number, [a, b, c, d, e]);
}

fn by_number(layer: &Layer, number: c_long, [first, second, third, fourth, fifth]: [c_long; 5]) -> Hooked<c_long> {
    match number {
        libc::SYS_open => opened(layer, text(first), int(second)),
        libc::SYS_openat => opened(layer, text(second), int(third)),
        libc::SYS_openat2 => opened_how(layer, text(second), Out::from_number(third)),
        libc::SYS_stat => stat::stated(layer, text(first), true, Out::from_number(second)).map(c_long::from),
        libc::SYS_fstat => stat::opened(layer, int(first), Out::from_number(second)).map(c_long::from),
        libc::SYS_lstat => stat::stated(layer, text(first), false, Out::from_number(second)).map(c_long::from),
        libc::SYS_newfstatat => {
            stat::stated_at(layer, int(first), text(second), Out::from_number(third), int(fourth)).map(c_long::from)
        }
        libc::SYS_statx => {
            let mask = int(fourth).cast_unsigned();
            stat::extended(layer, int(first), text(second), int(third), mask, Out::from_number(fifth)).map(c_long::from)
        }
        libc::SYS_access => stat::accessed(layer, text(first), int(second)).map(c_long::from),
        libc::SYS_faccessat | libc::SYS_faccessat2 => stat::accessed(layer, text(second), int(third)).map(c_long::from),
        libc::SYS_readlink => link_read(layer, text(first), second, third),
        libc::SYS_readlinkat => link_read(layer, text(second), third, fourth),
        _ => Err(Otherwise::Native),
    }
}

/// `struct open_how` of openat2(2), as far as every kernel knows it.
#[derive(Clone, Copy)]
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// An absolute path that must stay below the folder is the kernel's to refuse.
fn opened_how(layer: &Layer, path: Text, how: Out<OpenHow>) -> Hooked<c_long> {
    const RESOLVE_BENEATH: u64 = 0x08;
    const RESOLVE_IN_ROOT: u64 = 0x10;
    let how = how.get().ok_or(Otherwise::Native)?;
    if how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0 {
        return Err(Otherwise::Native);
    }
    let flags = c_int::try_from(how.flags).map_err(|_| Otherwise::Native)?;
    opened(layer, path, flags)
}

fn opened(layer: &Layer, path: Text, flags: c_int) -> Hooked<c_long> {
    let file = files::open(layer, path.bytes()?, flags)?;
    Ok(c_long::from(file.into_raw_fd()))
}

fn link_read(layer: &Layer, path: Text, room: c_long, len: c_long) -> Hooked<c_long> {
    let len = usize::try_from(len).map_err(|_| Otherwise::Native)?;
    let count = stat::link_read(layer, path, Room::from_number(room), len)?;
    c_long::try_from(count).map_err(|_| Otherwise::Native)
}

fn text(number: c_long) -> Text {
    Text::from_number(number)
}

/// The lower half of a register, as the kernel reads an int.
#[expect(clippy::cast_possible_truncation, reason = "the kernel does the same")]
fn int(number: c_long) -> c_int {
    number as c_int
}
