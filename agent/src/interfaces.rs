//! The network interfaces of the pod, in whose network namespace the agent is.

use std::net::IpAddr;

use nix::{
    ifaddrs::{self, getifaddrs},
    sys::socket::{SockaddrIn6, SockaddrStorage},
};
use protocol::{
    Errno,
    interface::{INTERFACE_LIMIT, Interface, InterfaceAddress},
};

/// All of them with their addresses.
pub(crate) fn list() -> Result<Vec<Interface>, Errno> {
    let entries = getifaddrs().map_err(|error| Errno(error as i32))?;
    Ok(entries.filter_map(|entry| described(&entry)).take(INTERFACE_LIMIT).collect())
}

/// Nothing for an interface without an address, and for an address of another family.
fn described(entry: &ifaddrs::InterfaceAddress) -> Option<Interface> {
    let own = entry.address.as_ref()?;
    let address = match own.as_link_addr() {
        Some(link) => InterfaceAddress::Link {
            index: u32::try_from(link.ifindex()).ok()?,
            kind: link.hatype(),
            hardware: link.addr().filter(|_| link.halen() == 6),
        },
        None => InterfaceAddress::Internet {
            address: internet(own)?,
            scope: own.as_sockaddr_in6().map_or(0, SockaddrIn6::scope_id),
            prefix: prefix(internet(entry.netmask.as_ref()?)?),
            other: entry.broadcast.as_ref().or(entry.destination.as_ref()).and_then(internet),
        },
    };
    let flags = u32::try_from(entry.flags.bits()).ok()?;
    Some(Interface { name: entry.interface_name.clone().into_bytes(), flags, address })
}

fn internet(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(v4) => v4.to_bits().leading_ones(),
        IpAddr::V6(v6) => v6.to_bits().leading_ones(),
    };
    u8::try_from(ones).expect("at most 128")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::in_pod;

    #[test]
    fn the_loopback_interface_is_told_with_its_address() {
        in_pod(|| async {
            let all = list().expect("it can be listed");
            assert!(all.iter().all(|interface| interface.name == b"lo"), "{all:?}");
            let link = InterfaceAddress::Link { index: 1, kind: libc::ARPHRD_LOOPBACK, hardware: Some([0; 6]) };
            assert_eq!(all[0].address, link);
            let v4 = InterfaceAddress::Internet { address: [127, 0, 0, 1].into(), scope: 0, prefix: 8, other: None };
            assert!(all.iter().any(|interface| interface.address == v4), "{all:?}");
            assert!(all.iter().all(|interface| interface.flags & 1 != 0), "it is up: {all:?}");
        });
    }

    #[test]
    fn masks_are_counted() {
        assert_eq!(
            ["255.255.252.0", "0.0.0.0", "ffff:ff00::"].map(|mask| prefix(mask.parse().expect("a mask"))),
            [22, 0, 24]
        );
    }
}
