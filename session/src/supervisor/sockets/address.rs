//! `struct sockaddr` in the program's memory: ip(7), ipv6(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use libc::c_int;
use protocol::Errno;

use super::{Call, Otherwise};

/// Sizes of `sockaddr_in` and `sockaddr_in6`.
const V4: usize = 16;
const V6: usize = 28;

/// Longest address that the kernel takes: `sizeof(struct sockaddr_storage)`.
const LIMIT: u64 = 128;

/// The internet address at `pointer`; anything else, and anything too short, is left to the kernel.
pub(super) fn read(call: &Call, pointer: u64, len: u64) -> Result<SocketAddr, Otherwise> {
    let len = len & u64::from(u32::MAX);
    if pointer == 0 || !(2..=LIMIT).contains(&len) {
        return Err(Otherwise::GoOn);
    }
    let mut bytes = [0; V6];
    let len = usize::try_from(len).map_or(V6, |len| len.min(V6));
    call.read(pointer, &mut bytes[..len]).map_err(|errno| match errno {
        Errno(libc::EPERM) => Otherwise::Fail(errno),
        _ => Otherwise::GoOn, // a bad address: the kernel's business
    })?;
    decode(&bytes[..len]).ok_or(Otherwise::GoOn)
}

/// Writes `address` as the kernel would: in the form of a socket of `domain`, cut off at the room that the program says
/// it has, with the true length beside it. accept(2)
pub(super) fn write(
    call: &Call,
    pointer: u64,
    length: u64,
    address: SocketAddr,
    domain: c_int,
) -> Result<(), Otherwise> {
    // An IPv6 address on an IPv4 socket cannot be shown; the kernel's own address stands then.
    let bytes = encode(address, domain).ok_or(Otherwise::GoOn)?;
    let mut room = [0; 4];
    call.read(length, &mut room)?;
    let room = usize::try_from(i32::from_ne_bytes(room)).map_err(|_| Errno::EINVAL)?;
    call.write(pointer, &bytes[..bytes.len().min(room)])?;
    call.write(length, &u32::try_from(bytes.len()).expect("16 or 28").to_ne_bytes())?;
    Ok(())
}

/// The address in these bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let family = c_int::from(u16::from_ne_bytes(bytes.first_chunk().copied()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match family {
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

/// `address` for a socket of `domain`; nothing when that cannot name it.
pub(super) fn encode(address: SocketAddr, domain: c_int) -> Option<Vec<u8>> {
    let v6 = match (domain, address) {
        (libc::AF_INET, SocketAddr::V4(v4)) => {
            let mut bytes = vec![0; V4];
            bytes[..2].copy_from_slice(&family(libc::AF_INET));
            bytes[2..4].copy_from_slice(&v4.port().to_be_bytes());
            bytes[4..8].copy_from_slice(&v4.ip().octets());
            return Some(bytes);
        }
        (libc::AF_INET6, SocketAddr::V4(v4)) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
        (libc::AF_INET6, SocketAddr::V6(v6)) => v6,
        _ => return None,
    };
    let mut bytes = vec![0; V6];
    bytes[..2].copy_from_slice(&family(libc::AF_INET6));
    bytes[2..4].copy_from_slice(&v6.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
    bytes[8..24].copy_from_slice(&v6.ip().octets());
    bytes[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
    Some(bytes)
}

fn family(domain: c_int) -> [u8; 2] {
    u16::try_from(domain).unwrap_or_default().to_ne_bytes()
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
            let bytes = encode(text.parse().expect("an address"), domain).expect("fits");
            assert_eq!(decode(&bytes).expect("decodes").to_string(), back);
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }
        assert!(encode("[::1]:1".parse().expect("an address"), libc::AF_INET).is_none());
        assert_eq!(decode(&[1, 0]), None);
    }
}
