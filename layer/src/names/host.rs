//! `struct hostent`: the older form of an answer, packed into one buffer.
#![expect(unsafe_code, reason = "lays out C structures")]

use std::cell::{RefCell, UnsafeCell};
use std::net::IpAddr;
use std::ptr;

use libc::{c_char, c_int, c_void, hostent};

use crate::cabi::{Out, Room};
use crate::names::Found;
use crate::scope::Hooked;

/// Where gethostbyname_r(3) puts what it finds.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) entry: Out<hostent>,
    pub(crate) buffer: Room,
    pub(crate) len: usize,
    pub(crate) result: Out<*mut hostent>,
    pub(crate) error: Out<c_int>,
}

impl Place {
    /// Writes the answer; `ERANGE` asks the caller for a larger buffer.
    pub(crate) fn fill(self, found: &Found, family: c_int) -> Hooked<c_int> {
        const NETDB_INTERNAL: c_int = -1;
        let Some(host) = pack(found, family, self.buffer.pointer(), self.len) else {
            self.result.set(ptr::null_mut())?;
            self.error.set(NETDB_INTERNAL)?;
            return Ok(libc::ERANGE);
        };
        self.entry.set(host)?;
        self.result.set(self.entry.pointer())?;
        Ok(0)
    }

    /// Writes that there is no answer.
    pub(crate) fn fail(self, h_errno: c_int) -> Hooked<c_int> {
        self.result.set(ptr::null_mut())?;
        self.error.set(h_errno)?;
        Ok(0)
    }
}

/// Room at first, in bytes: for a name of 255 and some 300 addresses.
const STATIC_LEN: usize = 8 * 1024;

/// More than an answer of the agent needs, which is a message of at most 128 KiB.
const STATIC_LIMIT: usize = 1024 * 1024;

struct Static {
    host: UnsafeCell<hostent>,
    buffer: RefCell<Vec<u8>>,
}

thread_local! {
    static STATIC: Static = Static { host: UnsafeCell::new(EMPTY), buffer: RefCell::new(vec![0; STATIC_LEN]) };
}

const EMPTY: hostent = hostent {
    h_name: ptr::null_mut(),
    h_aliases: ptr::null_mut(),
    h_addrtype: 0,
    h_length: 0,
    h_addr_list: ptr::null_mut(),
};

/// The answer in this thread's own memory, which grows as libc's does.
pub(crate) fn build_static(found: &Found, family: c_int) -> Option<*mut hostent> {
    STATIC
        .try_with(|memory| {
            let mut buffer = memory.buffer.try_borrow_mut().ok()?;
            let host = loop {
                let len = buffer.len();
                match pack(found, family, buffer.as_mut_ptr().cast(), len) {
                    Some(host) => break host,
                    None if len < STATIC_LIMIT => buffer.resize(2 * len, 0),
                    None => return None,
                }
            };
            // SAFETY: this thread's memory, to which only the program keeps pointers.
            unsafe { *memory.host.get() = host };
            Some(memory.host.get())
        })
        .ok()
        .flatten()
}

unsafe extern "C" {
    fn __h_errno_location() -> *mut c_int;
}

/// `h_errno` of this thread.
pub(crate) fn h_errno() -> c_int {
    // SAFETY: libc's location of this thread's variable is always valid.
    unsafe { *__h_errno_location() }
}

/// Sets `h_errno` of this thread.
pub(crate) fn set_h_errno(value: c_int) {
    // SAFETY: libc's location of this thread's variable is always valid.
    unsafe { *__h_errno_location() = value };
}

/// Lays out two pointer lists, the addresses and the names in `buffer`; nothing when it is too small.
fn pack(found: &Found, family: c_int, buffer: *mut c_char, len: usize) -> Option<hostent> {
    let addresses: Vec<Vec<u8>> = found
        .addresses
        .iter()
        .filter_map(|ip| match (ip, family) {
            (IpAddr::V4(v4), libc::AF_INET) => Some(v4.octets().to_vec()),
            (IpAddr::V6(v6), libc::AF_INET6) => Some(v6.octets().to_vec()),
            _ => None,
        })
        .collect();
    let address_len = if family == libc::AF_INET { 4 } else { 16 };
    // The addresses' list with its null, then the aliases'.
    let list = buffer.wrapping_add(buffer.align_offset(align_of::<*mut c_char>()));
    let aliases = list.wrapping_add((addresses.len() + 1) * WORD);
    let first_address = aliases.wrapping_add((found.aliases.len() + 1) * WORD);
    let name = first_address.wrapping_add(addresses.len() * address_len);

    let mut image: Vec<u8> = Vec::new();
    for index in 0..addresses.len() {
        image.extend(first_address.wrapping_add(index * address_len).expose_provenance().to_ne_bytes());
    }
    image.extend([0; WORD]);
    let mut alias_at = name.wrapping_add(found.canonical.len() + 1);
    for alias in &found.aliases {
        image.extend(alias_at.expose_provenance().to_ne_bytes());
        alias_at = alias_at.wrapping_add(alias.len() + 1);
    }
    image.extend([0; WORD]);
    image.extend(addresses.concat());
    for name in std::iter::once(&found.canonical).chain(&found.aliases) {
        image.extend(name.as_bytes());
        image.push(0);
    }

    let start = list.addr() - buffer.addr();
    if start.checked_add(image.len())? > len {
        return None;
    }
    // SAFETY: the caller promises `len` bytes at `buffer`, and the image ends within them.
    unsafe { ptr::copy_nonoverlapping(image.as_ptr(), list.cast::<u8>(), image.len()) };
    Some(hostent {
        h_name: name,
        h_aliases: aliases.cast::<c_void>().cast(),
        h_addrtype: family,
        h_length: c_int::try_from(address_len).ok()?,
        h_addr_list: list.cast::<c_void>().cast(),
    })
}

/// Bytes of a pointer.
const WORD: usize = size_of::<*mut c_char>();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_small_a_buffer_is_refused_and_any_alignment_will_do() {
        let found = Found {
            addresses: vec!["10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address")],
            canonical: "name".into(),
            aliases: vec!["other".into()],
        };
        let mut buffer = [0_u8; 80];
        let needed = 5 * 8 + 2 * 4 + 5 + 6;
        let unaligned = (&raw mut buffer).cast::<c_char>().wrapping_add(1);
        let start = unaligned.align_offset(8);
        assert!(pack(&found, libc::AF_INET, unaligned, start + needed - 1).is_none());
        let host = pack(&found, libc::AF_INET, unaligned, start + needed).expect("fits");
        // SAFETY: `pack` has written two addresses and a null pointer.
        let addresses = unsafe { std::slice::from_raw_parts(host.h_addr_list, 3) };
        assert!(addresses[2].is_null());
        // SAFETY: each points to four bytes.
        assert_eq!(unsafe { addresses[1].cast::<[u8; 4]>().read() }, [10, 0, 0, 2]);
        // SAFETY: `pack` has terminated the name.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(host.h_name) }, c"name");
        // SAFETY: `pack` has written one alias and a null pointer.
        let aliases = unsafe { std::slice::from_raw_parts(host.h_aliases, 2) };
        // SAFETY: `pack` has terminated it.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(aliases[0]) }, c"other");
        assert!(aliases[1].is_null());
    }
}
