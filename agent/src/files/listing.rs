//! Directories: what getdents64(2) gives, as the wire has it.

use std::{
    ffi::CStr,
    os::fd::{AsFd, AsRawFd},
};

use protocol::{Errno, file::Entry};

use super::details::Looker;

/// Where the fields of `struct linux_dirent64` are: inode number, offset, length of the record, type, name.
const LEN_AT: usize = 16;
const KIND_AT: usize = 18;
const NAME_AT: usize = 19;

/// The next entries of a directory, as many as the kernel puts into `limit` bytes, in a listing ([`Entry`]); nothing at its
/// end. Where it continues is kept with the descriptor.
pub(super) fn next(directory: impl AsFd, limit: usize, looker: &mut Looker) -> Result<Vec<u8>, Errno> {
    let mut records = vec![0; limit];
    let len = getdents64(&directory, &mut records)?;
    records.truncate(len);
    let (mut read, mut listing) = (0, Vec::with_capacity(len));
    while let Some(record) = records.get(read..) {
        let Some(len) = record.get(LEN_AT..KIND_AT) else { break };
        let len = usize::from(u16::from_ne_bytes([len[0], len[1]]));
        let Some(record) = record.get(..len).filter(|record| record.len() > NAME_AT) else { break };
        let ino = record.first_chunk().copied().map(u64::from_ne_bytes).unwrap_or_default();
        let Ok(name) = CStr::from_bytes_until_nul(&record[NAME_AT..]) else { break };
        let details = looker.look(&directory, name);
        Entry { ino, kind: record[KIND_AT], name: name.to_bytes(), details }.append_to(&mut listing);
        read += len;
    }
    Ok(listing)
}

#[expect(unsafe_code, reason = "neither std nor nix lists a directory in chunks of our choice")]
fn getdents64(directory: impl AsFd, records: &mut [u8]) -> Result<usize, Errno> {
    let fd = directory.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `records.len()` bytes there.
    let len = unsafe { libc::syscall(libc::SYS_getdents64, fd, records.as_mut_ptr(), records.len()) };
    usize::try_from(len).map_err(|_| Errno::from(std::io::Error::last_os_error()))
}
