//! A wall clock that jumps, or is not that of the pod: nothing is lost, nothing waits too long, nothing is remembered for ever.

use std::{
    fs,
    io::Write,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::bench::{Bench, PATIENCE, said, wait_for};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Longer than answers of the pod are believed, and than between two keep-alives of the link.
const WHILE: Duration = Duration::from_secs(3);

/// Looks at the pod for each line, in all ways that wait for it, and writes at last: what it changes makes the session forget
/// what it has seen.
const SCRIPT: &str = "while read line; do cat /app/config/message.txt /srv/turn; stat -c %s /srv/turn; \
                      getent hosts backend; echo done $line; done; echo written >>/srv/log; cat /srv/log";

const CONFIG: &str = r#"{ "feature": { "fs": { "mode": "write", "read_write": ["^/srv"] } } }"#;

/// The session's clock: `clock/clock.c` reads it.
fn set_clock(bench: &Bench, seconds: i64) {
    let file = fs::File::options().write(true).create(true).truncate(false).open(bench.path("offset"));
    file.expect("there is room").write_all(&seconds.to_ne_bytes()).expect("there is room");
}

/// A bench with the library of the clock, and a session that begins when it is off by so many seconds.
fn begin(seconds: i64) -> Option<(Bench, Child)> {
    let bench = Bench::with_pods()?;
    bench.build("clock/clock.c", "clock.so", &["-shared", "-fPIC", "-ldl"]).then_some(())?;
    set_clock(&bench, seconds);
    bench.write("mirrord.json", CONFIG);
    let mut command =
        bench.command(&["demo", "-f", "mirrord.json", "--", "sh", "-c", &format!("echo ready; {SCRIPT}")]);
    command.env("LD_PRELOAD", bench.path("clock.so")).env("CLOCK_OFFSET", bench.path("offset"));
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    wait_for(&mut child, "ready\n");
    Some((bench, child))
}

/// Changes a file in the pod, and has the program look at it and do the rest.
#[track_caller]
fn turn(bench: &Bench, child: &mut Child, name: &str) {
    bench.in_pod(&["sh", "-c", &format!("echo turn {name} >/srv/turn")]);
    sleep(WHILE);
    let asked = Instant::now();
    child.stdin.as_mut().expect("piped").write_all(format!("{name}\n").as_bytes()).expect("it reads");
    let said = wait_for(child, &format!("done {name}\n"));
    assert!(asked.elapsed() < PATIENCE, "{name}: {:?}", asked.elapsed());
    let size = format!("turn {name}\n").len();
    let seen = format!("This file exists in the pod only.\nturn {name}\n{size}\n10.20.0.3 ");
    assert!(said.starts_with(&seen), "{name}: {said}");
}

#[track_caller]
fn ends_well(bench: &Bench, mut child: Child) {
    child.stdin = None;
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!((said.code, said.out.as_str()), (0, "written\n"), "{}", said.err);
    assert!(!said.err.contains("warning") && !said.err.contains("lost"), "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let Some((bench, mut child)) = begin(0) else { return };
    turn(&bench, &mut child, "before");
    set_clock(&bench, HOUR);
    turn(&bench, &mut child, "forward");
    set_clock(&bench, -HOUR);
    turn(&bench, &mut child, "back");
    set_clock(&bench, 0);
    turn(&bench, &mut child, "again");
    ends_well(&bench, child);
}

/// The agent's clock is the machine's.
#[test]
fn clocks_of_session_and_agent_may_differ() {
    for seconds in [DAY, -DAY, -50 * 365 * DAY] {
        let Some((bench, mut child)) = begin(seconds) else { return };
        turn(&bench, &mut child, "skewed");
        ends_well(&bench, child);
    }
}
