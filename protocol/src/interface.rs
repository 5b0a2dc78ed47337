//! Network interfaces of the target.

use std::net::IpAddr;

use bincode::{Decode, Encode};

/// Asks for the network interfaces of the target and their addresses. getifaddrs(3)
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ListInterfaces;

/// Interfaces that are told of, each address for itself; pods have a handful.
pub const INTERFACE_LIMIT: usize = 512;

/// One address of an interface. The answer to [`ListInterfaces`] is a list of them, at most [`INTERFACE_LIMIT`], in the
/// kernel's order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Interface {
    /// Its name, or the label of the address: `eth0`.
    pub name: Vec<u8>,
    /// Flags, of netdevice(7): `IFF_UP` and others.
    pub flags: u32,
    /// The address.
    pub address: InterfaceAddress,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InterfaceAddress {
    /// The interface itself: packet(7).
    Link {
        /// Number of the interface.
        index: u32,
        /// Kind of hardware, `ARPHRD_` of `if_arp.h`.
        kind: u16,
        /// Address of the hardware; empty where there is none.
        hardware: Option<[u8; 6]>,
    },
    /// An internet address.
    Internet {
        /// The address.
        address: IpAddr,
        /// Number of the interface, for an IPv6 address that means nothing without it; otherwise 0.
        scope: u32,
        /// Bits of the address that all hosts of the network share.
        prefix: u8,
        /// Address for all hosts, or that of the other end of a point-to-point link.
        other: Option<IpAddr>,
    },
}
