//! Whose rights file operations have: those of the target's main process, for as long as one operation takes.
//!
//! User, groups and capabilities belong to a thread (credentials(7)); glibc and musl change them in all threads at once,
//! so that these are raw system calls.

use std::{
    io,
    marker::PhantomData,
    sync::{Once, OnceLock},
};

use protocol::Errno;

/// What the kernel asks of a thread that wants a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// File system user and group, setfsuid(2).
    user: u32,
    group: u32,
    /// Supplementary groups, in the kernel's (ascending) order.
    groups: Vec<u32>,
    /// Effective capabilities, by their numbers.
    capabilities: u64,
}

/// That they cannot be assumed is said once.
static WARNED: Once = Once::new();

/// What the agent's own threads have.
#[derive(Debug)]
struct Own {
    rights: Rights,
    /// What `rights.capabilities` can be.
    permitted: u64,
}

impl Rights {
    /// Reads the text of `/proc/<pid>/status`, proc(5). The numbers are those of our user namespace.
    pub(crate) fn parse(status: &str) -> Option<Self> {
        let numbers = |name| -> Option<Vec<u32>> {
            field(status, name)?.split_whitespace().map(|word| word.parse().ok()).collect()
        };
        // Real, effective, saved, file system.
        let (user, group) = (*numbers("Uid:")?.get(3)?, *numbers("Gid:")?.get(3)?);
        Some(Self { user, group, groups: numbers("Groups:")?, capabilities: capabilities(status, "CapEff:")? })
    }

    /// Without capabilities: they are worth nothing in our user namespace.
    pub(crate) fn without_capabilities(self) -> Self {
        Self { capabilities: 0, ..self }
    }

    /// Runs `act` with these rights, as far as ours include them.
    pub(crate) fn perform<T>(&self, act: impl FnOnce() -> T) -> T {
        let Some(own) = own() else { return act() };
        let wanted = Self { capabilities: self.capabilities & own.permitted, ..self.clone() };
        if wanted == own.rights {
            return act();
        }
        let mut assumed = Assumed { own, wanted: &wanted, whole: true, _of_this_thread: PhantomData };
        if let Err(error) = wanted.assume(&own.rights) {
            assumed.whole = false;
            WARNED.call_once(|| {
                tracing::warn!(%error, user = self.user, group = self.group,
                    "files are not accessed with the target's rights: SETUID and SETGID are missing");
            });
        }
        let result = act();
        drop(assumed);
        result
    }

    /// Takes these rights, as far as they differ from `current` ones. What fails does not keep the rest from being done.
    fn assume(&self, current: &Self) -> io::Result<()> {
        let Self { user, group, groups, capabilities } = self;
        // In this order: afterwards the capabilities for it may be gone.
        let set = if *groups == current.groups { Ok(()) } else { set_groups(groups) };
        let ids_set =
            if (*user, *group) == (current.user, current.group) { Ok(()) } else { set_file_system_ids(*user, *group) };
        // A change of the user changes them as well, capabilities(7).
        set.and(ids_set).and(set_capabilities(*capabilities))
    }
}

/// The thread has other rights than its own, until this is dropped.
struct Assumed<'a> {
    own: &'static Own,
    wanted: &'a Rights,
    /// They could all be assumed, and so can those from before.
    whole: bool,
    _of_this_thread: PhantomData<*const ()>,
}

impl Drop for Assumed<'_> {
    fn drop(&mut self) {
        // What is permitted can be raised again at any time, capabilities(7); the rest needs it.
        let raised = set_capabilities(self.own.permitted);
        if let Err(error) = raised.and_then(|()| self.own.rights.assume(self.wanted))
            && self.whole
        {
            tracing::error!(%error, "a thread keeps rights that are not its own");
        }
    }
}

/// Ours, as they were at first; nothing when procfs does not tell.
fn own() -> Option<&'static Own> {
    static OWN: OnceLock<Option<Own>> = OnceLock::new();
    let read = || {
        // That of the main thread, which never has others.
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        Some(Own { rights: Rights::parse(&status)?, permitted: capabilities(&status, "CapPrm:")? })
    };
    OWN.get_or_init(|| {
        let own = read();
        if own.is_none() {
            tracing::warn!("files are not accessed with the target's rights: /proc/self/status cannot be read");
        }
        own
    })
    .as_ref()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

fn capabilities(status: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(field(status, name)?.trim(), 16).ok()
}

#[expect(unsafe_code, reason = "the system calls have no safe form that is meant for one thread")]
mod calls {
    use super::io;

    /// setgroups(2).
    pub(super) fn set_groups(groups: &[u32]) -> io::Result<()> {
        // SAFETY: the pointer and the length are those of a slice of `gid_t`.
        let done = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        answer(done)
    }

    /// setfsgid(2), setfsuid(2). They tell nothing of their success but by what is in effect afterwards.
    pub(super) fn set_file_system_ids(user: u32, group: u32) -> io::Result<()> {
        for (call, id) in [(libc::SYS_setfsgid, group), (libc::SYS_setfsuid, user)] {
            // SAFETY: plain numbers.
            unsafe { libc::syscall(call, id) };
            // SAFETY: plain numbers; -1 is no id and changes nothing.
            let now = unsafe { libc::syscall(call, u32::MAX) };
            if now != i64::from(id) {
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
        }
        Ok(())
    }

    /// capset(2): the effective ones of this thread; permitted and inheritable ones stay.
    pub(super) fn set_capabilities(effective: u64) -> io::Result<()> {
        const VERSION_3: u32 = 0x2008_0522;
        let header = [VERSION_3, 0];
        // Effective, permitted, inheritable: the lower 32 of each, then the upper.
        let mut data = [0_u32; 6];
        // SAFETY: version 3 writes two structures of three numbers.
        answer(unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) })?;
        let halves = [effective & u64::from(u32::MAX), effective >> 32];
        (data[0], data[3]) = halves.map(|half| u32::try_from(half).expect("a half")).into();
        // SAFETY: as above; the kernel only reads.
        answer(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })
    }

    fn answer(done: libc::c_long) -> io::Result<()> {
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
use calls::{set_capabilities, set_file_system_ids, set_groups};

impl TryFrom<&[u8]> for Rights {
    type Error = Errno;

    fn try_from(status: &[u8]) -> Result<Self, Errno> {
        Self::parse(&String::from_utf8_lossy(status)).ok_or(Errno::EIO)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    use super::*;

    const STATUS: &str = "Name:\tx y\nUid:\t0\t1\t2\t1000\nGid:\t0\t0\t0\t1001\nGroups:\t4 20 1001 \n\
        CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000002\n";

    #[test]
    fn status_tells_the_ids_for_files() {
        let rights = Rights { user: 1000, group: 1001, groups: vec![4, 20, 1001], capabilities: 2 };
        assert_eq!(Rights::parse(STATUS), Some(rights));
        for broken in ["", "Uid:\t0\t0\t0\n", &STATUS.replace("1000", "x"), &STATUS.replace("CapEff", "Cap")] {
            assert_eq!(Rights::parse(broken), None, "{broken}");
        }
    }

    /// As a user without rights, unless the tests themselves are run by one.
    #[test]
    fn operations_have_the_targets_rights_and_the_thread_its_own_again() {
        if !nix::unistd::geteuid().is_root() {
            return eprintln!("not run: not root");
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        let secret = folder.path().join("secret");
        fs::write(&secret, "x").expect("write");
        let mode = fs::Permissions::from_mode;
        fs::set_permissions(folder.path(), mode(0o777)).expect("chmod");
        fs::set_permissions(&secret, mode(0o640)).expect("chmod");
        let before = fs::read_to_string("/proc/thread-self/status").expect("readable");
        let user = Rights { user: 1000, group: 1001, groups: vec![], capabilities: 0 };
        let read = |rights: &Rights| rights.perform(|| fs::read(&secret).map_err(|error| error.kind()));
        assert_eq!(read(&user), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(read(&Rights { groups: vec![0], ..user.clone() }), Ok(b"x".to_vec()));
        assert_eq!(read(&Rights { group: 0, ..user.clone() }), Ok(b"x".to_vec()));
        assert_eq!(read(&Rights { capabilities: 1 << 1, ..user.clone() }), Ok(b"x".to_vec()), "CAP_DAC_OVERRIDE");
        let metadata = user.perform(|| {
            fs::write(folder.path().join("new"), "").expect("the directory is everybody's");
            fs::metadata(folder.path().join("new")).expect("stat")
        });
        assert_eq!((metadata.uid(), metadata.gid()), (1000, 1001));
        let powerless = Rights { user: 0, group: 0, groups: vec![], capabilities: 0 };
        fs::set_permissions(&secret, mode(0o000)).expect("chmod");
        assert_eq!(read(&powerless), Err(io::ErrorKind::PermissionDenied), "root without capabilities");
        let ids = |status: &str| {
            let line = |name| field(status, name).expect("there").to_owned();
            ["Uid:", "Gid:", "Groups:", "CapEff:", "CapPrm:"].map(line)
        };
        let after = fs::read_to_string("/proc/thread-self/status").expect("readable");
        assert_eq!(ids(&after), ids(&before));
    }
}
