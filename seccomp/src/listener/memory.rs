//! Memory of a thread that waits. process_vm_readv(2), or `/proc/PID/mem` where a container forbids that call.
//!
//! Both ways need the right to trace the process (ptrace(2), "Ptrace access mode checking"): same user, and under Yama's
//! `ptrace_scope` 1 an ancestor. Without it they fail with `EPERM`.

use std::{
    ffi::c_void,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicBool, Ordering},
};

/// Memory is mapped in pieces of this size: what lies behind such a border may be missing.
const PAGE: u64 = 4096;

/// Whether the calls were refused while the file was not: then they are not tried again.
static CALLS_ARE_FORBIDDEN: AtomicBool = AtomicBool::new(false);

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
    let written = match by_call(|| write_by_call(thread, address, bytes)) {
        Some(result) => result?,
        None => allowed(write_by_file(thread, address, bytes))?,
    };
    if written == bytes.len() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EFAULT)) }
}

fn read_some(thread: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    match by_call(|| read_by_call(thread, address, into)) {
        Some(result) => result,
        None => allowed(read_by_file(thread, address, into)),
    }
}

/// What the system call says; nothing when it is forbidden altogether.
fn by_call(call: impl FnOnce() -> io::Result<usize>) -> Option<io::Result<usize>> {
    if CALLS_ARE_FORBIDDEN.load(Ordering::Relaxed) {
        return None;
    }
    let result = call();
    let refused = result.as_ref().is_err_and(|error| matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)));
    (!refused).then_some(result)
}

/// What the file says, once the call has been refused; it is opened only by those who may trace.
fn allowed(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Ok(len) => {
            CALLS_ARE_FORBIDDEN.store(true, Ordering::Relaxed);
            Ok(len)
        }
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(io::Error::from_raw_os_error(libc::EPERM)),
        Err(error) => Err(error),
    }
}

fn read_by_file(thread: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    File::open(format!("/proc/{thread}/mem"))?.read_at(into, address)
}

/// Unlike the call, it writes to memory that the program itself may only read.
fn write_by_file(thread: u32, address: u64, bytes: &[u8]) -> io::Result<usize> {
    File::options().write(true).open(format!("/proc/{thread}/mem"))?.write_at(bytes, address)
}

fn write_by_call(thread: u32, address: u64, bytes: &[u8]) -> io::Result<usize> {
    let here = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let there = libc::iovec { iov_base: pointer(address)?, iov_len: bytes.len() };
    // SAFETY: one element each; `here` is only read, and `there` is checked by the kernel.
    #[expect(unsafe_code, reason = "process_vm_writev(2)")]
    let result = unsafe { libc::process_vm_writev(thread.cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn read_by_call(thread: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
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

    #[test]
    fn the_file_serves_where_the_calls_are_forbidden() {
        let memory = [0u8; 5];
        assert_eq!(write_by_file(thread(), address(&memory), b"there").unwrap(), 5);
        let mut copy = [0; 5];
        assert_eq!(read_by_file(thread(), address(&memory), &mut copy).unwrap(), 5);
        assert_eq!(&copy, b"there");
        let fault = allowed(read_by_file(thread(), 8, &mut copy)).unwrap_err();
        assert_eq!(fault.raw_os_error(), Some(libc::EFAULT));
        assert!(by_call(|| Err(io::Error::from_raw_os_error(libc::EPERM))).is_none());
        assert!(by_call(|| Err(io::Error::from_raw_os_error(libc::ESRCH))).is_some());
    }
}
