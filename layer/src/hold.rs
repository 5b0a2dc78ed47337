//! connect(2) to the cluster: the program's own socket stays "in progress" until the target's kernel has answered.
//!
//! The socket connects to a random loopback address, the token, at the session's hold port, where its SYN is dropped.
//! The session, once it knows the true result, connects from that very address to the program's socket: both ends
//! have sent a SYN, and the socket is established (a simultaneous open, RFC 9293, 3.5). To fail, it announces a segment
//! size that encodes the errno, and resets. So epoll, select, timeouts and signals are all the kernel's own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use libc::c_int;
use protocol::Errno;
use protocol::link::{HeldConnect, LoopbackRoute, ToLayer, ToSession};
use rules::address::{Route, canonical, decide};

use crate::cabi::address::Sockaddr;
use crate::scope::{Hooked, Otherwise, fail};
use crate::sockets::{self, Protocol};
use crate::state::Layer;
use crate::sys::{self, socket};
use crate::{name_server, names};

/// `TCP_CLOSE` of the kernel's `tcp_states.h`: neither connected nor trying.
const TCP_CLOSE: u8 = 7;

/// Segment sizes that say "this connection failed": `FAILURE_BASE + 16 * errno`, less up to 12 bytes of TCP options.
const FAILURE_BASE: u32 = 30_000;
const FAILURE_RANGE: u32 = 2_200;

/// What the real connect(2) shall do in the program's name.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Where the socket goes really.
    pub(crate) address: Sockaddr,
    /// The message to send when the socket is in progress; nothing when it has been sent, or when there is none.
    tell: Option<(Ipv4Addr, SocketAddr)>,
}

/// Decides where a socket goes that the program connects to `destination`.
pub(crate) fn plan(layer: &Layer, fd: RawFd, destination: SocketAddr) -> Hooked<Plan> {
    let asked = canonical(destination);
    let protocol = sockets::protocol_of(fd)?;
    if protocol == Protocol::Udp
        && let Some(address) = name_server::stand_in(layer, fd, asked)?
    {
        return Ok(Plan { address, tell: None });
    }
    let (route, why) = decide(&layer.policy.outgoing, asked, &|name, ip| names::stands_for(layer, name, ip));
    if protocol == Protocol::Udp {
        if route == Route::Remote && layer.notices.udp.is_first() {
            tracing::warn!("UDP to {asked} leaves from this machine: only TCP is carried yet");
        }
        return Err(Otherwise::Native);
    }
    match route {
        Route::Local => return Err(Otherwise::Native),
        Route::Remote => {}
        Route::AskSession => {
            if let Some(here) = loopback_route(layer, asked)? {
                return redirect(fd, asked, here);
            }
        }
    }
    tracing::debug!("{asked} is remote: {why}");
    let hold_port = layer.policy.outgoing.hold_port;
    if protocol == Protocol::Mptcp || hold_port == 0 {
        relay(layer, fd, asked)
    } else {
        hold(layer, fd, asked, hold_port)
    }
}

/// The address on this machine, or nothing when the pod's loopback is meant.
fn loopback_route(layer: &Layer, asked: SocketAddr) -> Hooked<Option<SocketAddr>> {
    match layer.link.call(&ToSession::Loopback(asked), true)? {
        (ToLayer::Loopback(LoopbackRoute::Local(here)), _) => Ok(Some(here)),
        (ToLayer::Loopback(LoopbackRoute::Remote), _) => Ok(None),
        _ => fail(libc::EIO),
    }
}

fn redirect(fd: RawFd, asked: SocketAddr, here: SocketAddr) -> Hooked<Plan> {
    if here == asked {
        return Err(Otherwise::Native);
    }
    let domain = sockets::domain_of(fd)?;
    if here.is_ipv4() {
        allow_mapped(fd, domain);
    }
    // An IPv6 listener cannot be reached by an IPv4 socket; the kernel refuses what was asked for.
    let address = Sockaddr::new(here, domain).ok_or(Otherwise::Native)?;
    Ok(Plan { address, tell: None })
}

fn hold(layer: &Layer, fd: RawFd, asked: SocketAddr, port: u16) -> Hooked<Plan> {
    let token = token(layer);
    let address = loopback_address(fd, token, port)?;
    if sys::status_flags(fd)? & libc::O_NONBLOCK != 0 {
        return Ok(Plan { address, tell: Some((token, asked)) });
    }
    let (state, _) = socket::tcp_info(fd)?;
    if state == TCP_CLOSE {
        let program = bound_address(fd)?;
        tell(layer, token, program, asked, true)?;
    }
    // Connected already, or trying: the kernel has its own answer.
    Ok(Plan { address, tell: None })
}

/// For sockets that cannot be held: they connect at once, whether the target answers or not, and fail later.
fn relay(layer: &Layer, fd: RawFd, asked: SocketAddr) -> Hooked<Plan> {
    let port = layer.policy.outgoing.relay_port;
    if port == 0 {
        layer.notices.no_route.say(format_args!(
            "the session cannot carry the connection to {asked}: connections of this kind fail with ENETUNREACH"
        ));
        return fail(libc::ENETUNREACH);
    }
    if layer.notices.plain_relay.is_first() {
        tracing::warn!(
            "the connection to {asked} cannot be held back: it succeeds at once, and fails later if the target refuses"
        );
    }
    let relay = Ipv4Addr::LOCALHOST;
    let address = loopback_address(fd, relay, port)?;
    // MPTCP tells no state; a second connect of it has a port already, and is not announced again.
    if socket::peer_address(fd).is_err() && socket::local_address(fd)?.port() == 0 {
        let program = bound_address(fd)?;
        tell(layer, relay, program, asked, true)?;
    }
    Ok(Plan { address, tell: None })
}

/// What the program is told after the real connect(2), that gave `result` and `errno`.
pub(crate) fn finish(layer: &Layer, fd: RawFd, plan: &Plan, errno: Option<Errno>) -> Hooked<c_int> {
    match errno {
        None => Ok(0),
        Some(Errno(libc::EINPROGRESS)) => {
            if let Some((token, asked)) = plan.tell {
                let told = program_address(fd).and_then(|program| tell(layer, token, program, asked, false));
                if told.is_err() {
                    // Nobody would ever answer.
                    socket::disconnect(fd);
                    return fail(libc::ECONNREFUSED);
                }
            }
            fail(libc::EINPROGRESS)
        }
        Some(Errno::ECONNRESET) => Err(true_error(fd).unwrap_or(Errno::ECONNRESET).into()),
        Some(errno) => Err(errno.into()),
    }
}

/// The errno behind an `ECONNRESET` of a held connection; nothing when the reset was a plain one.
pub(crate) fn true_error(fd: RawFd) -> Option<Errno> {
    let (state, segment) = socket::tcp_info(fd).ok()?;
    decode_failure(state, segment)
}

fn decode_failure(state: u8, segment: u32) -> Option<Errno> {
    let encoded = segment.checked_sub(FAILURE_BASE)?;
    if state != TCP_CLOSE || encoded == 0 || encoded >= FAILURE_RANGE {
        return None;
    }
    i32::try_from((encoded + 12) / 16).ok().map(Errno)
}

fn tell(
    layer: &Layer,
    token: Ipv4Addr,
    program: SocketAddrV4,
    destination: SocketAddr,
    early: bool,
) -> Result<(), Errno> {
    layer.link.tell(&ToSession::Connect(HeldConnect { token, program, destination, early }))
}

/// `ip:port` for the socket's domain, after the socket has been made fit for it.
pub(crate) fn loopback_address(fd: RawFd, ip: Ipv4Addr, port: u16) -> Hooked<Sockaddr> {
    let domain = sockets::domain_of(fd)?;
    allow_mapped(fd, domain);
    Sockaddr::new(SocketAddr::new(IpAddr::V4(ip), port), domain).ok_or(Otherwise::Native)
}

/// Lets an IPv6 socket reach IPv4 addresses. It cannot be done once the socket is bound; connect(2) then fails with
/// `ENETUNREACH`.
fn allow_mapped(fd: RawFd, domain: c_int) {
    let is_v6_only = || socket::option(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) == Ok(1);
    if domain == libc::AF_INET6 && is_v6_only() {
        // connect(2) will tell.
        let _ = socket::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0);
    }
}

/// The socket's own address; it is bound to a free port of 127.0.0.1 first, if it has none.
///
/// After a failed connect the kernel takes the port back and getsockname(2) goes on showing it: only bind(2) knows.
fn bound_address(fd: RawFd) -> Result<SocketAddrV4, Errno> {
    let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let domain = socket::option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN)?;
    let free = Sockaddr::new(free, domain).ok_or(Errno(libc::EAFNOSUPPORT))?;
    match socket::bind(fd, &free) {
        Ok(()) | Err(Errno(libc::EINVAL)) => {} // bound now, or before
        Err(errno) => return Err(errno),
    }
    program_address(fd)
}

/// The socket's own address as the session will meet it.
fn program_address(fd: RawFd) -> Result<SocketAddrV4, Errno> {
    let address = canonical(socket::local_address(fd)?);
    let ip = match address.ip() {
        // The kernel takes 127.0.0.1 as the source for a loopback destination.
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST,
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => return Err(Errno(libc::ENETUNREACH)),
    };
    Ok(SocketAddrV4::new(ip, address.port()))
}

/// A fresh random address from 127.1.0.0 to 127.255.255.254. Random, because with a fixed one a late completion could
/// meet a new socket that has got the old one's port.
fn token(layer: &Layer) -> Ipv4Addr {
    // A fork copies the generator: the process id keeps parent and child apart.
    let process = u64::from(sys::process_id().unsigned_abs());
    let state = layer
        .tokens
        .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
        .wrapping_add(process.wrapping_mul(0xD1B5_4A32_D192_ED03));
    token_from(mix(state))
}

/// The output function of SplitMix64.
fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn token_from(random: u64) -> Ipv4Addr {
    const FIRST: u64 = 0x7F01_0000;
    const COUNT: u64 = 0x7FFF_FFFE - FIRST + 1;
    let number = FIRST + random % COUNT;
    Ipv4Addr::from(u32::try_from(number).expect("FIRST + COUNT fits in 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_in_their_range() {
        for random in [0, 1, u64::MAX, 0x7FFF_FFFE, 12_345_678_901_234] {
            let token = token_from(mix(random));
            assert!(sockets::is_token(IpAddr::V4(token)), "{token}");
        }
        assert_eq!(token_from(0), Ipv4Addr::new(127, 1, 0, 0));
        assert_eq!(token_from(0x00FE_FFFE), Ipv4Addr::new(127, 255, 255, 254));
    }

    #[test]
    fn failures_are_read_from_the_segment_size() {
        for errno in [1, 101, 110, 111, 113, 133] {
            // With and without the 12 bytes of the time-stamp option.
            for options in [0, 12] {
                let segment = FAILURE_BASE + 16 * errno - options;
                let expected = i32::try_from(errno).ok().map(Errno);
                assert_eq!(decode_failure(TCP_CLOSE, segment), expected);
            }
        }
        assert_eq!(decode_failure(TCP_CLOSE, 30_000), None);
        assert_eq!(decode_failure(TCP_CLOSE, 32_768), None);
        assert_eq!(decode_failure(TCP_CLOSE, 1_448), None);
        assert_eq!(decode_failure(1, 31_776), None);
    }
}
