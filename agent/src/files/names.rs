//! Names: making them, removing them, and where they lead.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use nix::{
    fcntl::{AT_FDCWD, AtFlags, RenameFlags, readlinkat, renameat2},
    sys::stat::{Mode, SFlag, fstat, mkdirat, mknodat},
    unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat},
};
use protocol::{
    Errno,
    file::{MakeDirectory, MakeNode, PathBytes, ReadLink, RealPath, Remove, Rename, SymbolicLink},
};

use super::{
    Subject, errno, file_type,
    resolve::{LastLink, Name, link_to, path_of, resolve},
};

/// readlink(2).
pub(crate) fn read_link(root: &OwnedFd, request: &ReadLink) -> Result<PathBytes, Errno> {
    let place = resolve(root, &request.path, LastLink::Keep)?;
    if file_type(&fstat(&place).map_err(errno)?) != SFlag::S_IFLNK {
        return Err(Errno::EINVAL); // with an empty path the kernel would say ENOENT
    }
    readlinkat(&place, "").map(|text| text.as_bytes().to_vec()).map_err(errno)
}

/// realpath(3).
pub(crate) fn real_path(root: &OwnedFd, request: &RealPath) -> Result<PathBytes, Errno> {
    let place = resolve(root, &request.path, LastLink::Follow)?;
    path_of(root, place.as_fd())?.ok_or(Errno::ENOENT)
}

/// mkdir(2).
pub(crate) fn make_directory(root: &OwnedFd, request: &MakeDirectory) -> Result<(), Errno> {
    let name = Name::resolve(root, &request.path)?;
    mkdirat(&name.parent, name.last(), Mode::from_bits_truncate(request.mode)).map_err(errno)
}

/// mknod(2), for files without a driver.
pub(crate) fn make_node(root: &OwnedFd, request: &MakeNode) -> Result<(), Errno> {
    let kind = SFlag::from_bits_truncate(request.mode & SFlag::S_IFMT.bits());
    let kind = match kind {
        SFlag::S_IFREG | SFlag::S_IFIFO | SFlag::S_IFSOCK => kind,
        _ if kind.is_empty() => SFlag::S_IFREG,
        SFlag::S_IFCHR | SFlag::S_IFBLK | SFlag::S_IFDIR => return Err(Errno(libc::EPERM)),
        _ => return Err(Errno::EINVAL),
    };
    let name = Name::resolve(root, &request.path)?;
    mknodat(&name.parent, name.last(), kind, Mode::from_bits_truncate(request.mode), 0).map_err(errno)
}

/// unlink(2), rmdir(2).
pub(crate) fn remove(root: &OwnedFd, request: &Remove) -> Result<(), Errno> {
    let name = Name::resolve(root, &request.path)?;
    if request.directory && name.is_root() {
        return Err(Errno(libc::EBUSY));
    }
    let kind = if request.directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
    unlinkat(&name.parent, name.last(), kind).map_err(errno)
}

/// renameat2(2).
pub(crate) fn rename(root: &OwnedFd, request: &Rename) -> Result<(), Errno> {
    let known = RenameFlags::RENAME_NOREPLACE | RenameFlags::RENAME_EXCHANGE;
    let flags = RenameFlags::from_bits(request.flags).filter(|flags| known.contains(*flags)).ok_or(Errno::EINVAL)?;
    let (from, to) = (Name::resolve(root, &request.from)?, Name::resolve(root, &request.to)?);
    renameat2(&from.parent, from.last(), &to.parent, to.last(), flags).map_err(errno)
}

/// linkat(2).
pub(crate) fn hard_link(root: &OwnedFd, subject: Subject<'_>, to: &[u8]) -> Result<(), Errno> {
    let name = Name::resolve(root, to)?;
    let (Subject::Open(fd) | Subject::Place(fd)) = subject;
    // Our link to it is what is followed, not the file itself: it may be a symbolic link.
    linkat(AT_FDCWD, link_to(fd).as_str(), &name.parent, name.last(), AtFlags::AT_SYMLINK_FOLLOW).map_err(errno)
}

/// symlink(2).
pub(crate) fn symbolic_link(root: &OwnedFd, request: &SymbolicLink) -> Result<(), Errno> {
    let name = Name::resolve(root, &request.path)?;
    symlinkat(OsStr::from_bytes(&request.text), &name.parent, name.last()).map_err(errno)
}
