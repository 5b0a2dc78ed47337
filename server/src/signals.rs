//! Signals that ask us to end or to say something, as a stream that also tells who sent them.
//!
//! Handlers rather than a blocked mask and a signalfd: a mask would be inherited by everything that is started, such as
//! credential plugins of a kubeconfig, which Ctrl-C could then not end.
#![expect(unsafe_code, reason = "signal handlers, and reading what the kernel tells them")]

use std::{
    io,
    os::{fd::IntoRawFd, unix::net::UnixDatagram},
    sync::atomic::{AtomicI32, Ordering},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

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

/// Where handlers write: one datagram of two bytes for each signal.
static INBOX: AtomicI32 = AtomicI32::new(-1);

/// The stream.
#[derive(Debug)]
pub(crate) struct Signals(tokio::net::UnixDatagram);

impl Signals {
    /// Begins to receive; until now each signal has its default effect. One that was ignored when we were started, as
    /// by nohup(1), stays ignored. To be called once, in a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let (inbox, outbox) = UnixDatagram::pair()?;
        inbox.set_nonblocking(true)?;
        outbox.set_nonblocking(true)?;
        // It stays open: a handler may run at any time.
        INBOX.store(inbox.into_raw_fd(), Ordering::Relaxed);
        let handler = SigHandler::SigAction(receive);
        let action = SigAction::new(handler, SaFlags::SA_RESTART | SaFlags::SA_SIGINFO, SigSet::empty());
        for signal in WATCHED {
            // SAFETY: the handler does what signal-safety(7) allows, and nothing else.
            let before = unsafe { sigaction(signal, &action) }?;
            if matches!(before.handler(), SigHandler::SigIgn) {
                // SAFETY: it is what was there before.
                unsafe { sigaction(signal, &before) }?;
            }
        }
        // RLIMIT_FSIZE counts for files in memory, too: a write beyond it shall fail (EFBIG), not end us. Not ignored, which
        // programs would inherit.
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler does nothing.
        unsafe { sigaction(Signal::SIGXFSZ, &action) }?;
        Ok(Self(tokio::net::UnixDatagram::from_std(outbox)?))
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Received {
        let mut bytes = [0; 2];
        // The other end is never closed, so nothing ends this but a signal.
        while self.0.recv(&mut bytes).await.is_err() {}
        let signal = Signal::try_from(i32::from(bytes[0])).expect("one of those that are watched");
        Received { signal, from_terminal: bytes[1] == 1 }
    }
}

/// For a signal whose default effect is not wanted.
extern "C" fn nothing(_: libc::c_int) {}

/// Passes a signal on. Keeps errno; a full inbox says the same already.
extern "C" fn receive(number: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let errno = nix::errno::Errno::last_raw();
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo_t, which lives as long as the call.
    let from_terminal = unsafe { (*info).si_code } == libc::SI_KERNEL;
    let bytes = [number.to_le_bytes()[0], u8::from(from_terminal)];
    // SAFETY: two bytes that exist; write(2) is async-signal-safe.
    unsafe { libc::write(INBOX.load(Ordering::Relaxed), bytes.as_ptr().cast(), bytes.len()) };
    nix::errno::Errno::set_raw(errno);
}
