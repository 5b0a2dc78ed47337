//! One process of a tree: what the rules need to know of it.

use std::{
    fs, io,
    os::fd::{OwnedFd, RawFd},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use rules::path::PathRules;
use seccomp::listener;

use super::{Call, directory::WorkingDirectory};

/// The calls by which a process becomes another program.
pub(super) const CALLS: &[libc::c_long] = &[libc::SYS_execve, libc::SYS_execveat];

/// execve(2): the kernel's business, but what we know of the process may be wrong afterwards.
pub(super) fn handle(call: Call) {
    call.process().becomes_another(call.thread());
    call.go_on();
}

/// A process, from its first call until it ends or becomes another program.
pub(crate) struct Process {
    pid: u32,
    handle: Arc<listener::Process>,
    image: Image,
    paths: Arc<PathRules>,
    directory: Arc<WorkingDirectory>,
    /// The thread that is about to become another program by execve(2); 0: none is.
    becoming: AtomicU32,
    warned: AtomicBool,
    /// It runs without us, and was looked at.
    has_begun: AtomicBool,
}

/// The program that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Path of its executable.
    pub(super) executable: Vec<u8>,
    /// What it was called as.
    pub(super) argv0: Vec<u8>,
    /// Whether it runs without us, by `skip_processes`.
    pub(super) skipped: bool,
}

impl Process {
    pub(super) fn new(
        pid: u32,
        handle: Arc<listener::Process>,
        image: Image,
        paths: Arc<PathRules>,
        directory: Arc<WorkingDirectory>,
    ) -> Self {
        let (becoming, warned, has_begun) = (AtomicU32::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Self { pid, handle, image, paths, directory, becoming, warned, has_begun }
    }

    /// The number of the process (of its first thread).
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it runs without us, by `skip_processes`.
    pub(crate) fn is_skipped(&self) -> bool {
        self.image.skipped
    }

    /// Whether it runs without us, at the first call only.
    pub(super) fn begins_skipped(&self) -> bool {
        self.image.skipped && !self.has_begun.swap(true, Ordering::Relaxed)
    }

    /// A copy of its descriptor `number`. pidfd_getfd(2).
    pub(crate) fn descriptor(&self, number: RawFd) -> io::Result<OwnedFd> {
        self.handle.descriptor(number)
    }

    /// What runs in it.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    pub(super) fn handle(&self) -> &Arc<listener::Process> {
        &self.handle
    }

    /// The rules for its paths.
    pub(super) fn paths(&self) -> &PathRules {
        &self.paths
    }

    /// Where its relative paths begin.
    pub(super) fn directory(&self) -> &Arc<WorkingDirectory> {
        &self.directory
    }

    /// Notes that `thread` is about to become another program: from now on, `image` is in doubt.
    fn becomes_another(&self, thread: u32) {
        self.becoming.store(thread, Ordering::Relaxed);
    }

    /// The thread that is about to become another program.
    pub(super) fn becoming(&self) -> Option<u32> {
        let thread = self.becoming.load(Ordering::Relaxed);
        (thread != 0).then_some(thread)
    }

    /// The program is what it was.
    pub(super) fn stays(&self) {
        self.becoming.store(0, Ordering::Relaxed);
    }

    /// Whether nothing was said before about what this process cannot have.
    pub(super) fn first_warning(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }
}

/// The mask that new files' permissions lose. `Umask:` in proc_pid_status(5), since Linux 4.7.
pub(super) fn umask(thread: u32) -> u32 {
    // A process that cannot be looked at any more is past caring.
    Status::read(thread).map_or(0o022, |status| status.umask)
}

/// The fields of /proc/PID/status that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// The process that the thread belongs to.
    pub(super) process: u32,
    /// Who made it, or adopted it.
    pub(super) parent: u32,
    /// See umask(2).
    pub(super) umask: u32,
}

impl Status {
    /// Of a thread.
    pub(super) fn read(thread: u32) -> io::Result<Self> {
        let text = fs::read(format!("/proc/{thread}/status"))?;
        Self::parse(&text).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let number = |name: &str, radix| {
            let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()))?;
            u32::from_str_radix(str::from_utf8(line).ok()?.trim(), radix).ok()
        };
        Some(Self { process: number("Tgid:", 10)?, parent: number("PPid:", 10)?, umask: number("Umask:", 8)? })
    }
}

/// What `process` runs: its executable and the first of its arguments.
pub(super) fn program_of(process: u32) -> io::Result<(Vec<u8>, Vec<u8>)> {
    use std::os::unix::ffi::OsStringExt;
    let proc = Path::new("/proc").join(process.to_string());
    let executable = fs::read_link(proc.join("exe"))?.into_os_string().into_vec();
    // It cannot be read only of processes that are ending.
    let mut argv0 = fs::read(proc.join("cmdline")).unwrap_or_default();
    argv0.truncate(argv0.iter().position(|byte| *byte == 0).unwrap_or(argv0.len()));
    Ok((executable, argv0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_by_names_at_line_starts() {
        let text = b"Name:\tx Tgid: 9\nUmask:\t0027\nState:\tS\nTgid:\t12\nPid:\t13\nPPid:\t1\n";
        assert_eq!(Status::parse(text), Some(Status { process: 12, parent: 1, umask: 0o27 }));
        assert_eq!(Status::parse(b"Name:\tx\n"), None);
        let own = Status::read(std::process::id()).unwrap();
        assert_eq!(own.process, std::process::id());
    }

    #[test]
    fn a_process_says_what_it_runs() {
        let (executable, argv0) = program_of(std::process::id()).unwrap();
        assert!(executable.starts_with(b"/"));
        assert!(!argv0.is_empty());
    }
}
