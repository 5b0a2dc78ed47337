//! Processes of a tree: what is known of each, kept until it ends or becomes another program.

use std::{
    collections::HashMap,
    io,
    os::fd::{OwnedFd, RawFd},
    sync::Arc,
};

use crate::proxy::Proxy;

/// A process.
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it runs without us, by `skip_processes`.
    pub(crate) fn is_skipped(&self) -> bool {
        false
    }

    /// A copy of its descriptor `number`.
    pub(crate) fn descriptor(&self, number: RawFd) -> io::Result<OwnedFd> {
        seccomp::listener::Process::open(self.pid)?.descriptor(number)
    }
}

/// All processes of a tree that have made a call lately.
pub(super) struct Processes {
    by_thread: HashMap<u32, Arc<Process>>,
}

impl Processes {
    pub(super) fn new(_proxy: &Proxy) -> Self {
        Self { by_thread: HashMap::new() }
    }

    /// The process that a thread belongs to.
    pub(super) fn of(&mut self, thread: u32) -> Arc<Process> {
        self.by_thread.entry(thread).or_insert_with(|| Arc::new(Process { pid: thread })).clone()
    }
}
