//! `struct ifaddrs` and `struct if_nameindex`: the target's network interfaces, as lists that glibc can free.
#![expect(unsafe_code, reason = "builds a C list")]

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

use libc::{c_char, if_nameindex, ifaddrs, sockaddr};
use protocol::interface::{Interface, InterfaceAddress};
use rules::sockaddr::Sockaddr;

/// Room for `sockaddr_in6` and `sockaddr_ll`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Place([u8; 32]);

/// One entry with all that it points to.
#[repr(C)]
struct Node {
    info: ifaddrs,
    address: Place,
    netmask: Place,
    other: Place,
    name: [u8; libc::IFNAMSIZ],
}

/// The list; nothing when there is no memory. It is one allocation: freeifaddrs(3) of glibc frees the first entry's.
pub(crate) fn build(all: &[Interface]) -> Option<*mut ifaddrs> {
    if all.is_empty() {
        return Some(ptr::null_mut());
    }
    // SAFETY: any length may be asked for.
    let nodes = unsafe { libc::malloc(all.len() * size_of::<Node>()) }.cast::<Node>();
    if nodes.is_null() {
        return None;
    }
    for (index, interface) in all.iter().enumerate() {
        let node = nodes.wrapping_add(index);
        let next = if index + 1 < all.len() { nodes.wrapping_add(index + 1).cast() } else { ptr::null_mut() };
        // SAFETY: there is room for as many nodes as interfaces, aligned for any type.
        unsafe { node.write(entry(interface, node, next)) };
    }
    Some(nodes.cast())
}

/// Numbers and names of the interfaces themselves; longer names than the kernel's do not exist.
pub(crate) fn indexed(all: &[Interface]) -> impl Iterator<Item = (u32, &[u8])> {
    all.iter().filter_map(|interface| match interface.address {
        InterfaceAddress::Link { index, .. } if interface.name.len() < libc::IF_NAMESIZE => {
            Some((index, &*interface.name))
        }
        _ => None,
    })
}

/// The list of if_nameindex(3), which if_freenameindex(3) of glibc frees: each name, and the list. Nothing when there is no
/// memory.
pub(crate) fn build_index(all: &[Interface]) -> Option<*mut if_nameindex> {
    let names: Option<Vec<(u32, CString)>> =
        indexed(all).map(|(index, name)| Some((index, CString::new(name).ok()?))).collect();
    let names = names?;
    // The entry behind the last one is empty.
    // SAFETY: any number may be asked for.
    let list = unsafe { libc::calloc(names.len() + 1, size_of::<if_nameindex>()) }.cast::<if_nameindex>();
    if list.is_null() {
        return None;
    }
    for (place, (index, name)) in names.iter().enumerate() {
        // SAFETY: a terminated text.
        let name = unsafe { libc::strdup(name.as_ptr()) };
        if name.is_null() {
            // SAFETY: a list that ends with an empty entry, made as libc makes it.
            unsafe { libc::if_freenameindex(list) };
            return None;
        }
        // SAFETY: within the list.
        unsafe { list.add(place).write(if_nameindex { if_index: *index, if_name: name }) };
    }
    Some(list)
}

/// The entry for `at`, which it points into.
fn entry(interface: &Interface, at: *mut Node, next: *mut ifaddrs) -> Node {
    let [address, netmask, other] = addresses(interface);
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name[..libc::IFNAMSIZ - 1].iter_mut().zip(&interface.name) {
        *to = *from;
    }
    // SAFETY: addresses within the node, of which nothing is read.
    let places = unsafe { [&raw mut (*at).address, &raw mut (*at).netmask, &raw mut (*at).other] };
    // SAFETY: as above.
    let name_at = unsafe { &raw mut (*at).name };
    let pointer = |place: Option<Place>, at: *mut Place| match place {
        Some(_) => at.cast::<sockaddr>(),
        None => ptr::null_mut(),
    };
    let info = ifaddrs {
        ifa_next: next,
        ifa_name: name_at.cast::<c_char>(),
        ifa_flags: interface.flags,
        ifa_addr: pointer(address, places[0]),
        ifa_netmask: pointer(netmask, places[1]),
        ifa_ifu: pointer(other, places[2]),
        ifa_data: ptr::null_mut(),
    };
    let [address, netmask, other] = [address, netmask, other].map(|place| place.unwrap_or(Place([0; 32])));
    Node { info, address, netmask, other, name }
}

/// Address, network mask, and address of all hosts or of the other end.
fn addresses(interface: &Interface) -> [Option<Place>; 3] {
    match &interface.address {
        InterfaceAddress::Link { index, kind, hardware } => {
            let everybody = if interface.flags & FLAG_BROADCAST == 0 { [0; 6] } else { [0xFF; 6] };
            let place = |hardware| Some(link(*index, *kind, hardware));
            [place(*hardware), None, place(hardware.map(|_| everybody))]
        }
        InterfaceAddress::Internet { address, scope, prefix, other } => {
            // The kernel names an IPv4 address as its own other end where there is none.
            let other = other.or_else(|| Some(*address).filter(IpAddr::is_ipv4));
            [
                internet(*address, *scope),
                internet(mask(*address, *prefix), 0),
                other.and_then(|it| internet(it, *scope)),
            ]
        }
    }
}

const FLAG_BROADCAST: u32 = libc::IFF_BROADCAST.cast_unsigned();

fn internet(ip: IpAddr, scope: u32) -> Option<Place> {
    let (domain, address) = match ip {
        IpAddr::V4(_) => (libc::AF_INET, SocketAddr::new(ip, 0)),
        IpAddr::V6(v6) => (libc::AF_INET6, SocketAddrV6::new(v6, 0, 0, scope).into()),
    };
    let address = Sockaddr::new(address, domain)?;
    let mut place = Place([0; 32]);
    place.0[..address.bytes().len()].copy_from_slice(address.bytes());
    Some(place)
}

fn mask(like: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(!u32::MAX.checked_shr(prefix).unwrap_or(0)).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(!u128::MAX.checked_shr(prefix).unwrap_or(0)).into(),
    }
}

/// `struct sockaddr_ll`: packet(7).
fn link(index: u32, kind: u16, hardware: Option<[u8; 6]>) -> Place {
    let mut place = Place([0; 32]);
    place.0[..2].copy_from_slice(&FAMILY_PACKET.to_ne_bytes());
    place.0[4..8].copy_from_slice(&index.to_ne_bytes());
    place.0[8..10].copy_from_slice(&kind.to_ne_bytes());
    if let Some(hardware) = hardware {
        place.0[11] = 6;
        place.0[12..18].copy_from_slice(&hardware);
    }
    place
}

/// `AF_PACKET`
const FAMILY_PACKET: u16 = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_as_many_ones_as_the_prefix_says() {
        let shown = |like: &str, prefix| mask(like.parse().expect("an address"), prefix).to_string();
        assert_eq!(
            [0, 22, 32].map(|prefix| shown("10.0.0.1", prefix)),
            ["0.0.0.0", "255.255.252.0", "255.255.255.255"]
        );
        assert_eq!(shown("fd00::1", 64), "ffff:ffff:ffff:ffff::");
        assert_eq!(shown("fd00::1", 128), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    }
}
