//! A supervised tree of processes: one listener, one thread that receives.

use std::{
    collections::HashSet,
    io,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use protocol::text::harmless_bytes;
use seccomp::listener::{Listener, Notification, Waited};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{
    Call, HANDLERS, Handler,
    process::{self, Process},
    processes::Processes,
};
use crate::{
    advice,
    event::Event,
    proxy::{Attached, Proxy},
};

/// Time for the processes of a tree to end by themselves when the session is over.
const GRACE: Duration = Duration::from_secs(2);

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
    pub(super) fn start(proxy: Arc<Proxy>, listener: Listener) -> io::Result<()> {
        let runtime = Handle::current();
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
            "process {thread} is supervised, but this machine does not let us look into it: calls of its on files or \
             connections fail (EPERM). Either it runs as another user, or `kernel.yama.ptrace_scope` is 2 or 3 (try \
             `sysctl kernel.yama.ptrace_scope=1`), or a container forbids it (it needs CAP_SYS_PTRACE)"
        )));
    }

    /// A call of which it cannot be said whose it is: most likely its process is gone.
    fn unknown(&self, notification: &Notification, error: &io::Error) {
        let Notification { id, thread, .. } = *notification;
        let errno = match error.raw_os_error() {
            Some(errno @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
                tracing::warn!(%error, thread, "a supervised process cannot be followed");
                errno
            }
            _ if self.listener.still_waits(id) => {
                tracing::debug!(%error, thread, "a supervised process cannot be looked at");
                self.refused(thread);
                libc::EPERM
            }
            _ => libc::EPERM,
        };
        // If it is gone, nobody is there to be answered.
        let _ = self.listener.answer(id, Err(errno));
    }

    fn receive(self: &Arc<Self>, stopped: &impl AsFd) {
        let mut processes = Processes::new(self.proxy.clone());
        loop {
            match self.listener.wait(Some(stopped.as_fd()), None) {
                Ok(Waited::Call | Waited::Nothing) => drop(self.next(&mut processes)),
                Ok(Waited::Ended) => return,
                Ok(Waited::Woken) => return self.end(&mut processes),
                Err(error) => return tracing::error!(%error, "a supervised tree cannot be listened to"),
            }
        }
    }

    /// Takes and handles one call; gives who made it.
    fn next(self: &Arc<Self>, processes: &mut Processes) -> Option<Arc<Process>> {
        let notification = match self.listener.receive() {
            Ok(notification) => notification?,
            Err(error) => {
                tracing::warn!(%error, "a system call could not be received");
                return None;
            }
        };
        let process = match processes.of(notification.thread) {
            Ok(process) => process,
            Err(error) => {
                self.unknown(&notification, &error);
                return None;
            }
        };
        let call = Call::new(self.clone(), process.clone(), notification);
        // A panic is our mistake: it costs the program this one call (EIO), not the tree.
        if catch_unwind(AssertUnwindSafe(|| handle(call))).is_err() {
            tracing::error!(number = notification.number, "internal error in the handler of a system call");
        }
        Some(process)
    }

    /// The session is over. Without us every announced call of the tree would fail with `ENOSYS`, local ones too: its
    /// processes are ended as those with our library are. Until they are gone, what is local still works.
    fn end(self: &Arc<Self>, processes: &mut Processes) {
        let mut told: HashSet<u32> = HashSet::new();
        let mut names = Vec::new();
        for process in processes.alive() {
            names.push(format!("{} ({})", harmless_bytes(&process.image().executable), process.pid()));
            terminate(process, &mut told);
        }
        if !names.is_empty() {
            self.proxy.observer.tell(Event::Warning(format!(
                "the session is over, and what it supervised cannot go on without it: ended {}",
                names.join(", ")
            )));
        }
        let deadline = Instant::now() + GRACE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.listener.wait(None, Some(left)) {
                Ok(Waited::Call) => {
                    if let Some(process) = self.next(processes) {
                        terminate(&process, &mut told);
                    }
                }
                Ok(Waited::Ended) | Err(_) => return,
                Ok(Waited::Woken | Waited::Nothing) => {}
            }
            if left.is_zero() {
                break;
            }
        }
        for process in processes.alive() {
            // It may have ended in this moment.
            let _ = process.handle().signal(libc::SIGKILL);
        }
    }
}

fn terminate(process: &Process, told: &mut HashSet<u32>) {
    if told.insert(process.pid()) {
        // It may have ended in this moment.
        let _ = process.handle().signal(libc::SIGTERM);
    }
}

fn handle(call: Call) {
    let handler = usize::try_from(call.number()).ok().and_then(|number| BY_NUMBER.get(number).copied().flatten());
    match handler {
        // Who runs without us may become, or start, a program that does not: `go run`, a debugger.
        Some(handler) if !call.process().is_skipped() || process::CALLS.contains(&call.number()) => handler(call),
        // It waits until we know whether its user must be told something: it may end soon.
        _ if call.process().begins_skipped() => call.later(|call| async move {
            let process = call.process();
            advice::skipped::started(call.proxy(), process.pid(), &process.image().executable).await;
            call.go_on();
        }),
        _ => call.go_on(),
    }
}
