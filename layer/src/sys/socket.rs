//! Calls on sockets.
#![expect(unsafe_code, reason = "calls libc")]

use std::ffi::CStr;
use std::mem::size_of;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_void, socklen_t};
use protocol::Errno;

use super::{checked, last_error};
use crate::cabi::address::Sockaddr;

/// getsockopt(2) for a number.
pub(crate) fn option(fd: RawFd, level: c_int, name: c_int) -> Result<c_int, Errno> {
    option_of(fd, level, name, 0)
}

/// getsockopt(2) for a plain value of `T`'s size or less; `empty` says what stands where the kernel writes nothing.
fn option_of<T: Copy>(fd: RawFd, level: c_int, name: c_int, empty: T) -> Result<T, Errno> {
    let mut value = empty;
    let mut len = len_of::<T>();
    // SAFETY: writes at most `len` bytes, and any bytes are valid for the C types that this is called with.
    let result = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast::<c_void>(), &raw mut len) };
    checked(result).map(|_| value)
}

/// setsockopt(2) for a number.
pub(crate) fn set_option(fd: RawFd, level: c_int, name: c_int, value: c_int) -> Result<(), Errno> {
    set(fd, level, name, &value)
}

fn set<T>(fd: RawFd, level: c_int, name: c_int, value: &T) -> Result<(), Errno> {
    // SAFETY: reads one `T`.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const *value).cast::<c_void>(), len_of::<T>()) };
    checked(result).map(drop)
}

/// Limits how long a call on the socket may wait.
pub(crate) fn set_time_limit(fd: RawFd, seconds: i64) -> Result<(), Errno> {
    let limit = libc::timeval { tv_sec: seconds, tv_usec: 0 };
    set(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &limit)?;
    set(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &limit)
}

/// The number that the kernel gives to a socket once in its life, the same for all its duplicates. `SO_COOKIE`.
pub(crate) fn cookie(fd: RawFd) -> Result<u64, Errno> {
    option_of(fd, libc::SOL_SOCKET, libc::SO_COOKIE, 0_u64)
}

/// The process at the other end of a Unix socket, as it was when it listened; nothing for other sockets. `SO_PEERCRED` in
/// unix(7).
pub(crate) fn peer_process(fd: RawFd) -> Option<libc::pid_t> {
    let empty = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let peer = option_of(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, empty).ok()?;
    (peer.pid > 0).then_some(peer.pid)
}

/// State and segment size of a TCP socket.
pub(crate) fn tcp_info(fd: RawFd) -> Result<(u8, u32), Errno> {
    // SAFETY: all zeroes is a valid `tcp_info`: it consists of numbers.
    let empty: libc::tcp_info = unsafe { std::mem::zeroed() };
    let info = option_of(fd, libc::IPPROTO_TCP, libc::TCP_INFO, empty)?;
    Ok((info.tcpi_state, info.tcpi_snd_mss))
}

/// getsockname(2); `EAFNOSUPPORT` when it is no internet address.
pub(crate) fn local_address(fd: RawFd) -> Result<SocketAddr, Errno> {
    address(fd, libc::getsockname)
}

/// getpeername(2); `EAFNOSUPPORT` when it is no internet address.
pub(crate) fn peer_address(fd: RawFd) -> Result<SocketAddr, Errno> {
    address(fd, libc::getpeername)
}

/// The peer that a TCP socket has or had: getpeername(2) tells of a connection's only as long as that has not ended,
/// `SO_PEERNAME` always. `ENOTCONN` when there was none.
pub(crate) fn last_peer_address(fd: RawFd) -> Result<SocketAddr, Errno> {
    let empty = Sockaddr::new(SocketAddr::from(([0; 4], 0)), option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN)?);
    let mut address = empty.ok_or(Errno(libc::EAFNOSUPPORT))?;
    // More than the address has is refused.
    let mut len = address.len();
    let room = address.pointer_mut().cast::<c_void>();
    // SAFETY: writes at most `len` bytes of address.
    checked(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERNAME, room, &raw mut len) })?;
    address.decode(len as usize).ok_or(Errno(libc::EAFNOSUPPORT))
}

type NameOf = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut socklen_t) -> c_int;

fn address(fd: RawFd, name_of: NameOf) -> Result<SocketAddr, Errno> {
    let mut address = Sockaddr::EMPTY;
    let mut len = len_of::<Sockaddr>();
    // SAFETY: writes at most `len` bytes of address.
    checked(unsafe { name_of(fd, address.pointer_mut(), &raw mut len) })?;
    let len = (len as usize).min(size_of::<Sockaddr>());
    address.decode(len).ok_or(Errno(libc::EAFNOSUPPORT))
}

/// bind(2).
pub(crate) fn bind(fd: RawFd, address: &Sockaddr) -> Result<(), Errno> {
    // SAFETY: reads `len` bytes of the address.
    checked(unsafe { libc::bind(fd, address.pointer(), address.len()) }).map(drop)
}

/// listen(2).
pub(crate) fn listen(fd: RawFd, backlog: c_int) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::listen(fd, backlog) }).map(drop)
}

/// Takes listen(2) back: the socket stays bound and may listen again.
pub(crate) fn stop_listening(fd: RawFd) {
    // SAFETY: takes numbers only. It fails only if the socket does not listen any more.
    unsafe { libc::shutdown(fd, libc::SHUT_RD) };
}

/// Takes a pending connect(2) back: the socket is as if it had never been connected.
pub(crate) fn disconnect(fd: RawFd) {
    let unspecified = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    // SAFETY: reads one `sockaddr`. It fails only if there is nothing to take back.
    unsafe { libc::connect(fd, &raw const unspecified, len_of::<libc::sockaddr>()) };
}

/// A connected `SOCK_SEQPACKET` socket.
pub(crate) fn connect_unix(path: &CStr) -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers only.
    let fd = checked(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: a descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut address = libc::sockaddr_un {
        sun_family: 1, // AF_UNIX
        sun_path: [0; 108],
    };
    let bytes = path.to_bytes_with_nul();
    if bytes.len() > address.sun_path.len() {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    loop {
        // SAFETY: reads one `sockaddr_un`.
        let result = unsafe { libc::connect(fd, (&raw const address).cast(), len_of::<libc::sockaddr_un>()) };
        match checked(result) {
            Ok(_) => return Ok(socket),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Sends one message, whole.
pub(crate) fn send(socket: BorrowedFd<'_>, message: &[u8]) -> Result<(), Errno> {
    loop {
        // SAFETY: reads `message` only.
        let sent =
            unsafe { libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), libc::MSG_NOSIGNAL) };
        match last_if(sent < 0) {
            None => return Ok(()),
            Some(Errno(libc::EINTR)) => {}
            Some(errno) => return Err(errno),
        }
    }
}

/// Waits for a message; gives its length. 0: the peer has gone.
pub(crate) fn next_len(socket: BorrowedFd<'_>) -> Result<usize, Errno> {
    loop {
        // SAFETY: writes nothing, since there is no room.
        let len = unsafe { libc::recv(socket.as_raw_fd(), std::ptr::null_mut(), 0, libc::MSG_PEEK | libc::MSG_TRUNC) };
        match last_if(len < 0) {
            None => return Ok(len.unsigned_abs()),
            Some(Errno(libc::EINTR)) => {}
            Some(errno) => return Err(errno),
        }
    }
}

/// Receives a message into `room`, of which the rest is lost; gives its length.
pub(crate) fn receive_into(socket: BorrowedFd<'_>, room: &mut [u8]) -> Result<usize, Errno> {
    loop {
        // SAFETY: writes into `room` only.
        let len = unsafe { libc::recv(socket.as_raw_fd(), room.as_mut_ptr().cast(), room.len(), 0) };
        match last_if(len < 0) {
            None => return Ok(len.unsigned_abs()),
            Some(Errno(libc::EINTR)) => {}
            Some(errno) => return Err(errno),
        }
    }
}

/// Receives a message of known length, and the descriptor that travels beside it, closed on exec if `close_on_exec`.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    len: usize,
    close_on_exec: bool,
) -> Result<(Vec<u8>, Option<OwnedFd>), Errno> {
    let mut message = vec![0; len];
    let mut part = libc::iovec { iov_base: message.as_mut_ptr().cast(), iov_len: len };
    let mut control = Control { bytes: [0; CONTROL_LEN] };
    // SAFETY: all zeroes is a valid `msghdr`.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    // Exactly one descriptor fits: the kernel drops what a confused peer sends beyond it.
    header.msg_controllen = CONTROL_LEN;
    let flags = if close_on_exec { libc::MSG_CMSG_CLOEXEC } else { 0 };
    let received = loop {
        // SAFETY: the header describes `message` and `control`, both alive and large enough.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
        match last_if(received < 0) {
            None => break received.unsigned_abs(),
            Some(Errno(libc::EINTR)) => {}
            Some(errno) => return Err(errno),
        }
    };
    message.truncate(received);
    // SAFETY: the header is as recvmsg left it.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    if first.is_null() {
        return Ok((message, None));
    }
    // SAFETY: not null, so the kernel wrote one there; it is aligned (`Control`).
    let found = unsafe { *first };
    if found.cmsg_level != libc::SOL_SOCKET || found.cmsg_type != libc::SCM_RIGHTS {
        return Ok((message, None));
    }
    // SAFETY: such a message carries at least one descriptor.
    let fd = unsafe { libc::CMSG_DATA(first).cast::<c_int>().read_unaligned() };
    // SAFETY: the kernel has just made it for us.
    Ok((message, Some(unsafe { OwnedFd::from_raw_fd(fd) })))
}

/// Bytes of a control message with one descriptor: `CMSG_LEN(sizeof(int))`.
const CONTROL_LEN: usize = size_of::<libc::cmsghdr>() + size_of::<c_int>();

#[repr(C, align(8))]
struct Control {
    bytes: [u8; CONTROL_LEN],
}

fn last_if(failed: bool) -> Option<Errno> {
    failed.then(last_error)
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of C structures")]
fn len_of<T>() -> socklen_t {
    size_of::<T>() as socklen_t
}
