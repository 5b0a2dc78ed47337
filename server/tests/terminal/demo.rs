//! `mirrord demo`, end to end: real session, layer and agent.

use std::{
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{Bench, Said, said, until, wait_for};

#[track_caller]
fn is_the_whole_story(said: &Said) {
    assert_eq!(said.code, 0, "{said:?}");
    for words in [
        "hello from the pod's environment",
        "This file exists in the pod only.",
        "host name                         demo-pod",
        "reachable in the pod's network only, answers /",
    ] {
        assert!(said.out.contains(words), "{words:?} in {}", said.out);
    }
    let answers: Vec<_> = said.out.lines().filter(|line| line.contains("GET http://10.20.0.2:8080/hello")).collect();
    let [before, during, after] = answers.as_slice() else { panic!("{}", said.out) };
    assert!(before.contains("the pod's own service") && after.contains("the pod's own service"), "{answers:?}");
    assert!(during.contains("on this machine answers /hello"), "{answers:?}");
}

#[test]
fn it_tells_the_whole_story_and_leaves_nothing() {
    let Some(bench) = Bench::with_pods() else { return };
    is_the_whole_story(&bench.run(&["demo"]));
    bench.nothing_is_left();
}

#[test]
fn it_needs_no_root() {
    let Some(bench) = Bench::with_pods() else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: not root, so the other tests are the proof");
        return;
    }
    let mut command = Command::new(bench.path("mirrord"));
    bench.furnish(&mut command).arg("demo").uid(1000).gid(1000);
    is_the_whole_story(&said(&command.output().expect("it starts")));
    bench.nothing_is_left();
}

#[test]
fn where_namespaces_are_forbidden_it_says_why() {
    let Some(bench) = Bench::with_pods() else { return };
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec ./mirrord demo";
    let mut command = Command::new("unshare");
    let output = bench.furnish(&mut command).args(["-rU", "sh", "-c", script]).output();
    let Ok(output) = output else {
        println!("skipped: there is no unshare(1)");
        return;
    };
    let said = said(&output);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("unshare: ENOSPC"), "{said:?}");
    assert!(said.err.contains("/proc/sys/user/max_user_namespaces"), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "one sentence: {said:?}");
}

#[test]
fn a_program_of_ones_own_runs_in_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    let said = bench.run(&["demo", "--", "sh", "-c", "echo $DEMO_GREETING; cat /app/config/message.txt; exit 7"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert_eq!(said.out, "hello from the pod's environment\nThis file exists in the pod only.\n");
    let said = bench.run(&["demo", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(said.code, 137, "{said:?}");
    // The configuration is found as exec finds it.
    std::fs::create_dir(bench.path(".mirrord")).expect("a folder");
    bench.write(".mirrord/mirrord.json", r#"{"feature": {"env": {"override": {"OWN": "x"}}}}"#);
    let said = bench.run(&["demo", "-f", "--", "sh", "-c", "echo $OWN"]);
    assert_eq!(said.out, "x\n", "{said:?}");
    let said = bench.run(&["demo", "--", "sh", "-c", "echo $OWN"]);
    assert_eq!((said.out.as_str(), said.err.contains("is not read: -f reads it")), ("\n", true), "{said:?}");
    bench.nothing_is_left();
}

#[test]
fn standard_streams_are_the_programs_own() {
    let Some(bench) = Bench::with_pods() else { return };
    let mut command = bench.command(&["demo", "--", "cat"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    std::io::Write::write_all(child.stdin.as_mut().expect("piped"), b"a line\n").expect("it reads");
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!((said.code, said.out.as_str()), (0, "a line\n"), "{said:?}");
}

#[test]
fn a_program_that_loses_the_layer_is_not_run_without_it() {
    let Some(bench) = Bench::with_pods() else { return };
    // The mistake that launches without us are made of: a wrapper that our layer never sees.
    let said = said(
        &bench.command(&["demo", "--", "true"]).env("MIRRORD_LAYER_FILE", "/etc/hostname").output().expect("it starts"),
    );
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("as if mirrord were not there"), "{said:?}");
}

#[test]
fn kill_of_the_launcher_ends_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    let mut child = bench.command(&["demo", "--", "sh", "-c", "echo up; exec sleep 100"]).spawn().expect("it starts");
    wait_for(&mut child, "up\n");
    assert!(!bench.processes("mirrord-agent").is_empty());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    bench.nothing_is_left();
}

#[test]
fn a_lost_session_ends_the_program_and_says_so() {
    let Some(bench) = Bench::with_pods() else { return };
    let mut child = bench.command(&["demo", "--", "sh", "-c", "echo up; exec sleep 100"]).spawn().expect("it starts");
    wait_for(&mut child, "up\n");
    for pid in bench.processes("mirrord-agent") {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it is ours");
    }
    until("the program ends", || child.try_wait().expect("it is ours"));
    let said = said(&child.wait_with_output().expect("it ended"));
    assert_eq!(said.code, 143, "ended by SIGTERM: {said:?}");
    assert!(said.err.contains("the session is lost: "), "{said:?}");
    bench.nothing_is_left();
}
