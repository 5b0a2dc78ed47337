//! Which local TCP ports are listened on, and by whom: read from procfs, as ss(8) does.

use std::{collections::HashSet, fs, net::Ipv4Addr, path::Path};

/// A listening socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Its port.
    pub(crate) port: u16,
    /// Its inode, which `/proc/<pid>/fd` shows.
    pub(crate) inode: u64,
}

/// State `TCP_LISTEN` as proc_net(5) prints it.
const LISTEN: &str = "0A";

/// All listening TCP sockets of our network namespace.
pub(crate) fn listeners() -> Vec<Listener> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().skip(1).filter_map(listener).collect::<Vec<_>>())
        .collect()
}

/// One line of the table: `sl local_address rem_address st … uid timeout inode`.
fn listener(line: &str) -> Option<Listener> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Listener { port, inode })
}

/// Ports that any of `roots` or their descendants listen on.
pub(crate) fn ports_of_trees(roots: &[u32]) -> HashSet<u16> {
    if roots.is_empty() {
        return HashSet::new();
    }
    let parents = parents();
    let mut tree: HashSet<u32> = roots.iter().copied().collect();
    // Each round adds at least one process or ends: a process tree is no deeper than it has members.
    loop {
        let before = tree.len();
        tree.extend(
            parents.iter().filter(|(_, parent)| tree.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if tree.len() == before {
            break;
        }
    }
    let inodes: HashSet<u64> = tree.into_iter().flat_map(sockets).collect();
    listeners().into_iter().filter(|listener| inodes.contains(&listener.inode)).map(|listener| listener.port).collect()
}

/// The process that listens on a port of this machine; nothing for another user's.
pub fn process_at(port: u16) -> Option<u32> {
    let listeners = listeners().into_iter().filter(|listener| listener.port == port);
    let inodes: HashSet<u64> = listeners.map(|listener| listener.inode).collect();
    let listens = |pid: &u32| sockets(*pid).iter().any(|inode| inodes.contains(inode));
    parents().into_iter().map(|(pid, _)| pid).find(|pid| !inodes.is_empty() && listens(pid))
}

/// (process, its parent) for all processes that we may see.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name stands in parentheses and may itself contain any character: the last one ends it.
            let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}

/// Inodes of the sockets that a process has open.
fn sockets(pid: u32) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let link = fs::read_link(entry.path()).ok()?;
            link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// The address to dial for a listener that is bound to `ip`: loopback when it is bound to any address.
pub(crate) fn dialable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        // A dual-stack listener takes IPv4 too, and only IPv4 has room for tokens.
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_listeners_are_found_by_port_and_by_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        assert!(listeners().iter().any(|found| found.port == port));
        assert!(ports_of_trees(&[std::process::id()]).contains(&port));
        assert_eq!(process_at(port), Some(std::process::id()));
        drop(listener);
        assert_eq!(process_at(port), None);
        assert!(!ports_of_trees(&[std::process::id()]).contains(&port));
    }

    #[test]
    fn lines_of_the_table_are_read_by_column() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100";
        assert_eq!(listener(line), Some(Listener { port: 8080, inode: 4242 }));
        assert_eq!(listener(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listener("nonsense"), None);
    }
}
