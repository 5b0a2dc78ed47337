//! Metadata, sizes and extended attributes.

use std::rc::Rc;

use protocol::{
    Errno,
    file::{
        Access, Allocate, Change, FsStatus, GetAttribute, ListAttributes, RemoveAttribute, Seek, SetAttribute, SetTime,
        Stat, StatFs, Synchronise, Timestamp, Which,
    },
};

use super::{
    Helper,
    abi::{Body, Fields},
    file::File,
    tree::Node,
};
use crate::descriptors::wire::Moment;

/// Which fields of `struct fuse_setattr_in` count (`FATTR_…`).
mod valid {
    pub(super) const MODE: u32 = 1 << 0;
    pub(super) const UID: u32 = 1 << 1;
    pub(super) const GID: u32 = 1 << 2;
    pub(super) const SIZE: u32 = 1 << 3;
    pub(super) const ATIME: u32 = 1 << 4;
    pub(super) const MTIME: u32 = 1 << 5;
    pub(super) const FH: u32 = 1 << 6;
    pub(super) const ATIME_NOW: u32 = 1 << 7;
    pub(super) const MTIME_NOW: u32 = 1 << 8;
}

/// The kernel asks for this one before it lets anybody write; the target minds its capabilities itself.
const CAPABILITY: &[u8] = b"security.capability";

/// A change as the kernel wants it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) file: Option<u64>,
    change: Change,
}

impl Wanted {
    /// Reads `struct fuse_setattr_in`. The file it is for is filled in later.
    pub(super) fn parse(mut fields: Fields<'_>) -> Option<Self> {
        let (mask, _) = (fields.u32()?, fields.u32()?);
        let (file, size, _lock_owner) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (atime, mtime, _ctime) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (atime_nanos, mtime_nanos, _ctime_nanos) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (mode, _unused, uid, gid) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let has = |bit: u32| mask & bit != 0;
        let time = |set: bool, now: bool, seconds: u64, nanoseconds: u32| match (set, now) {
            (false, _) => SetTime::Keep,
            (true, true) => SetTime::Now,
            (true, false) => {
                SetTime::At(Timestamp { seconds: seconds.cast_signed(), nanoseconds: i64::from(nanoseconds) })
            }
        };
        let change = Change {
            file: Which::Path { path: Vec::new(), follow: false },
            mode: has(valid::MODE).then_some(mode & 0o7777),
            uid: has(valid::UID).then_some(uid),
            gid: has(valid::GID).then_some(gid),
            size: has(valid::SIZE).then_some(size.cast_signed()),
            atime: time(has(valid::ATIME), has(valid::ATIME_NOW), atime, atime_nanos),
            mtime: time(has(valid::MTIME), has(valid::MTIME_NOW), mtime, mtime_nanos),
        };
        Some(Self { file: has(valid::FH).then_some(file), change })
    }
}

impl Helper {
    /// How the agent finds a node: through an open file, which no rename can take away, else by path.
    fn which(node: &Node, file: Option<&Rc<File>>) -> Which {
        let any = || node.files().iter().find_map(|file| file.handle_if_any());
        let handle = file.and_then(|file| file.handle_if_any()).or_else(any);
        handle.map_or_else(|| Which::Path { path: node.path(), follow: false }, Which::Open)
    }

    /// Attributes of a node, no older than a second and with everything in them that was written here.
    pub(super) async fn attributes(self: &Rc<Self>, node: &Rc<Node>, file: Option<&Rc<File>>) -> Result<Body, Errno> {
        node.writes.settle(self, node).await;
        if node.fresh().is_none() {
            let (metadata, asked) = self.caller.ask_lately(Stat { file: Self::which(node, file) }).await?;
            node.learn(metadata, asked);
        }
        Ok(self.attribute_answer(node))
    }

    /// `struct fuse_attr_out`.
    fn attribute_answer(&self, node: &Node) -> Body {
        let valid = node.fresh().map(|(_, rest)| rest).unwrap_or_default();
        let metadata = node.metadata().unwrap_or_else(Self::unknown_directory);
        Body::default()
            .u64(valid.as_secs())
            .u32(valid.subsec_nanos())
            .u32(0)
            .attributes(&metadata, self.owners.shown(metadata.uid, metadata.gid))
    }

    /// chmod(2), chown(2), truncate(2), utimensat(2).
    pub(super) async fn change(self: &Rc<Self>, node: &Rc<Node>, wanted: Wanted) -> Result<Body, Errno> {
        node.writes.settle(self, node).await;
        let file = wanted.file.and_then(|number| self.file(number).ok());
        let change = Change { file: Self::which(node, file.as_ref()), ..wanted.change };
        let asked = Moment::now();
        let (metadata, _) = self.caller.ask(change).await?;
        node.learn(metadata, asked);
        Ok(self.attribute_answer(node))
    }

    /// access(2), and whether a directory may be entered.
    pub(super) async fn access(&self, node: &Node, mode: u32) -> Result<(), Errno> {
        let mode = (mode & 7).cast_signed();
        self.caller.ask(Access { path: node.path(), mode, follow: false }).await.map(drop)
    }

    /// fsync(2).
    pub(super) async fn synchronise(self: &Rc<Self>, file: &Rc<File>, data_only: bool) -> Result<(), Errno> {
        self.flush(file).await?;
        match file.handle_if_any() {
            Some(handle) => self.caller.ask(Synchronise { handle, data_only }).await.map(drop),
            None => Ok(()), // never written to
        }
    }

    /// fallocate(2).
    pub(super) async fn allocate(
        self: &Rc<Self>,
        file: &Rc<File>,
        (offset, len): (u64, u64),
        mode: u32,
    ) -> Result<(), Errno> {
        file.node.writes.settle(self, &file.node).await;
        let handle = file.handle(self).await?;
        let (offset, len, mode) = (offset.cast_signed(), len.cast_signed(), mode.cast_signed());
        self.caller.ask(Allocate { handle, mode, offset, len }).await?;
        file.node.changed();
        Ok(())
    }

    /// lseek(2) to data or to a hole.
    pub(super) async fn seek(self: &Rc<Self>, file: &Rc<File>, offset: u64, whence: u32) -> Result<i64, Errno> {
        let data = match whence.cast_signed() {
            libc::SEEK_DATA => true,
            libc::SEEK_HOLE => false,
            _ => return Err(Errno::EINVAL),
        };
        file.node.writes.settle(self, &file.node).await;
        let handle = file.handle(self).await?;
        let (found, _) = self.caller.ask(Seek { handle, offset: offset.cast_signed(), data }).await?;
        Ok(found)
    }

    /// `struct fuse_statfs_out`.
    pub(super) async fn file_system(&self, node: &Node) -> Result<Body, Errno> {
        let (status, _) = self.caller.ask(StatFs { file: Self::which(node, None) }).await?;
        let FsStatus { kind: _, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags: _ } = status;
        let small = |value: i64| u32::try_from(value).unwrap_or(0);
        let body = Body::default().u64(blocks).u64(bfree).u64(bavail).u64(files).u64(ffree);
        Ok(body.u32(small(bsize)).u32(small(namelen)).u32(small(frsize)).zeros(4 + 6 * 4))
    }

    pub(super) async fn attribute(&self, node: &Node, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name == CAPABILITY {
            return Err(Errno(libc::ENODATA));
        }
        let request = GetAttribute { file: Self::which(node, None), name: name.to_vec() };
        Ok(self.caller.ask(request).await?.0)
    }

    pub(super) async fn attribute_names(&self, node: &Node) -> Result<Vec<u8>, Errno> {
        Ok(self.caller.ask(ListAttributes { file: Self::which(node, None) }).await?.0)
    }

    pub(super) async fn set_attribute(&self, node: &Node, name: &[u8], value: &[u8], flags: i32) -> Result<(), Errno> {
        let (name, value) = (name.to_vec(), value.to_vec());
        self.caller.ask(SetAttribute { file: Self::which(node, None), name, value, flags }).await?;
        node.forget_metadata();
        Ok(())
    }

    pub(super) async fn remove_attribute(&self, node: &Node, name: &[u8]) -> Result<(), Errno> {
        let request = RemoveAttribute { file: Self::which(node, None), name: name.to_vec() };
        self.caller.ask(request).await?;
        node.forget_metadata();
        Ok(())
    }
}
