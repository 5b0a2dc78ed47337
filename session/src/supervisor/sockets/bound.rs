//! What programs asked for at bind(2); the kernel's own record may say something else.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
    sync::atomic::{AtomicU64, Ordering},
};

use socket2::{Domain, SockAddr, Socket, Type};

/// Sockets remembered; beyond that the oldest is forgotten. Far more than programs have listeners.
const LIMIT: usize = 4096;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// This IP address, with the port that the socket has; the unspecified one: that of the socket, too.
    Ip(IpAddr),
    /// This address; the socket may really have another one.
    Address { requested: SocketAddr, actual: SocketAddr },
}

/// By cookie.
#[derive(Default)]
pub(super) struct Bound {
    known: Mutex<HashMap<u64, (u64, Asked)>>,
    count: AtomicU64,
}

impl Bound {
    pub(super) fn remember(&self, cookie: u64, asked: Asked) {
        let mut known = self.known.lock().expect("no panic while held");
        if known.len() >= LIMIT
            && let Some(oldest) = known.iter().min_by_key(|(_, (age, _))| *age).map(|(cookie, _)| *cookie)
        {
            known.remove(&oldest);
        }
        known.insert(cookie, (self.count.fetch_add(1, Ordering::Relaxed), asked));
    }

    pub(super) fn find(&self, cookie: u64) -> Option<Asked> {
        self.known.lock().expect("no panic while held").get(&cookie).map(|(_, asked)| *asked)
    }

    /// Whether another socket shows `requested` as its address, having it or not, and is still there.
    pub(super) fn is_promised(&self, requested: SocketAddr, cookie: u64) -> bool {
        let known = self.known.lock().expect("no panic while held");
        known.iter().any(|(other, (_, asked))| match asked {
            Asked::Address { requested: theirs, actual } => {
                *other != cookie && *theirs == requested && is_taken(*actual)
            }
            Asked::Ip(_) => false,
        })
    }
}

/// Whether somebody listens at `address`: then it cannot be bound.
fn is_taken(address: SocketAddr) -> bool {
    let probe = || -> std::io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Connections that have ended do not count.
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(address))
    };
    probe().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_ends_with_the_listener() {
        let bound = Bound::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let actual = listener.local_addr().expect("bound");
        let requested = "0.0.0.0:80".parse().expect("an address");
        bound.remember(1, Asked::Address { requested, actual });
        assert!(bound.is_promised(requested, 2));
        assert!(!bound.is_promised(requested, 1), "its own");
        assert!(!bound.is_promised(actual, 2));
        drop(listener);
        assert!(!bound.is_promised(requested, 2));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let bound = Bound::default();
        let asked = Asked::Ip([10, 0, 0, 1].into());
        for cookie in 0..=LIMIT as u64 {
            bound.remember(cookie, asked);
        }
        assert_eq!((bound.find(0), bound.find(1)), (None, Some(asked)));
    }
}
