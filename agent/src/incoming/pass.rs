//! The way past our own steering: connections to the program that would have got them without us.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use super::steer::Steering;
use crate::relay;

/// Source address of connections that our `sk_lookup` program lets through. Everything below 127.0.0.0/8 is loopback,
/// and nobody else has a reason to use this one.
pub(crate) const PASS_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);

/// Source address of the self-test's connections.
pub(crate) const TEST_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 2);

/// Firewall mark (`SO_MARK`) of connections that our nftables rules let through.
pub(crate) const PASS_MARK: u32 = 0x6d69_7272;

/// Connects to whoever listens at `original` or, failing that, at loopback with the same port.
pub(crate) async fn connect(steering: &Arc<Steering>, original: SocketAddr) -> io::Result<TcpStream> {
    let loopback = match original {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    match connect_to(steering, original).await {
        Err(error) if original.ip() != loopback => {
            let second = SocketAddr::new(loopback, original.port());
            // The first address is the one that the client asked for: its error is the one that counts.
            connect_to(steering, second).await.map_err(|_| error)
        }
        answer => answer,
    }
}

async fn connect_to(steering: &Arc<Steering>, to: SocketAddr) -> io::Result<TcpStream> {
    let (socket, _passing) = match to {
        SocketAddr::V4(_) => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(PASS_SOURCE.into(), 0))?;
            (socket, None)
        }
        SocketAddr::V6(_) => {
            // There is only one loopback address; the program is told the port instead.
            let socket = TcpSocket::new_v6()?;
            socket.bind(SocketAddr::new(to.ip(), 0))?;
            let passing = Passing::announce(steering, socket.local_addr()?.port())?;
            (socket, Some(passing))
        }
    };
    // Needed for nftables only, which needs the same capability: elsewhere a refusal does not matter.
    if let Err(error) = SockRef::from(&socket).set_mark(PASS_MARK) {
        tracing::trace!(%error, "SO_MARK");
    }
    let tcp = socket.connect(to).await?;
    relay::set_options(&tcp);
    Ok(tcp)
}

/// A source port that the program lets through, for as long as this lives.
struct Passing {
    steering: Arc<Steering>,
    port: u16,
}

impl Passing {
    fn announce(steering: &Arc<Steering>, port: u16) -> io::Result<Self> {
        steering.pass_from(port)?;
        Ok(Self { steering: steering.clone(), port })
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.steering.end_pass_from(self.port);
    }
}
