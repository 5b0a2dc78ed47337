//! What programs do with copies behind our back: writes and closes, told by inotify(7).

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use protocol::Errno;
use tokio::io::unix::AsyncFd;

use super::{
    super::registered,
    Identity, Shared,
    file::{Copy, Thorough},
};

/// How long after a write a copy is written back, so that a burst of writes travels once.
const PAUSE: Duration = Duration::from_millis(200);

/// inotify(7): tells of writes to files in memory.
#[derive(Debug)]
pub(super) struct Watcher(AsyncFd<Watched>);

#[derive(Debug)]
pub(in crate::descriptors) struct Watched(Inotify);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Watcher {
    /// Has the kernel tell of a copy.
    pub(super) fn add(&self, copy: &Copy) -> Result<WatchDescriptor, Errno> {
        let path = format!("/proc/self/fd/{}", copy.memory.as_raw_fd());
        let wanted = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_CLOSE_NOWRITE;
        self.0.get_ref().0.add_watch(path.as_str(), wanted).map_err(|errno| Errno(errno as i32))
    }
}

impl Shared {
    /// The one watcher, which is made for the first copy.
    pub(super) fn watcher(self: &Arc<Self>) -> Result<Arc<Watcher>, Errno> {
        let mut state = self.state();
        if let Some(watcher) = &state.watcher {
            return Ok(watcher.clone());
        }
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK);
        let watcher = Arc::new(Watcher(registered(Watched(inotify.map_err(|errno| Errno(errno as i32))?))?));
        let followed = self.clone().follow(watcher.clone());
        self.tasks.spawn(self.cancel.clone().run_until_cancelled_owned(followed));
        Ok(state.watcher.insert(watcher).clone())
    }

    async fn follow(self: Arc<Self>, watcher: Arc<Watcher>) {
        loop {
            let Ok(mut ready) = watcher.0.readable().await else { return };
            let events: Vec<InotifyEvent> = match ready.try_io(|inotify| Ok(inotify.get_ref().0.read_events()?)) {
                Ok(Ok(events)) => events,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot follow copies any more");
                    return;
                }
                Err(_would_block) => continue,
            };
            for InotifyEvent { wd, mask, .. } in events {
                if mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    let all: Vec<_> = self.state().files.iter().map(|(id, copy)| (copy.clone(), *id)).collect();
                    for (copy, identity) in all {
                        self.look_soon(copy, identity, true);
                    }
                    continue;
                }
                let found = {
                    let state = self.state();
                    state.watched.get(&wd).and_then(|id| Some((state.files.get(id)?.clone(), *id)))
                };
                let closed = mask.intersects(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_CLOSE_NOWRITE);
                if let Some((copy, identity)) = found {
                    self.look_soon(copy, identity, closed);
                }
            }
        }
    }

    /// Writes back what was written: soon, or at once when it was closed.
    fn look_soon(self: &Arc<Self>, copy: Arc<Copy>, identity: Identity, closed: bool) {
        if !closed && copy.waits.swap(true, Ordering::Relaxed) {
            return;
        }
        let shared = self.clone();
        self.tasks.spawn(self.cancel.clone().run_until_cancelled_owned(async move {
            if closed {
                shared.drop_if_closed(&copy, identity).await;
            } else {
                tokio::time::sleep(PAUSE).await;
                copy.waits.store(false, Ordering::Relaxed);
                // Kept, for whoever closes it.
                let _ = copy.write_back(&shared, Thorough::No).await;
            }
        }));
    }

    /// Lets go of a copy that no program has open any more, when all that was written is in the pod, or never will be.
    pub(super) async fn drop_if_closed(&self, copy: &Arc<Copy>, identity: Identity) {
        if is_open(&copy.memory, Open::ForWriting) {
            return;
        }
        copy.finish_writing(self).await;
        if is_open(&copy.memory, Open::AtAll) {
            return;
        }
        {
            let mut state = self.state();
            // Who is about to open it, or has done so meanwhile, will close it.
            let known = state.files.get(&identity).is_some_and(|other| Arc::ptr_eq(other, copy));
            if !known || copy.openers.load(Ordering::Relaxed) > 0 || is_open(&copy.memory, Open::AtAll) {
                return;
            }
            state.files.remove(&identity);
            let number = state.watched.iter().find(|(_, id)| **id == identity).map(|(number, _)| *number);
            if let (Some(number), Some(watcher)) = (number, state.watcher.clone()) {
                state.watched.remove(&number);
                // The file goes, and the watch with it, in a moment anyway.
                let _ = watcher.0.get_ref().0.rm_watch(number);
            }
        }
        copy.release(self).await;
    }
}

/// What is asked of the kernel about a file in memory.
#[derive(Clone, Copy)]
pub(super) enum Open {
    /// Whether anybody has it open for writing, or mapped so.
    ForWriting,
    /// Whether anybody but us has it open, or mapped.
    AtAll,
}

/// Asks by a lease, fcntl(2), which is refused while others have the file open. True when the kernel does not tell.
pub(super) fn is_open(memory: &OwnedFd, open: Open) -> bool {
    /// `asm-generic/fcntl.h`
    const F_SETSIG: i32 = 10;
    let set = |command: i32, argument: i32| {
        // SAFETY: these commands take numbers only.
        #[expect(unsafe_code, reason = "nix knows no leases")]
        let result = unsafe { libc::fcntl(memory.as_raw_fd(), command, argument) };
        nix::errno::Errno::result(result).is_ok()
    };
    let kind = match open {
        Open::ForWriting => libc::F_RDLCK,
        Open::AtAll => libc::F_WRLCK,
    };
    // Should somebody open it in this moment, the kernel sends a signal: one that does nothing.
    let free = set(F_SETSIG, libc::SIGURG) && set(libc::F_SETLEASE, kind);
    if free {
        set(libc::F_SETLEASE, libc::F_UNLCK);
    }
    !free
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;

    use super::*;
    use crate::descriptors::memory;

    #[test]
    fn the_kernel_tells_who_has_a_file_in_memory_open() {
        let made = memory::create(b"/x").unwrap();
        let own = memory::reopen(&made, OFlag::O_RDONLY).unwrap();
        drop(made);
        let told = || [Open::ForWriting, Open::AtAll].map(|open| is_open(&own, open));
        assert_eq!(told(), [false, false]);
        let reader = memory::reopen(&own, OFlag::O_RDONLY).unwrap();
        assert_eq!(told(), [false, true]);
        let writer = memory::reopen(&own, OFlag::O_RDWR).unwrap();
        assert_eq!(told(), [true, true]);
        drop((reader, writer));
        assert_eq!(told(), [false, false]);
    }
}
