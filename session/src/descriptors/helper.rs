//! The files helper: a process that serves a FUSE mount of the target's files, for the session that started it.
//!
//! ```text
//! program ── read(2), write(2)… ── kernel ── /dev/fuse ── helper ── socket pair ── session ══ link ══ agent
//! ```
//! It is one thread that never waits: every request is a task, so whoever waits for a slow file server holds up nobody
//! else. It keeps no descriptor of the mount itself: a process that does cannot be ended while it waits for its own
//! answer. It ends when the session's end of the socket pair is closed, for whatever reason; the kernel then fails
//! everything that is under way, and every later call on the mount's descriptors, with ENOTCONN or ECONNABORTED.

mod abi;
mod attributes;
mod caller;
mod device;
mod directory;
mod dispatch;
mod file;
mod interrupts;
mod leaving;
mod locks;
mod mount;
mod names;
mod prime;
mod reads;
mod serve;
mod tree;
mod writes;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::IoSlice,
    os::fd::{AsRawFd, OwnedFd},
    process::ExitCode,
    rc::Rc,
};

use nix::sys::{
    eventfd::{EfdFlags, EventFd},
    socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg},
};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use self::{caller::Caller, device::Device, file::File, leaving::LentOut, mount::Owners, prime::Primes, tree::Tree};
pub(super) use tree::FRESH;
#[cfg(test)]
pub(super) use tree::tests::metadata as metadata_for_tests;

/// First argument of our executable that leads to [`main`].
pub const HIDDEN_COMMAND: &str = "files-helper";

/// What all tasks share. There is one thread, and no borrow is held while anything is awaited.
#[derive(Debug)]
struct Helper {
    caller: Caller,
    device: Device,
    owners: Owners,
    tree: RefCell<Tree>,
    primes: RefCell<Primes>,
    files: RefCell<HashMap<u64, Rc<File>>>,
    lent: LentOut,
    next_file: Cell<u64>,
    /// Bytes that are fetched ahead of all readers.
    fetched: Rc<Cell<u64>>,
    /// Bytes that all writers have under way.
    unwritten: Cell<usize>,
    /// Some of them have arrived.
    written: Notify,
    dirty: Dirty,
    tasks: TaskTracker,
}

/// Tells the session, without a message, whether something that was written has not reached the pod yet: an eventfd(2)
/// that is readable as long as that is so.
#[derive(Debug)]
struct Dirty {
    event: EventFd,
    set: Cell<bool>,
}

impl Dirty {
    fn set(&self, dirty: bool) {
        if self.set.replace(dirty) == dirty {
            return;
        }
        // Neither can fail: the counter goes between 0 and 1.
        let done = if dirty { self.event.write(1).map(drop) } else { self.event.read().map(drop) };
        if let Err(errno) = done {
            tracing::warn!(%errno, "the session is not told of unwritten data");
        }
    }
}

impl Helper {
    fn new(device: OwnedFd, owners: Owners, dirty: Dirty) -> std::io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            caller: Caller::default(),
            device: Device::new(device)?,
            owners,
            tree: RefCell::new(Tree::new()),
            primes: RefCell::default(),
            files: RefCell::default(),
            lent: LentOut::default(),
            next_file: Cell::new(1),
            fetched: Rc::default(),
            unwritten: Cell::new(0),
            written: Notify::new(),
            dirty,
            tasks: TaskTracker::new(),
        }))
    }

    /// What is known of any file may be wrong: somebody has changed names.
    fn forget_all_metadata(&self) {
        for node in self.tree.borrow().all() {
            node.forget_metadata();
            if node.is_open() {
                self.device.forget_attributes(node.id);
            }
        }
    }
}

/// Serves the session at the other end of standard input. To be called before any thread exists.
///
/// The first message of the helper is an errno, 4 bytes, and the name of the step that failed; with errno 0 the mount's
/// root and the eventfd of [`Dirty`] travel beside it.
pub fn main() -> ExitCode {
    let socket = std::io::stdin();
    let greet = |errno: i32, step: &str, descriptors: &[&dyn AsRawFd]| {
        let numbers: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
        let errno = errno.to_le_bytes();
        let text = [IoSlice::new(&errno), IoSlice::new(step.as_bytes())];
        let rights = [ControlMessage::ScmRights(&numbers)];
        let beside = if numbers.is_empty() { &[][..] } else { &rights[..] };
        sendmsg::<UnixAddr>(socket.as_raw_fd(), &text, beside, MsgFlags::MSG_NOSIGNAL, None)
    };
    let made = mount::mount().and_then(|mounted| {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags);
        Ok((mounted, event.map_err(|errno| mount::Refused { step: "eventfd", errno })?))
    });
    let (mounted, event) = match made {
        Ok(made) => made,
        Err(mount::Refused { step, errno }) => {
            // A session that has gone does not want to know.
            let _ = greet(errno as i32, step, &[]);
            return ExitCode::FAILURE;
        }
    };
    let mount::Mounted { device, root, owners } = mounted;
    if greet(0, "", &[&root, &event]).is_err() {
        return ExitCode::FAILURE;
    }
    drop(root);
    let dirty = Dirty { event, set: Cell::new(false) };
    match run(device, owners, dirty) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::warn!(%error, "the files helper ends");
            ExitCode::FAILURE
        }
    }
}

fn run(device: OwnedFd, owners: Owners, dirty: Dirty) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { serve::serve(&Helper::new(device, owners, dirty)?).await })
}

#[cfg(test)]
mod tests;
