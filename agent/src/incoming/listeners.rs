//! Which ports have a listener in the target's network namespace, as procfs tells. proc_net_tcp(5).

use crate::target::Target;

/// State `TCP_LISTEN` in the kernel's tables.
const LISTEN: &str = "0A";

/// Whether a process listens on TCP `port`.
pub(crate) fn listens(target: &Target, port: u16) -> bool {
    ["net/tcp", "net/tcp6"].iter().any(|table| {
        let table = target.read(table).unwrap_or_default();
        has_listener(&String::from_utf8_lossy(&table), port)
    })
}

fn has_listener(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, state) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        let local_port = local.rsplit(':').next().and_then(|hex| u16::from_str_radix(hex, 16).ok());
        state == LISTEN && local_port == Some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
   2: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 14
garbage
";

    #[test]
    fn only_listeners_count() {
        let ports = [8080, 80, 443, 0].map(|port| has_listener(TABLE, port));
        assert_eq!(ports, [true, false, true, false]);
        assert!(!has_listener("", 80));
    }
}
