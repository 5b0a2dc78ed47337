//! The pod's environment, imported by the process itself before the program's own start (`load_from_process`).
#![expect(unsafe_code, reason = "changes the process's environment")]

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use protocol::Errno;
use protocol::link::{ToLayer, ToSession, variable};

use crate::link::Link;
use crate::sys;

/// Largest environment that is taken, in bytes: larger ones could not be handed to a child by execve(2) either.
const LIMIT: usize = 8 * 1024 * 1024;

/// Sets and removes what the session says, unless a program before this one has done so and handed it on: what that one
/// has changed on purpose since then stands. A wrapper that wipes the environment wipes the mark as well.
///
/// Must run before the program has a second thread: from the constructor.
pub(crate) fn import(link: &Link) -> Result<(), Errno> {
    if std::env::var_os(variable::IMPORTED).is_some() {
        return Ok(());
    }
    let (ToLayer::Environment, Some(entries)) = link.call(&ToSession::Environment, true)? else {
        return Err(Errno::EIO);
    };
    let entries = read(&entries)?;
    for entry in entries.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        apply(entry)?;
    }
    apply(format!("{}=true", variable::IMPORTED).as_bytes())
}

/// `NAME=value` sets a variable, `NAME` removes one. setenv(3), unsetenv(3).
fn apply(entry: &[u8]) -> Result<(), Errno> {
    let mut parts = entry.splitn(2, |byte| *byte == b'=');
    let name = terminated(parts.next().unwrap_or_default());
    let changed = match parts.next().map(terminated) {
        // SAFETY: both are terminated, and libc copies them; no other thread reads the environment yet.
        Some(value) => unsafe { libc::setenv(pointer(&name), pointer(&value), 1) },
        // SAFETY: as above.
        None => unsafe { libc::unsetenv(pointer(&name)) },
    };
    sys::checked(changed).map(drop)
}

fn terminated(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

fn pointer(text: &[u8]) -> *const libc::c_char {
    CStr::from_bytes_until_nul(text).map_or(c"".as_ptr(), CStr::as_ptr)
}

fn read(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let offset = i64::try_from(bytes.len()).map_err(|_| Errno(libc::E2BIG))?;
        match sys::read_at(file, &mut chunk, offset)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
        if bytes.len() > LIMIT {
            return Err(Errno(libc::E2BIG));
        }
    }
}
