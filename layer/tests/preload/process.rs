//! Processes: forks, other programs, environments of their own, skipped and foreign ones.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use protocol::policy::{FilePolicy, Policy};

use crate::mount;
use crate::program::{c, inject, output_of, python, run};
use crate::session::{Session, policy};

#[test]
fn children_keep_the_layer() {
    let session = Session::start();
    let script = r"
import os, subprocess, sys
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, open('/data/file').read().encode()); os._exit(0)
os.wait(); print('fork:', os.read(r, 100).decode(), end='')
cat = ['/bin/cat', '/data/file']
print('inherited:', subprocess.check_output(cat).decode(), end='')
print('empty env:', subprocess.check_output(cat, env={}).decode(), end='')
print('own preload:', subprocess.check_output(['/bin/sh', '-c', 'cat /data/file; echo ${LD_PRELOAD##*:}'], env={'LD_PRELOAD': '/nonexistent.so', 'PATH': '/bin'}, stderr=subprocess.DEVNULL).decode(), end='')
print('preexec (fork):', subprocess.check_output(cat, env={}, preexec_fn=lambda: None).decode(), end='')
print('closed fds:', subprocess.check_output(cat, env={}, close_fds=True).decode(), end='')
print('env -i:', subprocess.check_output(['/usr/bin/env', '-i', '/bin/cat', '/data/file']).decode(), end='')
pid = os.posix_spawn('/bin/cat', cat, {}); os.waitpid(pid, 0)
sys.stdout.flush()
os.execve('/bin/cat', cat, {})
";
    expect![[r#"
        fork: remote content
        inherited: remote content
        empty env: remote content
        own preload: remote content
        /nonexistent.so
        preexec (fork): remote content
        closed fds: remote content
        env -i: remote content
        remote content
        remote content
    "#]]
    .assert_eq(&python(&session, script));
}

#[test]
fn a_vforked_child_and_a_raw_clone_may_open_remote_files() {
    let session = Session::start();
    expect![[r#"
        parent: remote content
        vfork: remote content
        vfork, all closed: remote content
        parent: remote content
        fork: remote content
        raw fork: remote content
        parent: remote content
        descriptors left over: 0
        all closed: remote content
        all reused: remote content
        remote content
        parent: remote content
    "#]]
    .assert_eq(&run(&session, &c("vfork"), &[]));
}

#[test]
fn cancelled_threads_end_and_the_program_goes_on() {
    let session = Session::start();
    expect![[r#"
        accept: cleaned up
        accept: cancelled 1
        connect: cleaned up
        connect: cancelled 1
        open: cleaned up
        open: cancelled 1
    "#]]
    .assert_eq(&run(&session, &c("cancel"), &[]));
}

#[test]
fn skipped_programs_are_attached_and_their_children_active() {
    let session = Session::start();
    let skipped = session.folder.path().join("skipme");
    symlink("/bin/sh", &skipped).expect("a fresh name");
    let script = "test -e /data/file || echo not there; env -i /bin/cat /data/file";
    expect![[r#"
        not there
        remote content
    "#]]
    .assert_eq(&run(&session, &skipped, &["-c", script]));
    // The shell, env(1) and cat(1): whoever is skipped says hello, too.
    assert_eq!(session.seen("hello first=true").len(), 3, "{:?}", session.seen("hello"));
}

#[test]
fn skipped_programs_start_where_the_launch_was() {
    if !mount::can_be_made() {
        return;
    }
    let policy = policy();
    let files = FilePolicy { working: b"/proc".to_vec(), ..policy.files };
    let session = Session::with(Policy { files, ..policy }, None);
    let skipped = session.folder.path().join("skipme");
    symlink("/bin/pwd", &skipped).expect("a fresh name");
    let text = run(&session, Path::new("/bin/sh"), &["-c", &format!("cd /data/folder; env -i {}", skipped.display())]);
    expect![[r"
        /proc
        --- stderr
        mirrord: /usr/bin/pwd runs without the pod (skip_processes) and cannot be in the pod's /data/folder: it starts in /proc
    "]]
    .assert_eq(&text);
}

#[test]
fn without_the_launcher_nothing_happens() {
    let mut command = Command::new("/bin/cat");
    command.arg("/data/file").env("LD_PRELOAD", crate::program::library());
    expect![[r#"
        --- stderr
        /bin/cat: /data/file: No such file or directory
        --- exit status: 1
    "#]]
    .assert_eq(&output_of(&mut command));
}

#[test]
fn a_gone_or_unwilling_session_ends_the_start() {
    let session = Session::start();
    let mut command = Command::new("/bin/true");
    inject(&mut command, &session).env(protocol::link::variable::SOCKET, "/nowhere/session");
    expect![[r#"
        --- stderr
        mirrord: this program was not started: no session answers at /nowhere/session (No such file or directory (os error 2)); it has probably ended
        --- exit status: 1
    "#]].assert_eq(&output_of(&mut command));

    let mut command = Command::new("/bin/true");
    inject(&mut command, &session).env(protocol::link::variable::SECRET, "00".repeat(16));
    expect![[r#"
        --- stderr
        mirrord: this program was not started: the session refused it: wrong secret
        --- exit status: 1
    "#]]
    .assert_eq(&output_of(&mut command));

    let mut command = Command::new("/bin/true");
    inject(&mut command, &session).env_remove(protocol::link::variable::SECRET);
    expect![[r#"
        --- stderr
        mirrord: this program was not started: MIRRORD_SESSION_SECRET is missing or malformed
        --- exit status: 1
    "#]]
    .assert_eq(&output_of(&mut command));

    let session = Session::refusing("version 7\x1b[31m is needed");
    expect![[r#"
        --- stderr
        mirrord: this program was not started: the session refused it: version 7\u{1b}[31m is needed
        --- exit status: 1
    "#]]
    .assert_eq(&run(&session, Path::new("/bin/true"), &[]));
}

#[test]
fn the_host_name_is_the_pods() {
    let session = Session::start();
    let script = "import socket, os; print(socket.gethostname(), os.uname().nodename, os.uname().sysname)";
    expect![[r#"
        pod-1 pod-1 Linux
    "#]]
    .assert_eq(&python(&session, script));
}
