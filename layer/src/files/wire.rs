//! Numbers that differ between architectures, as they travel: those of x86-64.

use libc::c_int;

/// Flags of open(2) whose numbers differ, with their numbers on x86-64. `asm/fcntl.h`
const OPEN_FLAGS: &[(c_int, c_int)] = &[
    (libc::O_DIRECT, 0o40_000),
    (libc::O_DIRECTORY, 0o200_000),
    (libc::O_NOFOLLOW, 0o400_000),
    (O_LARGEFILE, 0o100_000),
];

/// The kernel's number: libc's own is 0, as offsets have 64 bits anyway.
#[cfg(target_arch = "aarch64")]
const O_LARGEFILE: c_int = 0o400_000;
#[cfg(not(target_arch = "aarch64"))]
const O_LARGEFILE: c_int = 0o100_000;

/// Flags of open(2) by their numbers on x86-64.
pub(super) fn open_flags(flags: c_int) -> c_int {
    let all = OPEN_FLAGS.iter().fold(0, |all, (here, _)| all | here);
    let translated = OPEN_FLAGS.iter().filter(|(here, _)| flags & here != 0).fold(0, |sum, (_, there)| sum | there);
    flags & !all | translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_travel_by_the_numbers_of_one_architecture() {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_DIRECT;
        assert_eq!(open_flags(flags), 0o2 | 0o100 | 0o200_000 | 0o400_000 | 0o40_000);
        assert_eq!(open_flags(libc::O_APPEND | libc::O_TRUNC), 0o2000 | 0o1000);
    }
}
