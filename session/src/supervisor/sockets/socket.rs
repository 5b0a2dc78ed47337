//! A socket of the program, held by a descriptor of ours. What is done to it is done to the program's.

#![expect(unsafe_code, reason = "socket calls that no safe wrapper offers in this form")]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use libc::{c_int, c_void, socklen_t};
use protocol::Errno;
use rules::{address::canonical, sockaddr};
use socket2::{SockAddr, SockRef, Socket};
use tokio::io::{Interest, unix::AsyncFd};

/// What a socket speaks, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    /// Multipath TCP: looks like TCP, but cannot take part in a simultaneous open.
    Mptcp,
    Udp,
}

/// States of `tcp_states.h` that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Neither connected nor trying.
    Closed,
    /// Connecting.
    Trying,
    Other,
}

/// Segment sizes that say "this connection failed" (`hold`).
const FAILURE_BASE: u32 = 30_000;
const FAILURE_RANGE: u32 = 2_200;

/// An internet socket of the program.
#[derive(Debug)]
pub(super) struct ProgramSocket {
    descriptor: OwnedFd,
    pub(super) protocol: Protocol,
    /// `AF_INET` or `AF_INET6`.
    pub(super) domain: c_int,
}

impl ProgramSocket {
    /// Nothing for what is no internet socket, or speaks something else.
    pub(super) fn new(descriptor: OwnedFd) -> Option<Self> {
        let socket = SockRef::from(&descriptor);
        let protocol = match c_int::from(socket.protocol().ok()??) {
            libc::IPPROTO_TCP => Protocol::Tcp,
            libc::IPPROTO_MPTCP => Protocol::Mptcp,
            libc::IPPROTO_UDP => Protocol::Udp,
            _ => return None,
        };
        let domain = c_int::from(socket.domain().ok()?);
        let is_internet = matches!(domain, libc::AF_INET | libc::AF_INET6);
        is_internet.then_some(Self { descriptor, protocol, domain })
    }

    pub(super) fn is_stream(&self) -> bool {
        self.protocol != Protocol::Udp
    }

    pub(super) fn cookie(&self) -> io::Result<u64> {
        SockRef::from(&self.descriptor).cookie()
    }

    pub(super) fn is_listening(&self) -> bool {
        SockRef::from(&self.descriptor).is_listener().unwrap_or(false)
    }

    pub(super) fn is_nonblocking(&self) -> io::Result<bool> {
        SockRef::from(&self.descriptor).nonblocking()
    }

    pub(super) fn shares_port(&self) -> bool {
        SockRef::from(&self.descriptor).reuse_port().unwrap_or(false)
    }

    /// getsockname(2), in plain form.
    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        internet(&SockRef::from(&self.descriptor).local_addr()?)
    }

    /// getpeername(2), in plain form.
    pub(super) fn peer(&self) -> io::Result<SocketAddr> {
        internet(&SockRef::from(&self.descriptor).peer_addr()?)
    }

    /// The peer that the socket has or had: getpeername(2) tells of a connection's only as long as that has not ended,
    /// `SO_PEERNAME` always. `ENOTCONN` when there was none, in plain form.
    pub(super) fn last_peer(&self) -> io::Result<SocketAddr> {
        let mut address = [0_u8; 28];
        // More than the address has is refused.
        let mut len: socklen_t = if self.domain == libc::AF_INET { 16 } else { 28 };
        let room = address.as_mut_ptr().cast::<c_void>();
        // SAFETY: writes at most `len` bytes.
        let result = unsafe {
            libc::getsockopt(self.descriptor.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERNAME, room, &raw mut len)
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let len = usize::try_from(len).unwrap_or(0).min(address.len());
        let found = sockaddr::decode(&address[..len]).map(canonical);
        found.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// How long the program lets a connect (`SO_SNDTIMEO`) wait.
    pub(super) fn send_limit(&self) -> Option<Duration> {
        SockRef::from(&self.descriptor).write_timeout().ok().flatten()
    }

    /// How long the program lets an accept or a receive (`SO_RCVTIMEO`) wait.
    pub(super) fn receive_limit(&self) -> Option<Duration> {
        SockRef::from(&self.descriptor).read_timeout().ok().flatten()
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(&self.descriptor).take_error()
    }

    /// bind(2), with an address of the socket's own domain.
    pub(super) fn bind(&self, address: SocketAddr) -> io::Result<()> {
        SockRef::from(&self.descriptor).bind(&SockAddr::from(address))
    }

    pub(super) fn listen(&self, backlog: c_int) -> io::Result<()> {
        SockRef::from(&self.descriptor).listen(backlog)
    }

    /// Takes listen(2) back: the socket stays bound and may listen again.
    pub(super) fn stop_listening(&self) {
        // It fails only if the socket does not listen any more.
        drop(SockRef::from(&self.descriptor).shutdown(std::net::Shutdown::Read));
    }

    /// Lets an IPv6 socket reach IPv4 addresses. It cannot be done once the socket is bound; connect(2) then fails with
    /// `ENETUNREACH`.
    pub(super) fn allow_mapped(&self) {
        let socket = SockRef::from(&self.descriptor);
        if self.domain == libc::AF_INET6 && socket.only_v6().unwrap_or(false) {
            drop(socket.set_only_v6(false)); // connect(2) will tell
        }
    }

    /// `address` in the socket's own form; nothing when that cannot name it.
    pub(super) fn form(&self, address: SocketAddr) -> Option<SocketAddr> {
        match (self.domain, address) {
            (libc::AF_INET6, SocketAddr::V4(v4)) => {
                Some(SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port()))
            }
            (libc::AF_INET, SocketAddr::V6(_)) => None,
            _ => Some(address),
        }
    }

    /// connect(2) that does not wait, whatever the program's socket is set to.
    pub(super) fn connect_at_once(&self, address: SocketAddr) -> io::Result<()> {
        let address = self.form(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.without_waiting(|socket| socket.connect(&SockAddr::from(address)))
    }

    /// accept4(2) that does not wait. Closed on exec here, whatever the flags say.
    pub(super) fn accept_at_once(&self, flags: c_int) -> io::Result<OwnedFd> {
        let (socket, _) = self.without_waiting(Socket::accept)?;
        socket.set_nonblocking(flags & libc::SOCK_NONBLOCK != 0)?;
        Ok(OwnedFd::from(socket))
    }

    /// Runs `act` with `O_NONBLOCK` set. The flag belongs to the open file, which the program shares: it is put back at
    /// once, and only the program's own calls on this very socket, in these microseconds, could tell.
    fn without_waiting<T>(&self, act: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        let socket = SockRef::from(&self.descriptor);
        if socket.nonblocking()? {
            return act(&socket);
        }
        socket.set_nonblocking(true)?;
        let result = act(&socket);
        socket.set_nonblocking(false)?;
        result
    }

    /// Takes a pending or failed connect(2) back: the socket is as if it had never been connected.
    pub(super) fn disconnect(&self) {
        let unspecified = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
        // SAFETY: reads one `sockaddr`. It fails only if there is nothing to take back.
        unsafe { libc::connect(self.descriptor.as_raw_fd(), &raw const unspecified, len_of::<libc::sockaddr>()) };
        // The reset that ended it is no news any more.
        drop(self.take_error());
    }

    /// State of a TCP socket, and the errno that the session has put into its segment size (`hold`).
    pub(super) fn state(&self) -> io::Result<(State, Option<Errno>)> {
        // SAFETY: all zeroes is a valid `tcp_info`: it consists of numbers.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut len = len_of::<libc::tcp_info>();
        // SAFETY: writes at most `len` bytes of numbers.
        let result = unsafe {
            libc::getsockopt(
                self.descriptor.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast::<c_void>(),
                &raw mut len,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(match info.tcpi_state {
            2 | 3 => (State::Trying, None), // TCP_SYN_SENT, TCP_SYN_RECV
            7 => (State::Closed, decode_failure(info.tcpi_snd_mss)),
            _ => (State::Other, None),
        })
    }

    /// The socket's own address as the session will meet it.
    pub(super) fn program_address(&self) -> io::Result<SocketAddrV4> {
        let local = self.local()?;
        let ip = match local.ip() {
            // The kernel takes 127.0.0.1 as the source for a loopback destination.
            ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST,
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => return Err(io::Error::from_raw_os_error(libc::ENETUNREACH)),
        };
        Ok(SocketAddrV4::new(ip, local.port()))
    }

    /// sendto(2) that does not wait.
    pub(super) fn send_at_once(&self, bytes: &[u8], flags: c_int, address: SocketAddr) -> io::Result<usize> {
        let address = self.form(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        SockRef::from(&self.descriptor).send_to_with_flags(bytes, &SockAddr::from(address), flags)
    }

    /// recvfrom(2) that does not wait: the datagram's length, which may be more than the room with `MSG_TRUNC`, and its
    /// source, in plain form.
    pub(super) fn receive_at_once(&self, room: &mut [u8], flags: c_int) -> io::Result<(usize, Option<SocketAddr>)> {
        let mut address = [0_u8; 128];
        let mut len: socklen_t = 128;
        // SAFETY: writes at most as many bytes as the room and the address have.
        let received = unsafe {
            libc::recvfrom(
                self.descriptor.as_raw_fd(),
                room.as_mut_ptr().cast(),
                room.len(),
                flags | libc::MSG_DONTWAIT,
                address.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let len = usize::try_from(len).unwrap_or(0).min(address.len());
        Ok((received, sockaddr::decode(&address[..len]).map(canonical)))
    }
}

/// A socket whose being readable can be awaited.
pub(super) fn watched(socket: ProgramSocket) -> io::Result<AsyncFd<ProgramSocket>> {
    // SAFETY: the socket owns its descriptor, closes it when it is dropped, and never changes it.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(|error| error.into_parts().1)
}

/// Resolves after the time that a program lets a call wait; never, when it sets no limit.
pub(super) async fn over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

impl AsFd for ProgramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for ProgramSocket {
    fn as_raw_fd(&self) -> c_int {
        self.descriptor.as_raw_fd()
    }
}

/// The errno in a segment size: `FAILURE_BASE + 16 * errno`, less up to 12 bytes of TCP options.
fn decode_failure(segment: u32) -> Option<Errno> {
    let encoded = segment.checked_sub(FAILURE_BASE)?;
    if encoded == 0 || encoded >= FAILURE_RANGE {
        return None;
    }
    i32::try_from((encoded + 12) / 16).ok().map(Errno)
}

fn internet(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().map(canonical).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of C structures")]
fn len_of<T>() -> socklen_t {
    size_of::<T>() as socklen_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_read_from_the_segment_size() {
        for errno in [1, 101, 110, 111, 113, 133] {
            // With and without the 12 bytes of the time-stamp option.
            for options in [0, 12] {
                assert_eq!(decode_failure(30_000 + 16 * errno - options), i32::try_from(errno).ok().map(Errno));
            }
        }
        assert_eq!([30_000, 32_768, 1_448].map(decode_failure), [None; 3]);
    }

    #[test]
    fn only_internet_sockets_are_looked_at() {
        let of = |socket: OwnedFd| ProgramSocket::new(socket).map(|socket| (socket.protocol, socket.domain));
        let tcp = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).expect("a socket");
        assert_eq!(of(tcp.into()), Some((Protocol::Tcp, libc::AF_INET6)));
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        assert_eq!(of(udp.into()), Some((Protocol::Udp, libc::AF_INET)));
        let (unix, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        assert_eq!(of(unix.into()), None);
        assert_eq!(of(std::fs::File::open("/dev/null").expect("open").into()), None);
    }
}
