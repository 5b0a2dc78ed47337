//! Which argument of which call is what.

use libc::c_long;
use rules::path::Access;

use super::{super::Call, open::How};

/// A call on paths.
pub(super) struct Line {
    /// Its number.
    pub(super) number: c_long,
    /// Its path.
    pub(super) at: At,
    /// What it does there.
    pub(super) does: Does,
}

/// Where a path is found: numbers of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// The descriptor that a relative path begins at; nothing: it begins at the working directory.
    pub(super) folder: Option<u8>,
    /// The path.
    pub(super) path: u8,
}

/// What a call does. Numbers are those of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Open { flags: u8, mode: u8 },
    OpenHow { how: u8, size: u8 },
    Create { mode: u8 },
    Stat { follow: Follow, into: u8 },
    StatX { flags: u8, mask: u8, into: u8 },
    StatFs { into: u8 },
    Access { mode: u8, follow: Follow },
    ReadLink { into: u8, room: u8 },
    MakeDirectory { mode: u8 },
    MakeNode { mode: u8 },
    Remove(Remove),
    SymbolicLink { text: u8 },
    ChangeMode { mode: u8, follow: Follow },
    ChangeOwner { user: u8, group: u8, follow: Follow },
    Truncate { size: u8 },
    SetTimes { times: Times, follow: Follow },
    Attribute { does: Attribute, follow: Follow },
    Watch,
    ChangeDirectory,
    Rename { to: At, flags: Option<u8> },
    HardLink { to: At, follow: Follow },
    GetDirectory { into: u8, room: u8 },
    LeaveDirectory,
}

/// Whether a link as last component is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
    /// Unless these flags say `AT_SYMLINK_NOFOLLOW`.
    Unless(u8),
    /// Only if these flags say `AT_SYMLINK_FOLLOW`.
    If(u8),
}

impl Follow {
    pub(super) fn of(self, call: &Call) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Unless(flags) => call.int(flags.into()) & libc::AT_SYMLINK_NOFOLLOW == 0,
            Self::If(flags) => call.int(flags.into()) & libc::AT_SYMLINK_FOLLOW != 0,
        }
    }
}

/// How a call says what it removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remove {
    File,
    Directory,
    /// A directory if these flags say `AT_REMOVEDIR`.
    Flags(u8),
}

/// How a call says which times it sets; the number is that of a pointer, which may be null: both become now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// Two `struct timespec`.
    Nanoseconds(u8),
    /// Two `struct timeval`.
    Microseconds(u8),
    /// `struct utimbuf`.
    Seconds(u8),
}

/// What is done with extended attributes; all calls have their arguments in the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Get,
    Set,
    List,
    Remove,
}

impl Does {
    /// Whether the call looks or changes; nothing: it cannot be told, as its arguments cannot be read.
    pub(super) fn access(self, call: &Call) -> Option<Access> {
        let access = match self {
            Self::Open { flags, .. } => Access::of_open(call.int(flags.into())),
            Self::OpenHow { how, size } => {
                let how = How::read(call, how.into(), size.into()).ok()?;
                // The kernel knows best what is below a descriptor, and refuses absolute paths.
                if how.stays_below() && call.process().directory().entered().is_none() {
                    return None;
                }
                Access::of_open(how.flags().ok()?)
            }
            Self::Access { mode, .. } if call.int(mode.into()) & libc::W_OK != 0 => Access::Write,
            Self::Attribute { does: Attribute::Set | Attribute::Remove, .. }
            | Self::Create { .. }
            | Self::MakeDirectory { .. }
            | Self::MakeNode { .. }
            | Self::Remove(_)
            | Self::SymbolicLink { .. }
            | Self::ChangeMode { .. }
            | Self::ChangeOwner { .. }
            | Self::Truncate { .. }
            | Self::SetTimes { .. }
            | Self::Rename { .. }
            | Self::HardLink { .. } => Access::Write,
            Self::Stat { .. }
            | Self::StatX { .. }
            | Self::StatFs { .. }
            | Self::Access { .. }
            | Self::ReadLink { .. }
            | Self::Attribute { does: Attribute::Get | Attribute::List, .. }
            | Self::Watch
            | Self::ChangeDirectory
            | Self::GetDirectory { .. }
            | Self::LeaveDirectory => Access::Read,
        };
        Some(access)
    }

    /// Whether making the call a second time does no more than making it once.
    pub(super) fn may_be_made_again(self, call: &Call) -> bool {
        let once = |flags: i32| flags & libc::O_EXCL != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
        match self {
            Self::Open { flags, .. } => !once(call.int(flags.into())),
            Self::OpenHow { how, size } => {
                How::read(call, how.into(), size.into()).and_then(|how| how.flags()).is_ok_and(|flags| !once(flags))
            }
            Self::Create { .. } | Self::ChangeDirectory => true,
            _ => self.access(call) == Some(Access::Read),
        }
    }
}

const fn at(folder: u8, path: u8) -> At {
    At { folder: Some(folder), path }
}

/// A path without a folder, as first argument.
const FIRST: At = At { folder: None, path: 0 };

/// A path without a folder, as second argument.
const SECOND: At = At { folder: None, path: 1 };

const fn line(number: c_long, at: At, does: Does) -> Line {
    Line { number, at, does }
}

const fn attribute(number: c_long, does: Attribute, follow: Follow) -> Line {
    line(number, FIRST, Does::Attribute { does, follow })
}

/// All calls on paths, the most frequent first. syscalls(2)
pub(super) const CALLS: &[Line] = &[
    line(libc::SYS_openat, at(0, 1), Does::Open { flags: 2, mode: 3 }),
    line(libc::SYS_newfstatat, at(0, 1), Does::Stat { follow: Follow::Unless(3), into: 2 }),
    line(libc::SYS_statx, at(0, 1), Does::StatX { flags: 2, mask: 3, into: 4 }),
    line(libc::SYS_readlinkat, at(0, 1), Does::ReadLink { into: 2, room: 3 }),
    line(libc::SYS_faccessat, at(0, 1), Does::Access { mode: 2, follow: Follow::Yes }),
    line(libc::SYS_faccessat2, at(0, 1), Does::Access { mode: 2, follow: Follow::Unless(3) }),
    line(libc::SYS_openat2, at(0, 1), Does::OpenHow { how: 2, size: 3 }),
    line(libc::SYS_mkdirat, at(0, 1), Does::MakeDirectory { mode: 2 }),
    line(libc::SYS_unlinkat, at(0, 1), Does::Remove(Remove::Flags(2))),
    line(libc::SYS_renameat, at(0, 1), Does::Rename { to: at(2, 3), flags: None }),
    line(libc::SYS_renameat2, at(0, 1), Does::Rename { to: at(2, 3), flags: Some(4) }),
    line(libc::SYS_linkat, at(0, 1), Does::HardLink { to: at(2, 3), follow: Follow::If(4) }),
    line(libc::SYS_symlinkat, at(1, 2), Does::SymbolicLink { text: 0 }),
    line(libc::SYS_mknodat, at(0, 1), Does::MakeNode { mode: 2 }),
    line(libc::SYS_fchmodat, at(0, 1), Does::ChangeMode { mode: 2, follow: Follow::Yes }),
    line(libc::SYS_fchmodat2, at(0, 1), Does::ChangeMode { mode: 2, follow: Follow::Unless(3) }),
    line(libc::SYS_fchownat, at(0, 1), Does::ChangeOwner { user: 2, group: 3, follow: Follow::Unless(4) }),
    line(libc::SYS_truncate, FIRST, Does::Truncate { size: 1 }),
    line(libc::SYS_utimensat, at(0, 1), Does::SetTimes { times: Times::Nanoseconds(2), follow: Follow::Unless(3) }),
    line(libc::SYS_statfs, FIRST, Does::StatFs { into: 1 }),
    line(libc::SYS_chdir, FIRST, Does::ChangeDirectory),
    line(libc::SYS_fchdir, FIRST, Does::LeaveDirectory),
    line(libc::SYS_getcwd, FIRST, Does::GetDirectory { into: 0, room: 1 }),
    line(libc::SYS_inotify_add_watch, SECOND, Does::Watch),
    attribute(libc::SYS_getxattr, Attribute::Get, Follow::Yes),
    attribute(libc::SYS_lgetxattr, Attribute::Get, Follow::No),
    attribute(libc::SYS_listxattr, Attribute::List, Follow::Yes),
    attribute(libc::SYS_llistxattr, Attribute::List, Follow::No),
    attribute(libc::SYS_setxattr, Attribute::Set, Follow::Yes),
    attribute(libc::SYS_lsetxattr, Attribute::Set, Follow::No),
    attribute(libc::SYS_removexattr, Attribute::Remove, Follow::Yes),
    attribute(libc::SYS_lremovexattr, Attribute::Remove, Follow::No),
    // The older forms, which newer architectures do not have.
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_open, FIRST, Does::Open { flags: 1, mode: 2 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_stat, FIRST, Does::Stat { follow: Follow::Yes, into: 1 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_lstat, FIRST, Does::Stat { follow: Follow::No, into: 1 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_access, FIRST, Does::Access { mode: 1, follow: Follow::Yes }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_readlink, FIRST, Does::ReadLink { into: 1, room: 2 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_creat, FIRST, Does::Create { mode: 1 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_mkdir, FIRST, Does::MakeDirectory { mode: 1 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_rmdir, FIRST, Does::Remove(Remove::Directory)),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_unlink, FIRST, Does::Remove(Remove::File)),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_rename, FIRST, Does::Rename { to: SECOND, flags: None }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_link, FIRST, Does::HardLink { to: SECOND, follow: Follow::No }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_symlink, SECOND, Does::SymbolicLink { text: 0 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_mknod, FIRST, Does::MakeNode { mode: 1 }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_chmod, FIRST, Does::ChangeMode { mode: 1, follow: Follow::Yes }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_chown, FIRST, Does::ChangeOwner { user: 1, group: 2, follow: Follow::Yes }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_lchown, FIRST, Does::ChangeOwner { user: 1, group: 2, follow: Follow::No }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_utime, FIRST, Does::SetTimes { times: Times::Seconds(1), follow: Follow::Yes }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_utimes, FIRST, Does::SetTimes { times: Times::Microseconds(1), follow: Follow::Yes }),
    #[cfg(target_arch = "x86_64")]
    line(libc::SYS_futimesat, at(0, 1), Does::SetTimes { times: Times::Microseconds(2), follow: Follow::Yes }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_here_is_announced_by_the_filter() {
        for line in CALLS {
            let trapped = seccomp::trapped::TRAPPED.iter().any(|trapped| trapped.number == line.number);
            assert!(trapped, "call {} is never announced", line.number);
        }
    }
}
