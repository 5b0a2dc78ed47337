//! bind(2) and listen(2) of sockets that the pod's traffic may be brought to.
//!
//! A port that is taken on this machine is no reason to fail: the program gets another one, and goes on seeing the
//! address that it asked for.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use protocol::{Errno, link::Listen};
use rules::{
    address::canonical,
    listen::{Listener, decide, fallbacks, real_port, substitute},
};

use super::{Call, Otherwise, address, bound::Asked, end, socket::ProgramSocket, socket_of};

/// bind(2)
pub(super) fn bind(call: Call) {
    let decided = bound(&call);
    end(call, decided.map(|()| 0));
}

fn bound(call: &Call) -> Result<(), Otherwise> {
    let proxy = call.proxy();
    let policy = &proxy.policy.incoming;
    if !policy.enabled {
        return Err(Otherwise::GoOn);
    }
    let asked = address::read(call, call.argument(1), call.argument(2))?;
    let socket = socket_of(call)?;
    let cookie = socket.cookie()?;
    let requested = canonical(asked);
    // An address of the other family: the kernel says what it thinks of it.
    if asked.is_ipv4() != (socket.domain == libc::AF_INET) {
        return Err(Otherwise::GoOn);
    }
    if requested.port() == 0 || !socket.is_stream() {
        let ip = bound_somewhere(&socket, asked)?;
        proxy.sockets.bound.remember(cookie, Asked::Ip(ip));
        return Ok(());
    }
    let (Listener::Subscribed { .. }, _) = decide(policy, requested) else { return Err(Otherwise::GoOn) };
    if proxy.sockets.bound.is_promised(requested, cookie) && !socket.shares_port() {
        return Err(Errno(libc::EADDRINUSE).into());
    }
    let remember = || -> io::Result<()> {
        let actual = socket.local()?;
        proxy.sockets.bound.remember(cookie, Asked::Address { requested, actual });
        Ok(())
    };
    if let Some(real) = real_port(policy, requested.port()) {
        socket.bind(SocketAddr::new(asked.ip(), real))?;
        return Ok(remember()?);
    }
    let refused = match socket.bind(asked) {
        // Promised: the same address, asked for once more, is taken.
        Ok(()) => return Ok(remember()?),
        Err(error) => Errno::from(error),
    };
    let elsewhere = matches!(refused, Errno(libc::EADDRINUSE | libc::EACCES | libc::EADDRNOTAVAIL));
    if elsewhere && fallbacks(asked).any(|fallback| socket.bind(fallback).is_ok()) {
        remember()?;
        tracing::info!(%requested, errno = refused.0, "not to be had here: another address is listened on in its place");
        return Ok(());
    }
    Err(refused.into())
}

/// Binds a socket whose port does not matter to the target; gives the IP address that it shows, the unspecified one for
/// its own.
fn bound_somewhere(socket: &ProgramSocket, asked: SocketAddr) -> Result<IpAddr, Errno> {
    let here = socket.bind(asked).map_err(Errno::from);
    match substitute(asked, socket.is_stream()) {
        Some(other) if here == Err(Errno(libc::EADDRNOTAVAIL)) => {
            socket.bind(other)?;
            Ok(canonical(asked).ip())
        }
        _ => here.map(|()| Ipv6Addr::UNSPECIFIED.into()),
    }
}

/// listen(2), and then the target's traffic is subscribed. When that is refused, the socket stops listening.
pub(super) fn listen(call: Call) {
    match listening(&call) {
        Err(otherwise) => end(call, Err(otherwise)),
        Ok((socket, was_listening, listen)) => call.later(move |call| async move {
            let Some(listeners) = call.proxy().listeners.clone() else { return call.answer(Ok(0)) };
            match listeners.listen(listen).await {
                Ok(()) => call.answer(Ok(0)),
                Err(errno) => {
                    if !was_listening {
                        socket.stop_listening();
                    }
                    call.answer(Err(errno));
                }
            }
        }),
    }
}

fn listening(call: &Call) -> Result<(ProgramSocket, bool, Listen), Otherwise> {
    let proxy = call.proxy();
    if !proxy.policy.incoming.enabled || proxy.listeners.is_none() {
        return Err(Otherwise::GoOn);
    }
    let socket = stream_of(call)?;
    let was_listening = socket.is_listening();
    let before = socket.local()?;
    let requested = match proxy.sockets.bound.find(socket.cookie()?) {
        Some(Asked::Address { requested, .. }) => requested,
        None if before.port() != 0 => before,
        Some(Asked::Ip(_)) | None => SocketAddr::new(before.ip(), 0),
    };
    let (listener, why) = decide(&proxy.policy.incoming, requested);
    if listener == Listener::Private {
        // Known all the same: a connection to loopback asks whether one of the session's programs listens there.
        tracing::debug!(%requested, %why, "a listener is private");
    }
    socket.listen(call.int(1))?;
    let actual = socket.local()?;
    tracing::debug!(%requested, %actual, "listening");
    Ok((socket, was_listening, Listen { requested, actual }))
}

/// The address that the program asked for when it bound the socket; nothing when that is what the socket has.
pub(super) fn asked_address(call: &Call, socket: &ProgramSocket) -> Result<Option<SocketAddr>, Otherwise> {
    let proxy = call.proxy();
    match proxy.sockets.bound.find(socket.cookie()?) {
        Some(Asked::Address { requested, .. }) => return Ok(Some(requested)),
        Some(Asked::Ip(ip)) if ip.is_unspecified() => return Ok(None),
        Some(Asked::Ip(ip)) => return Ok(Some(SocketAddr::new(ip, socket.local()?.port()))),
        None => {}
    }
    // Bound by a program with the layer, perhaps, that has become this one.
    let Some(listeners) = proxy.listeners.as_ref().filter(|_| socket.is_listening()) else { return Ok(None) };
    Ok(listeners.requested(socket.local()?))
}

fn stream_of(call: &Call) -> Result<ProgramSocket, Otherwise> {
    let socket = socket_of(call)?;
    if socket.is_stream() { Ok(socket) } else { Err(Otherwise::GoOn) }
}
