//! `struct sockaddr` in the program's arguments: taken with length checks, stored as the kernel stores.

use std::mem::size_of;
use std::net::SocketAddr;

use libc::{c_int, sa_family_t, socklen_t};
use rules::sockaddr;

use super::Out;
use crate::scope::{Hooked, Otherwise};

/// `const struct sockaddr *`, with its length in another argument.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct AddressIn(*const libc::sockaddr);

/// `struct sockaddr *`, with its length, both ways, in another argument.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct AddressOut(*mut libc::sockaddr);

/// `socklen_t *`: room before, true length after.
pub(crate) type Length = Out<socklen_t>;

impl AddressIn {
    /// The address of a message: `msg_name`.
    pub(crate) fn of_message(message: &libc::msghdr) -> Self {
        Self(message.msg_name.cast())
    }

    /// The internet address; anything else, and anything too short, is left to the real function.
    pub(crate) fn decode(self, len: socklen_t) -> Hooked<SocketAddr> {
        let len = len as usize;
        if self.0.is_null() || len < size_of::<sa_family_t>() {
            return Err(Otherwise::Native);
        }
        let mut copy = Sockaddr::EMPTY;
        let len = len.min(size_of::<Sockaddr>());
        // SAFETY: the caller promises `len` readable bytes; our copy is at least as large and does not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(self.0.cast::<u8>(), (&raw mut copy).cast::<u8>(), len);
        };
        copy.decode(len).ok_or(Otherwise::Native)
    }
}

impl AddressOut {
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The internet address that a call has written there, as far as there was room for it.
    pub(crate) fn written(self, len: socklen_t) -> Option<SocketAddr> {
        AddressIn(self.0).decode(len).ok()
    }

    /// The address of a message: `msg_name`.
    pub(crate) fn of_message(message: &libc::msghdr) -> Self {
        Self(message.msg_name.cast())
    }

    /// Writes `address` as the kernel would: cut off at `room` bytes, with its true length in `length`. accept(2).
    pub(crate) fn store(self, room: socklen_t, length: Length, address: &Sockaddr) -> Hooked<()> {
        if self.0.is_null() {
            return Ok(());
        }
        let count = address.len().min(room);
        // SAFETY: the caller promises `room` writable bytes, and `count` is not more.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const *address).cast::<u8>(), self.0.cast::<u8>(), count as usize);
        };
        length.set(address.len())
    }
}

/// An internet address in C's form.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Sockaddr(sockaddr::Sockaddr);

impl Sockaddr {
    pub(crate) const EMPTY: Self = Self(sockaddr::Sockaddr::EMPTY);

    /// `address` for a socket of `domain` (`AF_INET` or `AF_INET6`); nothing when that cannot name it.
    pub(crate) fn new(address: SocketAddr, domain: c_int) -> Option<Self> {
        sockaddr::Sockaddr::new(address, domain).map(Self)
    }

    /// The address in the first `len` bytes.
    pub(crate) fn decode(&mut self, len: usize) -> Option<SocketAddr> {
        sockaddr::decode(self.0.room().get(..len)?)
    }

    /// Length in C's sense.
    #[expect(clippy::cast_possible_truncation, reason = "16 or 28")]
    pub(crate) fn len(&self) -> socklen_t {
        self.0.bytes().len() as socklen_t
    }

    /// As an argument for a real function.
    pub(crate) fn argument(&self) -> AddressIn {
        AddressIn(self.pointer())
    }

    pub(crate) fn pointer(&self) -> *const libc::sockaddr {
        (&raw const *self).cast()
    }

    pub(crate) fn pointer_mut(&mut self) -> *mut libc::sockaddr {
        (&raw mut *self).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_room_cuts_the_address_but_tells_its_length() {
        let address = Sockaddr::new("1.2.3.4:80".parse().expect("an address"), libc::AF_INET).expect("fits");
        let mut bytes = [0xAA_u8; 16];
        let mut len: socklen_t = 4;
        AddressOut((&raw mut bytes).cast()).store(4, Out(&raw mut len), &address).expect("not null");
        assert_eq!(len, 16);
        assert_eq!(&bytes[2..6], &[0, 80, 0xAA, 0xAA]);
    }
}
