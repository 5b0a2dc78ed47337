//! umask(2), read without changing it.

use protocol::Errno;

use crate::sys;

/// What is assumed where `/proc` cannot be read.
const USUAL: u32 = 0o022;

/// The calling thread's umask. proc(5): `Umask` of `status`, since Linux 4.7.
pub(crate) fn current() -> u32 {
    read().unwrap_or(USUAL)
}

fn read() -> Result<u32, Errno> {
    let file = sys::open(c"/proc/thread-self/status", libc::O_RDONLY | libc::O_CLOEXEC)?;
    // The second line.
    let mut head = [0; 256];
    let len = sys::read_at(&file, &mut head, 0)?;
    parse(&head[..len]).ok_or(Errno::EINVAL)
}

fn parse(status: &[u8]) -> Option<u32> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Umask:"))?;
    u32::from_str_radix(std::str::from_utf8(line.trim_ascii()).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_the_status() {
        assert_eq!(parse(b"Name:\tcat\nUmask:\t0027\nState:\tR\n"), Some(0o027));
        assert_eq!(parse(b"Name:\tUmask:\n"), None);
        assert!(read().is_ok());
    }
}
