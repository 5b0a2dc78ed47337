//! Asking about files: the structures that the kernel would have filled.

use libc::c_int;
use protocol::{
    Errno,
    file::{Access, FsStatus, Metadata, Stat, StatFs, Timestamp},
};

use super::{
    super::Call,
    file::{File, Side},
};

/// stat(2), lstat(2), newfstatat(2).
pub(super) async fn stat(call: &Call, file: &File, follow: bool, into: u64) -> Result<i64, Errno> {
    let metadata = shown(file, follow).await?;
    call.write(into, &bytes_of(&status(&metadata)))?;
    Ok(0)
}

/// statx(2). The birth time is not known.
pub(super) async fn statx(call: &Call, file: &File, flags: usize, mask: usize, into: usize) -> Result<i64, Errno> {
    // A reserved bit, and two that exclude each other.
    const RESERVED: c_int = i32::MIN;
    const KNOWN: c_int = libc::AT_SYMLINK_NOFOLLOW
        | libc::AT_NO_AUTOMOUNT
        | libc::AT_EMPTY_PATH
        | libc::AT_STATX_FORCE_SYNC
        | libc::AT_STATX_DONT_SYNC;
    let (flags, sync) = (call.int(flags), libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC);
    if flags & !KNOWN != 0 || flags & sync == sync || call.int(mask) & RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let metadata = shown(file, follow).await?;
    call.write(call.argument(into), &bytes_of(&extended(&metadata)))?;
    Ok(0)
}

/// The file as fstat(2) of its descriptor shows it: programs compare device and inode number.
async fn shown(file: &File, follow: bool) -> Result<Metadata, Errno> {
    let metadata = file.perform(Stat { file: file.which(follow) }).await?;
    Ok(match (file.side, file.proxy.policy.files_device) {
        (Side::Target, dev) if dev != 0 => Metadata { dev, ..metadata },
        _ => metadata,
    })
}

/// statfs(2).
pub(super) async fn statfs(call: &Call, file: &File, into: u64) -> Result<i64, Errno> {
    let told = file.perform(StatFs { file: file.which(true) }).await?;
    call.write(into, &file_system(&told))?;
    Ok(0)
}

/// access(2), faccessat(2).
pub(super) async fn access(file: &File, mode: c_int, follow: bool) -> Result<i64, Errno> {
    if mode & !(libc::R_OK | libc::W_OK | libc::X_OK) != 0 {
        return Err(Errno::EINVAL);
    }
    file.perform(Access { path: file.path.clone(), mode, follow }).await?;
    Ok(0)
}

/// A structure of the kernel's that is nothing but numbers, in which zero is allowed everywhere.
///
/// # Safety
/// Every byte of a value that began as zeroes, fields and gaps alike, must be initialised; all bit patterns must be valid.
#[expect(unsafe_code, reason = "a promise about structures of libc")]
unsafe trait Numbers: Copy {}
// SAFETY: integers, arrays of them, and `timespec`-like structures of integers.
#[expect(unsafe_code, reason = "see the trait")]
unsafe impl Numbers for libc::stat {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "see the trait")]
unsafe impl Numbers for libc::statx {}

fn zeroed<T: Numbers>() -> T {
    // SAFETY: the trait promises that zeroes are a value.
    #[expect(unsafe_code, reason = "structures of libc have private fields")]
    unsafe {
        std::mem::zeroed()
    }
}

fn bytes_of<T: Numbers>(value: &T) -> Vec<u8> {
    // SAFETY: the value was made by `zeroed` and changed field by field: no byte of it is uninitialised.
    #[expect(unsafe_code, reason = "the program's memory takes bytes")]
    let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) };
    bytes.to_vec()
}

#[cfg_attr(target_arch = "x86_64", expect(clippy::useless_conversion, reason = "widths differ between architectures"))]
fn status(metadata: &Metadata) -> libc::stat {
    let mut status: libc::stat = zeroed();
    status.st_dev = metadata.dev;
    status.st_ino = metadata.ino;
    status.st_mode = metadata.mode;
    status.st_nlink = metadata.nlink.try_into().unwrap_or(libc::nlink_t::MAX);
    status.st_uid = metadata.uid;
    status.st_gid = metadata.gid;
    status.st_rdev = metadata.rdev;
    status.st_size = metadata.size;
    status.st_blksize = metadata.blksize.try_into().unwrap_or(4096);
    status.st_blocks = metadata.blocks;
    (status.st_atime, status.st_atime_nsec) = (metadata.atime.seconds, metadata.atime.nanoseconds);
    (status.st_mtime, status.st_mtime_nsec) = (metadata.mtime.seconds, metadata.mtime.nanoseconds);
    (status.st_ctime, status.st_ctime_nsec) = (metadata.ctime.seconds, metadata.ctime.nanoseconds);
    status
}

#[expect(clippy::cast_possible_truncation, reason = "modes have 16 bits")]
fn extended(metadata: &Metadata) -> libc::statx {
    let mut status: libc::statx = zeroed();
    status.stx_mask = libc::STATX_BASIC_STATS;
    status.stx_blksize = u32::try_from(metadata.blksize).unwrap_or(4096);
    status.stx_nlink = u32::try_from(metadata.nlink).unwrap_or(u32::MAX);
    status.stx_uid = metadata.uid;
    status.stx_gid = metadata.gid;
    status.stx_mode = metadata.mode as u16;
    status.stx_ino = metadata.ino;
    status.stx_size = metadata.size.cast_unsigned();
    status.stx_blocks = metadata.blocks.cast_unsigned();
    let time = |from: Timestamp, into: &mut libc::statx_timestamp| {
        (into.tv_sec, into.tv_nsec) = (from.seconds, u32::try_from(from.nanoseconds).unwrap_or(0));
    };
    time(metadata.atime, &mut status.stx_atime);
    time(metadata.mtime, &mut status.stx_mtime);
    time(metadata.ctime, &mut status.stx_ctime);
    (status.stx_rdev_major, status.stx_rdev_minor) = (libc::major(metadata.rdev), libc::minor(metadata.rdev));
    (status.stx_dev_major, status.stx_dev_minor) = (libc::major(metadata.dev), libc::minor(metadata.dev));
    status
}

/// `struct statfs` of 64-bit machines: numbers of 8 bytes, the 8th of which (`f_fsid`) is not known, and 4 spare ones.
fn file_system(told: &FsStatus) -> Vec<u8> {
    let FsStatus { kind, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags } = *told;
    let numbers: [u64; 11] = [
        kind.cast_unsigned(),
        bsize.cast_unsigned(),
        blocks,
        bfree,
        bavail,
        files,
        ffree,
        0,
        namelen.cast_unsigned(),
        frsize.cast_unsigned(),
        flags.cast_unsigned(),
    ];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    bytes.resize(size_of::<libc::statfs>(), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_structures_say_the_same() {
        let time = |seconds| Timestamp { seconds, nanoseconds: 999_999_999 };
        let metadata = Metadata {
            dev: libc::makedev(259, 7),
            ino: u64::MAX,
            mode: libc::S_IFREG | 0o640,
            nlink: 2,
            uid: 1000,
            gid: 1001,
            rdev: libc::makedev(1, 3),
            size: 1 << 40,
            blksize: 4096,
            blocks: 8,
            atime: time(1),
            mtime: time(-2),
            ctime: time(3),
        };
        let (plain, extended) = (status(&metadata), extended(&metadata));
        assert_eq!(plain.st_mode, u32::from(extended.stx_mode));
        assert_eq!(plain.st_dev, libc::makedev(extended.stx_dev_major, extended.stx_dev_minor));
        assert_eq!(plain.st_rdev, libc::makedev(extended.stx_rdev_major, extended.stx_rdev_minor));
        assert_eq!(plain.st_size.cast_unsigned(), extended.stx_size);
        assert_eq!((plain.st_mtime, plain.st_mtime_nsec), (-2, 999_999_999));
        assert_eq!((extended.stx_mtime.tv_sec, extended.stx_mtime.tv_nsec), (-2, 999_999_999));
        assert_eq!((plain.st_uid, plain.st_gid), (extended.stx_uid, extended.stx_gid));
        assert_eq!(bytes_of(&plain).len(), size_of::<libc::stat>());
    }

    #[test]
    fn a_file_system_is_described_as_the_kernel_does() {
        let own = nix::sys::statfs::statfs("/proc").unwrap();
        let told = FsStatus {
            kind: own.filesystem_type().0,
            bsize: own.block_size(),
            blocks: 1,
            bfree: 2,
            bavail: 3,
            files: 4,
            ffree: 5,
            namelen: 255,
            frsize: 512,
            flags: 32,
        };
        let bytes = file_system(&told);
        assert_eq!(bytes.len(), size_of::<libc::statfs>());
        let number = |index: usize| u64::from_ne_bytes(*bytes[index * 8..].first_chunk().unwrap());
        assert_eq!(number(0), 0x9fa0, "PROC_SUPER_MAGIC");
        let frsize = std::mem::offset_of!(libc::statfs, f_frsize) / 8;
        let namelen = std::mem::offset_of!(libc::statfs, f_namelen) / 8;
        assert_eq!((number(namelen), number(frsize), number(frsize + 1)), (255, 512, 32));
    }
}
