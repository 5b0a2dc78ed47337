//! Files that the agent holds open for a copy.

use nix::fcntl::OFlag;
use protocol::file::Handle;

/// Flags of open(2) that make the agent's handles differ.
pub(super) const KINDS: OFlag = OFlag::O_ACCMODE.union(OFlag::O_APPEND);

/// A file that the agent holds open for us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) handle: Handle,
    pub(super) flags: OFlag,
}

impl Held {
    /// Whether the agent does the same with both.
    pub(super) fn is_like(self, other: Self) -> bool {
        (self.flags ^ other.flags) & KINDS == OFlag::empty()
    }

    pub(super) fn reads(self) -> bool {
        self.flags & OFlag::O_ACCMODE != OFlag::O_WRONLY
    }

    pub(super) fn writes(self) -> bool {
        self.flags & OFlag::O_ACCMODE != OFlag::O_RDONLY
    }

    pub(super) fn writes_anywhere(self) -> bool {
        self.writes() && !self.flags.contains(OFlag::O_APPEND)
    }

    pub(super) fn appends(self) -> bool {
        self.writes() && self.flags.contains(OFlag::O_APPEND)
    }
}
