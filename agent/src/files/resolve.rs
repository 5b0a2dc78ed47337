//! Paths, resolved by the kernel inside the target's root.
//!
//! `openat2(RESOLVE_IN_ROOT)` treats `/proc/<pid>/root` as `/` for absolute links and `..` alike. Magic links of procfs
//! (`/proc/<pid>/{root,cwd,exe,fd/*}`) are refused by it with `ELOOP`: they could lead anywhere.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2, readlinkat},
    sys::stat::{Mode, fstat},
};
use protocol::{Errno, file::PathBytes};

use super::errno;

/// Longest path that Linux takes, its NUL included (limits.h, `PATH_MAX`).
const PATH_LIMIT: usize = 4096;

/// How often a walk is begun anew when something was renamed or mounted in its way.
const TRIES: usize = 1000;

/// What wants to know the file behind a path's last symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLink {
    /// Resolve it.
    Follow,
    /// The link itself is meant.
    Keep,
}

impl From<bool> for LastLink {
    fn from(follow: bool) -> Self {
        if follow { Self::Follow } else { Self::Keep }
    }
}

/// An `O_PATH` descriptor of what `path` names inside `root`: opening it has no effect on the file.
pub(super) fn resolve(root: &OwnedFd, path: &[u8], last: LastLink) -> Result<OwnedFd, Errno> {
    let no_follow = if last == LastLink::Keep { OFlag::O_NOFOLLOW } else { OFlag::empty() };
    open_in(root, path, OFlag::O_PATH | no_follow, Mode::empty())
}

/// Opens what `path` names inside `root`; not for FIFOs and devices.
pub(super) fn open_in(root: &OwnedFd, path: &[u8], flags: OFlag, mode: Mode) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).mode(mode).resolve(resolve);
    for _ in 0..TRIES {
        match openat2(root, Path::new(OsStr::from_bytes(path)), how) {
            // The kernel saw a rename or mount while it walked `..`; openat2(2) says: try again.
            Err(nix::Error::EAGAIN) => {}
            answer => return answer.map_err(errno),
        }
    }
    Err(Errno(libc::EAGAIN))
}

/// A name in a directory: what calls are given that create or remove names. The kernel never follows a link there.
#[derive(Debug)]
pub(super) struct Name<'a> {
    /// The directory, an `O_PATH` descriptor.
    pub(super) parent: OwnedFd,
    last: &'a [u8],
    is_root: bool,
}

impl<'a> Name<'a> {
    /// Resolves all of `path` but its last component. That may be `.` or `..` and end with slashes: the kernel's own
    /// rules decide what each call makes of it.
    pub(super) fn resolve(root: &OwnedFd, path: &'a [u8]) -> Result<Self, Errno> {
        if path.len() >= PATH_LIMIT {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
        let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let (parent, last) = match (path, end) {
            ([], _) => return Err(Errno::ENOENT),
            (_, 0) => (path, &b"."[..]), // nothing but slashes
            _ => path.split_at(start),
        };
        let parent = if parent.is_empty() { b"/" } else { parent };
        let parent = open_in(root, parent, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?;
        Ok(Self { parent, last, is_root: end == 0 })
    }

    /// Whether the path has no component at all.
    pub(super) fn is_root(&self) -> bool {
        self.is_root
    }

    /// The last component, perhaps with slashes behind it.
    pub(super) fn last(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.last))
    }
}

/// Our own name for a descriptor, which leads to its file again. The target is not asked for it: it is the agent's
/// procfs.
pub(super) fn link_to(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

/// Where the file is that `fd` stands for: absolute inside `root`, without links, `.` and `..`. A removed file is where
/// it was. Nothing for a file outside of what the root's path leads to: a mount that was taken off.
pub(super) fn path_of(root: &OwnedFd, fd: BorrowedFd<'_>) -> Result<Option<PathBytes>, Errno> {
    let read = |fd: BorrowedFd<'_>| readlinkat(AT_FDCWD, link_to(fd).as_str()).map_err(errno);
    let (root, path) = (read(root.as_fd())?, read(fd)?);
    let mut path = path.as_bytes();
    if fstat(fd).map_err(errno)?.st_nlink == 0 {
        path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    }
    let inside = match root.as_bytes() {
        b"/" => Some(path),
        root => path.strip_prefix(root),
    };
    Ok(match inside {
        Some([]) => Some(b"/".to_vec()),
        Some(path @ [b'/', ..]) => Some(path.to_vec()),
        _ => None,
    })
}
