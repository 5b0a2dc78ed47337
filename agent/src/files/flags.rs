//! Flags of open(2), which travel by their numbers on x86-64.

use nix::fcntl::OFlag;

/// Numbers on x86-64 that others have elsewhere, and what they are here. `O_TMPFILE` holds `O_DIRECTORY`.
const TRANSLATED: [(i32, OFlag); 4] = [
    (0o0_100_000, OFlag::O_LARGEFILE),
    (0o0_200_000, OFlag::O_DIRECTORY),
    (0o0_400_000, OFlag::O_NOFOLLOW),
    (TEMPORARY_BIT, TEMPORARY),
];

const TEMPORARY_BIT: i32 = 0o20_000_000;
const TEMPORARY: OFlag = OFlag::from_bits_retain(OFlag::O_TMPFILE.bits() & !OFlag::O_DIRECTORY.bits());

/// Numbers that are the same everywhere and mean something to the target. `O_DIRECT` and `O_ASYNC` do not: the program
/// has no descriptor of the target's.
const SAME: OFlag = OFlag::O_ACCMODE
    .union(OFlag::O_CREAT)
    .union(OFlag::O_EXCL)
    .union(OFlag::O_TRUNC)
    .union(OFlag::O_APPEND)
    .union(OFlag::O_SYNC)
    .union(OFlag::O_NOATIME)
    .union(OFlag::O_PATH);

/// What counts beside `O_PATH`, open(2).
const WITH_PATH: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW);

/// The flags here; what open(2) ignores is left out, because openat2(2) refuses it.
pub(super) fn translate(flags: i32) -> OFlag {
    let mut here = OFlag::from_bits_retain(flags) & SAME;
    for (there, flag) in TRANSLATED {
        if flags & there != 0 {
            here |= flag;
        }
    }
    if here.contains(OFlag::O_PATH) { here & WITH_PATH } else { here }
}

/// Whether a file without a name is wanted.
pub(super) fn is_temporary(flags: OFlag) -> bool {
    flags.intersects(TEMPORARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_x86_64_mean_the_same_here() {
        for (there, here) in [
            (0, OFlag::O_RDONLY),
            (0o0_100_102, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_LARGEFILE),
            (0o0_003_301, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_TRUNC | OFlag::O_APPEND),
            (0o0_200_000, OFlag::O_DIRECTORY),
            (0o0_400_000, OFlag::O_NOFOLLOW),
            (0o20_200_001, OFlag::O_TMPFILE | OFlag::O_WRONLY),
            (0o4_010_000, OFlag::O_SYNC),
            (0o1_000_000, OFlag::O_NOATIME),
        ] {
            assert_eq!(translate(there), here, "{there:o}");
        }
    }

    #[test]
    fn what_means_nothing_to_the_target_is_left_out() {
        for (there, here) in [
            (0o2_044_400, OFlag::O_RDONLY), // O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_NOCTTY
            (0o0_020_000, OFlag::O_RDONLY), // O_ASYNC
            (0o10_600_102, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW),
            (i32::MIN, OFlag::O_RDONLY),
        ] {
            assert_eq!(translate(there), here, "{there:o}");
        }
    }
}
