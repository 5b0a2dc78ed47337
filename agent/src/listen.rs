//! Where sessions reach the agent: a loopback port, or a socket that was made outside and inherited.
#![expect(unsafe_code, reason = "an inherited descriptor is known by its number only")]

use std::{
    io,
    net::Ipv4Addr,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::net::UnixListener as StdUnixListener,
    },
};

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection of somebody who has proved nothing yet.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Listens on loopback. Nothing of ours is open to the network: port-forwarding ends inside the pod.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map(Self::Tcp)
    }

    /// Takes over an inherited listening socket, TCP or Unix. To be called once, for a number that nobody else uses.
    pub(crate) fn inherited(fd: RawFd) -> io::Result<Self> {
        // SAFETY: whoever started us gave this number on the command line for us to own; a wrong one is refused below.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let address = match getsockname::<SockaddrStorage>(fd) {
            Ok(address) => address,
            Err(error) => {
                std::mem::forget(socket); // not a socket: not ours to close
                return Err(error.into());
            }
        };
        match address.family() {
            Some(AddressFamily::Unix) => {
                let listener = StdUnixListener::from(socket);
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Self::Unix)
            }
            Some(AddressFamily::Inet | AddressFamily::Inet6) => {
                let listener = std::net::TcpListener::from(socket);
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            family => Err(io::Error::other(format!("a socket of family {family:?}"))),
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, _) = listener.accept().await?;
                crate::relay::set_options(&tcp);
                Ok(Connection::Tcp(tcp))
            }
            Self::Unix(listener) => listener.accept().await.map(|(unix, _)| Connection::Unix(unix)),
        }
    }
}
