//! A supervised tree of processes: one listener, one thread that receives.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use seccomp::listener::{Listener, Notification, Waited};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Call, HANDLERS, Handler, processes::Processes};
use crate::{
    event::Event,
    proxy::{Attached, Proxy},
};

/// More than there are system calls.
const NUMBERS: usize = 512;

/// Handlers by the number of the call.
static BY_NUMBER: [Option<Handler>; NUMBERS] = by_number();

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "numbers of calls are small")]
const fn by_number() -> [Option<Handler>; NUMBERS] {
    let mut table = [None; NUMBERS];
    let mut family = 0;
    while family < HANDLERS.len() {
        let (handler, numbers) = HANDLERS[family];
        let mut index = 0;
        while index < numbers.len() {
            let number = numbers[index] as usize;
            assert!(table[number].is_none(), "a call with two handlers");
            table[number] = Some(handler);
            index += 1;
        }
        family += 1;
    }
    table
}

/// What all calls of a tree share.
pub(super) struct Tree {
    pub(super) proxy: Arc<Proxy>,
    pub(super) listener: Listener,
    pub(super) runtime: Handle,
    /// Ends with the session, and with the tree's last process.
    pub(super) cancel: CancellationToken,
    refused: AtomicBool,
}

impl Tree {
    /// Starts the thread that receives. It ends with the last process of the tree, or with the session.
    pub(super) fn start(proxy: Arc<Proxy>, listener: OwnedFd) -> io::Result<()> {
        let runtime = Handle::current();
        let listener = Listener::from(listener);
        // Kernels before 6.6 cannot; they are slower, not wrong.
        let _ = listener.wake_in_step();
        let (stopped, stop) = io::pipe()?;
        let cancel = proxy.cancel.child_token();
        let tree = Arc::new(Self { proxy, listener, runtime, cancel, refused: AtomicBool::new(false) });
        let receiver = tree.clone();
        let attached = Attached::new(&tree.proxy.attached);
        let session = tree.proxy.tasks.token();
        std::thread::Builder::new().name("supervisor".to_owned()).spawn(move || {
            receiver.receive(&stopped);
            receiver.cancel.cancel();
            drop((attached, session));
        })?;
        let cancel = tree.cancel.clone();
        tree.proxy.tasks.spawn(async move {
            cancel.cancelled().await;
            drop(stop); // the other end becomes readable
        });
        Ok(())
    }

    /// Tells the user, once, what our not being allowed to look into a process means.
    pub(super) fn refused(&self, thread: u32) {
        if self.refused.swap(true, Ordering::Relaxed) {
            return;
        }
        self.proxy.observer.tell(Event::Warning(format!(
            "process {thread} is supervised, but this machine does not let us look into it: its calls on files and \
             connections fail (EPERM). Either it runs as another user, or `kernel.yama.ptrace_scope` is not 0 (try \
             `sysctl kernel.yama.ptrace_scope=0`), or a container forbids it (it needs CAP_SYS_PTRACE)"
        )));
    }

    /// A call of which it cannot be said whose it is: most likely its process is gone.
    fn unknown(&self, notification: &Notification, error: &io::Error) {
        if self.listener.still_waits(notification.id) {
            tracing::debug!(%error, thread = notification.thread, "a supervised process cannot be looked at");
            self.refused(notification.thread);
        }
        // If it is gone, nobody is there to be answered.
        let _ = self.listener.answer(notification.id, Err(libc::EPERM));
    }

    fn receive(self: &Arc<Self>, stopped: &impl AsFd) {
        let mut processes = Processes::new(self.proxy.clone());
        loop {
            match self.listener.wait(stopped.as_fd()) {
                Ok(Waited::Call) => {}
                Ok(Waited::Ended | Waited::Woken) => break,
                Err(error) => {
                    tracing::error!(%error, "a supervised tree cannot be listened to");
                    break;
                }
            }
            match self.listener.receive() {
                Ok(Some(notification)) => {
                    let process = match processes.of(notification.thread) {
                        Ok(process) => process,
                        Err(error) => {
                            self.unknown(&notification, &error);
                            continue;
                        }
                    };
                    let call = Call::new(self.clone(), process, notification);
                    // A panic is our mistake: it costs the program this one call (EIO), not the tree.
                    if catch_unwind(AssertUnwindSafe(|| handle(call))).is_err() {
                        tracing::error!(number = notification.number, "internal error in the handler of a system call");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a system call could not be received"),
            }
        }
    }
}

fn handle(call: Call) {
    let handler = usize::try_from(call.number()).ok().and_then(|number| BY_NUMBER.get(number).copied().flatten());
    match handler {
        Some(handler) if !call.process().is_skipped() => handler(call),
        _ => call.go_on(),
    }
}
