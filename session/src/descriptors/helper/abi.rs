//! FUSE's binary interface, version 7.31 and what newer kernels offer: fuse(4), `linux/fuse.h`.
//!
//! Numbers travel in the machine's own byte order. The kernel is trusted to keep to the format, not to be in a hurry:
//! whatever is too short is answered with EINVAL.

use protocol::file::{Metadata, Timestamp};

/// The version that we speak; the kernel adapts to it.
pub(super) const VERSION: (u32, u32) = (7, 40);

/// Bytes in front of every request and every answer.
pub(super) const REQUEST_HEAD: usize = 40;

/// Operations, by their numbers in `enum fuse_opcode`.
pub(super) mod opcode {
    pub(in super::super) const LOOKUP: u32 = 1;
    pub(in super::super) const FORGET: u32 = 2;
    pub(in super::super) const GETATTR: u32 = 3;
    pub(in super::super) const SETATTR: u32 = 4;
    pub(in super::super) const READLINK: u32 = 5;
    pub(in super::super) const SYMLINK: u32 = 6;
    pub(in super::super) const MKNOD: u32 = 8;
    pub(in super::super) const MKDIR: u32 = 9;
    pub(in super::super) const UNLINK: u32 = 10;
    pub(in super::super) const RMDIR: u32 = 11;
    pub(in super::super) const RENAME: u32 = 12;
    pub(in super::super) const LINK: u32 = 13;
    pub(in super::super) const OPEN: u32 = 14;
    pub(in super::super) const READ: u32 = 15;
    pub(in super::super) const WRITE: u32 = 16;
    pub(in super::super) const STATFS: u32 = 17;
    pub(in super::super) const RELEASE: u32 = 18;
    pub(in super::super) const FSYNC: u32 = 20;
    pub(in super::super) const SETXATTR: u32 = 21;
    pub(in super::super) const GETXATTR: u32 = 22;
    pub(in super::super) const LISTXATTR: u32 = 23;
    pub(in super::super) const REMOVEXATTR: u32 = 24;
    pub(in super::super) const FLUSH: u32 = 25;
    pub(in super::super) const INIT: u32 = 26;
    pub(in super::super) const OPENDIR: u32 = 27;
    pub(in super::super) const READDIR: u32 = 28;
    pub(in super::super) const RELEASEDIR: u32 = 29;
    pub(in super::super) const FSYNCDIR: u32 = 30;
    pub(in super::super) const GETLK: u32 = 31;
    pub(in super::super) const SETLK: u32 = 32;
    pub(in super::super) const SETLKW: u32 = 33;
    pub(in super::super) const ACCESS: u32 = 34;
    pub(in super::super) const CREATE: u32 = 35;
    pub(in super::super) const INTERRUPT: u32 = 36;
    pub(in super::super) const DESTROY: u32 = 38;
    pub(in super::super) const BATCH_FORGET: u32 = 42;
    pub(in super::super) const FALLOCATE: u32 = 43;
    pub(in super::super) const RENAME2: u32 = 45;
    pub(in super::super) const LSEEK: u32 = 46;
    pub(in super::super) const TMPFILE: u32 = 51;
}

/// Features that are asked for at the start (`FUSE_INIT` flags).
pub(super) mod feature {
    /// Several reads of one file at once.
    pub(in super::super) const ASYNC_READ: u64 = 1 << 0;
    /// fcntl(2) locks are ours.
    pub(in super::super) const POSIX_LOCKS: u64 = 1 << 1;
    /// `O_TRUNC` comes with the open.
    pub(in super::super) const ATOMIC_O_TRUNC: u64 = 1 << 3;
    /// Writes of more than a page.
    pub(in super::super) const BIG_WRITES: u64 = 1 << 5;
    /// flock(2) is ours.
    pub(in super::super) const FLOCK_LOCKS: u64 = 1 << 10;
    /// Cached pages are dropped when time or size of a file have changed.
    pub(in super::super) const AUTO_INVAL_DATA: u64 = 1 << 12;
    /// Look-ups and listings of one directory at once.
    pub(in super::super) const PARALLEL_DIROPS: u64 = 1 << 18;
    /// `max_pages` of the answer counts.
    pub(in super::super) const MAX_PAGES: u64 = 1 << 22;
    /// The target clears set-id bits on writes: the kernel needs not look for capabilities before each write.
    pub(in super::super) const HANDLE_KILLPRIV_V2: u64 = 1 << 28;
    /// `flags2` counts.
    pub(in super::super) const INIT_EXT: u64 = 1 << 30;
    /// Files without a page cache can be mapped.
    pub(in super::super) const DIRECT_IO_ALLOW_MMAP: u64 = 1 << 36;
}

/// Flags of an answer to open (`FOPEN_…`).
pub(super) mod open_flag {
    /// No page cache for this open file.
    pub(in super::super) const DIRECT_IO: u32 = 1 << 0;
    /// What is cached of the file is still right.
    pub(in super::super) const KEEP_CACHE: u32 = 1 << 1;
}

/// One request as it came: who asks, of which node, and the rest.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) opcode: u32,
    pub(super) unique: u64,
    pub(super) node: u64,
    /// The thread that waits, in our own process-id namespace; 0 when it is not visible from there.
    pub(super) thread: i32,
    /// Behind the head: the operation's struct, names, data.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads a request; nothing if it is shorter than a head.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (_len, opcode) = (fields.u32()?, fields.u32()?);
        let (unique, node) = (fields.u64()?, fields.u64()?);
        let (_uid, _gid, thread) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let body = bytes.get(REQUEST_HEAD..)?.to_vec();
        Some(Self { opcode, unique, node, thread: thread.cast_signed(), body })
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(&self.body)
    }
}

/// Takes a request's body apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> From<&'a [u8]> for Fields<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Fields<'a> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_ne_bytes(*first))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_ne_bytes(*first))
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.u32().map(u32::cast_signed)
    }

    /// A text up to its NUL.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(text)
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Puts an answer together.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(super) fn zeros(mut self, count: usize) -> Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// `struct fuse_attr`. Ids are those that the mount's user namespace knows.
    pub(super) fn attributes(self, metadata: &Metadata, (uid, gid): (u32, u32)) -> Self {
        let Metadata { dev: _, ino, mode, nlink, uid: _, gid: _, rdev, size, blksize, blocks, atime, mtime, ctime } =
            *metadata;
        let nanoseconds = |time: Timestamp| u32::try_from(time.nanoseconds).unwrap_or(0).min(999_999_999);
        self.u64(ino)
            .u64(u64::try_from(size).unwrap_or(0))
            .u64(u64::try_from(blocks).unwrap_or(0))
            .u64(atime.seconds.cast_unsigned())
            .u64(mtime.seconds.cast_unsigned())
            .u64(ctime.seconds.cast_unsigned())
            .u32(nanoseconds(atime))
            .u32(nanoseconds(mtime))
            .u32(nanoseconds(ctime))
            .u32(mode)
            .u32(u32::try_from(nlink).unwrap_or(u32::MAX))
            .u32(uid)
            .u32(gid)
            .u32(encode_device(rdev))
            .u32(u32::try_from(blksize).unwrap_or(4096))
            .u32(0)
    }
}

/// A device number in the 32 bits that the kernel uses between itself and file systems (`new_encode_dev`).
fn encode_device(device: u64) -> u32 {
    let (major, minor) = (libc::major(device), libc::minor(device));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// The other way round.
pub(super) fn decode_device(device: u32) -> u64 {
    libc::makedev((device & 0xf_ff00) >> 8, (device & 0xff) | ((device >> 12) & 0xf_ff00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_survive_their_encoding() {
        for (major, minor) in [(0, 0), (8, 1), (259, 300), (4095, 0xf_ffff)] {
            let device = libc::makedev(major, minor);
            assert_eq!(decode_device(encode_device(device)), device, "{major}:{minor}");
        }
    }

    #[test]
    fn short_requests_are_nothing_and_texts_end_at_nul() {
        assert!(Request::parse(&[0; 39]).is_none());
        let mut fields = Fields(b"\x01\0\0\0name\0rest");
        assert_eq!(fields.u32().map(u32::to_le), Some(1));
        assert_eq!(fields.text(), Some(&b"name"[..]));
        assert_eq!((fields.text(), fields.u64(), fields.rest()), (None, None, &b"rest"[..]));
    }
}
