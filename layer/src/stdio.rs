//! Streams of stdio over the target's files.
#![expect(unsafe_code, reason = "calls libc's stdio")]

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use libc::{FILE, c_int};
use protocol::Errno;

use crate::sys;

/// open(2)'s flags for a mode of fopen(3); nothing for what is no mode.
pub(crate) fn flags(mode: &[u8]) -> Option<c_int> {
    let (first, rest) = mode.split_first()?;
    // What follows a comma names a character set.
    let rest = rest.split(|byte| *byte == b',').next().unwrap_or(&[]);
    let base = match first {
        b'r' => 0,
        b'w' => libc::O_CREAT | libc::O_TRUNC,
        b'a' => libc::O_CREAT | libc::O_APPEND,
        _ => return None,
    };
    let direction = if rest.contains(&b'+') {
        libc::O_RDWR
    } else if *first == b'r' {
        libc::O_RDONLY
    } else {
        libc::O_WRONLY
    };
    let close_on_exec = if rest.contains(&b'e') { libc::O_CLOEXEC } else { 0 };
    Some(base | direction | close_on_exec)
}

/// A stream that reads from `file`. fdopen(3)
pub(crate) fn stream_of(file: OwnedFd, mode: &CStr) -> Result<*mut FILE, Errno> {
    // SAFETY: an open descriptor and a terminated mode.
    let stream = unsafe { libc::fdopen(file.as_raw_fd(), mode.as_ptr()) };
    if stream.is_null() {
        return Err(sys::last_error());
    }
    // The stream owns the descriptor now.
    let _ = file.into_raw_fd();
    Ok(stream)
}

/// `stream` over another file. freopen(3) by the name that Linux gives to an open descriptor.
pub(crate) fn reopen(file: &OwnedFd, mode: &CStr, stream: *mut FILE) -> Result<*mut FILE, Errno> {
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    // SAFETY: terminated texts, and the program's own stream.
    let stream = unsafe { libc::freopen(name.as_ptr(), mode.as_ptr(), stream) };
    if stream.is_null() { Err(sys::last_error()) } else { Ok(stream) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_become_flags() {
        assert_eq!(flags(b"r"), Some(libc::O_RDONLY));
        assert_eq!(flags(b"rbe"), Some(libc::O_RDONLY | libc::O_CLOEXEC));
        assert_eq!(flags(b"r+b"), Some(libc::O_RDWR));
        assert_eq!(flags(b"w"), Some(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC));
        assert_eq!(flags(b"r,ccs=UTF+e"), Some(libc::O_RDONLY));
        assert_eq!(flags(b"z"), None);
        assert_eq!(flags(b""), None);
    }
}
