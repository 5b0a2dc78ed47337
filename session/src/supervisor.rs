//! Engine two: programs that no library can be loaded into. Their system calls are announced to us by the kernel
//! (seccomp_unotify(2)), and we answer in the kernel's place or let it go on.
//!
//! ```text
//! kernel ── listener ── tree (one thread: receives, decides) ── handler ── go_on, or an answer at once
//!                                                                  └── later: a task, for all that waits for the target
//! ```
//!
//! The thread never waits for anything but the kernel: a slow or hanging call delays no other thread of the program and
//! no other process. A call that nobody answered ends with `EIO`.

mod call;
mod directory;
mod early;
mod files;
mod name;
mod probe;
mod process;
mod processes;
mod signals;
mod sockets;
mod tree;

use std::sync::Arc;

use protocol::Errno;
use seccomp::listener::Listener;

pub(crate) use self::{call::Call, sockets::Sockets};
pub use self::{
    early::Early,
    probe::{Unwatchable, probe},
};
use crate::proxy::Proxy;

/// Takes charge of the process tree behind `listener`, whose first program is `executable`. It may start at once.
pub(crate) fn supervise(proxy: &Arc<Proxy>, listener: Listener, executable: &[u8]) -> Result<(), Errno> {
    tree::Tree::start(proxy.clone(), listener).map_err(Errno::from)?;
    tracing::debug!(executable = %executable.escape_ascii(), "a process tree is supervised");
    proxy.reported.send_modify(|count| *count += 1);
    Ok(())
}

/// What a handler does with a call: all of it on the receiving thread, so it must not wait for anybody.
type Handler = fn(Call);

/// Who handles which calls. All others go on as if we were not there.
const HANDLERS: &[(Handler, &[libc::c_long])] = &[
    (files::handle, &files::CALLS),
    (sockets::handle, sockets::CALLS),
    (name::handle, name::CALLS),
    (process::handle, process::CALLS),
];
