//! Programs whose calls hang, because the target does not answer: what Ctrl-C does then.

use std::{
    io::Write,
    process::{Child, Stdio},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{Bench, PATIENCE, until, wait_for};

/// Calls that wait for the target's answer and may be made again.
const QUESTIONS: [&str; 7] = ["open", "stat", "list", "readlink", "chdir", "connect", "getaddrinfo"];

/// Calls that change something, or wait for what was changed.
const CHANGES: [&str; 3] = ["rename", "fsync", "close"];

const CONFIG: &str = r#"{ "feature": { "fs": "write" } }"#;

/// A bench with `hang.c` as `hang`.
fn bench(flags: &[&str]) -> Option<Bench> {
    let bench = Bench::with_pods()?;
    bench.write("mirrord.json", CONFIG);
    bench.build("faults/hang.c", "hang", flags).then_some(bench)
}

/// The agent, which does not answer any more. It goes on when this is dropped.
struct Frozen(u32);

impl Frozen {
    fn freeze(bench: &Bench) -> Self {
        let [agent] = until("the agent runs", || <[u32; 1]>::try_from(bench.processes("mirrord-agent")).ok());
        send(agent, Signal::SIGSTOP);
        Self(agent)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been ended by the guard.
        let _ = kill(Pid::from_raw(self.0.cast_signed()), Signal::SIGCONT);
    }
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("it is there");
}

/// Starts a program and has it make a call that hangs.
fn hang(bench: &Bench, words: &[&str], fuse: &str) -> (Child, Frozen) {
    let mut command = bench.command(&[&["demo", "-f", "mirrord.json", "--", "./hang"], words].concat());
    let mut child = command.env("MIRRORD_FUSE", fuse).stdin(Stdio::piped()).spawn().expect("it starts");
    wait_for(&mut child, "ready\n");
    let frozen = Frozen::freeze(bench);
    let [program] = bench.processes("hang")[..] else { panic!("one program: {:?}", bench.processes("hang")) };
    child.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    wait_for(&mut child, "calls\n");
    until("the call waits", || is_waiting(program).then_some(()));
    (child, frozen)
}

/// Whether the process waits for anything; proc_pid_stat(5).
fn is_waiting(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with(['S', 'D']))
}

fn ends_at_once(bench: &Bench, call: &str, signal: Signal, fuse: &str) {
    let (mut child, frozen) = hang(bench, &[call], fuse);
    send(child.id(), signal);
    until(&format!("{call} ends with {signal}"), || bench.processes("hang").is_empty().then_some(()));
    // It waits for what was written last.
    drop(frozen);
    assert_eq!(child.wait().expect("it ends").code(), Some(128 + signal as i32), "{call}");
}

fn is_handled(bench: &Bench, call: &str, fuse: &str) {
    let (mut child, frozen) = hang(bench, &[call, "handle"], fuse);
    let sent = Instant::now();
    send(child.id(), Signal::SIGINT);
    wait_for(&mut child, "handled\n");
    // Later the session gives the agent up.
    assert!(sent.elapsed() < PATIENCE, "{call}: {:?}", sent.elapsed());
    drop(frozen);
    child.stdin = None;
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{call}");
}

fn signals_end_it(flags: &[&str]) {
    let Some(bench) = bench(flags) else { return };
    for call in QUESTIONS.into_iter().chain(CHANGES).chain(["read"]) {
        ends_at_once(&bench, call, Signal::SIGINT, "1");
    }
    ends_at_once(&bench, "open", Signal::SIGTERM, "1");
    for call in ["open", "stat", "list", "rename"] {
        ends_at_once(&bench, call, Signal::SIGINT, "0");
    }
    bench.nothing_is_left();
}

#[test]
fn signals_end_a_program_whatever_it_waits_for() {
    signals_end_it(&[]);
}

#[test]
fn signals_end_a_static_program_whatever_it_waits_for() {
    signals_end_it(&["-static"]);
}

#[test]
fn handlers_run_while_a_call_waits() {
    let Some(bench) = bench(&[]) else { return };
    for call in QUESTIONS.into_iter().chain(CHANGES) {
        is_handled(&bench, call, "1");
    }
    for call in ["open", "stat", "list"] {
        is_handled(&bench, call, "0");
    }
    bench.nothing_is_left();
}

#[test]
fn handlers_of_a_static_program_run_while_a_call_waits() {
    let Some(bench) = bench(&["-static"]) else { return };
    for call in QUESTIONS.into_iter().chain(["fsync", "close"]) {
        is_handled(&bench, call, "1");
    }
    for call in ["open", "stat", "list"] {
        is_handled(&bench, call, "0");
    }
    bench.nothing_is_left();
}
