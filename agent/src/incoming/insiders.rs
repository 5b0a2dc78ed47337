//! Connections that the target's container makes to its own pod: the commands that look after its health do.

use std::{
    fmt::Write as _,
    fs,
    net::{IpAddr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    sync::Arc,
};

use crate::target::Target;

/// Processes that are looked through for the owner of a connection; a container has far fewer.
const PROCESS_LIMIT: usize = 4096;

/// Whose connections are the container's own.
#[derive(Clone, Debug)]
pub(crate) enum Insiders {
    /// Those of all processes that see the target's files: a proxy beside it sees others.
    Of(Arc<Target>),
    /// Nobody's. For tests, which are clients themselves.
    #[cfg(test)]
    Nobody,
}

impl Insiders {
    /// Whether one of them has made the connection from `peer` to `local`. False where that cannot be found out.
    pub(crate) async fn have_made(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let target = match self {
            Self::Of(target) => target.clone(),
            #[cfg(test)]
            Self::Nobody => return false,
        };
        if !peer.ip().is_loopback() && peer.ip() != local.ip() {
            return false; // from elsewhere
        }
        let looked = tokio::task::spawn_blocking(move || {
            let socket = ["net/tcp", "net/tcp6"].iter().find_map(|table| {
                let table = target.read(table).ok()?;
                socket_in(&String::from_utf8_lossy(&table), peer, local)
            });
            socket.is_some_and(|socket| is_held_inside(&target, socket))
        });
        looked.await.unwrap_or(false)
    }
}

/// Inode of the socket at `client`'s end of a connection to `server`. proc_net_tcp(5).
fn socket_in(table: &str, client: SocketAddr, server: SocketAddr) -> Option<u64> {
    let ends = [false, true].map(|mapped| [client, server].map(|end| in_hexadecimal(end, mapped)));
    let line = table.lines().skip(1).find_map(|line| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let found = ends.iter().any(|ends| words.get(1..3).is_some_and(|words| words == ends));
        found.then_some(words)
    })?;
    line.get(9)?.parse().ok()
}

/// An address as the kernel's tables have it: words of 32 bits in network order, printed as numbers of this machine.
/// `mapped`: an IPv4 address as a socket of IPv6 has it.
fn in_hexadecimal(address: SocketAddr, mapped: bool) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) if mapped => ip.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.chunks_exact(4) {
        let word = u32::from_ne_bytes(word.try_into().expect("chunks of four"));
        let _ = write!(text, "{word:08X}"); // a string takes everything
    }
    let _ = write!(text, ":{:04X}", address.port()); // as above
    text
}

/// Whether a process that sees the target's files has this socket open.
fn is_held_inside(target: &Target, socket: u64) -> bool {
    let Ok(own) = target.mounts() else { return false };
    let name = format!("socket:[{socket}]");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    // Processes may end while we look: what cannot be read is not theirs any more.
    processes.take(PROCESS_LIMIT).any(|process| {
        let path = process.path();
        let seen = fs::metadata(path.join("ns/mnt")).is_ok_and(|mounts| (mounts.dev(), mounts.ino()) == own);
        seen && fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == name.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1
   1: 0100007F:A1B2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
   2: 0000000000000000FFFF00000100007F:A1B3 0000000000000000FFFF00000100007F:1F90 01 0:0 00:0 0 0 0 14
   3: 00000000000000000000000001000000:A1B4 00000000000000000000000001000000:1F90 01 0:0 00:0 0 0 0 15
garbage
";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_clients_end_is_found() {
        let socket = |client: &str, server: &str| {
            socket_in(TABLE, client.parse().expect("an address"), server.parse().expect("an address"))
        };
        assert_eq!(socket("127.0.0.1:41394", "127.0.0.1:8080"), Some(13));
        assert_eq!(socket("127.0.0.1:41395", "127.0.0.1:8080"), Some(14), "a socket of IPv6");
        assert_eq!(socket("[::1]:41396", "[::1]:8080"), Some(15));
        assert_eq!(socket("127.0.0.1:41394", "127.0.0.1:81"), None);
    }
}
