//! The program while it runs: its layer must report, signals reach it, and it does not outlive its session.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use session::Session;
use tokio::{process::Child, time::sleep};

use super::rest;
use crate::{
    exit, program,
    signals::{Received, Signals},
    terminal,
};

/// A program whose loader has loaded our layer says so before its first instruction.
const REPORT_LIMIT: Duration = Duration::from_secs(5);

/// The report of a program that has ended already is at most on its way through our own tasks.
const LATE_REPORT_LIMIT: Duration = Duration::from_millis(250);

/// Time for a program to end in good order once its session is lost.
const PARTING_LIMIT: Duration = Duration::from_secs(5);

/// A program that ends this soon after a signal has ended because of it: what it started shall end, too.
const ENDING: Duration = Duration::from_secs(5);

/// Waits for the program's end; gives its exit code, or one of ours when it had to be ended.
pub(super) async fn supervise(mut child: Child, session: &Session, signals: &mut Signals) -> u8 {
    let pid = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let report = session.layer_reported(REPORT_LIMIT);
    tokio::pin!(report);
    let (mut reported, mut lost) = (false, false);
    let mut told_to_end: Option<Instant> = None;
    let parting = sleep(Duration::MAX);
    tokio::pin!(parting);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            result = &mut report, if !reported => match result {
                Ok(()) => reported = true,
                Err(error) => {
                    let reason = why_silent(pid);
                    terminal::say_error(&format!("{error}: it was ended, because it ran as if mirrord were not there; {reason}"));
                    // It may have ended in this moment.
                    let _ = child.kill().await;
                    return exit::FAILURE;
                }
            },
            reason = session.lost(), if !lost => {
                lost = true;
                terminal::say_error(&format!("the session is lost: {reason}; the program is ended"));
                // The session ends all processes that it knows; two signals might look like somebody's insisting.
                if !child.id().is_some_and(|id| session.knows(id)) {
                    signal(pid, Signal::SIGTERM);
                }
                parting.set(sleep(PARTING_LIMIT));
            }
            () = &mut parting => signal(pid, Signal::SIGKILL),
            who = session.stop_wanted(), if told_to_end.is_none() => {
                terminal::say(&format!("the session is stopped by {who}; the program is ended"));
                told_to_end = Some(Instant::now());
                signal(pid, Signal::SIGTERM);
                parting.set(sleep(PARTING_LIMIT));
            }
            received = signals.next() => {
                if received.ends() {
                    told_to_end = Some(Instant::now());
                }
                forward(pid, received);
            }
        }
    };
    let code = match status {
        Ok(status) => code_of(status),
        Err(error) => {
            terminal::say_error(&format!("waiting for the program: {error}"));
            exit::FAILURE
        }
    };
    if lost {
        return if code == 0 { exit::FAILURE } else { code };
    }
    if !reported && session.layer_reported(LATE_REPORT_LIMIT).await.is_err() {
        terminal::say_error(
            "the program ended without having loaded mirrord's layer: it ran as if mirrord were not there",
        );
        return if code == 0 { exit::FAILURE } else { code };
    }
    if told_to_end.is_some_and(|when| when.elapsed() < ENDING) {
        session.end_programs().await;
    } else {
        rest::wait(session, signals).await;
    }
    code
}

/// What the terminal sends reaches the program anyway; what somebody sends to us alone is meant for it.
fn forward(pid: Option<Pid>, received: Received) {
    tracing::debug!(?received, "signal");
    if !received.from_terminal {
        signal(pid, received.signal);
    }
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        // A program that has just ended needs no signal.
        let _ = kill(pid, signal);
    }
}

/// Why no layer may have reported from the process, as far as its present executable tells.
fn why_silent(pid: Option<Pid>) -> String {
    let executable = pid.and_then(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
    match executable.map(|path| program::check(&path)) {
        Some(Err(error)) => error.to_string(),
        _ => {
            "a program in between may have removed LD_PRELOAD from the environment, as sudo and `env -i` do".to_owned()
        }
    }
}

/// The exit code that a shell would give.
pub(super) fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| i32::from(exit::SIGNAL_BASE) + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(code_of(ExitStatus::from_raw(0)), 0);
        assert_eq!(code_of(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code_of(ExitStatus::from_raw(9)), 137);
    }
}
