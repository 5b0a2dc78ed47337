//! Streams of libc over the target's files.
#![expect(unsafe_code, reason = "calls libc's stdio")]

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use libc::{DIR, FILE, c_int};
use protocol::Errno;

use crate::sys;

/// Permissions of a new file, before umask(2).
pub(crate) const NEW_FILE_MODE: libc::mode_t = 0o666;

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
    let exclusive = if rest.contains(&b'x') { libc::O_EXCL } else { 0 };
    let close_on_exec = if rest.contains(&b'e') { libc::O_CLOEXEC } else { 0 };
    Some(base | direction | exclusive | close_on_exec)
}

/// A stream over `file`. fdopen(3)
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

/// A stream over the entries of `folder`. fdopendir(3)
pub(crate) fn folder_of(folder: OwnedFd) -> Result<*mut DIR, Errno> {
    // SAFETY: an open descriptor.
    let stream = unsafe { libc::fdopendir(folder.as_raw_fd()) };
    if stream.is_null() {
        return Err(sys::last_error());
    }
    // The stream owns the descriptor now.
    let _ = folder.into_raw_fd();
    Ok(stream)
}

/// The descriptor of a stream over a folder. dirfd(3)
pub(crate) fn number_of_folder(stream: *mut DIR) -> c_int {
    // SAFETY: the program's own stream.
    if stream.is_null() { -1 } else { unsafe { libc::dirfd(stream) } }
}

/// Writes out what `stream` holds back and gives its descriptor, -1 if it has none. fflush(3), fileno(3)
pub(crate) fn flushed(stream: *mut FILE) -> c_int {
    if stream.is_null() {
        return -1;
    }
    // SAFETY: the program's own stream, which it is about to close. What cannot be written, fclose(3) tells of.
    unsafe {
        libc::fflush(stream);
        libc::fileno(stream)
    }
}

/// `stream` over another file, which was opened with `flags` and `mode`. freopen(3)
///
/// The stream is opened over nothing first, for its buffers and its direction; then its number becomes the file's.
pub(crate) fn reopen(file: &OwnedFd, flags: c_int, mode: &CStr, stream: *mut FILE) -> Result<*mut FILE, Errno> {
    let mode: Vec<u8> = mode.to_bytes().iter().copied().filter(|letter| *letter != b'x').collect();
    let mode = CString::new(mode).map_err(|_| Errno::EINVAL)?;
    // SAFETY: terminated texts, and the program's own stream.
    let stream = unsafe { libc::freopen(c"/dev/null".as_ptr(), mode.as_ptr(), stream) };
    if stream.is_null() {
        return Err(sys::last_error());
    }
    // SAFETY: freopen has just given the stream.
    let number = unsafe { libc::fileno(stream) };
    sys::duplicate_onto(file, number, flags & libc::O_CLOEXEC)?;
    Ok(stream)
}

/// What freopen(3) does to the stream when it cannot open the file: it is closed.
pub(crate) fn close_for_reopening(mode: &CStr, stream: *mut FILE) {
    // SAFETY: terminated texts, and the program's own stream. Nothing has an empty name, so this only closes.
    unsafe { libc::freopen(c"".as_ptr(), mode.as_ptr(), stream) };
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
        assert_eq!(flags(b"wx"), Some(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_EXCL));
        assert_eq!(flags(b"a+"), Some(libc::O_RDWR | libc::O_CREAT | libc::O_APPEND));
        assert_eq!(flags(b"r,ccs=UTF+e"), Some(libc::O_RDONLY));
        assert_eq!(flags(b"z"), None);
        assert_eq!(flags(b""), None);
    }
}
