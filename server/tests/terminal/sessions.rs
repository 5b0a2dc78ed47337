//! `mirrord sessions`: what runs, and its end.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::bench::{Bench, said, wait_for};

/// The session that lives in a process.
fn session_of(bench: &Bench, pid: u32) -> Option<Value> {
    let listed = bench.run(&["sessions", "--json"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let sessions: Vec<Value> = serde_json::from_str(&listed.out).expect("JSON");
    sessions.into_iter().find(|session| session["pid"] == pid)
}

#[test]
fn a_session_is_listed_and_stopped_by_name() {
    let Some(bench) = Bench::with_pods() else { return };
    let script = "cat /app/config/message.txt; echo up; sleep 100";
    let mut child = bench.command(&["demo", "--", "sh", "-c", script]).spawn().expect("it starts");
    wait_for(&mut child, "up\n");
    let session = session_of(&bench, child.id()).expect("it runs");
    assert_eq!((&session["state"], &session["by"]), (&"connected".into(), &"terminal".into()), "{session:#}");
    assert_eq!(session["files"][0]["path"], "/app/config/message.txt", "{session:#}");
    assert!(session["roundTrips"].as_u64() > Some(0), "{session:#}");
    assert_eq!(session["environment"], Value::Array(Vec::new()), "values are nobody's business in a list");
    let name = session["session"].as_str().expect("a name");
    assert!(bench.run(&["sessions"]).out.contains(&format!("\n{name}  connected  terminal  {}", child.id())));

    let stopped = bench.run(&["sessions", "stop", &name[..6]]);
    assert_eq!((stopped.code, stopped.out.starts_with(&format!("stopped {name} ("))), (0, true), "{stopped:?}");
    let ended = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 143, "{ended:?}");
    assert!(ended.err.contains("mirrord: the session is stopped by mirrord (process "), "{ended:?}");
    assert!(ended.err.contains("); the program is ended\n"), "{ended:?}");
    let again = bench.run(&["sessions", "stop", name]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.starts_with(&format!("mirrord: error: there is no session `{name}`")), "{again:?}");
    bench.nothing_is_left();
}

#[test]
fn a_killed_session_is_not_listed() {
    let Some(bench) = Bench::with_pods() else { return };
    let mut child = bench.command(&["demo", "--", "sh", "-c", "echo up; sleep 100"]).spawn().expect("it starts");
    wait_for(&mut child, "up\n");
    let pid = child.id();
    assert!(session_of(&bench, pid).is_some());
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it runs");
    child.wait().expect("it ends");
    assert!(session_of(&bench, pid).is_none());
}
