//! Signals for a thread whose call waits for us.
//!
//! The kernel lets nothing but death interrupt such a call (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`): a handler for
//! Ctrl-C or a timer, a stop from the terminal, a debugger would wait with it. So a call that may wait long looks for
//! signals itself, and ends as the kernel ends interrupted calls. signal(7)

use std::{fs, time::Duration};

use protocol::Errno;

/// Pause before the first look; short calls never look.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Longest pause between looks: many threads may wait in accept(2) for hours.
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// `ERESTARTSYS` of the kernel's `linux/errno.h`: runs the handler, then fails with `EINTR` or, with `SA_RESTART` or
/// without a handler, makes the call again. Programs never see it, as long as a signal is really there.
const RESTART: Errno = Errno(512);

/// How long a call on a file goes on after a signal, see [`interrupted_at_last`].
const GRACE: Duration = Duration::from_secs(1);

/// Resolves when a signal waits for `thread`, with what its call shall fail with.
pub(super) async fn interrupted(thread: u32) -> Errno {
    let mut pause = FIRST_PAUSE;
    let mut seen_before = false;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        // A thread that has gone takes no signal; its call is given up elsewhere.
        let Some(status) = fs::read(format!("/proc/{thread}/status")).ok().and_then(|text| Status::read(&text)) else {
            continue;
        };
        match status.waiting() {
            Waiting::Nothing => seen_before = false,
            Waiting::Thread => return RESTART,
            // Another thread will take it in a moment, unless the kernel has chosen this one.
            Waiting::Process if seen_before => return Errno(libc::EINTR),
            Waiting::Process => {
                seen_before = true;
                pause = FIRST_PAUSE;
            }
        }
    }
}

/// As [`interrupted`], for calls on files: Linux lets signals interrupt none of them as long as a disk answers, and a
/// timer that ticks faster than the target answers must not have them made again for ever.
pub(super) async fn interrupted_at_last(thread: u32) -> Errno {
    interrupted(thread).await;
    tokio::time::sleep(GRACE).await;
    // Another thread may have taken it meanwhile.
    interrupted(thread).await
}

/// What `/proc/<tid>/status` says of signals (proc_pid_status(5)); masks have bit 0 for signal 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    threads: u32,
    thread_pending: u64,
    process_pending: u64,
    blocked: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    /// This thread must take it.
    Thread,
    /// Any of several threads may take it.
    Process,
}

impl Status {
    fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let mask = |name| u64::from_str_radix(field(name)?, 16).ok();
        Some(Self {
            threads: field("Threads:")?.parse().ok()?,
            thread_pending: mask("SigPnd:")?,
            process_pending: mask("ShdPnd:")?,
            blocked: mask("SigBlk:")?,
        })
    }

    fn waiting(self) -> Waiting {
        let Self { threads, thread_pending, process_pending, blocked } = self;
        if thread_pending & !blocked != 0 {
            Waiting::Thread
        } else if process_pending & !blocked == 0 {
            Waiting::Nothing
        } else if threads == 1 {
            Waiting::Thread
        } else {
            Waiting::Process
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_signals_do_not_count() {
        let text = |threads, thread: u64, process: u64, blocked: u64| {
            let text = format!(
                "Name:\tx y\nThreads:\t{threads}\nSigQ:\t0/1\nSigPnd:\t{thread:016x}\nShdPnd:\t{process:016x}\nSigBlk:\t{blocked:016x}\n"
            );
            Status::read(text.as_bytes()).expect("readable").waiting()
        };
        assert_eq!(text(1, 0, 0, 0), Waiting::Nothing);
        assert_eq!(text(1, 2, 0, 2), Waiting::Nothing);
        assert_eq!(text(1, 0, 2, 0), Waiting::Thread);
        assert_eq!(text(2, 0, 2, 0), Waiting::Process);
        assert_eq!(text(2, 4, 2, 0), Waiting::Thread);
        assert_eq!(Status::read(b"Threads:\tx"), None);
        assert!(Status::read(&fs::read("/proc/self/status").expect("procfs")).is_some());
    }
}
