//! Datagrams to and from name servers: programs with resolvers of their own. All other datagrams are the kernel's.
//!
//! A socket is noticed when it sends to a name server or connects to one. From then on what it receives is received
//! here, so that it sees the name server as the source: resolvers compare it.

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use libc::c_int;
use protocol::Errno;
use rules::address::canonical;

use super::{
    super::signals::interrupted,
    Call, Otherwise, address, end,
    names::names_behind,
    socket::{ProgramSocket, Protocol, over, watched},
    socket_of,
};

/// Largest datagram, in bytes; more room is not needed.
const DATAGRAM_LIMIT: usize = 64 * 1024;

/// Parts of a message that are filled at most; no resolver uses more than one.
const PART_LIMIT: usize = 16;

/// Sockets remembered at most; then all are forgotten, and those in use are noticed again when they send.
const SOCKET_LIMIT: usize = 4096;

/// Sockets that talk to name servers, by cookie.
#[derive(Default)]
pub(super) struct Resolvers {
    known: Mutex<HashSet<u64>>,
    /// There is one. Programs that never ask a name server pay nothing for what they receive.
    any: AtomicBool,
}

impl Resolvers {
    fn notice(&self, socket: &ProgramSocket) -> io::Result<()> {
        let cookie = socket.cookie()?;
        let mut known = self.known.lock().expect("no panic while held");
        if known.len() >= SOCKET_LIMIT {
            known.clear();
        }
        known.insert(cookie);
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    fn has_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    fn knows(&self, socket: &ProgramSocket) -> bool {
        let known = self.known.lock().expect("no panic while held");
        socket.cookie().is_ok_and(|cookie| known.contains(&cookie))
    }
}

/// connect(2) of a UDP socket.
pub(super) fn connect(call: Call, socket: ProgramSocket, asked: SocketAddr) {
    if !call.proxy().name_servers.is_meant(asked) {
        return call.go_on();
    }
    call.later(move |call| async move {
        let Some(here) = call.proxy().name_servers.stand_in(asked) else { return call.go_on() };
        socket.allow_mapped();
        let connected = socket.connect_at_once(here.into());
        let noticed = connected.and_then(|()| call.proxy().sockets.resolvers.notice(&socket));
        call.answer(noticed.map(|()| 0).map_err(Errno::from));
    });
}

/// sendto(2) with an address.
pub(super) fn send(call: Call) {
    let asked = match address::read(&call, call.argument(4), call.argument(5)) {
        Ok(asked) => canonical(asked),
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    let flags = call.int(3);
    let opens = flags & libc::MSG_FASTOPEN != 0;
    if !opens && !call.proxy().name_servers.is_meant(asked) {
        return call.go_on();
    }
    let socket = match socket_of(&call) {
        Ok(socket) => socket,
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    match socket.protocol {
        Protocol::Udp => {}
        // A connect in disguise; programs fall back to the real one.
        Protocol::Tcp | Protocol::Mptcp if opens && !asked.ip().is_loopback() => {
            return call.answer(Err(Errno(libc::EOPNOTSUPP)));
        }
        Protocol::Tcp | Protocol::Mptcp => return call.go_on(),
    }
    let len = usize::try_from(call.argument(2)).unwrap_or(usize::MAX);
    if len >= DATAGRAM_LIMIT {
        return call.go_on(); // EMSGSIZE
    }
    let mut bytes = vec![0; len];
    if let Err(errno) = call.read(call.argument(1), &mut bytes) {
        return call.answer(Err(errno));
    }
    call.later(move |call| async move {
        let Some(here) = call.proxy().name_servers.stand_in(asked) else { return call.go_on() };
        socket.allow_mapped();
        let noticed = call.proxy().sockets.resolvers.notice(&socket);
        let sent = noticed.and_then(|()| socket.send_at_once(&bytes, flags, here.into()));
        call.answer(sent.map(|len| i64::try_from(len).unwrap_or(i64::MAX)).map_err(Errno::from));
    });
}

/// recvfrom(2) with room for an address.
pub(super) fn receive(call: Call) {
    let room = usize::try_from(call.argument(2)).unwrap_or(usize::MAX).min(DATAGRAM_LIMIT);
    let into = Into {
        flags: call.int(3),
        parts: vec![(call.argument(1), room)],
        address: call.argument(4),
        length: call.argument(5),
        told_flags: None,
    };
    begin(call, |_| Ok(into));
}

/// recvmsg(2)
pub(super) fn receive_message(call: Call) {
    begin(call, header);
}

/// Where a datagram goes in the program's memory.
struct Into {
    flags: c_int,
    /// Address and length.
    parts: Vec<(u64, usize)>,
    address: u64,
    length: u64,
    /// Where flags are told, for recvmsg(2); the control messages' length stands before them.
    told_flags: Option<u64>,
}

impl Into {
    fn room(&self) -> usize {
        self.parts.iter().map(|(_, len)| len).sum()
    }
}

/// `struct msghdr` with 64-bit pointers: name at 0, its length at 8, parts at 16, their number at 24, control messages
/// at 32, their length at 40, flags at 48.
fn header(call: &Call) -> Result<Into, Otherwise> {
    let at = call.argument(1);
    let mut header = [0; 56];
    call.read(at, &mut header)?;
    let number = |at: usize| u64::from_ne_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let (address, parts, count) = (number(0), number(16), number(24));
    let count = usize::try_from(count).ok().filter(|count| *count <= PART_LIMIT).ok_or(Otherwise::GoOn)?;
    let flags = call.int(2);
    // Nobody asks who it was, or errors are asked for.
    if address == 0 || flags & libc::MSG_ERRQUEUE != 0 {
        return Err(Otherwise::GoOn);
    }
    let mut bytes = vec![0; count * 16];
    call.read(parts, &mut bytes)?;
    let parts = bytes.chunks_exact(16).map(|part| {
        let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
        let len = usize::try_from(number(&part[8..])).unwrap_or(usize::MAX).min(DATAGRAM_LIMIT);
        (number(&part[..8]), len)
    });
    Ok(Into { flags, parts: parts.collect(), address, length: at + 8, told_flags: Some(at + 48) })
}

fn begin(call: Call, into: impl FnOnce(&Call) -> Result<Into, Otherwise>) {
    let resolvers = &call.proxy().sockets.resolvers;
    if !resolvers.has_any() {
        return call.go_on();
    }
    let socket = match socket_of(&call) {
        Ok(socket) if socket.protocol == Protocol::Udp && resolvers.knows(&socket) => socket,
        _ => return call.go_on(),
    };
    let into = match into(&call) {
        Ok(into) => into,
        Err(otherwise) => return end(call, Err(otherwise)),
    };
    match take(&call, &socket, &into) {
        Err(Otherwise::Fail(Errno(libc::EAGAIN))) if waits(&socket, &into) => {
            call.later(move |call| wait(call, socket, into));
        }
        decided => end(call, decided),
    }
}

fn waits(socket: &ProgramSocket, into: &Into) -> bool {
    into.flags & libc::MSG_DONTWAIT == 0 && !socket.is_nonblocking().unwrap_or(true)
}

/// Receives what is there.
fn take(call: &Call, socket: &ProgramSocket, into: &Into) -> Result<i64, Otherwise> {
    let mut bytes = vec![0; into.room().min(DATAGRAM_LIMIT)];
    // The true length is always asked for; the program sees it if it asked, too.
    let (len, source) = socket.receive_at_once(&mut bytes, into.flags | libc::MSG_TRUNC)?;
    let received = len.min(bytes.len());
    let mut rest = &bytes[..received];
    for (address, room) in &into.parts {
        let (now, later) = rest.split_at(rest.len().min(*room));
        call.write(*address, now)?;
        rest = later;
    }
    if let Some(source) = source {
        let shown = names_behind(call, source).map_or(source, |names| names.peer);
        let write = |shown| address::write(call, into.address, into.length, shown, socket.domain);
        match write(shown) {
            Err(Otherwise::GoOn) => write(source)?,
            result => result?,
        }
    }
    if let Some(flags) = into.told_flags {
        let told = if len > received { libc::MSG_TRUNC } else { 0 };
        call.write(flags - 8, &[0; 8])?;
        call.write(flags, &told.to_ne_bytes())?;
    }
    let told = if into.flags & libc::MSG_TRUNC != 0 { len } else { received };
    Ok(i64::try_from(told).unwrap_or(i64::MAX))
}

async fn wait(call: Call, socket: ProgramSocket, into: Into) {
    let limit = socket.receive_limit();
    let thread = call.thread();
    let taken = async {
        let Ok(socket) = watched(socket) else { return Err(Errno::EIO.into()) };
        loop {
            let Ok(mut ready) = socket.readable().await else { return Err(Errno::EIO.into()) };
            match take(&call, socket.get_ref(), &into) {
                Err(Otherwise::Fail(Errno(libc::EAGAIN))) => ready.clear_ready(),
                taken => return taken,
            }
        }
    };
    let decided = tokio::select! {
        biased;
        taken = taken => taken,
        errno = interrupted(thread) => Err(errno.into()),
        () = over(limit) => Err(Errno(libc::EAGAIN).into()),
    };
    end(call, decided);
}
