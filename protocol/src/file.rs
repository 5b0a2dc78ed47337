//! The target's files.

use bincode::{Decode, Encode};

/// A path as the program wrote it, made absolute: bytes, not necessarily UTF-8, without a NUL.
pub type PathBytes = Vec<u8>;

/// Opens a file for reading and sends its whole content behind the reply, as the blob. open(2) with `O_RDONLY`.
///
/// One request serves open, fstat, every read and close: the reader gets a snapshot.
/// Fails with the target kernel's errno; a directory fails with `EISDIR`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenFile {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// `O_NOFOLLOW` was given: a symbolic link as last component fails with `ELOOP`.
    pub no_follow: bool,
}

/// Answer to [`OpenFile`]; the content follows as the blob.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FileOpened {
    /// The file as it was when opened.
    pub metadata: Metadata,
}

/// stat(2), or lstat(2) when `follow` is false.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stat {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// Whether a symbolic link as last component is followed.
    pub follow: bool,
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

/// `struct timespec`, since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds within the second, `0..1_000_000_000`.
    pub nanoseconds: i64,
}

/// access(2) with the agent's rights in the target. Answers nothing, or fails with the errno.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Access {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
    /// `F_OK`, or a mask of `R_OK`, `W_OK`, `X_OK`.
    pub mode: i32,
}

/// readlink(2). Answers the link's text, not resolved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReadLink {
    /// Absolute path inside the target's root.
    pub path: PathBytes,
}
