//! The pod's network: a loopback interface with several addresses, set up over route netlink. rtnetlink(7).

use std::{io, net::Ipv4Addr};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;

const HEADER_LEN: usize = 16;

/// Gives `lo` the `addresses` and switches it on.
pub(super) fn set_up(addresses: &[Ipv4Addr]) -> io::Result<()> {
    let socket =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, Some(SockProtocol::NetlinkRoute))?;
    for address in addresses {
        ask(&socket, libc::RTM_NEWADDR, libc::NLM_F_CREATE, &new_address(*address))?;
    }
    ask(&socket, libc::RTM_NEWLINK, 0, &link_up())
}

/// `struct ifaddrmsg` and its attributes.
fn new_address(address: Ipv4Addr) -> Vec<u8> {
    const PERMANENT: u8 = 0x80; // IFA_F_PERMANENT
    let family = u8::try_from(libc::AF_INET).expect("AF_INET is 2");
    let mut body = vec![family, 32, PERMANENT, libc::RT_SCOPE_UNIVERSE];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
        body.extend(8u16.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(address.octets());
    }
    body
}

/// `struct ifinfomsg` that sets `IFF_UP`.
fn link_up() -> Vec<u8> {
    const UP: u32 = 1; // IFF_UP
    let mut body = vec![0; 4];
    for field in [LOOPBACK, UP, UP] {
        body.extend(field.to_ne_bytes());
    }
    body
}

/// Sends one request and reads its acknowledgement.
fn ask(socket: &OwnedFd, kind: u16, flags: i32, body: &[u8]) -> io::Result<()> {
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags).expect("the flags have 16 bits");
    let len = u32::try_from(HEADER_LEN + body.len()).expect("a few dozen bytes");
    let mut message = len.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence and port id: one request at a time, answered in order
    message.extend(body);
    send(socket.as_fd().as_raw_fd(), &message, MsgFlags::empty())?;

    let mut answer = [0; 4096];
    let len = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // NLMSG_ERROR: the header is followed by the negated errno, 0 when all is well. netlink(7).
    let errno = answer[..len].get(HEADER_LEN..HEADER_LEN + 4).and_then(|bytes| bytes.try_into().ok());
    match errno.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(negated) => Err(io::Error::from_raw_os_error(-negated)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
