//! The one table of trapped system calls.

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
    /// Never; the call fails with this errno, so that programs fall back to calls that are seen.
    Fail(i32),
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

/// All of them, the most frequent first.
pub const TRAPPED: &[Trapped] = &[
    Trapped { name: "openat", number: libc::SYS_openat, when: When::Always },
    Trapped {
        name: "newfstatat",
        number: libc::SYS_newfstatat,
        when: When::Without(3, libc::AT_EMPTY_PATH.cast_unsigned()),
    },
    Trapped { name: "io_uring_setup", number: libc::SYS_io_uring_setup, when: When::Fail(libc::ENOSYS) },
];
