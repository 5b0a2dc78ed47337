//! bind(2) and listen(2) of sockets that the pod's traffic may be brought to.
//!
//! A port that is taken on this machine is no reason to fail: the program gets another one, and goes on seeing the
//! address that it asked for.

mod asked;

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;

use libc::c_int;
use protocol::Errno;
use protocol::link::{Listen, ToLayer, ToSession};
use rules::address::canonical;
use rules::listen::{Listener, decide, fallbacks, real_port, substitute};

use self::asked::{ASKED, Asked};
use crate::cabi::address::Sockaddr;
use crate::scope::{Hooked, Otherwise, fail};
use crate::sockets;
use crate::state::Layer;
use crate::sys::socket;

/// bind(2). Any port is given when the one asked for is taken and the listener would be subscribed.
pub(crate) fn bind(layer: &Layer, fd: RawFd, address: SocketAddr) -> Hooked<c_int> {
    if !layer.policy.incoming.enabled {
        return Err(Otherwise::Native);
    }
    let is_stream = sockets::is_stream(fd)?;
    let domain = sockets::domain_of(fd)?;
    let cookie = socket::cookie(fd).map_err(|_| Otherwise::Native)?;
    let requested = canonical(address);
    let bind = |address| match Sockaddr::new(address, domain) {
        Some(address) => socket::bind(fd, &address),
        None => Err(Errno(libc::EAFNOSUPPORT)),
    };
    if requested.port() == 0 || !is_stream {
        let here = bind(address);
        let ip = match substitute(address, is_stream) {
            Some(other) if here == Err(Errno(libc::EADDRNOTAVAIL)) => {
                bind(other)?;
                requested.ip()
            }
            _ => {
                here?;
                Ipv6Addr::UNSPECIFIED.into()
            }
        };
        ASKED.remember(cookie, fd, Asked::Ip(ip));
        return Ok(0);
    }
    let (Listener::Subscribed { .. }, _) = decide(&layer.policy.incoming, requested) else {
        return Err(Otherwise::Native);
    };
    let shares_port = || socket::option(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT) == Ok(1);
    if is_promised_already(requested, fd) && !shares_port() {
        return fail(libc::EADDRINUSE);
    }
    if let Some(real) = real_port(&layer.policy.incoming, requested.port()) {
        bind(SocketAddr::new(address.ip(), real))?;
        ASKED.remember(cookie, fd, Asked::Address(requested));
        return Ok(0);
    }
    let refused = match bind(address) {
        Ok(()) => {
            // Promised: the same address, asked for once more, is taken.
            ASKED.remember(cookie, fd, Asked::Address(requested));
            return Ok(0);
        }
        Err(errno @ Errno(libc::EADDRINUSE | libc::EACCES | libc::EADDRNOTAVAIL)) => errno,
        Err(errno) => return Err(errno.into()),
    };
    if fallbacks(address).any(|fallback| bind(fallback).is_ok()) {
        ASKED.remember(cookie, fd, Asked::Address(requested));
        tracing::warn!("{requested} is not to be had here ({refused}): another address is listened on in its place");
        return Ok(0);
    }
    Err(refused.into())
}

/// Whether another open socket of this process shows `requested` as its address, having it or not.
fn is_promised_already(requested: SocketAddr, fd: RawFd) -> bool {
    ASKED.holders(requested).any(|(holder, cookie)| holder != fd && socket::cookie(holder) == Ok(cookie))
}

/// listen(2), and then the session is asked to bring the target's traffic. When it refuses, the socket stops listening.
pub(crate) fn listen(layer: &Layer, fd: RawFd, backlog: c_int) -> Hooked<c_int> {
    if !layer.policy.incoming.enabled {
        return Err(Otherwise::Native);
    }
    sockets::must_be_stream(fd)?;
    let was_listening = sockets::is_listening(fd);
    let had_port = socket::local_address(fd).map_err(|_| Otherwise::Native)?.port() != 0;
    socket::listen(fd, backlog)?;
    let actual = canonical(socket::local_address(fd)?);
    let asked = socket::cookie(fd).ok().and_then(|cookie| ASKED.find(cookie));
    let requested = match asked {
        Some(Asked::Address(requested)) => requested,
        None if had_port => actual,
        Some(Asked::Ip(_)) | None => SocketAddr::new(actual.ip(), 0),
    };
    let (listener, why) = decide(&layer.policy.incoming, requested);
    if listener == Listener::Private {
        // Announced all the same: a connection to loopback asks the session whether one of its programs listens there.
        tracing::debug!("the listener at {actual} is private: {why}");
    }
    let announced = match layer.link.call(&ToSession::Listen(Listen { requested, actual }), true) {
        Ok((ToLayer::Listening(result), _)) => result,
        Ok(_) => Err(Errno::EIO),
        Err(errno) => Err(errno),
    };
    match announced {
        Ok(()) => {
            tracing::debug!("listening at {actual} for {requested}");
            Ok(0)
        }
        Err(errno) => {
            if !was_listening {
                socket::stop_listening(fd);
            }
            Err(errno.into())
        }
    }
}

/// The address that the program asked for when it bound the socket; nothing when that is what the socket has.
pub(crate) fn asked_address(layer: &Layer, fd: RawFd) -> Hooked<Option<SocketAddr>> {
    let cookie = socket::cookie(fd)?;
    match ASKED.find(cookie) {
        Some(Asked::Address(requested)) => return Ok(Some(requested)),
        Some(Asked::Ip(ip)) if ip.is_unspecified() => return Ok(None),
        Some(Asked::Ip(ip)) => return Ok(Some(SocketAddr::new(ip, socket::local_address(fd)?.port()))),
        None => {}
    }
    if !layer.policy.incoming.enabled || !sockets::is_listening(fd) {
        return Ok(None);
    }
    // Bound in another process, perhaps, whose memory exec(2) has replaced: the session knows.
    let actual = canonical(socket::local_address(fd)?);
    match layer.link.call(&ToSession::Bound(actual), true)? {
        (ToLayer::Bound(requested), _) => Ok(requested),
        _ => Ok(None),
    }
}
