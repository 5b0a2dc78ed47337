//! Operations on this machine, for paths that a mapping has rewritten.
//!
//! They run with our own rights, which are the program's unless it has changed its user; new files get exactly the
//! permissions that are asked for. Partial: such files seem to have no extended attributes (`ENOTSUP`).

use std::{
    ffi::OsStr,
    fs,
    io::Error,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags},
    sched::{CloneFlags, unshare},
    sys::{
        stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags},
        time::TimeSpec,
    },
    unistd::{AccessFlags, Gid, Uid, UnlinkatFlags},
};
use protocol::{
    Errno,
    file::{
        Access, Change, FsStatus, GetAttribute, HardLink, ListAttributes, MakeDirectory, MakeNode, Metadata, Open,
        ReadLink, RealPath, Remove, RemoveAttribute, Rename, SetAttribute, SetTime, Stat, StatFs, SymbolicLink,
        Timestamp, Which,
    },
    operation::Request,
};
use tokio::sync::oneshot;

/// An operation that this machine can perform, too.
pub(super) trait Here: Request {
    /// Performs it; blocks as long as the file system does.
    fn here(self) -> Result<Self::Reply, Errno>;
}

/// Runs `work` on a thread of its own, whose umask(2) takes nothing away.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Errno> + Send + 'static,
) -> Result<T, Errno> {
    let (done_tx, done) = oneshot::channel();
    let started = std::thread::Builder::new().name("mapped file".to_owned()).spawn(move || {
        let result = unshare(CloneFlags::CLONE_FS).map_err(Error::from).map_err(Errno::from).and_then(|()| {
            nix::sys::stat::umask(Mode::empty());
            work()
        });
        // The call may have been killed: then nobody wants to know.
        let _ = done_tx.send(result);
    });
    started.map_err(Errno::from)?;
    done.await.unwrap_or(Err(Errno::EIO))
}

/// open(2); closed on exec.
pub(super) fn open(request: &Open) -> Result<OwnedFd, Errno> {
    let flags = OFlag::from_bits_retain(request.flags) | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    nix::fcntl::open(path(&request.path), flags, Mode::from_bits_retain(request.mode)).map_err(errno)
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn errno(errno: nix::Error) -> Errno {
    Errno(errno as i32)
}

/// The path that is meant, and the flag of `…at` calls.
fn named(which: &Which) -> Result<(PathBuf, AtFlags), Errno> {
    match which {
        Which::Path { path: name, follow: true } => Ok((path(name).to_owned(), AtFlags::empty())),
        Which::Path { path: name, follow: false } => Ok((path(name).to_owned(), AtFlags::AT_SYMLINK_NOFOLLOW)),
        Which::Open(_) => Err(Errno(libc::EBADF)),
    }
}

impl Here for Stat {
    fn here(self) -> Result<Metadata, Errno> {
        let (name, flags) = named(&self.file)?;
        metadata(&name, flags)
    }
}

fn metadata(name: &Path, flags: AtFlags) -> Result<Metadata, Errno> {
    Ok(Metadata::from(&nix::sys::stat::fstatat(AT_FDCWD, name, flags).map_err(errno)?))
}

impl Here for StatFs {
    fn here(self) -> Result<FsStatus, Errno> {
        let (name, _) = named(&self.file)?;
        let told = nix::sys::statfs::statfs(&name).map_err(errno)?;
        Ok(FsStatus {
            kind: told.filesystem_type().0,
            bsize: told.block_size(),
            blocks: told.blocks(),
            bfree: told.blocks_free(),
            bavail: told.blocks_available(),
            files: told.files(),
            ffree: told.files_free(),
            namelen: told.maximum_name_length(),
            frsize: told.block_size(),
            flags: i64::try_from(told.flags().bits()).unwrap_or(0),
        })
    }
}

impl Here for Access {
    fn here(self) -> Result<(), Errno> {
        let flags = if self.follow { AtFlags::empty() } else { AtFlags::AT_SYMLINK_NOFOLLOW };
        nix::unistd::faccessat(AT_FDCWD, path(&self.path), AccessFlags::from_bits_retain(self.mode), flags)
            .map_err(errno)
    }
}

impl Here for ReadLink {
    fn here(self) -> Result<Vec<u8>, Errno> {
        Ok(fs::read_link(path(&self.path))?.into_os_string().into_vec())
    }
}

impl Here for RealPath {
    fn here(self) -> Result<Vec<u8>, Errno> {
        Ok(fs::canonicalize(path(&self.path))?.into_os_string().into_vec())
    }
}

impl Here for MakeDirectory {
    fn here(self) -> Result<(), Errno> {
        nix::unistd::mkdir(path(&self.path), Mode::from_bits_retain(self.mode)).map_err(errno)
    }
}

impl Here for MakeNode {
    fn here(self) -> Result<(), Errno> {
        let kind = match self.mode & libc::S_IFMT {
            libc::S_IFCHR | libc::S_IFBLK => return Err(Errno(libc::EPERM)),
            kind => SFlag::from_bits_truncate(kind),
        };
        let permissions = Mode::from_bits_truncate(self.mode & !libc::S_IFMT);
        nix::sys::stat::mknod(path(&self.path), kind, permissions, 0).map_err(errno)
    }
}

impl Here for Remove {
    fn here(self) -> Result<(), Errno> {
        let flags = if self.directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        nix::unistd::unlinkat(AT_FDCWD, path(&self.path), flags).map_err(errno)
    }
}

impl Here for Rename {
    fn here(self) -> Result<(), Errno> {
        let flags = RenameFlags::from_bits_retain(self.flags);
        nix::fcntl::renameat2(AT_FDCWD, path(&self.from), AT_FDCWD, path(&self.to), flags).map_err(errno)
    }
}

impl Here for HardLink {
    fn here(self) -> Result<(), Errno> {
        let (name, flags) = named(&self.file)?;
        let flags = if flags.is_empty() { AtFlags::AT_SYMLINK_FOLLOW } else { AtFlags::empty() };
        nix::unistd::linkat(AT_FDCWD, &name, AT_FDCWD, path(&self.to), flags).map_err(errno)
    }
}

impl Here for SymbolicLink {
    fn here(self) -> Result<(), Errno> {
        nix::unistd::symlinkat(path(&self.text), AT_FDCWD, path(&self.path)).map_err(errno)
    }
}

impl Here for Change {
    fn here(self) -> Result<Metadata, Errno> {
        let Self { file, mode, uid, gid, size, atime, mtime } = self;
        let (name, flags) = named(&file)?;
        let follow = flags.is_empty();
        if let Some(mode) = mode {
            let flags = if follow { FchmodatFlags::FollowSymlink } else { FchmodatFlags::NoFollowSymlink };
            nix::sys::stat::fchmodat(AT_FDCWD, &name, Mode::from_bits_retain(mode), flags).map_err(errno)?;
        }
        if uid.is_some() || gid.is_some() {
            let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
            nix::unistd::fchownat(AT_FDCWD, &name, uid, gid, flags).map_err(errno)?;
        }
        if let Some(size) = size {
            nix::unistd::truncate(&name, size).map_err(errno)?;
        }
        if (atime, mtime) != (SetTime::Keep, SetTime::Keep) {
            let flags = if follow { UtimensatFlags::FollowSymlink } else { UtimensatFlags::NoFollowSymlink };
            nix::sys::stat::utimensat(AT_FDCWD, &name, &time_spec(atime), &time_spec(mtime), flags).map_err(errno)?;
        }
        metadata(&name, flags)
    }
}

fn time_spec(time: SetTime) -> TimeSpec {
    match time {
        SetTime::Keep => TimeSpec::UTIME_OMIT,
        SetTime::Now => TimeSpec::UTIME_NOW,
        SetTime::At(Timestamp { seconds, nanoseconds }) => TimeSpec::new(seconds, nanoseconds),
    }
}

macro_rules! no_attributes {
    ($($request:ty => $reply:ty),+) => {$(
        impl Here for $request {
            fn here(self) -> Result<$reply, Errno> {
                Err(Errno(libc::ENOTSUP))
            }
        }
    )+};
}

no_attributes!(GetAttribute => Vec<u8>, ListAttributes => Vec<u8>, SetAttribute => (), RemoveAttribute => ());

#[cfg(test)]
mod tests {
    use std::os::{fd::AsRawFd, unix::fs::PermissionsExt};

    use super::*;

    #[tokio::test]
    async fn new_files_get_the_permissions_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| folder.path().join(name).into_os_string().into_vec();
        let made = MakeDirectory { path: bytes("d"), mode: 0o777 };
        run(move || made.here()).await.unwrap();
        let request = Open { path: bytes("f"), flags: libc::O_CREAT | libc::O_WRONLY, mode: 0o666 };
        let file = run(move || open(&request)).await.unwrap();
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("d"), mode("f")), (0o777, 0o666));
        let flags = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC, "{}", file.as_raw_fd());
    }

    #[test]
    fn operations_do_what_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| folder.path().join(name).into_os_string().into_vec();
        let which = |name: &str, follow| Which::Path { path: bytes(name), follow };
        fs::write(folder.path().join("a"), "content").unwrap();
        SymbolicLink { text: b"a".to_vec(), path: bytes("l") }.here().unwrap();
        HardLink { file: which("l", false), to: bytes("l2") }.here().unwrap();
        assert_eq!(ReadLink { path: bytes("l2") }.here(), Ok(b"a".to_vec()));
        HardLink { file: which("l", true), to: bytes("b") }.here().unwrap();
        Rename { from: bytes("b"), to: bytes("c"), flags: 0 }.here().unwrap();
        assert_eq!(Rename { from: bytes("c"), to: bytes("a"), flags: 1 }.here(), Err(Errno(libc::EEXIST)));
        let now = Timestamp { seconds: 5, nanoseconds: 7 };
        let change = Change {
            file: which("c", true),
            mode: Some(0o604),
            uid: None,
            gid: None,
            size: Some(3),
            atime: SetTime::Keep,
            mtime: SetTime::At(now),
        };
        let metadata = change.here().unwrap();
        assert_eq!((metadata.size, metadata.mode, metadata.mtime), (3, libc::S_IFREG | 0o604, now));
        assert_eq!(Stat { file: which("l", true) }.here().unwrap().size, 3);
        assert_eq!(Access { path: bytes("none"), mode: 0, follow: true }.here(), Err(Errno::ENOENT));
        assert_eq!(MakeNode { path: bytes("dev"), mode: libc::S_IFBLK }.here(), Err(Errno(libc::EPERM)));
        MakeNode { path: bytes("fifo"), mode: libc::S_IFIFO | 0o600 }.here().unwrap();
        Remove { path: bytes("fifo"), directory: false }.here().unwrap();
        assert!(StatFs { file: which("a", true) }.here().unwrap().bsize > 0);
    }
}
