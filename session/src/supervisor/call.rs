//! A system call that waits for us, and everything that can be done with it.

use std::{
    io,
    os::fd::{AsFd, OwnedFd, RawFd},
    sync::Arc,
    time::Duration,
};

use libc::{c_int, c_long};
use protocol::Errno;
use seccomp::listener::{self, Notification, Text};

use super::{process::Process, tree::Tree};
use crate::proxy::Proxy;

/// How soon the work for a call that was killed in the meantime is given up.
const ABANDONED_AFTER: Duration = Duration::from_millis(200);

/// A call that waits. It ends exactly once: by [`Call::answer`], [`Call::go_on`] or [`Call::give`], or with `EIO` when it
/// is dropped.
///
/// The program may be killed at any time: what is done to a call that waits no longer has no effect.
pub(crate) struct Call {
    tree: Arc<Tree>,
    process: Arc<Process>,
    notification: Notification,
    ended: bool,
}

impl Call {
    pub(super) fn new(tree: Arc<Tree>, process: Arc<Process>, notification: Notification) -> Self {
        Self { tree, process, notification, ended: false }
    }

    /// Number of the system call.
    pub(crate) fn number(&self) -> c_long {
        self.notification.number
    }

    /// An argument, 0 to 5: an address, a length, a set of flags with 64 bits.
    pub(crate) fn argument(&self, index: usize) -> u64 {
        self.notification.arguments[index]
    }

    /// An argument as the kernel reads an `int`: the lower half of its register.
    #[expect(clippy::cast_possible_truncation, reason = "the kernel does the same")]
    pub(crate) fn int(&self, index: usize) -> c_int {
        self.argument(index) as c_int
    }

    /// The session.
    pub(crate) fn proxy(&self) -> &Arc<Proxy> {
        &self.tree.proxy
    }

    /// Who calls.
    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The thread that waits.
    pub(crate) fn thread(&self) -> u32 {
        self.notification.thread
    }

    /// Whether anybody still waits for the end of this call.
    pub(crate) fn still_waits(&self) -> bool {
        self.tree.listener.still_waits(self.notification.id)
    }

    /// Fills `into` from the program's memory.
    pub(crate) fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        listener::read(self.thread(), address, into).map_err(|error| self.refused(error))?;
        if self.still_waits() { Ok(()) } else { Err(Errno(libc::EINTR)) }
    }

    /// The string that an argument points to. `EFAULT` as the kernel, `ENAMETOOLONG` when it is not in `room`.
    pub(crate) fn text<'a>(&self, index: usize, room: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        match listener::read_text(self.thread(), self.argument(index), room).map_err(|error| self.refused(error))? {
            Text::Whole(text) => Ok(text),
            Text::TooLong => Err(Errno(libc::ENAMETOOLONG)),
        }
    }

    /// As [`Self::text`], for paths: no longer than a path may be.
    pub(crate) fn path(&self, index: usize) -> Result<Vec<u8>, Errno> {
        let mut room = [0; libc::PATH_MAX.unsigned_abs() as usize];
        self.text(index, &mut room).map(<[u8]>::to_vec)
    }

    /// Writes into the program's memory, unless nobody waits any more.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        if !self.still_waits() {
            return Err(Errno(libc::EINTR));
        }
        listener::write(self.thread(), address, bytes).map_err(|error| self.refused(error))
    }

    /// A copy of one of the program's descriptors: the same open file or socket, closed on exec here.
    pub(crate) fn descriptor(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        self.process.descriptor(number).map_err(|error| self.refused(error))
    }

    /// Ends the call with a value or an errno.
    pub(crate) fn answer(mut self, result: Result<i64, Errno>) {
        self.end(self.tree.listener.answer(self.notification.id, result.map_err(|errno| errno.0)));
    }

    /// Lets the kernel run the call as the program made it.
    pub(crate) fn go_on(mut self) {
        self.end(self.tree.listener.go_on(self.notification.id));
    }

    /// Gives the program a copy of `descriptor`, whose number there is the call's value.
    pub(crate) fn give(mut self, descriptor: &impl AsFd, close_on_exec: bool) {
        match self.tree.listener.give(self.notification.id, descriptor.as_fd(), close_on_exec) {
            // The program has too many open files; the call still waits.
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => self.answer(Err(error.into())),
            result => self.end(result.map(drop)),
        }
    }

    /// Goes on with the call in a task of its own, which ends with the session, and soon after a call that was killed.
    pub(crate) fn later<F>(self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tree, id) = (self.tree.clone(), self.notification.id);
        let (tasks, cancel, runtime) = (tree.proxy.tasks.clone(), tree.cancel.clone(), tree.runtime.clone());
        let work = work(self);
        let until_abandoned = async move {
            tokio::select! {
                () = work => {}
                () = abandoned(&tree, id) => {}
            }
        };
        tasks.spawn_on(cancel.run_until_cancelled_owned(until_abandoned), &runtime);
    }

    fn end(&mut self, result: io::Result<()>) {
        self.ended = true;
        match result {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {} // killed while it waited
            Err(error) => tracing::warn!(%error, number = self.number(), "a system call could not be answered"),
        }
    }

    /// The errno for the program; the user is told once what our not being allowed to look means.
    fn refused(&self, error: io::Error) -> Errno {
        match Errno::from(error) {
            // Old runtimes of containers say so of calls that they do not know.
            Errno(libc::EPERM | libc::ENOSYS) => {
                self.tree.refused(self.thread());
                Errno(libc::EPERM)
            }
            errno => errno,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.end(self.tree.listener.answer(self.notification.id, Err(libc::EIO)));
        }
    }
}

/// Resolves when nobody waits for the call any more: the kernel does not tell, so it is asked now and then.
async fn abandoned(tree: &Tree, id: u64) {
    loop {
        tokio::time::sleep(ABANDONED_AFTER).await;
        if !tree.listener.still_waits(id) {
            return;
        }
    }
}
