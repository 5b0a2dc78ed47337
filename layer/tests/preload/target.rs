//! The target of the tests: a folder whose files are opened and changed for real.

#![expect(unsafe_code, reason = "system calls on any bytes, which no crate has")]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each block is one system call on terminated paths, numbers, and buffers with their own lengths"
)]

use std::ffi::{CStr, CString};
use std::io::{Error, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;

use libc::{c_int, c_long};
use nix::sys::memfd::{MFdFlags, memfd_create};
use protocol::file::{Change, FsStatus, Metadata, SetTime, Timestamp, Which};
use protocol::link::{OpenedFile, ToLayer};
use protocol::operation::Operation;
use protocol::{Errno, codec};
use tempfile::TempDir;

use crate::mount;

/// When everything in the target was changed last.
const TIME: Timestamp = Timestamp { seconds: 1_600_000_000, nanoseconds: 123 };

/// Owner and group of what the tests' own user owns.
const OWNER: (u32, u32) = (1001, 1002);

/// The target's root.
pub(crate) struct Target {
    root: OwnedFd,
    /// Device of descriptors that are handed out; 0 where it is that of other files of this machine, too.
    pub(crate) device: u64,
    /// The root's path, which is no part of the names of its files.
    prefix: Vec<u8>,
    folder: Option<TempDir>,
}

type Result<T> = std::result::Result<T, Errno>;

impl Target {
    /// A root with the usual files: on a file system of its own, mounted nowhere, as the real session's; where that
    /// cannot be had, in a folder, which no program can go into.
    pub(crate) fn new() -> Self {
        let Ok(root) = mount::detached() else { return Self::in_folder() };
        let device = status(root.as_raw_fd(), c"", libc::AT_EMPTY_PATH).expect("an open folder").st_dev;
        Self { root, device, prefix: Vec::new(), folder: None }.filled()
    }

    /// A root in a folder of this machine.
    pub(crate) fn in_folder() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = std::fs::File::open(folder.path()).expect("just made").into();
        let prefix = folder.path().as_os_str().as_encoded_bytes().to_vec();
        Self { root, device: 0, prefix, folder: Some(folder) }.filled()
    }

    /// Where the root is on this machine.
    pub(crate) fn path(&self) -> &str {
        let folder = self.folder.as_ref().expect("a root in a folder");
        folder.path().to_str().expect("an ASCII path")
    }

    fn filled(self) -> Self {
        let target = self;
        for folder in ["/data", "/data/rw", "/data/folder", "/etc"] {
            target.make_directory(folder.as_bytes(), 0o755).expect("an empty root");
        }
        let large: Vec<u8> = (0..3_000_000_u32).map(|index| index.to_le_bytes()[0]).collect();
        for (path, content) in [
            ("/data/file", b"remote content\n".as_slice()),
            ("/data/slow", b"slow\n"),
            ("/data/fatal", b"never\n"),
            ("/data/empty", b""),
            ("/data/large", &large),
            ("/data/folder/one", b"1\n"),
            ("/data/folder/two", b"22\n"),
            ("/data/hidden", b"nobody sees this\n"),
            ("/etc/resolv.conf", b"nameserver 10.96.0.10\n"),
            ("/etc/hosts", b"10.9.9.9 pod-1\n"),
        ] {
            target.put(path, content);
        }
        target.link("/data/file", "/data/link");
        target
    }

    /// A file of mode 0640.
    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
        let mut file = std::fs::File::from(self.opened(path.as_bytes(), flags, 0o640).expect("a fresh name"));
        file.write_all(content).expect("room");
        self.age(path);
    }

    /// A symbolic link.
    pub(crate) fn link(&self, text: &str, path: &str) {
        let (parent, name) = self.parent(path.as_bytes()).expect("a folder");
        let text = CString::new(text).expect("no NUL");
        done(unsafe { libc::symlinkat(text.as_ptr(), parent.as_raw_fd(), name.as_ptr()) }).expect("a fresh name");
        self.age(path);
    }

    fn age(&self, path: &str) {
        let (parent, name) = self.parent(path.as_bytes()).expect("a folder");
        let time = timespec(SetTime::At(TIME));
        let times = [time, time];
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        done(unsafe { libc::utimensat(parent.as_raw_fd(), name.as_ptr(), times.as_ptr(), flags) }).expect("own file");
    }

    /// What is in a file now.
    pub(crate) fn content(&self, path: &str) -> String {
        let file = self.opened(path.as_bytes(), libc::O_RDONLY, 0).expect("a file");
        std::io::read_to_string(std::fs::File::from(file)).expect("text")
    }

    /// Permission bits of a file, in octal.
    pub(crate) fn mode(&self, path: &str) -> String {
        let mode = self.stat(path.as_bytes(), false).expect("a file").mode;
        format!("{:o}", mode & 0o7777)
    }

    /// Answers `ToSession::Open`. What is only read and regular is a copy in memory, as the real session's small files.
    pub(crate) fn open(&self, path: &[u8], flags: c_int, mode: u32) -> (ToLayer, Option<OwnedFd>) {
        let opened = self.opened(path, flags, mode).and_then(|file| {
            let metadata = metadata_of(&status(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)?);
            let is_file = metadata.mode & libc::S_IFMT == libc::S_IFREG;
            let copy = is_file && flags & (libc::O_ACCMODE | libc::O_PATH | libc::O_TRUNC) == libc::O_RDONLY;
            let file = if copy { copy_of(path, &file, &metadata) } else { file };
            Ok((OpenedFile { metadata, copy }, file))
        });
        match opened {
            Ok((opened, file)) => (ToLayer::Opened(Ok(opened)), Some(file)),
            Err(errno) => (ToLayer::Opened(Err(errno)), None),
        }
    }

    /// Performs an operation on a path; nothing for all others.
    pub(crate) fn perform(&self, operation: &Operation) -> Option<ToLayer> {
        let answer = match operation {
            Operation::Stat { request } => encoded(&self.on(&request.file, Self::stat)),
            Operation::Change { request } => encoded(&self.change(request)),
            Operation::Access { request } => encoded(&self.access(&request.path, request.mode, request.follow)),
            Operation::ReadLink { request } => encoded(&self.read_link(&request.path)),
            Operation::RealPath { request } => encoded(&self.real_path(&request.path)),
            Operation::MakeDirectory { request } => encoded(&self.make_directory(&request.path, request.mode)),
            Operation::MakeNode { request } => encoded(
                &self.below(&request.path, |folder, name| unsafe { libc::mknodat(folder, name, request.mode, 0) }),
            ),
            Operation::Remove { request } => encoded(&self.below(&request.path, |folder, name| unsafe {
                libc::unlinkat(folder, name, if request.directory { libc::AT_REMOVEDIR } else { 0 })
            })),
            Operation::SymbolicLink { request } => {
                encoded(&CString::new(request.text.clone()).map_or(Err(Errno::EINVAL), |text| {
                    self.below(&request.path, |folder, name| unsafe { libc::symlinkat(text.as_ptr(), folder, name) })
                }))
            }
            Operation::Rename { request } => encoded(&self.below(&request.from, |folder, name| {
                self.raw_below(&request.to, |to_folder, to| unsafe {
                    libc::renameat2(folder, name, to_folder, to, request.flags)
                })
            })),
            Operation::HardLink { request } => encoded(&self.hard_link(&request.file, &request.to)),
            Operation::StatFs { request } => encoded(&self.on(&request.file, |this, path, _| this.stat_fs(path))),
            Operation::GetAttribute { request } => encoded(&self.on(&request.file, |this, path, follow| {
                let name = CString::new(request.name.clone()).map_err(|_| Errno::EINVAL)?;
                this.attribute(path, follow, |file, room| unsafe {
                    libc::lgetxattr(file, name.as_ptr(), room.as_mut_ptr().cast(), room.len())
                })
            })),
            Operation::ListAttributes { request } => encoded(&self.on(&request.file, |this, path, follow| {
                this.attribute(path, follow, |file, room| unsafe {
                    libc::llistxattr(file, room.as_mut_ptr().cast(), room.len())
                })
            })),
            Operation::SetAttribute { request } => encoded(&self.on(&request.file, |this, path, follow| {
                let name = CString::new(request.name.clone()).map_err(|_| Errno::EINVAL)?;
                let value = &request.value;
                this.named(path, follow, |file| unsafe {
                    libc::lsetxattr(file, name.as_ptr(), value.as_ptr().cast(), value.len(), request.flags)
                })
            })),
            Operation::RemoveAttribute { request } => encoded(&self.on(&request.file, |this, path, follow| {
                let name = CString::new(request.name.clone()).map_err(|_| Errno::EINVAL)?;
                this.named(path, follow, |file| unsafe { libc::lremovexattr(file, name.as_ptr()) })
            })),
            _ => return None,
        };
        Some(answer)
    }

    fn on<T>(&self, which: &Which, act: impl Fn(&Self, &[u8], bool) -> Result<T>) -> Result<T> {
        match which {
            Which::Path { path, follow } => act(self, path, *follow),
            Which::Open(_) => Err(Errno::EINVAL),
        }
    }

    /// openat2(2) below the root.
    fn opened(&self, path: &[u8], flags: c_int, mode: u32) -> Result<OwnedFd> {
        #[repr(C)]
        struct How([u64; 3]);
        const RESOLVE_IN_ROOT: u64 = 0x10;
        let path = CString::new(path).map_err(|_| Errno::ENOENT)?;
        let flags = (flags | libc::O_CLOEXEC).cast_unsigned();
        let creates =
            flags.cast_signed() & libc::O_CREAT != 0 || flags.cast_signed() & libc::O_TMPFILE == libc::O_TMPFILE;
        let how = How([u64::from(flags), if creates { u64::from(mode) } else { 0 }, RESOLVE_IN_ROOT]);
        let is_new = creates && self.stat(path.to_bytes(), true).is_err();
        let fd = unsafe {
            libc::syscall(libc::SYS_openat2, self.root.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<How>())
        };
        let file = owned(fd)?;
        if is_new {
            // The tests' own umask counts for nothing.
            done(unsafe { libc::fchmod(file.as_raw_fd(), mode) })?;
        }
        Ok(file)
    }

    /// The folder of a path, open, and the name in it with its final slashes.
    fn parent(&self, path: &[u8]) -> Result<(OwnedFd, CString)> {
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let folder = if start == 0 { b"/" } else { &path[..start] };
        let name = if path[start..].is_empty() || end == 0 { b"." } else { &path[start..] };
        let folder = self.opened(folder, libc::O_PATH | libc::O_DIRECTORY, 0)?;
        Ok((folder, CString::new(name).map_err(|_| Errno::ENOENT)?))
    }

    fn below(&self, path: &[u8], act: impl FnOnce(RawFd, *const libc::c_char) -> c_int) -> Result<()> {
        let (folder, name) = self.parent(path)?;
        done(act(folder.as_raw_fd(), name.as_ptr()))
    }

    /// As `below`, for the inner one of two paths.
    fn raw_below(&self, path: &[u8], act: impl FnOnce(RawFd, *const libc::c_char) -> c_int) -> c_int {
        match self.parent(path) {
            Ok((folder, name)) => act(folder.as_raw_fd(), name.as_ptr()),
            Err(errno) => {
                unsafe { *libc::__errno_location() = errno.0 };
                -1
            }
        }
    }

    /// Calls `act` with this machine's name for a file.
    fn named(&self, path: &[u8], follow: bool, act: impl FnOnce(*const libc::c_char) -> c_int) -> Result<()> {
        let name = self.machine_name(path, follow)?;
        done(act(name.0.as_ptr()))
    }

    /// A name without a link as its last component, and what keeps it valid.
    fn machine_name(&self, path: &[u8], follow: bool) -> Result<(CString, OwnedFd)> {
        let real = if follow { self.real_path(path)? } else { path.to_vec() };
        let (folder, name) = self.parent(&real)?;
        let prefix = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
        let name = CString::new([prefix, name.into_bytes()].concat()).map_err(|_| Errno::ENOENT)?;
        Ok((name, folder))
    }

    fn stat(&self, path: &[u8], follow: bool) -> Result<Metadata> {
        let flags = if follow { libc::O_PATH } else { libc::O_PATH | libc::O_NOFOLLOW };
        let file = self.opened(path, flags, 0)?;
        Ok(metadata_of(&status(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)?))
    }

    fn change(&self, change: &Change) -> Result<Metadata> {
        let Which::Path { path, follow } = &change.file else { return Err(Errno::EINVAL) };
        if let Some(mode) = change.mode {
            if self.stat(path, *follow)?.mode & libc::S_IFMT == libc::S_IFLNK {
                return Err(Errno(libc::EOPNOTSUPP));
            }
            self.named(path, *follow, |file| unsafe { libc::chmod(file, mode) })?;
        }
        if change.uid.is_some() || change.gid.is_some() {
            let (uid, gid) = (change.uid.unwrap_or(u32::MAX), change.gid.unwrap_or(u32::MAX));
            self.named(path, *follow, |file| unsafe { libc::lchown(file, uid, gid) })?;
        }
        if let Some(size) = change.size {
            self.named(path, *follow, |file| unsafe { libc::truncate(file, size) })?;
        }
        if (change.atime, change.mtime) != (SetTime::Keep, SetTime::Keep) {
            let times = [timespec(change.atime), timespec(change.mtime)];
            let flags = libc::AT_SYMLINK_NOFOLLOW;
            self.named(path, *follow, |file| unsafe { libc::utimensat(libc::AT_FDCWD, file, times.as_ptr(), flags) })?;
        }
        self.stat(path, *follow)
    }

    fn access(&self, path: &[u8], mode: c_int, follow: bool) -> Result<()> {
        self.named(path, follow, |file| unsafe {
            libc::faccessat(libc::AT_FDCWD, file, mode, libc::AT_SYMLINK_NOFOLLOW)
        })
    }

    fn read_link(&self, path: &[u8]) -> Result<Vec<u8>> {
        let (folder, name) = self.parent(path)?;
        let mut text = vec![0; 4096];
        let len = unsafe { libc::readlinkat(folder.as_raw_fd(), name.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
        text.truncate(usize::try_from(len).map_err(|_| last())?);
        Ok(text)
    }

    fn real_path(&self, path: &[u8]) -> Result<Vec<u8>> {
        let file = self.opened(path, libc::O_PATH, 0)?;
        let name = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let name = name.into_os_string().into_encoded_bytes();
        let rest = name.strip_prefix(self.prefix.as_slice()).ok_or(Errno::EIO)?;
        Ok(if rest.is_empty() { b"/".to_vec() } else { rest.to_vec() })
    }

    fn make_directory(&self, path: &[u8], mode: u32) -> Result<()> {
        self.below(path, |folder, name| unsafe { libc::mkdirat(folder, name, mode) })?;
        self.named(path, false, |file| unsafe { libc::chmod(file, mode) })
    }

    fn hard_link(&self, file: &Which, to: &[u8]) -> Result<()> {
        let Which::Path { path, follow } = file else { return Err(Errno::EINVAL) };
        let (name, _folder) = self.machine_name(path, *follow)?;
        self.below(to, |folder, to| unsafe { libc::linkat(libc::AT_FDCWD, name.as_ptr(), folder, to, 0) })
    }

    fn stat_fs(&self, path: &[u8]) -> Result<FsStatus> {
        self.opened(path, libc::O_PATH, 0)?;
        // Not this machine's, so that a test sees the difference.
        Ok(FsStatus {
            kind: 0x1234,
            bsize: 8192,
            blocks: 1000,
            bfree: 500,
            bavail: 400,
            files: 300,
            ffree: 200,
            namelen: 143,
            frsize: 512,
            flags: 0x21,
        })
    }

    fn attribute(
        &self,
        path: &[u8],
        follow: bool,
        act: impl FnOnce(*const libc::c_char, &mut [u8]) -> isize,
    ) -> Result<Vec<u8>> {
        let (name, _folder) = self.machine_name(path, follow)?;
        let mut room = vec![0; 65_536];
        let len = act(name.as_ptr(), &mut room);
        room.truncate(usize::try_from(len).map_err(|_| last())?);
        Ok(room)
    }
}

fn encoded<R: codec::Encode>(result: &Result<R>) -> ToLayer {
    ToLayer::Answer(codec::encode(result).expect("an answer fits"))
}

fn last() -> Errno {
    Error::last_os_error().into()
}

fn done(result: c_int) -> Result<()> {
    if result == -1 { Err(last()) } else { Ok(()) }
}

fn owned(fd: c_long) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(last());
    }
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd).expect("a descriptor")) })
}

fn status(folder: RawFd, path: &CStr, flags: c_int) -> Result<libc::stat> {
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    done(unsafe { libc::fstatat(folder, path.as_ptr(), &raw mut status, flags) }).map(|()| status)
}

fn timespec(time: SetTime) -> libc::timespec {
    let (tv_sec, tv_nsec) = match time {
        SetTime::Keep => (0, libc::UTIME_OMIT),
        SetTime::Now => (0, libc::UTIME_NOW),
        SetTime::At(Timestamp { seconds, nanoseconds }) => (seconds, nanoseconds),
    };
    libc::timespec { tv_sec, tv_nsec }
}

/// The test's own files are somebody else's in the target.
fn metadata_of(status: &libc::stat) -> Metadata {
    let own = unsafe { (libc::geteuid(), libc::getegid()) };
    Metadata {
        uid: if status.st_uid == own.0 { OWNER.0 } else { status.st_uid },
        gid: if status.st_gid == own.1 { OWNER.1 } else { status.st_gid },
        ..Metadata::from(status)
    }
}

/// A read-only descriptor of a file in memory, as the real session hands out.
fn copy_of(path: &[u8], file: &OwnedFd, metadata: &Metadata) -> OwnedFd {
    let name = CString::new(path).expect("no NUL");
    let mut content = std::fs::File::from(file.try_clone().expect("a descriptor is left"));
    let mut memory =
        std::fs::File::from(memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC).expect("files in memory"));
    std::io::copy(&mut content, &mut memory).expect("memory is left");
    memory.set_permissions(std::fs::Permissions::from_mode(metadata.mode & 0o7777)).expect("its owner may");
    let times = [timespec(SetTime::At(metadata.atime)), timespec(SetTime::At(metadata.mtime))];
    done(unsafe { libc::futimens(memory.as_raw_fd(), times.as_ptr()) }).expect("its owner may");
    let path = CString::new(format!("/proc/self/fd/{}", memory.as_raw_fd())).expect("no NUL");
    let again = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    owned(c_long::from(again)).expect("/proc is mounted")
}
