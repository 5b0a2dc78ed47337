//! Signals that reach a program while it waits for a file.
//!
//! The kernel says once that a thread has a signal, not which one. Calls on regular files are not interrupted by signals
//! on Linux, except by those that end the program, and many programs rely on that. So a program that is about to end is
//! let go at once, and others after a while: on a line that hangs, Ctrl-C gets through to those who handle it as well.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// How long a call goes on after a signal that does not end the program.
const GRACE: Duration = Duration::from_secs(1);

/// How often we look whether a signal that ends the program has come.
const LOOK: Duration = Duration::from_millis(50);

/// Requests under way, by the kernel's numbers.
#[derive(Debug, Default)]
pub(super) struct Interrupts(RefCell<HashMap<u64, Rc<Notify>>>);

/// A request under way.
pub(super) struct UnderWay {
    all: Rc<Interrupts>,
    unique: u64,
    signalled: Rc<Notify>,
}

impl Interrupts {
    /// Notes a request.
    pub(super) fn begin(self: &Rc<Self>, unique: u64) -> UnderWay {
        let signalled = Rc::new(Notify::new());
        self.0.borrow_mut().insert(unique, signalled.clone());
        UnderWay { all: self.clone(), unique, signalled }
    }

    /// The thread that waits for a request has a signal.
    pub(super) fn signal(&self, unique: u64) {
        if let Some(signalled) = self.0.borrow().get(&unique) {
            signalled.notify_one();
        }
    }
}

impl UnderWay {
    /// Resolves when `thread` shall not wait any longer; `at_once` if the call is one that any signal interrupts.
    pub(super) async fn given_up(&self, thread: i32, at_once: bool) {
        self.signalled.notified().await;
        if at_once {
            return;
        }
        let since = Instant::now();
        while since.elapsed() < GRACE && !is_ending(thread) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.0.borrow_mut().remove(&self.unique);
    }
}

/// Whether a thread has SIGKILL pending, as all threads of a process have that a fatal signal has reached. proc(5).
fn is_ending(thread: i32) -> bool {
    const SIGKILL_BIT: u64 = 1 << (libc::SIGKILL - 1);
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("SigPnd:"));
    pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGKILL_BIT != 0)
}
