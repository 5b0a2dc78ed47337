//! How new connections to a port are brought to us: `sk_lookup` where the kernel allows it, nftables elsewhere.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use protocol::incoming::Means;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

use super::{nftables::Nftables, sk_lookup::SkLookup};

/// Connections that may wait for us to accept them; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Tries to get the same port for IPv4 and IPv6, where nftables needs it.
const SAME_PORT_TRIES: usize = 16;

/// A means in force. Dropped, or its process killed, the target gets its connections again.
#[derive(Debug)]
pub(crate) enum Steering {
    SkLookup(SkLookup),
    Nftables(Nftables),
}

/// Where stolen connections arrive.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) v4: TcpListener,
    /// Missing where the pod has no IPv6.
    pub(crate) v6: Option<TcpListener>,
}

/// Which means may be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The best that the kernel allows.
    #[default]
    Best,
    /// nftables only, as on kernels that refuse BPF. For tests.
    #[cfg(test)]
    NftablesOnly,
}

impl Steering {
    /// Sets a means up; no port is subscribed yet. Fails with one line per means that was tried.
    pub(crate) fn open(choice: Choice) -> Result<Self, Vec<String>> {
        let mut attempts = Vec::new();
        if choice == Choice::Best {
            match Self::open_sk_lookup() {
                Ok(steering) => return Ok(steering),
                Err(error) => attempts.push(error),
            }
        }
        match Self::open_nftables() {
            Ok(steering) => {
                tracing::info!(refused = ?attempts, "stealing with nftables");
                Ok(steering)
            }
            Err(error) => {
                attempts.push(error);
                Err(attempts)
            }
        }
    }

    fn open_sk_lookup() -> Result<Self, String> {
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let listeners = listeners(v4, v6, 0).map_err(|error| format!("sk_lookup: listen: {error}"))?;
        SkLookup::attach(listeners).map(Self::SkLookup).map_err(|error| error.to_string())
    }

    /// A redirected connection arrives at an address of the interface that it came in at, so that the listeners must
    /// be open to all. Whoever connects to them without having been redirected is reset before a byte is read.
    fn open_nftables() -> Result<Self, String> {
        let (v4, v6) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
        let listeners = listeners_with_same_port(v4, v6).map_err(|error| format!("nftables: listen: {error}"))?;
        Nftables::open(listeners).map(Self::Nftables).map_err(|error| error.to_string())
    }

    /// Which means it is.
    pub(crate) fn means(&self) -> Means {
        match self {
            Self::SkLookup(_) => Means::SkLookup,
            Self::Nftables(_) => Means::Nftables,
        }
    }

    /// Where stolen connections arrive.
    pub(crate) fn listeners(&self) -> &Listeners {
        match self {
            Self::SkLookup(means) => means.listeners(),
            Self::Nftables(means) => means.listeners(),
        }
    }

    /// New connections to `port` come to us from now on.
    pub(crate) fn add(&self, port: u16) -> Result<(), String> {
        match self {
            Self::SkLookup(means) => means.add(port).map_err(|error| error.to_string()),
            Self::Nftables(means) => means.add(port).map_err(|error| error.to_string()),
        }
    }

    /// New connections to `port` go to the target again.
    pub(crate) fn remove(&self, port: u16) {
        match self {
            Self::SkLookup(means) => means.remove(port),
            Self::Nftables(means) => means.remove(port),
        }
    }

    /// Where the client of an accepted connection wanted to; `None` when it was not brought here by us.
    pub(crate) fn original_destination(&self, tcp: &TcpStream) -> Option<SocketAddr> {
        let local = unmapped(tcp.local_addr().ok()?);
        let original = match self {
            Self::SkLookup(means) => return (!means.listeners().are_at(local)).then_some(local),
            Self::Nftables(_) => {
                let socket = SockRef::from(tcp);
                let original = if local.is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
                original.ok()?.as_socket()?
            }
        };
        (original != local).then_some(original)
    }

    /// Lets our own IPv6 connection from this source port through; IPv4 goes by address.
    pub(crate) fn pass_from(&self, source_port: u16) -> io::Result<()> {
        match self {
            Self::SkLookup(means) => means.pass_from(source_port),
            Self::Nftables(_) => Ok(()), // goes by mark
        }
    }

    /// Ends [`Self::pass_from`].
    pub(crate) fn end_pass_from(&self, source_port: u16) {
        if let Self::SkLookup(means) = self {
            means.end_pass_from(source_port);
        }
    }
}

impl Listeners {
    /// Whether one of them is bound to exactly this address.
    fn are_at(&self, address: SocketAddr) -> bool {
        [Some(&self.v4), self.v6.as_ref()]
            .into_iter()
            .flatten()
            .any(|listener| listener.local_addr().is_ok_and(|own| own == address))
    }
}

/// `::ffff:a.b.c.d` as `a.b.c.d`.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn listeners(v4: Ipv4Addr, v6: Ipv6Addr, port: u16) -> io::Result<Listeners> {
    let v4 = listen(SocketAddr::new(v4.into(), port))?;
    let v6 = listen(SocketAddr::new(v6.into(), port));
    match v6 {
        Ok(v6) => Ok(Listeners { v4, v6: Some(v6) }),
        // IPv6 is switched off.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
            Ok(Listeners { v4, v6: None })
        }
        Err(error) => Err(error),
    }
}

fn listeners_with_same_port(v4: Ipv4Addr, v6: Ipv6Addr) -> io::Result<Listeners> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..SAME_PORT_TRIES {
        let port = listen(SocketAddr::new(v4.into(), 0))?.local_addr()?.port();
        match listeners(v4, v6, port) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => last = error, // somebody else has that port in the other family
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
