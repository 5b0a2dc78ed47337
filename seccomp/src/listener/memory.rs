//! Memory of a thread that waits. process_vm_readv(2).
//!
//! Both directions need the right to trace the process (ptrace(2), "Ptrace access mode checking"): same user, and under
//! Yama's `ptrace_scope` 1 an ancestor. Without it they fail with `EPERM`.

use std::{ffi::c_void, io};

/// Memory is mapped in pieces of this size: what lies behind such a border may be missing.
const PAGE: u64 = 4096;

/// What a pointer to a string led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// The string, without its NUL.
    Whole(&'a [u8]),
    /// No NUL within the room that there was.
    TooLong,
}

/// Reads exactly `into.len()` bytes; `EFAULT` when not all of them are mapped.
pub fn read(thread: u32, address: u64, into: &mut [u8]) -> io::Result<()> {
    let wanted = into.len();
    if wanted == 0 || read_some(thread, address, into)? == wanted {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(libc::EFAULT))
}

/// Reads a string that ends with NUL. `EFAULT` when memory ends before it does.
///
/// Most strings end on the page where they begin: the next one is read only if not.
pub fn read_text(thread: u32, address: u64, room: &mut [u8]) -> io::Result<Text<'_>> {
    let mut len = 0;
    while len < room.len() {
        let at = address.wrapping_add(len as u64);
        let to_border = usize::try_from(PAGE - at % PAGE).expect("at most a page");
        let end = room.len().min(len + to_border);
        let read = read_some(thread, at, &mut room[len..end])?;
        if read == 0 {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        if let Some(nul) = room[len..len + read].iter().position(|byte| *byte == 0) {
            return Ok(Text::Whole(&room[..len + nul]));
        }
        len += read;
    }
    Ok(Text::TooLong)
}

/// Writes all of `bytes`; `EFAULT` when not all of the memory is writable. Then the first part may have been written, as
/// the kernel itself does it.
pub fn write(thread: u32, address: u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let here = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let there = libc::iovec { iov_base: pointer(address)?, iov_len: bytes.len() };
    // SAFETY: one element each; `here` is only read, and `there` is checked by the kernel.
    #[expect(unsafe_code, reason = "process_vm_writev(2)")]
    let result = unsafe { libc::process_vm_writev(thread.cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
    match usize::try_from(result) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

fn read_some(thread: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let here = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let there = libc::iovec { iov_base: pointer(address)?, iov_len: into.len() };
    // SAFETY: one element each; `here` is ours for the length given, and `there` is checked by the kernel.
    #[expect(unsafe_code, reason = "process_vm_readv(2)")]
    let result = unsafe { libc::process_vm_readv(thread.cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// An address of somebody else's memory.
fn pointer(address: u64) -> io::Result<*mut c_void> {
    let address = usize::try_from(address).map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
    Ok(std::ptr::without_provenance_mut(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread() -> u32 {
        std::process::id()
    }

    fn address(of: &[u8]) -> u64 {
        of.as_ptr().addr() as u64
    }

    #[test]
    fn text_ends_at_its_nul_and_is_followed_over_borders() {
        let mut memory = vec![b'x'; 3 * 4096];
        let len = memory.len();
        memory[len - 1] = 0;
        let mut room = vec![0; len];
        let expected = Text::Whole(&memory[..len - 1]);
        assert_eq!(read_text(thread(), address(&memory), &mut room).unwrap(), expected);
        assert_eq!(read_text(thread(), address(&memory), &mut [0; 8192]).unwrap(), Text::TooLong);
        assert_eq!(read_text(thread(), address(b"\0"), &mut [1; 16]).unwrap(), Text::Whole(b""));
    }

    #[test]
    fn memory_that_is_not_there_is_a_fault() {
        for at in [0, 8, u64::MAX - 3, 1 << 63] {
            let errno = read_text(thread(), at, &mut [0; 16]).unwrap_err().raw_os_error();
            assert_eq!(errno, Some(libc::EFAULT), "{at:#x}");
            assert_eq!(write(thread(), at, b"no").unwrap_err().raw_os_error(), Some(libc::EFAULT), "{at:#x}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let memory = [0u8; 5];
        write(thread(), address(&memory), b"hello").unwrap();
        let mut copy = [0; 5];
        read(thread(), address(&memory), &mut copy).unwrap();
        assert_eq!(&copy, b"hello");
    }
}
