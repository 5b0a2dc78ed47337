//! `struct sockaddr` of ip(7) and ipv6(7) as bytes: what programs pass to calls on sockets, and what they are shown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use libc::c_int;

/// Sizes of `sockaddr_in` and `sockaddr_in6`.
const V4: usize = 16;
const V6: usize = 28;

/// An internet address in C's form, aligned as the C structures are.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub struct Sockaddr {
    bytes: [u8; Self::ROOM],
}

impl Sockaddr {
    /// Bytes of the longest address.
    pub const ROOM: usize = V6;

    /// No address.
    pub const EMPTY: Self = Self { bytes: [0; Self::ROOM] };

    /// `address` for a socket of `domain` (`AF_INET` or `AF_INET6`); nothing when that cannot name it.
    pub fn new(address: SocketAddr, domain: c_int) -> Option<Self> {
        let mut bytes = [0; Self::ROOM];
        bytes[..2].copy_from_slice(&u16::try_from(domain).ok()?.to_ne_bytes());
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let v6 = match (domain, address) {
            (libc::AF_INET, SocketAddr::V4(v4)) => {
                bytes[4..8].copy_from_slice(&v4.ip().octets());
                return Some(Self { bytes });
            }
            (libc::AF_INET6, SocketAddr::V4(v4)) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
            (libc::AF_INET6, SocketAddr::V6(v6)) => v6,
            _ => return None,
        };
        bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
        bytes[8..24].copy_from_slice(&v6.ip().octets());
        bytes[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
        Some(Self { bytes })
    }

    /// The bytes of the address, as many as C gives it.
    pub fn bytes(&self) -> &[u8] {
        let is_v4 = family(&self.bytes) == Some(libc::AF_INET);
        &self.bytes[..if is_v4 { V4 } else { V6 }]
    }

    /// All of the room, to be written to.
    pub fn room(&mut self) -> &mut [u8; Self::ROOM] {
        &mut self.bytes
    }
}

/// The internet address in these bytes; nothing for anything else, and for anything too short. RFC 2133's shorter form of
/// IPv6, without the scope, is accepted by the kernel, too; nobody uses it.
pub fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match family(bytes)? {
        libc::AF_INET if bytes.len() >= V4 => {
            let ip: [u8; 4] = bytes[4..8].try_into().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), port))
        }
        libc::AF_INET6 if bytes.len() >= V6 => {
            let flow = u32::from_ne_bytes(bytes[4..8].try_into().ok()?);
            let ip: [u8; 16] = bytes[8..24].try_into().ok()?;
            let scope = u32::from_ne_bytes(bytes[24..28].try_into().ok()?);
            Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope)))
        }
        _ => None,
    }
}

fn family(bytes: &[u8]) -> Option<c_int> {
    bytes.first_chunk().map(|family| c_int::from(u16::from_ne_bytes(*family)))
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
            let bytes = address.bytes();
            assert_eq!(bytes.len(), if domain == libc::AF_INET { 16 } else { 28 });
            assert_eq!(decode(bytes).expect("decodes").to_string(), back);
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }
        assert!(Sockaddr::new("[::1]:1".parse().expect("an address"), libc::AF_INET).is_none());
        assert_eq!(decode(&[1, 0]), None);
        assert_eq!(decode(Sockaddr::EMPTY.bytes()), None);
    }
}
