//! One process of a tree: what the rules need to know of it.

use std::{
    fs,
    io::{self, Read as _},
    os::fd::{OwnedFd, RawFd},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use rules::{path::PathRules, process::is_skipped};
use seccomp::listener::{self, Text};

use super::{Call, directory::WorkingDirectory};

/// Bytes of a command line that are looked at.
const LONGEST_COMMAND: u64 = 16 << 10;

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
    paths: PathRules,
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
    /// The path that was executed: a script's, where the executable is its interpreter. Empty when that cannot be found out.
    pub(super) started_as: Vec<u8>,
    /// The beginning of its command line; each argument ends with a NUL.
    command: Vec<u8>,
    /// Whether it runs without us, by `skip_processes`.
    skipped: bool,
}

impl Process {
    pub(super) fn new(
        pid: u32,
        handle: Arc<listener::Process>,
        image: Image,
        paths: PathRules,
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

impl Image {
    /// What `process` runs, in a session with this list of `skip_processes`.
    pub(super) fn read(process: u32, skip_processes: &[String]) -> io::Result<Self> {
        use std::os::unix::ffi::OsStringExt;
        let proc = Path::new("/proc").join(process.to_string());
        let executable = fs::read_link(proc.join("exe"))?.into_os_string().into_vec();
        let mut command = Vec::new();
        // It cannot be read only of processes that are ending.
        if let Ok(file) = fs::File::open(proc.join("cmdline")) {
            // What was read until a failure is all that can be known.
            let _ = file.take(LONGEST_COMMAND).read_to_end(&mut command);
        }
        let argv0 = command.split(|byte| *byte == 0).next().unwrap_or_default();
        let skipped = is_skipped(skip_processes, &executable, argv0);
        Ok(Self { executable, started_as: started_as(process).unwrap_or_default(), command, skipped })
    }

    /// What follows its name.
    pub(super) fn arguments(&self) -> Vec<&[u8]> {
        self.command.split(|byte| *byte == 0).skip(1).collect()
    }
}

/// `AT_EXECFN` of `process`; see getauxval(3), proc_pid_auxv(5).
fn started_as(process: u32) -> Option<Vec<u8>> {
    let values = fs::read(format!("/proc/{process}/auxv")).ok()?;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_ne_bytes);
    let of_path = |pair: &&[u8]| word(&pair[..8]) == Some(libc::AT_EXECFN);
    let address = word(&values.chunks_exact(16).find(of_path)?[8..])?;
    let mut room = vec![0; libc::PATH_MAX.unsigned_abs() as usize];
    match listener::read_text(process, address, &mut room).ok()? {
        Text::Whole(path) => Some(path.to_vec()),
        Text::TooLong => None,
    }
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
        let image = Image::read(std::process::id(), &[]).unwrap();
        assert!(image.executable.starts_with(b"/"));
        assert!(image.executable.ends_with(image.started_as.rsplit(|byte| *byte == b'/').next().unwrap()));
        assert!(image.command.starts_with(&image.started_as));
    }
}
