//! `struct sockaddr` in the program's memory: ip(7), ipv6(7).

use std::net::SocketAddr;

use libc::c_int;
use protocol::Errno;
use rules::sockaddr::{Sockaddr, decode};

use super::{Call, Otherwise};

/// Longest address that the kernel takes: `sizeof(struct sockaddr_storage)`.
const LIMIT: u64 = 128;

/// The internet address at `pointer`; anything else, and anything too short, is left to the kernel.
pub(super) fn read(call: &Call, pointer: u64, len: u64) -> Result<SocketAddr, Otherwise> {
    let len = len & u64::from(u32::MAX);
    if pointer == 0 || !(2..=LIMIT).contains(&len) {
        return Err(Otherwise::GoOn);
    }
    let mut bytes = [0; Sockaddr::ROOM];
    let len = usize::try_from(len).map_or(bytes.len(), |len| len.min(bytes.len()));
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
    let shown = Sockaddr::new(address, domain).ok_or(Otherwise::GoOn)?;
    let bytes = shown.bytes();
    let mut room = [0; 4];
    call.read(length, &mut room)?;
    let room = usize::try_from(i32::from_ne_bytes(room)).map_err(|_| Errno::EINVAL)?;
    call.write(pointer, &bytes[..bytes.len().min(room)])?;
    call.write(length, &u32::try_from(bytes.len()).expect("16 or 28").to_ne_bytes())?;
    Ok(())
}
