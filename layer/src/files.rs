//! The target's files: what hooks do once a path is known to be remote. Each is one round trip.

pub(crate) mod status;
mod wire;

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use libc::{c_int, mode_t};
use protocol::Errno;
use protocol::file::{Access as MayAccess, Metadata, Open, ReadLink, RealPath, Stat, Which};
use protocol::link::{OpenedFile, ToLayer, ToSession};
use rules::path::{Access, Place, normalise};

use crate::copies::{COPIES, Original};
use crate::files::status::status_of;
use crate::paths::{self, At};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::{copied, sys, umask};

/// open(2) of a path that may be remote: a real descriptor.
pub(crate) fn open(layer: &Layer, at: At, flags: c_int, mode: mode_t) -> Hooked<OwnedFd> {
    let path = paths::remote(layer, at, Access::of_open(flags))?;
    Ok(open_remote(layer, path, flags, mode)?)
}

/// open(2) of a remote path. A small file that is only read is a copy in memory, which fstat(2) shows with the file's
/// size, mode, times and numbers.
pub(crate) fn open_remote(layer: &Layer, path: Vec<u8>, flags: c_int, mode: mode_t) -> Result<OwnedFd, Errno> {
    let creates = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    let mode = if creates { mode & 0o7777 & !umask::current() } else { 0 };
    let request = ToSession::Open(Open { path, flags: wire::open_flags(flags), mode });
    match layer.link.call(&request, flags & libc::O_CLOEXEC != 0)? {
        (ToLayer::Opened(Ok(OpenedFile { metadata, copy })), Some(file)) => {
            // Copies of folders are elsewhere than those of files, which are known by their device.
            let is_file = metadata.mode & libc::S_IFMT == libc::S_IFREG;
            if copy
                && is_file
                && let Ok(status) = sys::status(file.as_raw_fd())
            {
                COPIES.remember(status.st_dev, status.st_ino, Original::from(&shown(layer, metadata)));
            }
            Ok(file)
        }
        // The kernel drops a descriptor that the process has no number left for.
        (ToLayer::Opened(Ok(_)), None) => Err(Errno(libc::EMFILE)),
        (ToLayer::Opened(Err(errno)), _) => Err(errno),
        _ => Err(Errno::EIO),
    }
}

/// A folder of the target, open to name things in it: the real one, or a copy whose path is known.
pub(crate) fn open_folder(layer: &Layer, path: Vec<u8>) -> Result<OwnedFd, Errno> {
    let folder = open_remote(layer, path, libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC, 0)?;
    if crate::working::is_targets(layer, folder.as_raw_fd(), libc::S_IFDIR)
        || copied::original_of(folder.as_raw_fd()).is_some()
    {
        return Ok(folder);
    }
    layer.notices.copied_folder.say(format_args!(
        "folders of the target are copies on this machine (there is no FUSE any more): a program cannot go into them (ENOTSUP)"
    ));
    Err(Errno(libc::ENOTSUP))
}

/// A file, by its path.
pub(crate) fn which(path: Vec<u8>, follow: bool) -> Which {
    Which::Path { path, follow }
}

/// stat(2) and lstat(2).
pub(crate) fn stat(layer: &Layer, path: Vec<u8>, follow: bool) -> Result<Metadata, Errno> {
    layer.link.perform(Stat { file: which(path, follow) }).map(|metadata| shown(layer, metadata))
}

/// `metadata` as fstat(2) of an open file has it: programs compare device and inode number (cp(1), rm(1), tail(1)).
fn shown(layer: &Layer, metadata: Metadata) -> Metadata {
    match layer.policy.files_device {
        0 => metadata,
        dev => Metadata { dev, ..metadata },
    }
}

/// fstat(2), and whether it is about a copy, which shows the device, inode, links and owner of its file.
pub(crate) fn open_status(layer: &Layer, fd: RawFd) -> Hooked<(libc::stat, bool)> {
    if COPIES.is_empty() && !copied::is_there() {
        return Err(Otherwise::Native);
    }
    let mut status = sys::status(fd)?;
    if matches!(status.st_mode & libc::S_IFMT, libc::S_IFDIR | libc::S_IFLNK)
        && let Some(path) = copied::original_of(fd)
    {
        return Ok((status_of(&stat(layer, path, false)?), true));
    }
    let found = if COPIES.may_be(status.st_dev) { COPIES.original(status.st_ino) } else { None };
    if found.is_some()
        && let Ok(Some(metadata)) = synchronise(layer, status.st_ino, false)
    {
        // The size is what can be read here.
        let metadata = Metadata { size: status.st_size, blocks: status.st_blocks, ..shown(layer, metadata) };
        return Ok((status_of(&metadata), true));
    }
    if let Some(Original { dev, ino, nlink, uid, gid }) = found {
        (status.st_dev, status.st_ino, status.st_nlink, status.st_uid, status.st_gid) = (dev, ino, nlink, uid, gid);
    }
    Ok((status, found.is_some()))
}

/// Puts the file itself in the place of a copy of `path`, at the same number and place. Fails where there is no FUSE, and
/// where another file is there now.
pub(crate) fn become_itself(layer: &Layer, fd: RawFd, path: Vec<u8>) -> Result<(), Errno> {
    const NO_LOCK: Errno = Errno(libc::ENOLCK);
    if layer.policy.files_device == 0 {
        return Err(NO_LOCK);
    }
    let copy = COPIES.original(sys::status(fd)?.st_ino).ok_or(NO_LOCK)?;
    let is_it = |dev, ino| (dev, ino) == (copy.dev, copy.ino);
    let there = stat(layer, path.clone(), false)?;
    if !is_it(there.dev, there.ino) {
        return Err(NO_LOCK);
    }
    // `O_CREAT`: not its content again, but something that can be locked. It is there already.
    let flags = sys::status_flags(fd)? & libc::O_NONBLOCK | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = open_remote(layer, path, flags, 0o600)?;
    let status = sys::status(file.as_raw_fd())?;
    if !is_it(status.st_dev, status.st_ino) {
        return Err(NO_LOCK);
    }
    sys::copy_place(fd, file.as_raw_fd())?;
    sys::duplicate_onto(&file, fd, sys::close_on_exec(fd)?)
}

/// What was written to a copy reaches the target, and the file as it is there then; nothing where there is FUSE: then
/// copies cannot be written to. `copy` is the inode number of its memfd.
fn synchronise(layer: &Layer, copy: u64, lasting: bool) -> Result<Option<Metadata>, Errno> {
    // A child of vfork(2) executes another program next, and its parent asks when it closes the file.
    if !copied::is_there() || !layer.link.is_own_process() {
        return Ok(None);
    }
    match layer.link.call(&ToSession::Synchronise { copy, lasting }, true)? {
        (ToLayer::Synchronised(synchronised), _) => synchronised,
        _ => Err(Errno::EIO),
    }
}

/// As [`synchronise`], for a descriptor; `Native` for those that are no copies, or cannot be written to.
pub(crate) fn synchronise_copy(layer: &Layer, fd: RawFd, lasting: bool) -> Hooked<()> {
    if COPIES.is_empty() || !copied::is_there() {
        return Err(Otherwise::Native);
    }
    let status = sys::status(fd)?;
    let is_copy = COPIES.may_be(status.st_dev) && COPIES.original(status.st_ino).is_some();
    if !is_copy || sys::status_flags(fd)? & (libc::O_ACCMODE | libc::O_PATH) == libc::O_RDONLY {
        return Err(Otherwise::Native);
    }
    synchronise(layer, status.st_ino, lasting)?;
    Ok(())
}

/// Whether [`synchronise_copy`] may have anything to do.
pub(crate) fn may_write_copies() -> bool {
    copied::is_there() && !COPIES.is_empty()
}

/// The path of the file that `fd` is a copy of; nothing for all that is no copy, or where the name did not fit.
pub(crate) fn path_of_copy(fd: RawFd) -> Hooked<Option<Vec<u8>>> {
    if COPIES.is_empty() && !copied::is_there() {
        return Err(Otherwise::Native);
    }
    let status = sys::status(fd)?;
    let is_copy = COPIES.may_be(status.st_dev) && COPIES.original(status.st_ino).is_some();
    if !is_copy {
        return copied::original_of(fd).map(Some).ok_or(Otherwise::Native);
    }
    Ok(path_of_name(&sys::read_link(&sys::descriptor_path(fd))?))
}

/// proc(5): `/memfd:NAME (deleted)`. The session names a copy after its path.
fn path_of_name(name: &[u8]) -> Option<Vec<u8>> {
    let path = name.strip_prefix(b"/memfd:").and_then(|name| name.strip_suffix(b" (deleted)"));
    path.filter(|path| path.starts_with(b"/")).map(<[u8]>::to_vec)
}

/// What Linux's name for a descriptor that is a copy is a link to, as for the file itself; nothing for other paths.
pub(crate) fn name_of_descriptor(at: At) -> Hooked<Option<Vec<u8>>> {
    if COPIES.is_empty() && !copied::is_there() || !at.path.bytes()?.starts_with(b"/proc/") {
        return Ok(None);
    }
    // Whatever is wrong with it, the real function says so.
    let Ok(name) = sys::read_link(at.path.c_str()?) else { return Ok(None) };
    Ok(path_of_name(&name).or_else(|| copied::original(&name)))
}

/// access(2). `W_OK` asks about writing: under mode `read` that is a question about this machine.
pub(crate) fn access(layer: &Layer, at: At, mode: c_int, follow: bool) -> Hooked<c_int> {
    let access = if mode & libc::W_OK == 0 { Access::Read } else { Access::Write };
    let path = paths::remote(layer, at, access)?;
    if mode & !(libc::R_OK | libc::W_OK | libc::X_OK) != 0 {
        return fail(libc::EINVAL);
    }
    layer.link.perform(MayAccess { path, mode, follow })?;
    Ok(0)
}

/// readlink(2), whole.
pub(crate) fn read_link(layer: &Layer, path: Vec<u8>) -> Result<Vec<u8>, Errno> {
    layer.link.perform(ReadLink { path })
}

/// realpath(3). A real path that the rules do not lead to the target again (`/var/run/x`, which is `/run/x` in most
/// images) would be of no use to the program: then the path stays as it was asked, shortened.
pub(crate) fn real_path(layer: &Layer, path: &[u8]) -> Result<Vec<u8>, Errno> {
    let real = layer.link.perform(RealPath { path: path.to_vec() })?;
    if !real.starts_with(b"/") || real.contains(&0) {
        return Err(Errno::EIO);
    }
    if real.len() >= sys::PATH_LIMIT {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    let leads_back = layer.paths.decide(&real, Access::Read).place == Place::Remote;
    Ok(if leads_back { real } else { normalise(path).into_owned() })
}
