//! `struct sockaddr`: decoding with length checks, storing as the kernel stores.

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use libc::{c_int, sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

use super::Out;
use crate::scope::{Hooked, Otherwise};

/// `const struct sockaddr *`, with its length in another argument.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct AddressIn(*const sockaddr);

/// `struct sockaddr *`, with its length, both ways, in another argument.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct AddressOut(*mut sockaddr);

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
#[repr(C)]
pub(crate) union Sockaddr {
    family: sa_family_t,
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

impl Sockaddr {
    pub(crate) const EMPTY: Self = Self {
        v6: sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// `address` for a socket of `domain` (`AF_INET` or `AF_INET6`); nothing when that cannot name it.
    pub(crate) fn new(address: SocketAddr, domain: c_int) -> Option<Self> {
        match (domain, address) {
            (libc::AF_INET, SocketAddr::V4(v4)) => Some(Self::from_v4(v4)),
            (libc::AF_INET6, SocketAddr::V4(v4)) => {
                let mapped = SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0);
                Some(Self::from_v6(&mapped))
            }
            (libc::AF_INET6, SocketAddr::V6(v6)) => Some(Self::from_v6(&v6)),
            _ => None,
        }
    }

    fn from_v4(address: SocketAddrV4) -> Self {
        let mut this = Self::EMPTY;
        this.v4 = sockaddr_in {
            sin_family: family(libc::AF_INET),
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
            sin_zero: [0; 8],
        };
        this
    }

    fn from_v6(address: &SocketAddrV6) -> Self {
        Self {
            v6: sockaddr_in6 {
                sin6_family: family(libc::AF_INET6),
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            },
        }
    }

    /// The address in the first `len` bytes.
    pub(crate) fn decode(&self, len: usize) -> Option<SocketAddr> {
        // SAFETY: every variant begins with the family, and all bytes of the union are initialised (`EMPTY`).
        let family = c_int::from(unsafe { self.family });
        match family {
            libc::AF_INET if len >= size_of::<sockaddr_in>() => {
                // SAFETY: the family says so; any bits are a valid `sockaddr_in`.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
            }
            // RFC 2133's shorter form, without the scope, is accepted by the kernel too; nobody uses it.
            libc::AF_INET6 if len >= size_of::<sockaddr_in6>() => {
                // SAFETY: the family says so; any bits are a valid `sockaddr_in6`.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddr::V6(SocketAddrV6::new(
                    ip,
                    u16::from_be(v6.sin6_port),
                    v6.sin6_flowinfo,
                    v6.sin6_scope_id,
                )))
            }
            _ => None,
        }
    }

    /// Length in C's sense.
    #[expect(clippy::cast_possible_truncation, reason = "16 or 28")]
    pub(crate) fn len(&self) -> socklen_t {
        // SAFETY: every variant begins with the family.
        let v4 = c_int::from(unsafe { self.family }) == libc::AF_INET;
        let len = if v4 { size_of::<sockaddr_in>() } else { size_of::<sockaddr_in6>() };
        len as socklen_t
    }

    /// As an argument for a real function.
    pub(crate) fn argument(&self) -> AddressIn {
        AddressIn((&raw const *self).cast())
    }

    pub(crate) fn pointer(&self) -> *const sockaddr {
        (&raw const *self).cast()
    }

    pub(crate) fn pointer_mut(&mut self) -> *mut sockaddr {
        (&raw mut *self).cast()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 or 10")]
fn family(domain: c_int) -> sa_family_t {
    domain as sa_family_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_c_form() {
        for (text, domain, back) in [
            ("1.2.3.4:80", libc::AF_INET, "1.2.3.4:80"),
            ("1.2.3.4:80", libc::AF_INET6, "[::ffff:1.2.3.4]:80"),
            ("[fd00::1%3]:443", libc::AF_INET6, "[fd00::1%3]:443"),
        ] {
            let address = Sockaddr::new(text.parse().expect("an address"), domain).expect("fits");
            let decoded = address.decode(address.len() as usize).expect("decodes");
            assert_eq!(decoded.to_string(), back);
            assert_eq!(address.decode(address.len() as usize - 1), None);
        }
        assert!(Sockaddr::new("[::1]:1".parse().expect("an address"), libc::AF_INET).is_none());
    }

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
