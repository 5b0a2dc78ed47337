//! The target's files: what hooks on paths do once a path is known to be remote.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use libc::c_int;
use protocol::Errno;
use protocol::file::{Access as MayAccess, Metadata, Open, ReadLink, Stat, Which};
use protocol::link::{OpenedFile, ToLayer, ToSession};
use rules::path::{Access, Place};

use crate::copies::{COPIES, Original};
use crate::notice::printable;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::sys;

/// Goes on only if `path` is the target's; local paths are left to the real function, hidden ones do not exist.
pub(crate) fn must_be_remote(layer: &Layer, path: &[u8], access: Access) -> Hooked<()> {
    let verdict = layer.paths.decide(path, access);
    match verdict.place {
        Place::Local => Err(Otherwise::Native),
        Place::NotFound => {
            tracing::debug!("{} does not exist: {}", printable(path), verdict.why);
            fail(libc::ENOENT)
        }
        // The kernel's own answer is ENAMETOOLONG.
        Place::Remote if path.len() >= libc::PATH_MAX.unsigned_abs() as usize => Err(Otherwise::Native),
        Place::Remote => {
            tracing::debug!("{} is remote ({access:?}): {}", printable(path), verdict.why);
            Ok(())
        }
    }
}

/// What open(2) with `flags` does to a file.
pub(crate) fn access_of(flags: c_int) -> Access {
    let changes = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    if flags & libc::O_PATH == 0 && (flags & libc::O_ACCMODE != libc::O_RDONLY || flags & changes != 0) {
        Access::Write
    } else {
        Access::Read
    }
}

/// open(2) of a path that may be remote: a real descriptor of a private copy in memory.
pub(crate) fn open(layer: &Layer, path: &[u8], flags: c_int) -> Hooked<OwnedFd> {
    let access = access_of(flags);
    must_be_remote(layer, path, access)?;
    if access == Access::Write {
        return Err(unsupported_write(layer, path).into());
    }
    let follow = flags & libc::O_NOFOLLOW == 0;
    if flags & (libc::O_PATH | libc::O_DIRECTORY) != 0 {
        let metadata = stat(layer, path, follow)?;
        let errno = if metadata.mode & libc::S_IFMT == libc::S_IFDIR {
            unsupported_folder(layer, path)
        } else if flags & libc::O_DIRECTORY != 0 {
            Errno(libc::ENOTDIR)
        } else {
            unsupported_path_only(layer, path)
        };
        return Err(errno.into());
    }
    let close_on_exec = flags & libc::O_CLOEXEC != 0;
    Ok(open_for_reading(layer, path, follow, close_on_exec)?)
}

/// A descriptor that is read like the remote file, and that fstat(2) shows with its size, mode, times and numbers.
fn open_for_reading(layer: &Layer, path: &[u8], follow: bool, close_on_exec: bool) -> Result<OwnedFd, Errno> {
    let flags = if follow { libc::O_RDONLY } else { libc::O_NOFOLLOW };
    let request = ToSession::Open(Open { path: path.to_vec(), flags, mode: 0 });
    match layer.link.call(&request, close_on_exec)? {
        (ToLayer::Opened(Ok(OpenedFile { metadata, .. })), Some(file)) => {
            // A copy that cannot be dressed up is still the file's content.
            let _ = sys::set_mode(&file, metadata.mode & 0o7777);
            let _ = sys::set_times(&file, metadata.atime, metadata.mtime);
            if let Ok(copy) = sys::status(file.as_raw_fd()) {
                COPIES.remember(copy.st_dev, copy.st_ino, Original::from(&metadata));
            }
            Ok(file)
        }
        (ToLayer::Opened(Err(Errno(libc::EISDIR))), _) => Err(unsupported_folder(layer, path)),
        (ToLayer::Opened(Err(errno)), _) => Err(errno),
        _ => Err(Errno::EIO),
    }
}

/// stat(2) and lstat(2).
pub(crate) fn stat(layer: &Layer, path: &[u8], follow: bool) -> Result<Metadata, Errno> {
    layer.link.perform(Stat { file: Which::Path { path: path.to_vec(), follow } })
}

/// fstat(2): a copy shows the device, inode, links and owner of its file. All other descriptors are the kernel's.
pub(crate) fn open_status(fd: RawFd) -> Hooked<libc::stat> {
    if COPIES.is_empty() {
        return Err(Otherwise::Native);
    }
    let mut status = sys::status(fd)?;
    if !COPIES.may_be(status.st_dev) {
        return Err(Otherwise::Native);
    }
    let Original { dev, ino, nlink, uid, gid } = COPIES.original(status.st_ino).ok_or(Otherwise::Native)?;
    (status.st_dev, status.st_ino, status.st_nlink, status.st_uid, status.st_gid) = (dev, ino, nlink, uid, gid);
    Ok(status)
}

/// access(2). `W_OK` asks about writing: under mode `read` that is a question about this machine.
pub(crate) fn access(layer: &Layer, path: &[u8], mode: c_int) -> Hooked<c_int> {
    let access = if mode & libc::W_OK == 0 { Access::Read } else { Access::Write };
    must_be_remote(layer, path, access)?;
    layer.link.perform(MayAccess { path: path.to_vec(), mode, follow: true })?;
    Ok(0)
}

/// readlink(2), whole.
pub(crate) fn read_link(layer: &Layer, path: &[u8]) -> Result<Vec<u8>, Errno> {
    layer.link.perform(ReadLink { path: path.to_vec() })
}

/// opendir(3) and its like: the truth about a path that is no folder, `ENOTSUP` for one that is.
pub(crate) fn open_folder(layer: &Layer, path: &[u8]) -> Otherwise {
    match open(layer, path, libc::O_DIRECTORY) {
        Err(otherwise) => otherwise,
        Ok(_) => Otherwise::Fail(Errno::EIO),
    }
}

fn unsupported_folder(layer: &Layer, path: &[u8]) -> Errno {
    layer.notices.folder.say(format_args!(
        "{} is a folder of the target; listing remote folders is not supported yet (ENOTSUP)",
        printable(path)
    ));
    Errno(libc::ENOTSUP)
}

fn unsupported_path_only(layer: &Layer, path: &[u8]) -> Errno {
    layer.notices.path_only.say(format_args!(
        "{} is a file of the target; opening it with O_PATH is not supported yet (ENOTSUP)",
        printable(path)
    ));
    Errno(libc::ENOTSUP)
}

fn unsupported_write(layer: &Layer, path: &[u8]) -> Errno {
    layer.notices.write.say(format_args!(
        "{} is a file of the target; writing remote files is not supported yet (ENOTSUP)",
        printable(path)
    ));
    Errno(libc::ENOTSUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tell_reading_from_writing() {
        assert_eq!(access_of(libc::O_RDONLY | libc::O_CLOEXEC), Access::Read);
        assert_eq!(access_of(libc::O_RDONLY | libc::O_DIRECTORY), Access::Read);
        assert_eq!(access_of(libc::O_PATH), Access::Read);
        assert_eq!(access_of(libc::O_RDONLY | libc::O_CREAT), Access::Write);
        assert_eq!(access_of(libc::O_RDWR), Access::Write);
        assert_eq!(access_of(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL), Access::Write);
        assert_eq!(access_of(libc::O_TMPFILE | libc::O_RDWR), Access::Write);
    }
}
