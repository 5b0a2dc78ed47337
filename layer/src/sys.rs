//! The layer's own system calls, safe to use. Inside a scope they reach the real functions (see `scope`).
#![expect(unsafe_code, reason = "calls libc")]

pub(crate) mod code;
pub(crate) mod signals;
pub(crate) mod socket;

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, pid_t};
use protocol::Errno;

/// The calling thread's `errno`.
pub(crate) fn errno() -> c_int {
    // SAFETY: libc's location of this thread's errno is always valid.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's `errno`.
pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// `errno` as an error.
pub(crate) fn last_error() -> Errno {
    Errno(errno())
}

/// The result of a system call that reports failure by -1.
pub(crate) fn checked(result: c_int) -> Result<c_int, Errno> {
    if result == -1 { Err(last_error()) } else { Ok(result) }
}

/// `PTHREAD_CANCEL_DISABLE` of `pthread.h`.
pub(crate) const CANCEL_DISABLE: c_int = 1;

/// pthread_setcancelstate(3); gives the state before.
pub(crate) fn set_cancel_state(state: c_int) -> c_int {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    }
    let mut old = 0;
    // SAFETY: writes one int; the state comes from libc's constants or from an earlier call.
    unsafe { pthread_setcancelstate(state, &raw mut old) };
    old
}

/// Calls `child` in the child of each fork(2), but not of vfork(2).
pub(crate) fn at_fork_in_child(child: unsafe extern "C" fn()) {
    // SAFETY: registers a function that lives as long as this library, which is never unloaded.
    // It fails for want of memory only; then a child opens a connection for each call (`link`).
    unsafe { libc::pthread_atfork(None, None, Some(child)) };
}

/// The calling process.
pub(crate) fn process_id() -> pid_t {
    // SAFETY: has no preconditions.
    unsafe { libc::getpid() }
}

/// Ends the process at once, without its exit handlers.
pub(crate) fn exit_now(status: c_int) -> ! {
    // SAFETY: has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Writes `bytes` to standard error; there is nobody to tell when that fails.
pub(crate) fn write_stderr(bytes: &[u8]) {
    // SAFETY: reads `bytes` only.
    unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// Appends `bytes` to the file at `path`, created if need be.
pub(crate) fn append(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    let file = open(path, flags)?;
    // SAFETY: reads `bytes` only.
    let written = unsafe { libc::write(file.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    if written < 0 { Err(last_error()) } else { Ok(()) }
}

/// open(2), with mode 0600 for a new file.
pub(crate) fn open(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: `path` is terminated.
    let fd = checked(unsafe { libc::open(path.as_ptr(), flags, 0o600) })?;
    // SAFETY: a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A folder, by its path from an open one (or `AT_FDCWD`), to name things in it. `O_PATH`, closed on exec.
pub(crate) fn open_folder(from: RawFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: `path` is terminated.
    let fd = checked(unsafe { libc::openat(from, path.as_ptr(), flags) })?;
    // SAFETY: a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Longest path that the kernel takes, with its NUL.
pub(crate) const PATH_LIMIT: usize = libc::PATH_MAX.unsigned_abs() as usize;

/// readlink(2), whole.
pub(crate) fn read_link(path: &CStr) -> Result<Vec<u8>, Errno> {
    let mut text = vec![0; PATH_LIMIT];
    // SAFETY: writes at most the length of `text`.
    let len = unsafe { libc::readlink(path.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
    text.truncate(usize::try_from(len).map_err(|_| last_error())?);
    Ok(text)
}

/// Linux's name for an open file. proc(5)
pub(crate) fn descriptor_path(fd: RawFd) -> CString {
    CString::new(format!("/proc/self/fd/{fd}")).unwrap_or_default()
}

/// mkdir(2)
pub(crate) fn make_folder(path: &CStr, mode: libc::mode_t) -> Result<(), Errno> {
    // SAFETY: `path` is terminated.
    checked(unsafe { libc::mkdir(path.as_ptr(), mode) }).map(drop)
}

/// fchdir(2)
pub(crate) fn change_folder(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::fchdir(fd) }).map(drop)
}

/// chdir(2)
pub(crate) fn change_folder_to(path: &CStr) -> Result<(), Errno> {
    // SAFETY: `path` is terminated.
    checked(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// dup3(2): `number` becomes another name of `file`.
pub(crate) fn duplicate_onto(file: &OwnedFd, number: RawFd, flags: c_int) -> Result<(), Errno> {
    // SAFETY: takes numbers only; the caller answers for what was open under `number`.
    checked(unsafe { libc::dup3(file.as_raw_fd(), number, flags) }).map(drop)
}

/// linkat(2): another name, in an open folder, for an open file.
pub(crate) fn link_open(fd: RawFd, folder: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let file = descriptor_path(fd);
    // SAFETY: both paths are terminated.
    checked(unsafe {
        libc::linkat(libc::AT_FDCWD, file.as_ptr(), folder.as_raw_fd(), name.as_ptr(), libc::AT_SYMLINK_FOLLOW)
    })
    .map(drop)
}

/// pread(2): bytes read into `buffer`.
pub(crate) fn read_at(file: &OwnedFd, buffer: &mut [u8], offset: i64) -> Result<usize, Errno> {
    // SAFETY: writes into `buffer` only.
    let count = unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), offset) };
    usize::try_from(count).map_err(|_| last_error())
}

/// Whether `path` is a file that access(2) allows to execute.
pub(crate) fn is_executable(path: &CStr) -> bool {
    // SAFETY: all zeroes is a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is terminated; writes one `stat`.
    let is_file =
        unsafe { libc::stat(path.as_ptr(), &raw mut stat) } == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    // SAFETY: `path` is terminated.
    is_file && unsafe { libc::access(path.as_ptr(), libc::X_OK) } == 0
}

/// Real user and group of this process.
pub(crate) fn user_and_group() -> (u32, u32) {
    // SAFETY: have no preconditions.
    unsafe { (libc::getuid(), libc::getgid()) }
}

/// Whether an open file has the extended attribute `name`. fgetxattr(2).
pub(crate) fn has_attribute(fd: RawFd, name: &CStr) -> bool {
    // SAFETY: `name` is terminated; nothing is written where there is no room.
    unsafe { libc::fgetxattr(fd, name.as_ptr(), std::ptr::null_mut(), 0) > 0 }
}

/// Removes a variable from the process's environment. unsetenv(3).
pub(crate) fn remove_variable(name: &CStr) {
    // SAFETY: `name` is terminated; runs before the program's own code does.
    unsafe { libc::unsetenv(name.as_ptr()) };
}

/// Sets `NAME=value` in the process's environment. setenv(3); only fails for want of memory.
pub(crate) fn set_variable(text: &[u8]) {
    let mut parts = text.splitn(2, |byte| *byte == b'=').map(CString::new);
    if let (Some(Ok(name)), Some(Ok(value))) = (parts.next(), parts.next()) {
        // SAFETY: both are terminated; the program that calls system(3) meanwhile reads its environment itself.
        unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) };
    }
}

/// fstat(2)
pub(crate) fn status(fd: RawFd) -> Result<libc::stat, Errno> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: writes one `stat`.
    checked(unsafe { libc::fstat(fd, &raw mut stat) }).map(|_| stat)
}

/// What the kernel knows of a file without asking whoever serves it. statx(2)
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) device: u64,
    /// `S_IFDIR`…
    pub(crate) kind: libc::mode_t,
    inode: u64,
    /// Tells a folder from the same one mounted elsewhere; 0 before Linux 5.8.
    mount: u64,
}

/// Of an open file.
pub(crate) fn known(fd: RawFd) -> Result<Known, Errno> {
    known_of(fd, c"", libc::AT_EMPTY_PATH)
}

/// Of the root folder.
pub(crate) fn known_root() -> Result<Known, Errno> {
    known_of(libc::AT_FDCWD, c"/", 0)
}

/// Device of the working directory, without asking whoever serves it.
pub(crate) fn device_of_folder() -> Result<u64, Errno> {
    known_of(libc::AT_FDCWD, c".", 0).map(|known| known.device)
}

fn known_of(folder: RawFd, path: &CStr, flags: c_int) -> Result<Known, Errno> {
    // SAFETY: all zeroes is a valid `statx`.
    let mut known: libc::statx = unsafe { std::mem::zeroed() };
    let flags = flags | libc::AT_STATX_DONT_SYNC;
    let mask = libc::STATX_TYPE | libc::STATX_INO | libc::STATX_MNT_ID;
    // SAFETY: `path` is terminated; writes one `statx`.
    checked(unsafe { libc::statx(folder, path.as_ptr(), flags, mask, &raw mut known) })?;
    Ok(Known {
        device: libc::makedev(known.stx_dev_major, known.stx_dev_minor),
        kind: u32::from(known.stx_mode) & libc::S_IFMT,
        inode: known.stx_ino,
        mount: known.stx_mnt_id,
    })
}

/// stat(2)
pub(crate) fn status_at(path: &CStr) -> Result<libc::stat, Errno> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is terminated; writes one `stat`.
    checked(unsafe { libc::stat(path.as_ptr(), &raw mut stat) }).map(|_| stat)
}

/// The inode number of the socket behind a number that may be anything by now.
pub(crate) fn socket_inode(fd: RawFd) -> Option<u64> {
    let stat = status(fd).ok()?;
    (stat.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(stat.st_ino)
}

/// A duplicate of `fd` with a number not below `lowest`, closed on exec.
pub(crate) fn duplicate_above(fd: BorrowedFd<'_>, lowest: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: takes numbers only.
    let new = checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) })?;
    // SAFETY: a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Open file descriptions' flags, as `F_GETFL` gives them.
pub(crate) fn status_flags(fd: RawFd) -> Result<c_int, Errno> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })
}

/// `O_CLOEXEC` for a descriptor that is closed on exec, else nothing.
pub(crate) fn close_on_exec(fd: RawFd) -> Result<c_int, Errno> {
    // SAFETY: takes numbers only.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    Ok(if flags & libc::FD_CLOEXEC == 0 { 0 } else { libc::O_CLOEXEC })
}

/// Gives `to` the place in its file that `from` has in its own. lseek(2)
pub(crate) fn copy_place(from: RawFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    let place = unsafe { libc::lseek(from, 0, libc::SEEK_CUR) };
    // SAFETY: takes numbers only.
    if place < 0 || unsafe { libc::lseek(to, place, libc::SEEK_SET) } < 0 { Err(last_error()) } else { Ok(()) }
}

/// How many descriptors this process may have now (`RLIMIT_NOFILE`).
pub(crate) fn descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one `rlimit`.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

/// 64 bits that nobody can guess; from the clock if the kernel has none to give.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: writes 8 bytes.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if got == 8 {
        return u64::from_ne_bytes(bytes);
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_nsec.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(process_id().unsigned_abs())
}

/// The working directory's path; empty where it is in no folder of this machine. By the system call itself: for a folder of
/// the target's mount, libc's function would look for the way up for ever.
pub(crate) fn working_directory() -> Vec<u8> {
    let mut path = vec![0_u8; libc::PATH_MAX.unsigned_abs() as usize];
    // SAFETY: writes at most `path.len()` bytes.
    let len = unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) };
    // It counts the NUL. What cannot be reached from the root begins with `(unreachable)`.
    path.truncate(usize::try_from(len).map_or(0, |len| len.saturating_sub(1)));
    if path.starts_with(b"/") { path } else { Vec::new() }
}

/// The path that this process was started as by execve(2): the script where that was one. Empty when the kernel does not
/// tell.
pub(crate) fn started_as() -> &'static [u8] {
    // SAFETY: reads a value that the kernel gave this process.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if path.is_null() {
        return b"";
    }
    // SAFETY: a string at the top of the first thread's stack, which stays (getauxval(3)).
    unsafe { CStr::from_ptr(path) }.to_bytes()
}

/// Path of the library that contains this code, as the loader knows it.
pub(crate) fn own_library() -> Option<&'static CStr> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let here = own_library as fn() -> Option<&'static CStr>;
    // SAFETY: writes one `Dl_info`.
    let found = unsafe { libc::dladdr(here as *const libc::c_void, &raw mut info) } != 0;
    // SAFETY: the loader keeps the name for as long as the library is loaded: for ever.
    (found && !info.dli_fname.is_null()).then(|| unsafe { CStr::from_ptr(info.dli_fname) })
}

/// What this machine calls itself. uname(2).
pub(crate) fn system_names() -> Result<libc::utsname, Errno> {
    // SAFETY: plain bytes, which the call fills.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: room for the result.
    checked(unsafe { libc::uname(&raw mut names) })?;
    Ok(names)
}
