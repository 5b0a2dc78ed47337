//! Names of addresses, found where the target finds them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{c_int, hostent, socklen_t};
use rules::address::canonical;

use crate::cabi::address::AddressIn;
use crate::cabi::{Bytes, Out, Room};
use crate::hook::hook;
use crate::names::{self, Found, Gai, host};
use crate::scope::{self, Hooked, Otherwise};
use crate::state::Layer;

type NameInfo = unsafe extern "C-unwind" fn(AddressIn, socklen_t, Room, socklen_t, Room, socklen_t, c_int) -> Gai;

/// Flags that getnameinfo(3) knows; the last three say how names are written (`NI_IDN` and two that mean nothing now).
const KNOWN_FLAGS: c_int =
    libc::NI_NUMERICHOST | libc::NI_NUMERICSERV | libc::NI_NOFQDN | libc::NI_NAMEREQD | libc::NI_DGRAM | 0xE0;

hook! {
    /// getnameinfo(3). Services, and hosts that are to be numbers, are libc's own.
    fn getnameinfo(address: AddressIn, len: socklen_t, host: Room, host_len: socklen_t, service: Room, service_len: socklen_t, flags: c_int) -> Gai
        => around |real: NameInfo, address: AddressIn, len, host, host_len, service: Room, service_len, flags| {
            match scope::run(|layer| host_named(layer, address, len, host, host_len, flags)) {
                Ok(Host::Written) if service.is_null() || service_len == 0 => Gai(0),
                // SAFETY: the program's own arguments, without room for the host.
                Ok(Host::Written) => unsafe { real(address, len, Room::NULL, 0, service, service_len, flags & !libc::NI_NAMEREQD) },
                // SAFETY: the program's own arguments.
                Ok(Host::Nameless) => unsafe { real(address, len, host, host_len, service, service_len, flags | libc::NI_NUMERICHOST) },
                Ok(Host::Failed(error)) => error,
                Err(Otherwise::Fail(errno)) => scope::failed(errno),
                // SAFETY: the program's own arguments.
                Err(Otherwise::Native | Otherwise::Instead(_)) => unsafe { real(address, len, host, host_len, service, service_len, flags) },
            }
        };
}

hook! {
    /// gethostbyaddr(3)
    fn gethostbyaddr(address: Bytes, len: socklen_t, family: c_int) -> *mut hostent => by_address;
    /// gethostbyaddr_r(3)
    fn gethostbyaddr_r(address: Bytes, len: socklen_t, family: c_int, entry: Out<hostent>, buffer: Room, room: usize, result: Out<*mut hostent>, error: Out<c_int>) -> c_int
        => |layer, address, len, family, entry, buffer, room, result, error| by_address_into(layer, address, len, family, host::Place { entry, buffer, len: room, result, error });
}

/// What has become of the host's part.
enum Host {
    /// Its name is in the program's room.
    Written,
    /// It has none, and is to be a number.
    Nameless,
    /// The call fails.
    Failed(Gai),
}

fn host_named(
    layer: &Layer,
    address: AddressIn,
    len: socklen_t,
    host: Room,
    host_len: socklen_t,
    flags: c_int,
) -> Hooked<Host> {
    let numeric = flags & libc::NI_NUMERICHOST != 0;
    if numeric || flags & !KNOWN_FLAGS != 0 || host.is_null() || host_len == 0 {
        return Err(Otherwise::Native);
    }
    let ip = canonical(address.decode(len)?).ip();
    let mut name = match names::names_of(layer, ip)? {
        Ok(names) => names.canonical,
        Err(error @ Gai(libc::EAI_AGAIN)) => return Ok(Host::Failed(error)),
        Err(_) if flags & libc::NI_NAMEREQD != 0 => return Ok(Host::Failed(Gai(libc::EAI_NONAME))),
        Err(_) => return Ok(Host::Nameless),
    };
    if flags & libc::NI_NOFQDN != 0
        && let Some(domain) = names::domain(layer)?
        && let Some(short) = name.strip_suffix(&format!(".{domain}"))
    {
        name.truncate(short.len());
    }
    let room = usize::try_from(host_len).unwrap_or(0);
    if name.len() >= room {
        return Ok(Host::Failed(Gai(libc::EAI_OVERFLOW)));
    }
    name.push('\0');
    host.fill(room, name.as_bytes())?;
    Ok(Host::Written)
}

/// Into memory of the layer's own, one for each thread; the next call on the thread overwrites it.
fn by_address(layer: &Layer, address: Bytes, len: socklen_t, family: c_int) -> Hooked<*mut hostent> {
    match asked(layer, address, len, family)? {
        Ok(found) => host::build_static(&found, family).ok_or(Otherwise::Fail(protocol::Errno(libc::ENOMEM))),
        Err(error) => {
            host::set_h_errno(error.as_h_errno());
            Ok(std::ptr::null_mut())
        }
    }
}

fn by_address_into(layer: &Layer, address: Bytes, len: socklen_t, family: c_int, place: host::Place) -> Hooked<c_int> {
    match asked(layer, address, len, family)? {
        Ok(found) => place.fill(&found, family),
        Err(error) => place.fail(error.as_h_errno()),
    }
}

/// The names, with the address as it was given. What is no address is left to libc, which says so.
fn asked(layer: &Layer, address: Bytes, len: socklen_t, family: c_int) -> Hooked<Result<Found, Gai>> {
    let ip = match (family, len) {
        (libc::AF_INET, 4) => <[u8; 4]>::try_from(address.read(4)?).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))),
        (libc::AF_INET6, 16) => <[u8; 16]>::try_from(address.read(16)?).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))),
        _ => return Err(Otherwise::Native),
    };
    let ip = ip.map_err(|_| Otherwise::Native)?;
    if ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return Err(Otherwise::Native);
    }
    let found = names::names_of(layer, ip.to_canonical())?;
    Ok(found.map(|found| Found { addresses: vec![ip], ..found }))
}
