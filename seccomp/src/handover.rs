//! From a process that is about to become another program, to its supervisor: filter on, listener over, answer in.
#![expect(unsafe_code, reason = "sendmsg(2) and recv(2) on descriptors that are lent to us")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use crate::filter;

/// What did not work.
#[derive(Debug)]
pub enum HandoverError {
    /// The filter is not there: the process may go on without it. [`filter::install`] lists the reasons.
    Filter(io::Error),
    /// The filter is there, and nobody answers its calls: the process must not go on.
    Supervisor(io::Error),
}

/// Puts the filter over the calling thread, sends its listener beside `request` on `connection`, a `SOCK_SEQPACKET`
/// socket, and waits for the answer; gives its length in `answer`.
///
/// Allocates nothing, and makes no call that the filter announces: there is nobody to answer yet.
pub fn hand_over(connection: BorrowedFd<'_>, request: &[u8], answer: &mut [u8]) -> Result<usize, HandoverError> {
    hand_over_with(filter::install, connection, request, answer)
}

/// As [`hand_over`], with another filter.
pub fn hand_over_with(
    install: impl FnOnce() -> io::Result<OwnedFd>,
    connection: BorrowedFd<'_>,
    request: &[u8],
    answer: &mut [u8],
) -> Result<usize, HandoverError> {
    let connection = connection.as_raw_fd();
    let supervisor = peer(connection).map_err(HandoverError::Filter)?;
    // Where only ancestors may look into a process (Yama, prctl(2)), the supervisor may look into this one all the
    // same. It fails where there is no such rule.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, supervisor, 0, 0, 0) };
    let listener = install().map_err(HandoverError::Filter)?;
    send(connection, request, listener.as_fd()).map_err(HandoverError::Supervisor)?;
    receive(connection, answer).map_err(HandoverError::Supervisor)
}

/// The process at the other end. `SO_PEERCRED`, unix(7).
fn peer(connection: i32) -> io::Result<libc::pid_t> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size::<libc::ucred>();
    // SAFETY: writes at most one `ucred`.
    let got = unsafe {
        let peer = (&raw mut peer).cast();
        libc::getsockopt(connection, libc::SOL_SOCKET, libc::SO_PEERCRED, peer, &raw mut len)
    };
    if got == 0 { Ok(peer.pid) } else { Err(io::Error::last_os_error()) }
}

fn send(connection: i32, bytes: &[u8], listener: BorrowedFd<'_>) -> io::Result<()> {
    /// Room for one descriptor, aligned as `cmsghdr` wants it: `CMSG_SPACE(4)`.
    const ROOM: usize = 24;
    let mut beside = [0_u64; ROOM / 8];
    let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all zeroes is a valid message: it consists of numbers and null pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = beside.as_mut_ptr().cast();
    message.msg_controllen = ROOM;
    let header = libc::cmsghdr {
        // SAFETY: computes a number.
        cmsg_len: unsafe { libc::CMSG_LEN(size::<i32>()) } as usize,
        cmsg_level: libc::SOL_SOCKET,
        cmsg_type: libc::SCM_RIGHTS,
    };
    // SAFETY: `beside` has room for one header and one descriptor.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(&raw const message);
        first.write(header);
        libc::CMSG_DATA(first).cast::<i32>().write_unaligned(listener.as_raw_fd());
    }
    repeat(|| {
        // SAFETY: the kernel reads the message, whose parts are alive.
        unsafe { libc::sendmsg(connection, &raw const message, libc::MSG_NOSIGNAL) }
    })
    .map(drop)
}

/// recv(2) is recvfrom(2) without an address, which is not announced.
fn receive(connection: i32, answer: &mut [u8]) -> io::Result<usize> {
    let len = repeat(|| {
        // SAFETY: writes into `answer` only.
        unsafe { libc::recv(connection, answer.as_mut_ptr().cast(), answer.len(), 0) }
    })?;
    if len == 0 { Err(io::Error::from_raw_os_error(libc::ECONNRESET)) } else { Ok(len) }
}

/// Calls again what a signal has interrupted.
fn repeat(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EINTR) => {}
                error => return Err(error),
            },
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "small C structures")]
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}
