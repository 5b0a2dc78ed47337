//! What programs asked for at bind(2), where the kernel's own record says something else: a small table without locks.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sockets remembered; beyond that the oldest is forgotten. Far more than a program has listeners.
const ENTRIES: usize = 64;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// This IP address, with the port that the socket has; the unspecified one: that of the socket, too.
    Ip(IpAddr),
    /// This address, which the socket does not have.
    Address(SocketAddr),
}

/// The process's table; a fork copies it.
pub(super) static ASKED: Table = Table::new();

pub(super) struct Table {
    entries: [Entry; ENTRIES],
    next: AtomicUsize,
}

/// A cookie of 0 is nobody's. Fields are written while the cookie is 0.
struct Entry {
    cookie: AtomicU64,
    /// Halves of the address, IPv4 mapped into IPv6.
    ip: [AtomicU64; 2],
    /// Port below, descriptor above.
    rest: AtomicU64,
}

impl Table {
    const fn new() -> Self {
        Self { entries: [const { Entry::empty() }; ENTRIES], next: AtomicUsize::new(0) }
    }

    /// Remembers what was asked for the socket with `cookie`, now open as `fd`.
    pub(super) fn remember(&self, cookie: u64, fd: RawFd, asked: Asked) {
        let known = self.entries.iter().find(|entry| entry.cookie.load(Ordering::Acquire) == cookie);
        let entry = known.unwrap_or_else(|| &self.entries[self.next.fetch_add(1, Ordering::Relaxed) % ENTRIES]);
        let (ip, port) = match asked {
            Asked::Ip(ip) => (ip, 0),
            Asked::Address(address) => (address.ip(), address.port()),
        };
        let ip = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let ip = ip.to_bits();
        entry.cookie.store(0, Ordering::Release);
        entry.ip[0].store(u64::try_from(ip >> 64).unwrap_or(0), Ordering::Release);
        entry.ip[1].store(u64::try_from(ip & u128::from(u64::MAX)).unwrap_or(0), Ordering::Release);
        let rest = u64::from(fd.unsigned_abs()) << 32 | u64::from(port);
        entry.rest.store(rest, Ordering::Release);
        entry.cookie.store(cookie, Ordering::Release);
    }

    /// What was asked for the socket with `cookie`.
    pub(super) fn find(&self, cookie: u64) -> Option<Asked> {
        self.entries.iter().find_map(|entry| {
            let (asked, _) = entry.read(cookie)?;
            Some(asked)
        })
    }

    /// Descriptors and cookies of sockets for which `requested` was asked.
    pub(super) fn holders(&self, requested: SocketAddr) -> impl Iterator<Item = (RawFd, u64)> {
        self.entries.iter().filter_map(move |entry| {
            let cookie = entry.cookie.load(Ordering::Acquire);
            let (asked, fd) = entry.read(cookie)?;
            (cookie != 0 && asked == Asked::Address(requested)).then_some((fd, cookie))
        })
    }
}

impl Entry {
    const fn empty() -> Self {
        Self { cookie: AtomicU64::new(0), ip: [const { AtomicU64::new(0) }; 2], rest: AtomicU64::new(0) }
    }

    fn read(&self, cookie: u64) -> Option<(Asked, RawFd)> {
        if self.cookie.load(Ordering::Acquire) != cookie {
            return None;
        }
        let ip = self.ip.each_ref().map(|half| half.load(Ordering::Acquire));
        let rest = self.rest.load(Ordering::Acquire);
        if self.cookie.load(Ordering::Acquire) != cookie {
            return None;
        }
        let port = u16::try_from(rest & 0xFFFF).ok()?;
        let fd = RawFd::try_from(rest >> 32).ok()?;
        let ip = Ipv6Addr::from_bits(u128::from(ip[0]) << 64 | u128::from(ip[1]));
        let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
        let asked = if port == 0 { Asked::Ip(ip) } else { Asked::Address(SocketAddr::new(ip, port)) };
        Some((asked, fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_found_until_pushed_out() {
        let table = Table::new();
        let v4 = Asked::Address("10.0.0.1:80".parse().expect("an address"));
        let v6 = Asked::Address("[fd00::1]:443".parse().expect("an address"));
        table.remember(1, 10, v4);
        table.remember(2, 11, v6);
        let ip = Asked::Ip([10, 0, 0, 1].into());
        table.remember(3, 12, ip);
        assert_eq!(table.find(1), Some(v4));
        assert_eq!(table.find(2), Some(v6));
        assert_eq!(table.find(3), Some(ip));
        assert_eq!(table.find(4), None);
        table.remember(1, 10, v6);
        let requested = "[fd00::1]:443".parse().expect("an address");
        assert_eq!(table.holders(requested).collect::<Vec<_>>(), [(10, 1), (11, 2)]);
        for cookie in 100..164 {
            table.remember(cookie, 1, ip);
        }
        assert_eq!(table.find(1), None);
    }
}
