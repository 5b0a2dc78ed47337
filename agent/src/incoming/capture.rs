//! A packet socket that sees the segments of subscribed ports, and nothing else. packet(7).
#![expect(unsafe_code, reason = "packet sockets have an address and a statistic that no safe wrapper knows")]

mod filter;

use std::{
    io,
    mem::size_of,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, RawFd},
};

use bytes::Bytes;
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use tokio::io::{Interest, unix::AsyncFd};

pub(crate) use self::filter::PORT_LIMIT;
use self::filter::filter;
use super::reassembly::Segment;

/// Bytes that the kernel may hold for us. What it cannot hold is lost, counted, and ends connections; the memory is
/// accounted to the pod, and only while something is mirrored.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// Largest packet that we take: the kernel joins segments (GRO) up to 64 KiB, with BIG TCP up to 512 KiB.
const PACKET_LIMIT: usize = 512 * 1024;

/// A segment on the wire, of one direction of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) rst: bool,
    pub(crate) segment: Segment,
}

/// The socket.
#[derive(Debug)]
pub(crate) struct Capture {
    socket: AsyncFd<Socket>,
}

impl Capture {
    /// Opens the socket for all interfaces of the network namespace. Needs CAP_NET_RAW.
    pub(crate) fn open(ports: &[u16]) -> io::Result<Self> {
        // With protocol 0 nothing arrives before filter and address are set.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), None)?;
        socket.attach_filter(&filter(ports))?;
        // Allowed with CAP_NET_ADMIN; otherwise `net.core.rmem_max` caps it.
        if force_receive_buffer(socket.as_raw_fd()).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        socket.bind(&all_interfaces())?;
        // SAFETY: a `Socket` owns its descriptor and gives the same one for as long as it lives.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self { socket })
    }

    /// Sees these ports from now on; at most [`PORT_LIMIT`].
    pub(crate) fn set_ports(&self, ports: &[u16]) -> io::Result<()> {
        self.socket.get_ref().attach_filter(&filter(ports))
    }

    /// The next packet that is a TCP segment; `buffer` is scratch memory. Cancel safe.
    pub(crate) async fn next(&self, buffer: &mut Vec<u8>) -> io::Result<Packet> {
        loop {
            let len = self.socket.async_io(Interest::READABLE, |socket| receive(socket, buffer)).await?;
            // Cut packets are those beyond the limit: their bytes are missing, which the reassembly notices.
            if let Some(packet) = parse(&buffer[..len.min(buffer.len())]) {
                return Ok(packet);
            }
        }
    }

    /// Packets that the kernel could not hold for us since the last call.
    pub(crate) fn lost(&self) -> io::Result<u32> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut len = libc::socklen_t::try_from(size_of::<libc::tpacket_stats>()).expect("8 bytes");
        let fd = self.socket.get_ref().as_raw_fd();
        // SAFETY: the option writes at most `len` bytes to `statistics`, which is of that size.
        let result = unsafe {
            libc::getsockopt(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS, (&raw mut statistics).cast(), &raw mut len)
        };
        if result == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
    }
}

fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.clear();
    buffer.reserve(PACKET_LIMIT);
    let room = &mut buffer.spare_capacity_mut()[..PACKET_LIMIT];
    let len = socket.recv_with_flags(room, 0)?;
    // SAFETY: the kernel has written the first `len` bytes of the reserved room.
    unsafe { buffer.set_len(len) };
    Ok(len)
}

fn force_receive_buffer(fd: RawFd) -> io::Result<()> {
    let size = libc::c_int::try_from(RECEIVE_BUFFER).expect("a few MiB");
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("4 bytes");
    // SAFETY: the option reads `len` bytes of `size`, which is of that size.
    let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const size).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Every interface, every protocol: what passes is the filter's matter.
fn all_interfaces() -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is a socket address, plain numbers, and smaller than the storage.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small constant");
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).expect("a small constant").to_be();
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).expect("20 bytes");
    // SAFETY: the storage holds a `sockaddr_ll`, whose size this is.
    unsafe { SockAddr::new(storage, len) }
}

/// Reads a packet that starts at its network header; `None` for anything but a whole TCP segment.
fn parse(packet: &[u8]) -> Option<Packet> {
    let parsed = LaxSlicedPacket::from_ip(packet).ok()?;
    let TransportSlice::Tcp(tcp) = parsed.transport.as_ref()? else { return None };
    let (source, destination): (IpAddr, IpAddr) = match parsed.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Arp(_) => return None,
    };
    let segment = Segment {
        // A SYN counts as the byte before its payload.
        sequence: tcp.sequence_number().wrapping_add(u32::from(tcp.syn())),
        payload: Bytes::copy_from_slice(tcp.payload()),
        fin: tcp.fin(),
    };
    Some(Packet {
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        syn: tcp.syn(),
        ack: tcp.ack(),
        rst: tcp.rst(),
        segment,
    })
}
