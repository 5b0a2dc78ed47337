//! The target's files.
//!
//! Every path is absolute inside the target's root; links and `..` are resolved there and never lead out of it. Every
//! operation fails with the errno that the target's kernel gives to the target's own user.

use bincode::{Decode, Encode};

use crate::codec;

/// A path as the program wrote it, made absolute: bytes, not necessarily UTF-8, without a NUL.
pub type PathBytes = Vec<u8>;

/// Longest content, in bytes, that travels with the answer to [`Open`].
pub const CONTENT_LIMIT: usize = 1024 * 1024;

/// Most bytes that one [`Write`] carries: an operation and its names fit into one frame of the link.
pub const WRITE_LIMIT: usize = 60 * 1024;

/// Most bytes that one [`Read`] asks for.
pub const READ_LIMIT: u32 = 4 * 1024 * 1024;

/// A file that the agent holds open for a session, until [`Close`] or the session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Handle(pub u64);

/// Which file is meant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Which {
    /// The one at this path.
    Path {
        /// Absolute path inside the target's root.
        path: PathBytes,
        /// Whether a symbolic link as last component is followed.
        follow: bool,
    },
    /// One that is open.
    Open(Handle),
}

/// Opens a file, or creates it. open(2).
///
/// One request serves open, fstat, every read and close of a small file, and a whole listing of a directory.
/// FIFOs, sockets and devices fail with `ENXIO` unless `O_PATH` is set.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Open {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// Flags of open(2), by their numbers on x86-64 (other architectures translate).
    pub flags: i32,
    /// Permissions of a file that is created, the program's umask(2) taken off already.
    pub mode: u32,
}

/// Answer to [`Open`]; [`Content`] says what the blob is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opened {
    /// The file as it is now that it is open.
    pub metadata: Metadata,
    /// Where it is: absolute inside the target's root, without links, `.` and `..`.
    pub path: PathBytes,
    /// What the blob holds.
    pub content: Content,
}

/// What travels with the answer to [`Open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Content {
    /// The blob is all there is to read; nothing is held open. Regular files opened for reading that are not larger
    /// than [`CONTENT_LIMIT`] and have not changed lately, unless `O_CREAT` asks for a handle, and files of procfs and
    /// sysfs.
    Whole,
    /// The file is held open; the blob is its beginning, perhaps nothing of it.
    Beginning(Handle),
    /// The directory is held open; the blob is its listing ([`Entry`]).
    Listing(Handle),
}

/// An entry of a directory, as getdents64(2) gives it, `.` and `..` included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Inode number.
    pub ino: u64,
    /// File type: `DT_REG`, `DT_DIR`… of readdir(3).
    pub kind: u8,
    /// Name: bytes without a slash or NUL, never empty.
    pub name: &'a [u8],
    /// What else is known of the file; nothing where finding out would have taken long, or is not permitted.
    pub details: Option<Details>,
}

/// What a listing tells of a file, so that nobody needs to ask for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Details {
    /// As lstat(2) has it.
    pub metadata: Metadata,
    /// Whether listxattr(2) names nothing: the file has no extended attributes, no access control list, no label.
    pub bare: bool,
}

impl<'a> Entry<'a> {
    /// Adds the entry to a listing: inode number (8 bytes, little endian), type, name, NUL, details as messages are encoded.
    pub fn append_to(&self, listing: &mut Vec<u8>) {
        let Self { ino, kind, name, details } = self;
        listing.extend(ino.to_le_bytes());
        listing.push(*kind);
        listing.extend(*name);
        listing.push(0);
        codec::append(details, listing);
    }

    /// Takes the first entry off a listing; nothing at its end, or where it is malformed: an empty name, one with a
    /// slash, one longer than 255 bytes, or details that are none.
    pub fn take_from(listing: &mut &'a [u8]) -> Option<Self> {
        const NAME_LIMIT: usize = 255;
        let (ino, rest) = listing.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let len = rest.iter().take(NAME_LIMIT + 1).position(|byte| *byte == 0)?;
        let (name, rest) = rest.split_at(len);
        if name.is_empty() || name.contains(&b'/') {
            return None;
        }
        let mut rest = rest.get(1..)?;
        let details = codec::take(&mut rest).ok()?;
        *listing = rest;
        Some(Self { ino: u64::from_le_bytes(*ino), kind: *kind, name, details })
    }
}

/// pread(2). Answers nothing but the blob: fewer bytes than asked for at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Read {
    /// The open file.
    pub handle: Handle,
    /// Where to begin, in bytes.
    pub offset: i64,
    /// How much, in bytes, at most [`READ_LIMIT`].
    pub len: u32,
}

/// pwrite(2), whole; under `O_APPEND` at the end of the file, wherever `offset` points. Writes to one handle that appends
/// are done in the order of their arrival, so that several may be under way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Write {
    /// The open file.
    pub handle: Handle,
    /// Where to begin, in bytes.
    pub offset: i64,
    /// What to write, at most [`WRITE_LIMIT`] bytes.
    pub data: Vec<u8>,
}

/// Lists an open directory from its beginning. Answers nothing but the blob, which is the listing ([`Entry`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct List {
    /// The open directory.
    pub handle: Handle,
}

/// fsync(2), or fdatasync(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Synchronise {
    /// The open file.
    pub handle: Handle,
    /// Only what is needed to read the data back.
    pub data_only: bool,
}

/// close(2). Locks placed through the handle are released, with all that their owners hold on the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Close {
    /// The open file.
    pub handle: Handle,
}

/// fallocate(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Allocate {
    /// The open file.
    pub handle: Handle,
    /// Mode bits of fallocate(2).
    pub mode: i32,
    /// Start of the range, in bytes.
    pub offset: i64,
    /// Length of the range, in bytes.
    pub len: i64,
}

/// lseek(2) with `SEEK_DATA` (true) or `SEEK_HOLE` (false). Answers the offset found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seek {
    /// The open file.
    pub handle: Handle,
    /// Where to begin, in bytes.
    pub offset: i64,
    /// Whether data is looked for, or a hole.
    pub data: bool,
}

/// What a lock lets others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LockKind {
    /// Others may share it.
    Shared,
    /// Nobody else may hold it.
    Exclusive,
    /// It is given up.
    Unlocked,
}

/// Places or removes a lock. flock(2) when `range` is nothing, fcntl(2) `F_SETLK` otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lock {
    /// The open file.
    pub handle: Handle,
    /// Who locks: locks of one owner on one file do not exclude each other, through whatever handles. Unique within the
    /// session.
    pub owner: u64,
    /// What the lock allows.
    pub kind: LockKind,
    /// Start and length in bytes, length 0: to the end of the file.
    pub range: Option<(i64, i64)>,
    /// Whether to wait for others; the wait ends when the session resets the request's stream.
    ///
    /// A lock is the owner's once the session, which has the answer, finishes its direction of the stream. If it resets
    /// the stream instead, because nobody wants the lock any more, everything is as it was before.
    pub wait: bool,
}

/// Whether a record lock could be placed. fcntl(2) `F_GETLK`. Answers the lock that is in the way, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TestLock {
    /// The open file.
    pub handle: Handle,
    /// Who asks.
    pub owner: u64,
    /// What the lock would allow.
    pub kind: LockKind,
    /// Start and length in bytes, length 0: to the end of the file.
    pub range: (i64, i64),
}

/// A record lock that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldLock {
    /// What it allows.
    pub kind: LockKind,
    /// Start and length in bytes, length 0: to the end of the file.
    pub range: (i64, i64),
    /// The holder's process in the target; -1 when it belongs to an open file description.
    pub pid: i32,
}

/// stat(2), lstat(2), fstat(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stat {
    /// The file.
    pub file: Which,
}

/// What stat(2) tells of a file. Field names are those of `struct stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Metadata {
    /// Device of the file, in the target.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// File type and permission bits, as in inode(7).
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u64,
    /// Owner's user id.
    pub uid: u32,
    /// Owner's group id.
    pub gid: u32,
    /// Device that a special file stands for.
    pub rdev: u64,
    /// Size in bytes.
    pub size: i64,
    /// Preferred I/O size in bytes.
    pub blksize: i64,
    /// Number of 512-byte blocks.
    pub blocks: i64,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
}

impl From<&libc::stat> for Metadata {
    #[cfg_attr(
        target_arch = "x86_64",
        expect(clippy::useless_conversion, reason = "the width of these fields depends on the architecture")
    )]
    fn from(status: &libc::stat) -> Self {
        let time = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
        Self {
            dev: status.st_dev,
            ino: status.st_ino,
            mode: status.st_mode,
            nlink: status.st_nlink.into(),
            uid: status.st_uid,
            gid: status.st_gid,
            rdev: status.st_rdev,
            size: status.st_size,
            blksize: status.st_blksize.into(),
            blocks: status.st_blocks,
            atime: time(status.st_atime, status.st_atime_nsec),
            mtime: time(status.st_mtime, status.st_mtime_nsec),
            ctime: time(status.st_ctime, status.st_ctime_nsec),
        }
    }
}

impl From<&libc::statx> for Metadata {
    fn from(status: &libc::statx) -> Self {
        let time = |time: libc::statx_timestamp| Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec.into() };
        Self {
            dev: libc::makedev(status.stx_dev_major, status.stx_dev_minor),
            ino: status.stx_ino,
            mode: status.stx_mode.into(),
            nlink: status.stx_nlink.into(),
            uid: status.stx_uid,
            gid: status.stx_gid,
            rdev: libc::makedev(status.stx_rdev_major, status.stx_rdev_minor),
            size: status.stx_size.cast_signed(),
            blksize: status.stx_blksize.into(),
            blocks: status.stx_blocks.cast_signed(),
            atime: time(status.stx_atime),
            mtime: time(status.stx_mtime),
            ctime: time(status.stx_ctime),
        }
    }
}

/// `struct timespec`, since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds within the second, `0..1_000_000_000`.
    pub nanoseconds: i64,
}

/// A time to set. utimensat(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum SetTime {
    /// It stays (`UTIME_OMIT`).
    #[default]
    Keep,
    /// The target's clock (`UTIME_NOW`).
    Now,
    /// This time.
    At(Timestamp),
}

/// chmod(2), chown(2), truncate(2), utimensat(2), or several of them, in this order. Answers the file's new metadata.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// The file.
    pub file: Which,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner's user id.
    pub uid: Option<u32>,
    /// Owner's group id.
    pub gid: Option<u32>,
    /// Size in bytes.
    pub size: Option<i64>,
    /// Last access.
    pub atime: SetTime,
    /// Last change of the content.
    pub mtime: SetTime,
}

/// access(2). Answers nothing, or fails with the errno.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Access {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// `F_OK`, or a mask of `R_OK`, `W_OK`, `X_OK`.
    pub mode: i32,
    /// Whether a symbolic link as last component is followed.
    pub follow: bool,
}

/// readlink(2). Answers the link's text, not resolved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReadLink {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
}

/// realpath(3): every link resolved. Answers the path; fails with `ENOENT` when the last component does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RealPath {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
}

/// mkdir(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MakeDirectory {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// Permissions, the program's umask(2) taken off already.
    pub mode: u32,
}

/// mknod(2), for regular files, FIFOs and sockets; devices fail with `EPERM`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MakeNode {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// Type and permissions, the program's umask(2) taken off already.
    pub mode: u32,
}

/// unlink(2), or rmdir(2) when `directory`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Remove {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// Whether a directory is meant.
    pub directory: bool,
}

/// renameat2(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rename {
    /// Absolute path inside the target's root.
    pub from: PathBytes,
    /// Absolute path inside the target's root.
    pub to: PathBytes,
    /// `RENAME_NOREPLACE`, `RENAME_EXCHANGE` or nothing.
    pub flags: u32,
}

/// linkat(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HardLink {
    /// The file that gets another name.
    pub file: Which,
    /// Absolute path inside the target's root.
    pub to: PathBytes,
}

/// symlink(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SymbolicLink {
    /// The link's text.
    pub text: Vec<u8>,
    /// Absolute path inside the target's root.
    pub path: PathBytes,
}

/// statfs(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StatFs {
    /// A file of the file system.
    pub file: Which,
}

/// What statfs(2) tells of a file system. Field names are those of `struct statfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FsStatus {
    /// Kind of the file system, a magic number.
    pub kind: i64,
    /// Block size in bytes.
    pub bsize: i64,
    /// Number of blocks.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Free blocks for users without privileges.
    pub bavail: u64,
    /// Number of inodes.
    pub files: u64,
    /// Free inodes.
    pub ffree: u64,
    /// Longest name in bytes.
    pub namelen: i64,
    /// Fragment size in bytes.
    pub frsize: i64,
    /// Mount flags.
    pub flags: i64,
}

/// getxattr(2), lgetxattr(2), fgetxattr(2). Answers the whole value.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GetAttribute {
    /// The file.
    pub file: Which,
    /// Name with its namespace, without a NUL.
    pub name: Vec<u8>,
}

/// listxattr(2). Answers the names, each ended by NUL.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ListAttributes {
    /// The file.
    pub file: Which,
}

/// setxattr(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetAttribute {
    /// The file.
    pub file: Which,
    /// Name with its namespace, without a NUL.
    pub name: Vec<u8>,
    /// The value, at most [`WRITE_LIMIT`] bytes.
    pub value: Vec<u8>,
    /// `XATTR_CREATE`, `XATTR_REPLACE` or nothing.
    pub flags: i32,
}

/// removexattr(2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemoveAttribute {
    /// The file.
    pub file: Which,
    /// Name with its namespace, without a NUL.
    pub name: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_survive_the_wire_and_hostile_ones_end() {
        let time = Timestamp { seconds: -1, nanoseconds: 999_999_999 };
        let metadata = Metadata {
            dev: 1,
            ino: 2,
            mode: 0o100_644,
            nlink: 1,
            uid: 1000,
            gid: u32::MAX,
            rdev: 0,
            size: i64::MAX,
            blksize: 4096,
            blocks: 8,
            atime: time,
            mtime: time,
            ctime: time,
        };
        let entries = [
            Entry { ino: 1, kind: 4, name: b".", details: None },
            Entry { ino: 2, kind: 8, name: b"known", details: Some(Details { metadata, bare: true }) },
            Entry { ino: u64::MAX, kind: 8, name: b"\xff name\n", details: None },
        ];
        let mut listing = Vec::new();
        for entry in &entries {
            entry.append_to(&mut listing);
        }
        let mut rest = listing.as_slice();
        assert_eq!(std::iter::from_fn(|| Entry::take_from(&mut rest)).collect::<Vec<_>>(), entries);
        assert!(rest.is_empty());
        for hostile in [
            &b"12345678\x04\0\0"[..],
            b"12345678\x04a/b\0\0",
            b"12345678\x04abc",
            b"12345678\x04abc\0",
            b"12345678\x04abc\0\x02",
            b"12345678\x04abc\0\x01\x01\x02",
            b"1234",
            &[1; 300],
        ] {
            assert_eq!(Entry::take_from(&mut { hostile }), None);
        }
    }
}
