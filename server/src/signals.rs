//! Signals that ask us to end or to say something, as a stream that also tells who sent them.

use std::io;

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use tokio::sync::mpsc;

/// Signals that are meant for the program rather than for us, or that end us in good order.
const WATCHED: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Which.
    pub(crate) signal: Signal,
    /// Whether the terminal sent it: then every process of the foreground group has got it.
    pub(crate) from_terminal: bool,
}

impl Received {
    /// The exit code of a command that this signal ended.
    pub(crate) fn exit_code(self) -> u8 {
        crate::exit::SIGNAL_BASE + u8::try_from(self.signal as i32).expect("signals are below 65")
    }

    /// Whether it asks us to end.
    pub(crate) fn ends(self) -> bool {
        !matches!(self.signal, Signal::SIGUSR1 | Signal::SIGUSR2)
    }
}

/// Blocks the signals in this thread and in those that it starts, so that only [`Signals`] receives them. A program that
/// we start inherits that: [`deliver_to`] undoes it.
pub(crate) fn block() -> io::Result<()> {
    Ok(WATCHED.into_iter().collect::<SigSet>().thread_block()?)
}

/// Lets the program that `command` starts receive what [`block`] holds back from us.
#[expect(unsafe_code, reason = "the mask has to be changed between fork and exec")]
pub(crate) fn deliver_to(command: &mut tokio::process::Command) {
    let set = WATCHED.into_iter().collect::<SigSet>();
    // SAFETY: runs in the child between fork and exec; sigprocmask(2) is async-signal-safe and nothing is allocated.
    unsafe { command.pre_exec(move || Ok(set.thread_unblock()?)) };
}

/// Signals that wait to be looked at; more of them at once say nothing new.
const BACKLOG: usize = 16;

/// The stream. A signal that was ignored when we were started, as by nohup(1), stays ignored.
#[derive(Debug)]
pub(crate) struct Signals(mpsc::Receiver<Received>);

impl Signals {
    /// Begins to receive what [`block`] holds back, on a thread that lives as long as the process.
    pub(crate) fn new() -> io::Result<Self> {
        let set = WATCHED.into_iter().collect::<SigSet>();
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?;
        let (received_tx, received) = mpsc::channel(BACKLOG);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            while let Ok(Some(info)) = fd.read_signal() {
                let number = i32::try_from(info.ssi_signo).expect("signals are below 65");
                let signal = Signal::try_from(number).expect("one of those that are watched");
                let received = Received { signal, from_terminal: info.ssi_code == libc::SI_KERNEL };
                if received_tx.blocking_send(received).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(received))
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Received {
        match self.0.recv().await {
            Some(received) => received,
            // A signalfd does not fail; if it did, we would have no signals, which nobody needs to know.
            None => std::future::pending().await,
        }
    }
}
