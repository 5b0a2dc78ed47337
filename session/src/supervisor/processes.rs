//! All processes of a tree that make calls, found by the thread that calls.

use std::{
    collections::HashMap,
    io,
    os::unix::ffi::OsStrExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use rules::path::{PathRules, Program};
use seccomp::listener;

use super::{
    directory::WorkingDirectory,
    process::{Image, Process, Status},
};
use crate::proxy::Proxy;

/// How long it is believed that a thread's number means the same thread. The kernel gives numbers out in a circle of at
/// least 32,768: none comes around so soon.
const BELIEVED: Duration = Duration::from_secs(1);

/// Processes beyond this many are looked through for those that have ended, before another one is added.
const FIRST_LOOK_THROUGH: usize = 64;

/// Only the receiving thread has it.
pub(super) struct Processes {
    proxy: Arc<Proxy>,
    by_thread: HashMap<u32, Seen>,
    by_pid: HashMap<u32, Arc<Process>>,
    rules: PathRules,
    look_through_at: usize,
    has_begun: bool,
}

struct Seen {
    process: Arc<Process>,
    when: Instant,
}

impl Processes {
    pub(super) fn new(proxy: Arc<Proxy>) -> Self {
        Self {
            rules: PathRules::new(&proxy.policy.files),
            proxy,
            by_thread: HashMap::new(),
            by_pid: HashMap::new(),
            look_through_at: FIRST_LOOK_THROUGH,
            has_begun: false,
        }
    }

    /// The process that `thread` belongs to. Fails when it has ended, or may not be looked at.
    pub(super) fn of(&mut self, thread: u32) -> io::Result<Arc<Process>> {
        let now = Instant::now();
        if let Some(seen) = self.by_thread.get(&thread)
            && now.duration_since(seen.when) < BELIEVED
            && seen.process.becoming().is_none()
        {
            return Ok(seen.process.clone());
        }
        let process = self.look_up(thread)?;
        self.by_thread.insert(thread, Seen { process: process.clone(), when: now });
        Ok(process)
    }

    /// Those that have not ended.
    pub(super) fn alive(&self) -> impl Iterator<Item = &Arc<Process>> {
        self.by_pid.values().filter(|process| !process.handle().has_ended())
    }

    fn look_up(&mut self, thread: u32) -> io::Result<Arc<Process>> {
        let status = Status::read(thread)?;
        let pid = status.process;
        let known = self.by_pid.get(&pid).filter(|known| !known.handle().has_ended()).cloned();
        match known {
            Some(known) => match known.becoming() {
                None => Ok(known),
                Some(becoming) => self.look_again(&known, becoming, thread),
            },
            None => self.add(pid, status.parent),
        }
    }

    /// A process of which a thread has called execve(2): it may have become another program, or not yet, or never.
    fn look_again(&mut self, known: &Arc<Process>, becoming: u32, thread: u32) -> io::Result<Arc<Process>> {
        let pid = known.pid();
        let image = Image::read(pid, &self.proxy.policy.skip_processes)?;
        if image != *known.image() {
            return Ok(self.put(pid, known.handle().clone(), image, known.directory().clone()));
        }
        // The thread itself calls: it is done with it. So it is if it is gone: the new program has one thread, the first.
        let gone = || thread == pid && !std::path::Path::new(&format!("/proc/{pid}/task/{becoming}")).exists();
        if thread == becoming || gone() {
            known.stays();
        }
        Ok(known.clone())
    }

    fn add(&mut self, pid: u32, parent: u32) -> io::Result<Arc<Process>> {
        if self.by_pid.len() >= self.look_through_at {
            self.by_pid.retain(|_, process| !process.handle().has_ended());
            self.by_thread.retain(|_, seen| !seen.process.handle().has_ended());
            self.look_through_at = FIRST_LOOK_THROUGH.max(2 * self.by_pid.len());
        }
        let handle = Arc::new(listener::Process::open(pid)?);
        let directory = match self.by_pid.get(&parent) {
            Some(parent) => parent.directory().inherited(),
            None => WorkingDirectory::default(),
        };
        let image = Image::read(pid, &self.proxy.policy.skip_processes)?;
        tracing::debug!(pid, executable = %image.executable.escape_ascii(), "a process");
        self.proxy.programs.add(pid);
        // The first one was counted when the tree was handed over.
        if std::mem::replace(&mut self.has_begun, true) {
            self.proxy.reported.send_modify(|count| *count += 1);
        }
        Ok(self.put(pid, handle, image, Arc::new(directory)))
    }

    fn put(
        &mut self,
        pid: u32,
        handle: Arc<listener::Process>,
        image: Image,
        directory: Arc<WorkingDirectory>,
    ) -> Arc<Process> {
        let paths = self.rules(pid, &image);
        let process = Arc::new(Process::new(pid, handle, image, paths, directory));
        self.by_pid.insert(pid, process.clone());
        process
    }

    /// The rules for paths of the program that `pid` has just become.
    fn rules(&self, pid: u32, image: &Image) -> PathRules {
        let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default().into_os_string();
        let Image { executable, started_as, .. } = image;
        let (arguments, directory) = (&image.arguments(), directory.as_bytes());
        self.rules.of(&Program { executable, started_as, arguments, directory })
    }
}
