//! Types of C arguments: the same bits as C's, safe to use in the body of a hook.
//!
//! A value of these types only ever comes from the program's call (or from one of the few constructors here). Libc's
//! own contract promises what the methods rely on: a path is terminated, a result pointer may be written. A null
//! pointer is answered as the kernel would, by `EFAULT`; another wild pointer ends the program, as it may inside libc.
#![expect(unsafe_code, reason = "reads and writes the memory that the program's arguments point to")]

pub(crate) mod address;

use std::ffi::CStr;

use libc::{c_char, c_int, c_long};

use crate::scope::{Hooked, Otherwise, fail};

/// A type that a libc function returns.
pub(crate) trait Return: Copy {
    /// Value that says: failed, see `errno`.
    const FAILED: Self;
}

impl Return for c_int {
    const FAILED: Self = -1;
}

impl Return for c_long {
    const FAILED: Self = -1;
}

impl Return for isize {
    const FAILED: Self = -1;
}

impl Return for () {
    const FAILED: Self = ();
}

impl<T> Return for *mut T {
    const FAILED: Self = std::ptr::null_mut();
}

/// `const char *`: terminated text.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Text(*const c_char);

/// Whether there can be something at a pointer: the first page is never mapped, the upper half is the kernel's. The
/// kernel answers `EFAULT` for what cannot be; other wild pointers end the program, as they may inside libc.
fn is_plausible<T>(pointer: *const T) -> bool {
    pointer.addr().cast_signed() >= 4096
}

impl Text {
    /// The text's bytes; a pointer that cannot be one is left to the real function.
    pub(crate) fn bytes(&self) -> Hooked<&[u8]> {
        Ok(self.c_str()?.to_bytes())
    }

    /// The text with its NUL.
    pub(crate) fn c_str(&self) -> Hooked<&CStr> {
        if !is_plausible(self.0) {
            return Err(Otherwise::Native);
        }
        // SAFETY: not null; the caller of a libc function passes terminated text that lasts for the call.
        Ok(unsafe { CStr::from_ptr(self.0) })
    }

    /// An argument of the layer's own for a real function.
    pub(crate) fn of(text: &CStr) -> Self {
        Self(text.as_ptr())
    }

    /// An argument that came as a number (syscall(2)).
    pub(crate) fn from_number(number: c_long) -> Self {
        Self(number as *const c_char)
    }

    /// Terminated text of the layer's own.
    pub(crate) fn at(text: *const c_char) -> Self {
        Self(text)
    }

    pub(crate) fn pointer(self) -> *const c_char {
        self.0
    }
}

/// `const T *`: something to read, or null.
#[repr(transparent)]
pub(crate) struct In<T>(*const T);

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T: Copy> In<T> {
    /// The value; nothing for a null pointer, `EFAULT` for one that cannot be.
    pub(crate) fn get(self) -> Hooked<Option<T>> {
        if self.0.is_null() {
            return Ok(None);
        }
        if !is_plausible(self.0) {
            return fail(libc::EFAULT);
        }
        // SAFETY: not null; the caller of a libc function passes a `T` that lasts for the call.
        Ok(Some(unsafe { self.0.read_unaligned() }))
    }

    /// An argument that came as a number (syscall(2)).
    pub(crate) fn from_number(number: c_long) -> Self {
        Self(number as *const T)
    }
}

impl In<u8> {
    /// The first `len` bytes.
    pub(crate) fn bytes(self, len: usize) -> Hooked<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        if !is_plausible(self.0) {
            return fail(libc::EFAULT);
        }
        // SAFETY: not null; the caller promises `len` bytes.
        Ok(unsafe { std::slice::from_raw_parts(self.0, len) }.to_vec())
    }
}

/// `T *`: room for a result, or null.
#[repr(transparent)]
pub(crate) struct Out<T>(*mut T);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T: Copy> Out<T> {
    /// Writes the result; `EFAULT` for a pointer that cannot be one.
    pub(crate) fn set(self, value: T) -> Hooked<()> {
        if !is_plausible(self.0) {
            return fail(libc::EFAULT);
        }
        // SAFETY: not null; the caller of a libc function passes room for a `T`. Unaligned: C programs do that.
        unsafe { self.0.write_unaligned(value) };
        Ok(())
    }

    /// What the room holds before the call; nothing when it is null. Only for arguments that go both ways.
    pub(crate) fn get(self) -> Option<T> {
        // SAFETY: not null; the argument goes both ways, so the caller has put a `T` there.
        (!self.0.is_null()).then(|| unsafe { self.0.read_unaligned() })
    }

    pub(crate) fn pointer(self) -> *mut T {
        self.0
    }

    /// An entry of a list that begins here; the caller knows how many there are.
    pub(crate) fn at(self, index: usize) -> Self {
        Self(self.0.wrapping_add(index))
    }

    /// Room of the layer's own, for a real function.
    pub(crate) fn of(room: &mut T) -> Self {
        Self(room)
    }

    /// An argument that came as a number (syscall(2)).
    pub(crate) fn from_number(number: c_long) -> Self {
        Self(number as *mut T)
    }
}

/// `char *` with its length in another argument: room for bytes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Room(*mut c_char);

impl Room {
    /// No room.
    pub(crate) const NULL: Self = Self(std::ptr::null_mut());

    /// Copies what fits into `room` bytes; gives the number of bytes copied.
    pub(crate) fn fill(self, room: usize, bytes: &[u8]) -> Hooked<usize> {
        if !is_plausible(self.0) {
            return fail(libc::EFAULT);
        }
        let count = bytes.len().min(room);
        // SAFETY: not null; the caller promises `room` bytes, and `count` is not more; the layer's own bytes do not
        // overlap the program's room.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.cast::<u8>(), count) };
        Ok(count)
    }

    /// Room of the layer's own making.
    pub(crate) fn new(pointer: *mut c_char) -> Self {
        Self(pointer)
    }

    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub(crate) fn pointer(self) -> *mut c_char {
        self.0
    }

    /// An argument that came as a number (syscall(2)).
    pub(crate) fn from_number(number: c_long) -> Self {
        Self(number as *mut c_char)
    }
}

/// `const void *` with its length in another argument.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Bytes(*const u8);

impl Bytes {
    /// The bytes; `EFAULT` for a pointer that cannot be one.
    pub(crate) fn read(&self, count: usize) -> Hooked<&[u8]> {
        if !is_plausible(self.0) {
            return fail(libc::EFAULT);
        }
        // SAFETY: not null; the caller of a libc function passes as many bytes as it says, for the time of the call.
        Ok(unsafe { std::slice::from_raw_parts(self.0, count) })
    }
}

/// `char *const []`: a list of texts that ends with null; a null pointer is the empty list, as for execve(2).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Texts(*const *const c_char);

impl Texts {
    /// The texts' pointers.
    pub(crate) fn iter(self) -> impl Iterator<Item = Text> {
        let mut next = self.0;
        std::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: not past the end: the list ends with a null pointer, and iteration stops there.
            let text = unsafe { *next };
            if text.is_null() {
                return None;
            }
            // SAFETY: the entry was not the last one.
            next = unsafe { next.add(1) };
            Some(Text(text))
        })
    }

    /// A list of the layer's own; its last entry is null.
    pub(crate) fn of(list: &[*const c_char]) -> Self {
        assert!(list.last().is_some_and(|last| last.is_null()));
        Self(list.as_ptr())
    }

    /// The process's environment as it is now.
    pub(crate) fn environment() -> Self {
        unsafe extern "C" {
            static environ: *const *const c_char;
        }
        // SAFETY: libc's variable; a race with setenv(3) in another thread is the program's own, as in execv(3).
        Self(unsafe { environ })
    }

    pub(crate) fn pointer(self) -> *const *const c_char {
        self.0
    }
}
