//! Folders of the target where there is no FUSE: copies of their names, made by the session in a folder of its own.
//!
//! The kernel's name for such a copy ends with the path that it stands for, `FOLDER/NUMBER/app/config`, so that nothing
//! need be remembered, whoever has inherited a descriptor or the working directory.

use std::os::fd::RawFd;
use std::sync::OnceLock;

use crate::sys;

/// Where the session makes them, with a slash at the end; nothing where there is FUSE.
static FOLDER: OnceLock<Vec<u8>> = OnceLock::new();

/// There is no FUSE. `socket` is the session's, whose folder has a name like theirs.
pub(crate) fn expect(socket: &[u8]) {
    if let Some(end) = socket.iter().rposition(|byte| *byte == b'/') {
        // Once, from the constructor.
        let _ = FOLDER.set([&socket[..end], b"-copies/"].concat());
    }
}

/// Whether folders of the target are copies, and all its files.
pub(crate) fn is_there() -> bool {
    FOLDER.get().is_some()
}

/// The path in the target that the kernel's `name` for a copy stands for.
pub(crate) fn original(name: &[u8]) -> Option<Vec<u8>> {
    path_in(FOLDER.get()?, name)
}

/// As [`original`], of an open descriptor.
pub(crate) fn original_of(fd: RawFd) -> Option<Vec<u8>> {
    if !is_there() {
        return None;
    }
    original(&sys::read_link(&sys::descriptor_path(fd)).ok()?)
}

fn path_in(folder: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let below = name.strip_prefix(folder)?;
    let end = below.iter().position(|byte| *byte == b'/').unwrap_or(below.len());
    let (number, path) = below.split_at(end);
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) || path.ends_with(b" (deleted)") {
        return None;
    }
    Some(if path.is_empty() { b"/".to_vec() } else { path.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_copies_end_with_what_they_stand_for() {
        let told = |name: &str| path_in(b"/run/mirrord-x-copies/", name.as_bytes());
        assert_eq!(told("/run/mirrord-x-copies/12/app/files").as_deref(), Some(&b"/app/files"[..]));
        assert_eq!(told("/run/mirrord-x-copies/0").as_deref(), Some(&b"/"[..]));
        for other in
            ["/run/mirrord-x-copies/a/b", "/run/mirrord-x-copies", "/etc", "/run/mirrord-x-copies/1/a (deleted)"]
        {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
