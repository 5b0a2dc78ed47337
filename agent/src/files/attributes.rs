//! Extended attributes, xattr(7).

use std::{ffi::CString, os::fd::AsFd};

use protocol::Errno;

use super::{Subject, resolve::link_to};

/// Longest value and longest list of names, in bytes (limits.h, `XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const LIMIT: usize = 64 * 1024;

/// getxattr(2).
pub(crate) fn get(subject: Subject<'_>, name: &[u8]) -> Result<Vec<u8>, Errno> {
    let (file, name) = (link(subject)?, text(name)?);
    filled(|buffer| calls::get(&file, &name, buffer))
}

/// listxattr(2).
pub(crate) fn list(subject: Subject<'_>) -> Result<Vec<u8>, Errno> {
    let file = link(subject)?;
    filled(|buffer| calls::list(&file, buffer))
}

/// setxattr(2).
pub(crate) fn set(subject: Subject<'_>, name: &[u8], value: &[u8], flags: i32) -> Result<(), Errno> {
    calls::set(&link(subject)?, &text(name)?, value, flags)
}

/// removexattr(2).
pub(crate) fn remove(subject: Subject<'_>, name: &[u8]) -> Result<(), Errno> {
    calls::remove(&link(subject)?, &text(name)?)
}

/// Our own link to the file: the calls that take a descriptor refuse those that only say where a file is.
fn link(subject: Subject<'_>) -> Result<CString, Errno> {
    let (Subject::Open(fd) | Subject::Place(fd)) = subject;
    text(link_to(fd.as_fd()).as_bytes())
}

fn text(bytes: &[u8]) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

/// What `read` puts into a buffer that is large enough.
fn filled(read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; LIMIT];
    let len = read(&mut buffer)?;
    buffer.truncate(len);
    buffer.shrink_to_fit();
    Ok(buffer)
}

#[expect(unsafe_code, reason = "neither std nor nix knows extended attributes")]
mod calls {
    use std::{ffi::CStr, io};

    use protocol::Errno;

    pub(super) fn get(file: &CStr, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: two C strings, and a buffer with its length.
        length(unsafe { libc::getxattr(file.as_ptr(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    pub(super) fn list(file: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: a C string, and a buffer with its length.
        length(unsafe { libc::listxattr(file.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    pub(super) fn set(file: &CStr, name: &CStr, value: &[u8], flags: i32) -> Result<(), Errno> {
        // SAFETY: two C strings, and bytes with their length.
        done(unsafe { libc::setxattr(file.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), flags) })
    }

    pub(super) fn remove(file: &CStr, name: &CStr) -> Result<(), Errno> {
        // SAFETY: two C strings.
        done(unsafe { libc::removexattr(file.as_ptr(), name.as_ptr()) })
    }

    fn length(result: isize) -> Result<usize, Errno> {
        usize::try_from(result).map_err(|_| io::Error::last_os_error().into())
    }

    fn done(result: i32) -> Result<(), Errno> {
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
    }
}
