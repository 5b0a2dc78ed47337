//! The one table of trapped system calls: those that take a path, a socket's address or the machine's name.
//!
//! Not in it, on purpose:
//! * calls on descriptors alone: what a program gets for a remote file is a real descriptor;
//! * sendmsg, sendmmsg and recvmmsg: their addresses are behind pointers that a filter cannot follow, and resolvers
//!   that use them (glibc's, c-ares) do so on connected sockets. recvmsg is there because musl's resolver (1.2.4 and
//!   later) learns from it who has answered. The same resolver connects with sendmsg and `MSG_FASTOPEN`, and falls back
//!   to connect when that fails;
//! * execve: the filter goes on in the new program, and the supervisor sees the change in /proc.

use libc::c_long;

/// When a call is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Only if this argument (0 to 5) is not zero: a null pointer says that an address is not asked for.
    NotNull(u8),
    /// Only if this argument has none of these bits.
    Without(u8, u32),
    /// Only if this argument and that one have these values; both are ints.
    Both((u8, i32), (u8, i32)),
    /// Never; the call fails with this errno, so that programs fall back to calls that are seen.
    Fail(i32),
    /// Never; the call fails with this errno if this argument has any of these bits.
    FailWith(u8, u32, i32),
}

/// A call that the filter does not let pass silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trapped {
    /// Name, as in syscalls(2).
    pub name: &'static str,
    /// Number on this architecture.
    pub number: c_long,
    /// When it is announced.
    pub when: When,
}

/// The call works on the descriptor alone when its path is empty. Whoever passes the flag with a path that is not empty
/// is not seen: no libc does.
const EMPTY_PATH: u32 = libc::AT_EMPTY_PATH.cast_unsigned();

const fn always(name: &'static str, number: c_long) -> Trapped {
    Trapped { name, number, when: When::Always }
}

const fn not_null(name: &'static str, number: c_long, argument: u8) -> Trapped {
    Trapped { name, number, when: When::NotNull(argument) }
}

/// The call has a path unless `argument`, its flags, says `AT_EMPTY_PATH`.
const fn with_path(name: &'static str, number: c_long, argument: u8) -> Trapped {
    Trapped { name, number, when: When::Without(argument, EMPTY_PATH) }
}

const fn fail(name: &'static str, number: c_long, errno: i32) -> Trapped {
    Trapped { name, number, when: When::Fail(errno) }
}

/// All of them, the most frequent first.
pub const TRAPPED: &[Trapped] = &[
    // Files, by path.
    always("openat", libc::SYS_openat),
    with_path("newfstatat", libc::SYS_newfstatat, 3),
    with_path("statx", libc::SYS_statx, 2),
    always("readlinkat", libc::SYS_readlinkat),
    always("faccessat", libc::SYS_faccessat),
    with_path("faccessat2", libc::SYS_faccessat2, 3),
    // Sockets.
    always("connect", libc::SYS_connect),
    not_null("accept4", libc::SYS_accept4, 1),
    not_null("accept", libc::SYS_accept, 1),
    not_null("sendto", libc::SYS_sendto, 4),
    not_null("recvfrom", libc::SYS_recvfrom, 4),
    always("recvmsg", libc::SYS_recvmsg),
    always("getsockname", libc::SYS_getsockname),
    always("getpeername", libc::SYS_getpeername),
    always("bind", libc::SYS_bind),
    always("listen", libc::SYS_listen),
    // Why a connect failed.
    Trapped {
        name: "getsockopt",
        number: libc::SYS_getsockopt,
        when: When::Both((1, libc::SOL_SOCKET), (2, libc::SO_ERROR)),
    },
    Trapped {
        name: "sendmsg",
        number: libc::SYS_sendmsg,
        when: When::FailWith(2, libc::MSG_FASTOPEN.cast_unsigned(), libc::EOPNOTSUPP),
    },
    // Files, less often.
    always("openat2", libc::SYS_openat2),
    always("mkdirat", libc::SYS_mkdirat),
    always("unlinkat", libc::SYS_unlinkat),
    always("renameat", libc::SYS_renameat),
    always("renameat2", libc::SYS_renameat2),
    always("linkat", libc::SYS_linkat),
    always("symlinkat", libc::SYS_symlinkat),
    always("mknodat", libc::SYS_mknodat),
    always("fchmodat", libc::SYS_fchmodat),
    with_path("fchmodat2", libc::SYS_fchmodat2, 3),
    with_path("fchownat", libc::SYS_fchownat, 4),
    always("truncate", libc::SYS_truncate),
    not_null("utimensat", libc::SYS_utimensat, 1),
    always("statfs", libc::SYS_statfs),
    always("chdir", libc::SYS_chdir),
    always("fchdir", libc::SYS_fchdir),
    always("getcwd", libc::SYS_getcwd),
    always("inotify_add_watch", libc::SYS_inotify_add_watch),
    always("getxattr", libc::SYS_getxattr),
    always("lgetxattr", libc::SYS_lgetxattr),
    always("listxattr", libc::SYS_listxattr),
    always("llistxattr", libc::SYS_llistxattr),
    always("setxattr", libc::SYS_setxattr),
    always("lsetxattr", libc::SYS_lsetxattr),
    always("removexattr", libc::SYS_removexattr),
    always("lremovexattr", libc::SYS_lremovexattr),
    // A process becomes another program, of which other rules may hold; the filter stays.
    always("execve", libc::SYS_execve),
    always("execveat", libc::SYS_execveat),
    // The machine's name.
    always("uname", libc::SYS_uname),
    // Work that would be done behind our back.
    fail("io_uring_setup", libc::SYS_io_uring_setup, libc::ENOSYS),
    // The older forms, which newer architectures do not have.
    #[cfg(target_arch = "x86_64")]
    always("open", libc::SYS_open),
    #[cfg(target_arch = "x86_64")]
    always("stat", libc::SYS_stat),
    #[cfg(target_arch = "x86_64")]
    always("lstat", libc::SYS_lstat),
    #[cfg(target_arch = "x86_64")]
    always("access", libc::SYS_access),
    #[cfg(target_arch = "x86_64")]
    always("readlink", libc::SYS_readlink),
    #[cfg(target_arch = "x86_64")]
    always("creat", libc::SYS_creat),
    #[cfg(target_arch = "x86_64")]
    always("mkdir", libc::SYS_mkdir),
    #[cfg(target_arch = "x86_64")]
    always("rmdir", libc::SYS_rmdir),
    #[cfg(target_arch = "x86_64")]
    always("unlink", libc::SYS_unlink),
    #[cfg(target_arch = "x86_64")]
    always("rename", libc::SYS_rename),
    #[cfg(target_arch = "x86_64")]
    always("link", libc::SYS_link),
    #[cfg(target_arch = "x86_64")]
    always("symlink", libc::SYS_symlink),
    #[cfg(target_arch = "x86_64")]
    always("mknod", libc::SYS_mknod),
    #[cfg(target_arch = "x86_64")]
    always("chmod", libc::SYS_chmod),
    #[cfg(target_arch = "x86_64")]
    always("chown", libc::SYS_chown),
    #[cfg(target_arch = "x86_64")]
    always("lchown", libc::SYS_lchown),
    #[cfg(target_arch = "x86_64")]
    always("utime", libc::SYS_utime),
    #[cfg(target_arch = "x86_64")]
    always("utimes", libc::SYS_utimes),
    #[cfg(target_arch = "x86_64")]
    not_null("futimesat", libc::SYS_futimesat, 1),
];
