//! The target: the process whose files, environment and namespaces the program shall see.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::OwnedFd,
    path::Path,
    sync::Mutex,
};

use nix::{
    fcntl::{OFlag, openat},
    sys::stat::{Mode, fstat, stat},
};
use protocol::Errno;

use crate::rights::Rights;

/// Longest file of procfs that is read whole, in bytes: an environment is at most a quarter of the stack limit, which
/// the kernel caps at 6 MiB (execve(2)).
const PROC_FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// How the target is told from other processes.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// Its process id, unless that is a sandbox's `pause` process.
    pub(crate) pid: u32,
    /// Its container, looked for in `/proc/*/cgroup` when `pid` is not the target.
    pub(crate) container: Option<String>,
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The process does not exist or may not be looked at.
    #[error("target process {pid}: {source} (it has ended, or SYS_PTRACE is missing)")]
    Process {
        /// The process's id.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// No process of that container is visible.
    #[error("no process of container `{0}` is visible (is the process namespace shared?)")]
    Container(String),
    /// Process 1 is the sandbox and nothing says which container is meant.
    #[error("process {0} is the pod's sandbox; name the container with --container-id")]
    Sandbox(u32),
}

/// A handle to the target's `/proc/<pid>`, found again when that process has been replaced.
#[derive(Debug)]
pub(crate) struct Target {
    search: Search,
    /// Directory `/proc/<pid>`. It belongs to that process, not to the number: later processes are never mixed up.
    process: Mutex<std::sync::Arc<OwnedFd>>,
}

impl Target {
    /// Finds the target.
    pub(crate) fn find(search: Search) -> Result<Self, Error> {
        let process = Mutex::new(open_process(find_pid(&search)?)?);
        Ok(Self { search, process })
    }

    /// The target's root directory at this moment: it changes with chroot(2) and pivot_root(2).
    pub(crate) fn root(&self) -> Result<OwnedFd, Errno> {
        self.open("root", OFlag::O_PATH | OFlag::O_DIRECTORY)
    }

    /// The rights of the target's main process at this moment: it may give some of them up after its start.
    pub(crate) fn rights(&self) -> Result<Rights, Errno> {
        let rights = Rights::try_from(self.read("status")?.as_slice())?;
        // Capabilities count in the process's own user namespace only, user_namespaces(7).
        let namespace = self.open("ns/user", OFlag::O_PATH).ok().and_then(|file| fstat(&file).ok());
        let own = stat("/proc/self/ns/user").ok();
        let same = namespace.zip(own).is_some_and(|(its, own)| (its.st_dev, its.st_ino) == (own.st_dev, own.st_ino));
        Ok(if same { rights } else { rights.without_capabilities() })
    }

    /// Device and inode of its mount namespace: who is in the same sees the same files.
    pub(crate) fn mounts(&self) -> Result<(u64, u64), Errno> {
        let namespace = fstat(self.open("ns/mnt", OFlag::O_PATH)?).map_err(|error| Errno(error as i32))?;
        Ok((namespace.st_dev, namespace.st_ino))
    }

    /// Whole content of a file below `/proc/<pid>`.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let file = File::from(self.open(name, OFlag::O_RDONLY)?);
        let mut content = Vec::new();
        file.take(PROC_FILE_LIMIT).read_to_end(&mut content)?;
        Ok(content)
    }

    fn open(&self, name: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        let process = self.process.lock().expect("no panic while held").clone();
        let flags = flags | OFlag::O_CLOEXEC;
        match openat(&*process, name, flags, Mode::empty()) {
            Err(nix::Error::ESRCH | nix::Error::ENOENT) => {}
            answer => return answer.map_err(|error| Errno(error as i32)),
        }
        // The process has ended: its container was restarted, or it handed over to another.
        let fresh = find_pid(&self.search).and_then(open_process).map_err(|error| {
            tracing::warn!(%error, "the target is gone");
            Errno(libc::ESRCH)
        })?;
        *self.process.lock().expect("no panic while held") = fresh.clone();
        openat(&*fresh, name, flags, Mode::empty()).map_err(|error| Errno(error as i32))
    }
}

fn open_process(pid: u32) -> Result<std::sync::Arc<OwnedFd>, Error> {
    File::open(format!("/proc/{pid}"))
        .map(|directory| std::sync::Arc::new(directory.into()))
        .map_err(|source| Error::Process { pid, source })
}

fn find_pid(search: &Search) -> Result<u32, Error> {
    let pid = search.pid;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).map_err(|source| Error::Process { pid, source })?;
    match (&search.container, name.trim_end() == "pause") {
        (_, false) => Ok(pid),
        (None, true) => Err(Error::Sandbox(pid)),
        (Some(container), true) => {
            first_of_container(Path::new("/proc"), container).ok_or_else(|| Error::Container(container.clone()))
        }
    }
}

/// Lowest process id whose control group names the container: its main process.
fn first_of_container(proc: &Path, container: &str) -> Option<u32> {
    // `containerd://0123…`, as a pod's status writes it, or the bare id.
    let id = container.rsplit("://").next().filter(|id| !id.is_empty())?;
    let processes = fs::read_dir(proc).ok()?.filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| fs::read_to_string(proc.join(format!("{pid}/cgroup"))).is_ok_and(|text| text.contains(id)))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_is_a_target_with_root_and_environment() {
        let pid = std::process::id();
        let target = Target::find(Search { pid, container: None }).expect("we exist");
        assert!(target.root().is_ok());
        assert_eq!(target.read("comm").ok(), fs::read("/proc/self/comm").ok());
        assert_eq!(target.read("no-such-file").err(), Some(Errno::ENOENT));
    }

    #[test]
    fn a_process_that_does_not_exist_is_reported() {
        let error = Target::find(Search { pid: u32::MAX, container: None }).expect_err("there is no such process");
        assert!(error.to_string().contains("4294967295"), "{error}");
    }

    #[test]
    fn a_container_is_found_by_its_control_group() {
        let proc = tempfile::tempdir().expect("a temporary directory");
        for (pid, group) in [("7", "0::/kubepods/pod1/aaaa"), ("12", "0::/../bbbb"), ("31", "0::/../bbbb"), ("x", "")] {
            fs::create_dir(proc.path().join(pid)).expect("mkdir");
            fs::write(proc.path().join(pid).join("cgroup"), group).expect("write");
        }
        let find = |container| first_of_container(proc.path(), container);
        assert_eq!(find("containerd://bbbb"), Some(12));
        assert_eq!(find("aaaa"), Some(7));
        assert_eq!(find("cccc"), None);
        assert_eq!(find("containerd://"), None);
    }
}
