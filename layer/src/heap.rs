//! Memory that the program will free, and C structures full of zeroes.
#![expect(unsafe_code, reason = "libc's allocator and plain C structures")]

use libc::c_char;

use crate::cabi::Room;

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
