//! Programs that the layer cannot live in, started by programs with the layer.

use std::path::Path;

use expect_test::expect;

use crate::program::{c, python, run, static_c};
use crate::session::{Session, policy};

/// A session whose launcher says what it was called with, and a static program.
fn begin() -> (Session, String) {
    let mut policy = policy();
    policy.launch.launcher = b"/bin/echo".to_vec();
    let program = static_c("supervised").to_str().expect("ASCII").to_owned();
    (Session::unheld(policy), program)
}

#[test]
fn every_way_to_start_a_program_keeps_it_supervised() {
    let (session, program) = begin();
    let shown = run(&session, &c("exec"), &[&program]).replace(&program, "PROGRAM");
    expect![[r#"
        supervised: listed 1
        supervised: listed 1
        supervised: listed 1
        supervised: listed 1
        supervised: listed 1
        supervised: listed 1
        supervised: none
        supervised: few 2 3 4
        supervised: many 2 3 4 5 6 7 8 9
        supervised: searched 2 3 4 5
        supervised: few 2
        supervised: five 2 3 4 5
        supervised: many 2 3 4 5 6 7
        launch-supervised PROGRAM listed 1
        posix_spawn: 0 0
        launch-supervised PROGRAM listed 1
        posix_spawnp: 0 0
        posix_spawn missing: 2 0
        posix_spawn not executable: 13 0
        supervised: listed 1
        --- stderr
        missing: No such file or directory
    "#]]
    .assert_eq(&shown);
    assert_eq!(session.seen("supervise").len(), 14, "{:?}", session.seen("supervise"));
}

#[test]
fn what_a_supervised_program_starts_is_supervised_without_the_layer() {
    let (session, program) = begin();
    let script = format!("{program} {program} /bin/sh -c 'echo \"[$LD_PRELOAD]\"; {program} again'");
    let shown = run(&session, Path::new("/bin/sh"), &["-c", &script]).replace(&program, "PROGRAM");
    expect![[r#"
        supervised: PROGRAM PROGRAM /bin/sh -c echo "[$LD_PRELOAD]"; PROGRAM again
        supervised: PROGRAM /bin/sh -c echo "[$LD_PRELOAD]"; PROGRAM again
        []
        supervised: PROGRAM again
    "#]]
    .assert_eq(&shown);
    assert_eq!(session.seen("supervise").len(), 1, "{:?}", session.seen("supervise"));
}

#[test]
fn shells_of_libc_find_us_in_an_environment_that_was_cleared() {
    let (session, program) = begin();
    let script = format!("cat /data/file; {program}");
    let shown = run(&session, &c("exec"), &[&program, &script]).replace(&program, "PROGRAM");
    expect![[r#"
        remote content
        supervised: PROGRAM
        remote content
        supervised: PROGRAM
    "#]]
    .assert_eq(&shown);
}

#[test]
fn children_of_vfork_leave_the_parent_as_it_was() {
    let (session, program) = begin();
    let script = format!(
        r"
import subprocess, threading
def many():
    for _ in range(20):
        assert subprocess.check_output(['{program}'], env={{}}).startswith(b'supervised'), 'alone'
        assert open('/data/file').read() == 'remote content\n'
threads = [threading.Thread(target=many) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print('done', open('/data/file').read(), end='')
"
    );
    expect![[r#"
        done remote content
    "#]]
    .assert_eq(&python(&session, &script));
    assert_eq!(session.seen("supervise").len(), 80);
}

#[test]
fn a_program_that_has_no_launcher_runs_here_and_the_user_is_told_once() {
    let (_, program) = begin();
    let session = Session::unheld(policy());
    let script = format!(
        r"
import os
for _ in range(2): os.waitpid(os.posix_spawn('{program}', ['name'], os.environ), 0)
"
    );
    let shown = python(&session, &script).replace(&program, "PROGRAM");
    expect![[r#"
        alone: name
        alone: name
        --- stderr
        mirrord: PROGRAM is statically linked: it runs on this machine only, without the pod's files and network: the session has no launcher
    "#]]
    .assert_eq(&shown);
}

#[test]
fn strict_sees_what_passes_libc_by() {
    let mut policy = policy();
    policy.launch.strict = true;
    let session = Session::unheld(policy);
    let program = static_c("supervised").to_str().expect("ASCII").to_owned();
    let shown = run(&session, &c("raw"), &[&program]).replace(&program, "PROGRAM");
    expect![[r#"
        libc: pod-1
        raw: supervised
        file: remote content
        fork, libc: pod-1
        fork, raw: supervised
        supervised: child
        system: []
        supervised: PROGRAM
    "#]]
    .assert_eq(&shown);
    assert_eq!(session.seen("supervise").len(), 1, "{:?}", session.seen("supervise"));
}

#[test]
fn nothing_starts_without_a_session_that_watches_it() {
    let (session, program) = begin();
    let script = format!(
        r"
import subprocess
try: open('/data/fatal')
except OSError: print('the session is gone')
try: subprocess.run(['{program}'])
except OSError: print('not started')
"
    );
    let shown = python(&session, &script).replace(&program, "PROGRAM");
    let (out, told) = shown.split_once("--- stderr\n").expect("the user is told");
    expect![[r#"
        the session is gone
        not started
    "#]]
    .assert_eq(out);
    assert!(told.contains("PROGRAM was not started: the session did not take charge of it"), "{told}");
}
