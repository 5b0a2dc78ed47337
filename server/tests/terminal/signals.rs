//! Signals to `mirrord` while a program runs.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{Bench, said, wait_for};

/// Tells what it gets.
const COUNTER: &str = "trap 'echo INT' INT; trap 'echo USR1' USR1; trap 'echo TERM; exit 3' TERM; echo up;";
const FOR_EVER: &str = "while :; do sleep 0.05; done";
/// A signal interrupts read in some shells.
const UNTIL_A_LINE: &str = "until read line; do :; done; exit 4";

#[test]
fn what_is_sent_to_us_alone_reaches_the_program() {
    let Some(bench) = Bench::with_pods() else { return };
    let script = format!("{COUNTER} {FOR_EVER}");
    let mut child = bench.command(&["demo", "--", "sh", "-c", &script]).spawn().expect("it starts");
    wait_for(&mut child, "up\n");
    for (signal, word) in [(Signal::SIGUSR1, "USR1\n"), (Signal::SIGINT, "INT\n"), (Signal::SIGTERM, "TERM\n")] {
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
        wait_for(&mut child, word);
    }
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, 3, "{said:?}");
    bench.nothing_is_left();
}

#[test]
fn ctrl_c_in_a_terminal_reaches_the_program_once() {
    let Some(bench) = Bench::with_pods() else { return };
    // script(1) makes a terminal; what it reads is typed there.
    let program = bench.write("counter", &format!("{COUNTER} {UNTIL_A_LINE}\n"));
    let mut command = Command::new("script");
    let command_line = format!("exec {} demo -- sh {program}", bench.path("mirrord").display());
    let started = bench.furnish(&mut command).args(["-qec", &command_line, "/dev/null"]).stdin(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        println!("skipped: there is no script(1)");
        return;
    };
    wait_for(&mut child, "up\r\n");
    let mut terminal = child.stdin.take().expect("piped");
    terminal.write_all(b"\x03").expect("the terminal is there");
    wait_for(&mut child, "INT\r\n");
    terminal.write_all(b"a line\n").expect("the terminal is there");
    let mut rest = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut rest).expect("text");
    assert!(!rest.contains("INT"), "twice: {rest}");
    assert_eq!(child.wait().expect("it ends").code(), Some(4), "{rest}");
    bench.nothing_is_left();
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let Some(bench) = Bench::with_pods() else { return };
    let mut command = Command::new("sh");
    let script = "trap '' HUP; exec ./mirrord demo -- sh -c 'echo up; kill -HUP $PPID; sleep 0.2; echo still; exit 5'";
    let output = bench.furnish(&mut command).args(["-c", script]).output().expect("it starts");
    let said = said(&output);
    assert_eq!((said.code, said.out.as_str()), (5, "up\nstill\n"), "{said:?}");
}
