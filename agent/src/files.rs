//! The target's files: every path is resolved by the kernel inside the target's root and cannot lead out of it.
//!
//! `openat2(RESOLVE_IN_ROOT)` treats `/proc/<pid>/root` as `/` for absolute links and `..` alike. Magic links of procfs
//! (`/proc/<pid>/{root,cwd,exe,fd/*}`) are refused by it with `ELOOP`: they could lead anywhere.

pub(crate) mod blob;

use std::{
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use nix::{
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
    unistd::{AccessFlags, faccessat},
};
use protocol::{
    Errno,
    file::{Access, Content, Metadata, Open, Opened, ReadLink, Stat, Timestamp, Which},
};

use self::blob::Blob;

/// Longest path that Linux takes, its NUL included (limits.h, `PATH_MAX`).
const PATH_LIMIT: usize = 4096;

/// What wants to know the file behind a path's last symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastLink {
    /// Resolve it.
    Follow,
    /// The link itself is meant.
    Keep,
}

/// Opens a regular file for reading; the first bytes are read already, so that a small file costs one hop.
///
/// Fails with `EISDIR` for directories, `ENXIO` for sockets, as open(2) does, and with `EINVAL` for FIFOs and devices:
/// they have no content to take a snapshot of, and opening them may block or act.
pub(crate) fn open_file(root: &OwnedFd, request: &Open) -> Result<(Opened, Blob), Errno> {
    if request.flags & (libc::O_ACCMODE | libc::O_CREAT | libc::O_PATH | libc::O_DIRECTORY) != 0 {
        return Err(Errno(libc::ENOTSUP));
    }
    let last = if request.flags & libc::O_NOFOLLOW != 0 { LastLink::Keep } else { LastLink::Follow };
    let place = resolve(root, &request.path, last)?;
    let status = fstat(&place).map_err(errno)?;
    match file_type(&status) {
        SFlag::S_IFREG => {}
        SFlag::S_IFDIR => return Err(Errno(libc::EISDIR)),
        SFlag::S_IFLNK => return Err(Errno(libc::ELOOP)),
        SFlag::S_IFSOCK => return Err(Errno(libc::ENXIO)),
        _ => return Err(Errno::EINVAL),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = open(reopen_path(&place).as_str(), flags, Mode::empty()).map_err(errno)?;
    let blob = Blob::start(file.into())?;
    let path = request.path.clone();
    Ok((Opened { metadata: metadata(&status), path, content: Content::Whole }, blob))
}

/// stat(2) or lstat(2).
pub(crate) fn stat(root: &OwnedFd, request: &Stat) -> Result<Metadata, Errno> {
    let Which::Path { path, follow } = &request.file else {
        return Err(Errno(libc::EBADF));
    };
    let last = if *follow { LastLink::Follow } else { LastLink::Keep };
    let place = resolve(root, path, last)?;
    Ok(metadata(&fstat(&place).map_err(errno)?))
}

/// access(2), with the agent's own rights: it is root, yet without `CAP_DAC_OVERRIDE` in most clusters.
pub(crate) fn access(root: &OwnedFd, request: &Access) -> Result<(), Errno> {
    let mode = AccessFlags::from_bits(request.mode).ok_or(Errno::EINVAL)?;
    let place = resolve(root, &request.path, if request.follow { LastLink::Follow } else { LastLink::Keep })?;
    faccessat(&place, "", mode, AtFlags::AT_EMPTY_PATH).map_err(errno)
}

/// readlink(2).
pub(crate) fn read_link(root: &OwnedFd, request: &ReadLink) -> Result<Vec<u8>, Errno> {
    let place = resolve(root, &request.path, LastLink::Keep)?;
    if file_type(&fstat(&place).map_err(errno)?) != SFlag::S_IFLNK {
        return Err(Errno::EINVAL); // with an empty path the kernel would say ENOENT
    }
    readlinkat(&place, "").map(|text| text.as_bytes().to_vec()).map_err(errno)
}

/// Whole content of a small file, at most `limit` bytes of it.
pub(crate) fn read_small(root: &OwnedFd, path: &str, limit: usize) -> Result<Vec<u8>, Errno> {
    let request = Open { path: path.as_bytes().to_vec(), flags: 0, mode: 0 };
    let (_, mut blob) = open_file(root, &request)?;
    let mut content = Vec::new();
    while let Some(chunk) = blob.next_chunk()? {
        content.extend_from_slice(&chunk);
        if content.len() >= limit {
            content.truncate(limit);
            break;
        }
    }
    Ok(content)
}

/// An `O_PATH` descriptor of what `path` names inside `root`: opening it has no effect on the file.
fn resolve(root: &OwnedFd, path: &[u8], last: LastLink) -> Result<OwnedFd, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() >= PATH_LIMIT {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    let mut flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    if last == LastLink::Keep {
        flags |= OFlag::O_NOFOLLOW;
    }
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    loop {
        match openat2(root, Path::new(std::ffi::OsStr::from_bytes(path)), how) {
            // The kernel saw a rename or mount while it walked `..`; openat2(2) says: try again.
            Err(nix::Error::EAGAIN) => {}
            answer => return answer.map_err(errno),
        }
    }
}

/// Our own name for a descriptor. The target is not asked for it: it is the agent's procfs.
fn reopen_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

fn file_type(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn errno(error: nix::Error) -> Errno {
    Errno(error as i32)
}

#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(clippy::useless_conversion, reason = "the width of these fields depends on the architecture")
)]
fn metadata(status: &FileStat) -> Metadata {
    let time = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
    Metadata {
        dev: status.st_dev,
        ino: status.st_ino,
        mode: status.st_mode,
        nlink: status.st_nlink,
        uid: status.st_uid,
        gid: status.st_gid,
        rdev: status.st_rdev,
        size: status.st_size,
        blksize: status.st_blksize,
        blocks: status.st_blocks,
        atime: time(status.st_atime, status.st_atime_nsec),
        mtime: time(status.st_mtime, status.st_mtime_nsec),
        ctime: time(status.st_ctime, status.st_ctime_nsec),
    }
}

#[cfg(test)]
mod tests;
