//! What a listing tells of a directory's entries besides their names, and how much that may cost.

use std::{
    ffi::{CStr, CString},
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC,
    fstatfs,
};
use protocol::file::{Details, Metadata};

use super::resolve::link_to;

/// Entries of one listing that are looked at: some hundred kilobytes on their way, and what a session keeps of them.
const ENTRY_LIMIT: usize = 4096;

/// How long all looks at a listing's entries may take: a few round trips, of which they save many. A look takes
/// microseconds, but inodes that are not in memory have to be fetched from a disk, one by one.
const TIME_LIMIT: Duration = Duration::from_millis(100);

/// File systems on disks of the node and in its memory: no server is asked for what they know of a file.
const NEAR: [FsType; 6] =
    [BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC];

/// Looks at the entries of one directory until that has cost enough.
#[derive(Debug)]
pub(super) struct Looker {
    entries_left: usize,
    time_left: Duration,
}

impl Looker {
    /// For an open directory.
    pub(super) fn at(directory: impl AsFd) -> Self {
        // One that cannot be told is not near.
        let near = fstatfs(directory).is_ok_and(|status| NEAR.contains(&status.filesystem_type()));
        Self { entries_left: if near { ENTRY_LIMIT } else { 0 }, time_left: TIME_LIMIT }
    }

    /// What is known of the entry `name`, with the rights that the thread has.
    pub(super) fn look(&mut self, directory: impl AsFd, name: &CStr) -> Option<Details> {
        // `..` may lie outside of the target's root.
        if self.entries_left == 0 || self.time_left.is_zero() || matches!(name.to_bytes(), b"." | b"..") {
            return None;
        }
        let begin = Instant::now();
        let details = metadata(directory.as_fd(), name)
            .map(|metadata| Details { metadata, bare: is_bare(directory.as_fd(), name) });
        self.entries_left -= 1;
        self.time_left = self.time_left.saturating_sub(begin.elapsed());
        details
    }
}

/// statx(2); nothing for what another file system is mounted on: its server may hang, or know better than the kernel.
#[expect(unsafe_code, reason = "nix has no statx")]
fn metadata(directory: BorrowedFd<'_>, name: &CStr) -> Option<Metadata> {
    const FLAGS: i32 = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    let (fd, mask) = (directory.as_raw_fd(), libc::STATX_BASIC_STATS);
    // SAFETY: a C string, and room for the structure.
    let done = unsafe { libc::statx(fd, name.as_ptr(), FLAGS, mask, status.as_mut_ptr()) };
    // SAFETY: it has only numbers, and began as zeroes.
    let status = unsafe { status.assume_init() };
    // Kernels before 5.8 do not tell.
    let own = status.stx_attributes_mask & MOUNT_ROOT != 0 && status.stx_attributes & MOUNT_ROOT == 0;
    let whole = status.stx_mask & libc::STATX_BASIC_STATS == libc::STATX_BASIC_STATS;
    (done == 0 && own && whole).then(|| Metadata::from(&status))
}

/// llistxattr(2). What cannot be listed may be there.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
fn is_bare(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    let path = [link_to(directory).as_bytes(), b"/", name.to_bytes()].concat();
    let Ok(path) = CString::new(path) else { return false };
    // SAFETY: a C string, and no room: only the length is asked for.
    unsafe { libc::llistxattr(path.as_ptr(), std::ptr::null_mut(), 0) == 0 }
}
