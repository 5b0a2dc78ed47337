//! Memory that the program will free, and C structures full of zeroes.
#![expect(unsafe_code, reason = "libc's allocator and plain C structures")]

use libc::c_char;

use protocol::Errno;

use crate::cabi::Room;
use crate::scope::{Hooked, Otherwise};

/// `bytes` and a NUL on libc's heap, for free(3), in room for at least `len` of them.
pub(crate) fn text(bytes: &[u8], len: usize) -> Hooked<*mut c_char> {
    let room = self::bytes(len.max(bytes.len() + 1)).ok_or(Otherwise::Fail(Errno(libc::ENOMEM)))?;
    room.fill(bytes.len() + 1, &[bytes, b"\0"].concat())?;
    Ok(room.pointer())
}

/// `len` bytes of libc's heap, for free(3).
pub(crate) fn bytes(len: usize) -> Option<Room> {
    // SAFETY: any length may be asked for.
    let pointer = unsafe { libc::malloc(len) };
    (!pointer.is_null()).then(|| Room::new(pointer.cast::<c_char>()))
}

/// A `struct stat` with nothing in it.
pub(crate) fn zeroed_stat() -> libc::stat {
    // SAFETY: it consists of numbers.
    unsafe { std::mem::zeroed() }
}

/// A `struct statx` with nothing in it.
pub(crate) fn zeroed_statx() -> libc::statx {
    // SAFETY: it consists of numbers.
    unsafe { std::mem::zeroed() }
}

/// A `struct statfs` with nothing in it.
pub(crate) fn zeroed_statfs() -> libc::statfs64 {
    // SAFETY: it consists of numbers.
    unsafe { std::mem::zeroed() }
}

/// A `struct statvfs` with nothing in it.
pub(crate) fn zeroed_statvfs() -> libc::statvfs {
    // SAFETY: it consists of numbers.
    unsafe { std::mem::zeroed() }
}
