//! How the agent's allocator treats what is freed: it goes back to the kernel, because it counts against the pod's limit.
#![expect(unsafe_code, reason = "mallopt(3)")]

/// One for each worker thread. By default every thread of the pool, of which there are hundreds when files are slow, soon
/// has a heap of its own, and each keeps what the largest chunk in it once needed.
const HEAPS: libc::c_int = 2;

/// Blocks from here on are mappings of their own, which go when they are freed: chunks of files and what is on its way.
/// Left alone, the allocator would raise this by itself to the size of the first such block that is freed.
const OWN_MAPPING_BYTES: libc::c_int = 64 * 1024;

/// Sets the allocator up; to be called before there are threads.
pub(crate) fn set_up() {
    // The one that ships has glibc's allocator linked in; others keep their ways.
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [(libc::M_ARENA_MAX, HEAPS), (libc::M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)] {
        // SAFETY: it reads two numbers.
        let taken = unsafe { libc::mallopt(parameter, value) };
        debug_assert_eq!(taken, 1, "mallopt({parameter}, {value})");
    }
}
