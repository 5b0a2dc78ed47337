//! Programs that no library can be loaded into: the kernel tells the session of their calls. With a real agent.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{Bench, Said, said, until, wait_for};

/// What `calls.c` says: what Linux itself says about such files, but for devices that cannot be made, files that cannot
/// be watched and what concerns mapped paths.
const CALLS: &str = include_str!("supervised/calls.txt");

/// A bench with a static program made of the C source `name`; nothing where that cannot be done.
fn bench_with(name: &str, compiler: &str) -> Option<Bench> {
    let bench = Bench::with_pods()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/terminal/supervised/{name}.c"));
    let mut command = Command::new(compiler);
    let made = command.args(["-static", "-O1", "-w", "-pthread", "-o"]).arg(bench.path(name)).arg(source).output();
    match made {
        Ok(made) if made.status.success() => Some(bench),
        Ok(made) => {
            println!("skipped: {compiler} -static: {}", String::from_utf8_lossy(&made.stderr));
            None
        }
        Err(error) => {
            println!("skipped: {compiler}: {error}");
            None
        }
    }
}

/// What `calls.c` says in a session.
#[track_caller]
fn call_all(bench: &Bench, session: impl FnOnce(&mut Command)) -> Said {
    std::fs::create_dir(bench.path("mapped")).expect("there is room");
    let mapped = bench.path("mapped").display().to_string();
    let fs = serde_json::json!({
        "mode": "write", "not_found": ["^/hidden"], "mapping": { "^/mapped/(.*)": format!("{mapped}/$1") },
    });
    let config = bench.write("mirrord.json", &serde_json::json!({ "feature": { "fs": fs } }).to_string());
    let mut command = bench.command(&["demo", "-f", &config, "--", "./calls"]);
    session(command.env("MAPPED", mapped));
    let said = said(&command.output().expect("it starts"));
    assert_eq!(said.code, 0, "{said:?}");
    said
}

#[track_caller]
fn makes_all_calls(compiler: &str, session: impl FnOnce(&mut Command)) {
    let Some(bench) = bench_with("calls", compiler) else { return };
    let said = call_all(&bench, session);
    let differences: Vec<_> = said.out.lines().zip(CALLS.lines()).filter(|(is, shall)| is != shall).collect();
    assert_eq!(differences, [], "{}", said.err);
    assert_eq!(said.out.lines().count(), CALLS.lines().count());
    assert!(said.err.contains("cannot be watched for changes (ENOTSUP)"), "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn a_session_with_one_thread_never_waits_for_itself() {
    makes_all_calls("gcc", |session| _ = session.env("TOKIO_WORKER_THREADS", "1"));
}

#[test]
fn every_call_on_paths_is_answered_as_linux_would() {
    makes_all_calls("gcc", |_| {});
}

#[test]
fn the_same_without_fuse() {
    let Some(bench) = bench_with("calls", "gcc") else { return };
    let said = call_all(&bench, |session| _ = session.env("MIRRORD_FUSE", "0"));
    // A file without a name, which is a copy, cannot get one (EXDEV).
    let named = |text: &str| -> Vec<String> {
        let mut lines = text.lines().map(str::to_owned);
        let before = lines.by_ref().take_while(|line| !line.starts_with("nameless: "));
        let before: Vec<_> = before.collect();
        before.into_iter().chain(lines.skip_while(|line| !line.starts_with("close: "))).collect()
    };
    assert_eq!(named(&said.out), named(CALLS), "{}", said.err);
    assert!(said.out.contains("nameless: 7\nlinkat: EXDEV\n"), "{}", said.out);
    bench.nothing_is_left();
}

#[test]
fn the_same_with_another_libc() {
    makes_all_calls("musl-gcc", |_| {});
}

fn run(bench: &Bench, config: &str, words: &[&str]) -> Said {
    let config = bench.write("mirrord.json", config);
    bench.run(&[&["demo", "-f", &config, "--", "./probe"], words].concat())
}

const IN_THE_POD: &str = "This file exists in the pod only.";
const ABSENT: &str = "No such file or directory";
const MESSAGE: &str = "/app/config/message.txt";

#[test]
fn a_process_that_becomes_another_program_gets_its_rules() {
    let Some(bench) = bench_with("probe", "gcc") else { return };
    std::fs::copy(bench.path("probe"), bench.path("apart")).expect("there is room");
    let skipping = r#"{ "skip_processes": ["apart"] }"#;

    let said = run(&bench, skipping, &["become", "./apart", "show", MESSAGE]);
    assert_eq!(said.out, format!("before: {IN_THE_POD}\nfile: {ABSENT}\n"), "{said:?}");
    let said = run(&bench, skipping, &["spawn", "./apart", "spawn", "./probe", "show", MESSAGE]);
    assert_eq!(said.out, format!("file: {IN_THE_POD}\n"), "{said:?}");
    let said = run(&bench, skipping, &["spawn", "./apart", "show", MESSAGE]);
    assert_eq!(said.out, format!("file: {ABSENT}\n"), "{said:?}");
}

#[test]
fn a_call_that_hangs_holds_nobody_else_up_and_its_program_can_be_killed() {
    let Some(bench) = bench_with("probe", "gcc") else { return };
    bench.nothing_is_left();
    let mut command = bench.command(&["demo", "--", "./probe", "side-by-side"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let [agent] = until("the agent runs", || <[u32; 1]>::try_from(bench.processes("mirrord-agent")).ok());
    let [program] = until("the program runs", || <[u32; 1]>::try_from(bench.processes("probe")).ok());
    signal(agent, Signal::SIGSTOP);
    child.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    wait_for(&mut child, "local: probe\nchild: probe\nwaiting\n");
    signal(program, Signal::SIGKILL);
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(137));
    bench.nothing_is_left();
}

#[test]
fn what_a_static_program_leaves_running_keeps_the_session_until_both_are_ended() {
    let Some(bench) = bench_with("probe", "gcc") else { return };
    let mut child = bench.command(&["demo", "--", "./probe", "leave-daemon"]).spawn().expect("it starts");
    wait_for(&mut child, "the pod only.\nleft\n");
    until("the daemon alone runs", || (bench.processes("probe").len() == 1).then_some(()));
    wait_for(&mut child, "daemon: This file exists in the pod only.\n");
    signal(child.id(), Signal::SIGINT);
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert_eq!(bench.processes("probe"), [0; 0]);
}

#[test]
fn a_session_that_is_killed_leaves_errors_not_hanging_programs() {
    let Some(bench) = bench_with("probe", "gcc") else { return };
    let mut child = bench.command(&["demo", "--", "./probe", "until-it-fails"]).spawn().expect("it starts");
    wait_for(&mut child, "pod only.\n");
    child.kill().expect("it runs");
    wait_for(&mut child, "local: Function not implemented\n");
    child.wait().expect("it ends");
    until("the program ends", || bench.processes("probe").is_empty().then_some(()));
}

#[test]
fn when_the_agent_is_lost_programs_part_in_good_order_and_the_deaf_are_ended() {
    let Some(bench) = bench_with("probe", "gcc") else { return };
    let mut child = bench.command(&["demo", "--", "./probe", "part"]).spawn().expect("it starts");
    // In whatever order.
    let heard: String = (0..5).map(|_| wait_for(&mut child, "\n")).collect();
    for line in ["hears\n", "deaf: probe\n", "alive\n", "mute\n"] {
        assert!(heard.contains(line), "{heard}");
    }
    let [agent] = bench.processes("mirrord-agent")[..] else { panic!("one agent") };
    signal(agent, Signal::SIGKILL);
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!((said.code, said.out.as_str()), (7, "parts: probe\n"), "{}", said.err);
    let told = "the session is over, and what it supervised cannot go on without it: ended ";
    let line = said.err.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("{}", said.err));
    assert_eq!(line.matches("/probe (").count(), 1, "{line}");
    assert_eq!(said.err.matches(told).count(), 1, "{}", said.err);
    assert_eq!(bench.processes("probe"), [0; 0]);
    bench.nothing_is_left();
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("it is there");
}
