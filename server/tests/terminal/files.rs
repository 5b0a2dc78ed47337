//! Programs and the pod's files: the calls that they make, and what happens when one side goes.

use std::process::{Command, Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{Bench, said, until};

/// Every file is the pod's, except what Python itself needs.
const CONFIG: &str = r#"{
    "feature": { "fs": { "mode": "write", "local": ["^/tmp/", "^/usr/", "^/lib", "^/etc/", "^/home/", "^/root/"] } },
    "skip_processes": ["unseen"]
}"#;

const CALLS: &str = include_str!("files/calls.py");

/// What a pod's folder is called in these tests.
const FOLDER: &str = "/app/files";

/// With Python, or nothing.
fn bench() -> Option<Bench> {
    let bench = Bench::with_pods()?;
    if Command::new("python3").arg("-V").output().is_err() {
        println!("skipped: there is no python3");
        return None;
    }
    bench.write("mirrord.json", CONFIG);
    bench.write("calls.py", CALLS);
    bench.write("secret", "on this machine");
    Some(bench)
}

/// A program in the demonstration's pod.
fn demo(bench: &Bench, script: &str, arguments: &[&str]) -> Command {
    let mut command = bench.command(&["demo", "-f", "mirrord.json", "--", "python3", script]);
    command.args(arguments);
    command
}

fn all_calls(bench: &Bench, command: &mut Command) {
    let said = said(&command.output().expect("it starts"));
    assert_eq!((said.code, said.out.lines().last()), (0, Some("22 checks, 0 wrong")), "{}{}", said.out, said.err);
    bench.nothing_is_left();
}

#[test]
fn calls_do_what_they_do_on_any_file_system() {
    let Some(bench) = bench() else { return };
    let secret = bench.path("secret").display().to_string();
    all_calls(&bench, &mut demo(&bench, "calls.py", &[FOLDER, &secret]));
}

#[test]
fn they_do_so_though_the_session_has_one_thread() {
    let Some(bench) = bench() else { return };
    let secret = bench.path("secret").display().to_string();
    all_calls(&bench, demo(&bench, "calls.py", &[FOLDER, &secret]).env("TOKIO_WORKER_THREADS", "1"));
}

#[test]
fn they_do_so_without_root() {
    let Some(bench) = bench() else { return };
    let secret = bench.path("secret").display().to_string();
    // Where the device is not everybody's, as it usually is, the test makes it so: for itself alone.
    let script = "mknod -m 666 fuse c 10 229 && mount --bind fuse /dev/fuse && exec setpriv --reuid 1000 --regid 1000 \
                  --clear-groups ./mirrord demo -f mirrord.json -- python3 calls.py \"$0\" \"$1\"";
    let mut command = Command::new("unshare");
    bench.furnish(&mut command).args(["-m", "sh", "-c", script, FOLDER, &secret]);
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: not root, so the other test is the proof");
        return;
    }
    all_calls(&bench, &mut command);
}

/// Checks of `calls.py` that copies cannot pass, how they fail, and why.
const REFUSED_WITHOUT_FUSE: [(&str, &str); 4] = [
    // A lock on a copy would not exclude the pod's own processes.
    ("flock_excludes_other_descriptors", "No locks available"),
    ("record_locks_exclude_other_processes_until_the_file_is_closed", "No locks available"),
    ("a_lock_is_free_as_soon_as_its_last_descriptor_is_closed", "No locks available"),
    // A process without the layer that has inherited a copy of a directory sees names, and nothing behind them.
    ("calls_that_nobody_sees_are_right_and_do_not_lead_out", "No such file or directory"),
];

#[test]
fn without_fuse_all_calls_but_few_do_the_same() {
    let Some(bench) = bench() else { return };
    let secret = bench.path("secret").display().to_string();
    let output = demo(&bench, "calls.py", &[FOLDER, &secret]).env("MIRRORD_FUSE", "0").output().expect("it starts");
    let said = said(&output);
    let mut lines = said.out.lines();
    assert_eq!(lines.next_back(), Some("22 checks, 4 wrong"), "{}{}", said.out, said.err);
    for ((check, how), line) in REFUSED_WITHOUT_FUSE.into_iter().zip(lines) {
        assert!(line.starts_with(&format!("{check}: ")) && line.contains(how), "{check}: {line}");
    }
    assert_eq!(said.err.matches("nobody would see a lock on it (ENOLCK)").count(), 1, "{}", said.err);
    bench.nothing_is_left();
}

/// Locks a file that is only read and has not changed lately: a copy even where there is FUSE.
const LOCKS: &str = r#"
import errno, fcntl, os
F_GET_SEALS = 1034
message = "/app/config/message.txt"
os.utime(message, (1, 1))

def is_copy(file):
    try:
        return fcntl.fcntl(file, F_GET_SEALS) > 0
    except OSError as error:
        assert error.errno == errno.EINVAL
        return False

def errno_of(lock, *arguments):
    try:
        lock(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

file, other = (os.open(message, os.O_RDONLY) for _ in range(2))
assert is_copy(file)
start = os.read(file, 4)
print(errno_of(fcntl.lockf, file, fcntl.LOCK_SH), errno_of(fcntl.flock, file, fcntl.LOCK_EX),
      errno_of(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB), is_copy(file))
assert start + os.read(file, 1000) == open(message, "rb").read()
assert os.readlink(f"/proc/self/fd/{file}") == os.readlink(f"/proc/self/fd/{other}") == message
"#;

#[test]
fn a_copy_that_is_locked_becomes_the_file_itself() {
    let Some(bench) = bench() else { return };
    bench.write("locks.py", LOCKS);
    let said = said(&demo(&bench, "locks.py", &[]).output().expect("it starts"));
    assert_eq!((said.code, said.out.as_str()), (0, "None None EAGAIN False\n"), "{}", said.err);
    assert!(!said.err.contains("ENOLCK"), "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn without_fuse_a_copy_cannot_be_locked() {
    let Some(bench) = bench() else { return };
    bench.write("locks.py", LOCKS);
    let said = said(&demo(&bench, "locks.py", &[]).env("MIRRORD_FUSE", "0").output().expect("it starts"));
    assert_eq!((said.code, said.out.as_str()), (0, "ENOLCK ENOLCK ENOLCK True\n"), "{}", said.err);
    assert_eq!(said.err.matches("(ENOLCK)").count(), 1, "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn without_fuse_copies_are_written_back() {
    let Some(bench) = bench() else { return };
    bench.write(
        "copies.py",
        r#"
import os, subprocess
message = "/app/config/message.txt"
assert "message.txt" in os.listdir("/app/config")
assert os.path.isdir("/app/config/.") and not os.path.islink(message)
with open("/app/written", "w") as file:
    file.write("first\n")
with open("/app/written", "a") as file:
    file.write("second\n")
with open("/app/written", "r+") as file:
    file.write("F")
assert open("/app/written").read() == "First\nsecond\n", open("/app/written").read()
os.truncate("/app/written", 3)
assert open("/app/written").read() == "Fir"
os.close(os.open("/app/excluded", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
assert os.stat("/app/excluded").st_mode & 0o777 == 0o600
with open("/app/large", "wb") as file:
    file.write(b"x" * 3_000_000)
assert open("/app/large", "rb").read() == b"x" * 3_000_000
with open("/app/last", "w") as file:
    file.write("the end")
os.chdir("/app/config")
assert os.getcwd() == "/app/config" and open("message.txt").read() == open(message).read()
folder = os.open(".", os.O_RDONLY)
os.mkdir("made", dir_fd=folder)
os.close(os.open("made/file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
assert os.listdir("/app/config/made") == ["file"] and "made" in os.listdir(folder)
shown = subprocess.run(["sh", "-c", "pwd; ls made; echo more >> made/file; cat made/file"], capture_output=True)
assert shown.stdout == b"/app/config\nfile\nmore\n", shown
os.fchmod(folder, 0o700)
assert os.stat(".").st_mode & 0o777 == os.fstat(folder).st_mode & 0o777 == 0o700
reader = os.open("/app/kept", os.O_RDWR | os.O_CREAT)
os.chmod("/app/kept", 0o400)
os.unlink("/app/kept")
os.write(reader, b"kept")
assert os.pread(reader, 9, 0) == b"kept" and os.fstat(reader).st_nlink == 0
print("done")
"#,
    );
    let output = demo(&bench, "copies.py", &[]).env("MIRRORD_FUSE", "0").output().expect("it starts");
    let said = said(&output);
    assert_eq!((said.code, said.out.as_str()), (0, "done\n"), "{}", said.err);
    assert!(said.err.contains("no FUSE: MIRRORD_FUSE=0 says so"), "{}", said.err);
    bench.nothing_is_left();
}

/// Starts a program that has a large file of the pod open, and then reads and writes for ever; it says `open` first and
/// at its end, to a file of this machine, how it ended.
fn busy_program(bench: &Bench) -> std::process::Child {
    busy_program_with(bench, "1")
}

/// As [`busy_program`], with or without (`0`) FUSE.
fn busy_program_with(bench: &Bench, fuse: &str) -> std::process::Child {
    let end = bench.path("end").display().to_string();
    bench.write(
        "busy.py",
        r#"
import errno, os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
file = os.open("/app/busy", os.O_RDWR | os.O_CREAT)
end = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.write(1, b"open\n")
try:
    while True:
        os.pwrite(file, b"x" * 10000, 0)
        os.fsync(file)
        os.pread(file, 10000, 0)
except OSError as error:
    said = errno.errorcode[error.errno]
try:
    os.pwrite(file, b"last", 0)
    os.close(file)
except OSError as error:
    said += " and close " + errno.errorcode[error.errno]
os.write(end, said.encode() + b"\n")
"#,
    );
    let mut child =
        demo(bench, "busy.py", &[&end]).env("MIRRORD_FUSE", fuse).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said).expect("text");
    assert_eq!(said, "open\n");
    child
}

fn end_of(bench: &Bench) -> String {
    until("the program sees an error", || {
        std::fs::read_to_string(bench.path("end")).ok().filter(|text| text.ends_with('\n'))
    })
}

/// Process ids of files helpers that run from the bench.
fn helpers(bench: &Bench) -> Vec<u32> {
    let is_one = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).nth(1) == Some(b"files-helper")
    };
    bench.processes("mirrord").into_iter().filter(is_one).collect()
}

fn kill_hard(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it is there");
}

#[test]
fn a_killed_session_fails_calls_at_once_and_leaves_nothing() {
    let Some(bench) = bench() else { return };
    let mut child = busy_program(&bench);
    kill_hard(child.id());
    let end = end_of(&bench);
    assert!(["ENOTCONN", "ECONNABORTED", "EIO"].iter().any(|errno| end.starts_with(errno)), "{end}");
    child.wait().expect("it was ours");
    bench.nothing_is_left();
}

#[test]
fn a_killed_helper_fails_calls_and_is_warned_of_once() {
    let Some(bench) = bench() else { return };
    let child = busy_program(&bench);
    let [helper] = helpers(&bench)[..] else { panic!("one helper: {:?}", helpers(&bench)) };
    kill_hard(helper);
    let end = end_of(&bench);
    assert!(["ENOTCONN", "ECONNABORTED", "EIO"].iter().any(|errno| end.starts_with(errno)), "{end}");
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(said.err.matches("the process that serves remote files has ended").count(), 1, "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn without_fuse_fsync_and_close_say_what_did_not_arrive() {
    let Some(bench) = bench() else { return };
    let mut child = busy_program_with(&bench, "0");
    let agents = bench.processes("mirrord-agent");
    agents.into_iter().for_each(kill_hard);
    let end = end_of(&bench);
    let (first, second) = end.trim_end().split_once(" and close ").expect(&end);
    for errno in [first, second] {
        assert!(["ENOTCONN", "ECONNABORTED", "EIO"].contains(&errno), "{end}");
    }
    child.wait().expect("it was ours");
    bench.nothing_is_left();
}

#[test]
fn a_lost_agent_fails_calls_and_leaves_nothing() {
    let Some(bench) = bench() else { return };
    let mut child = busy_program(&bench);
    let agents = bench.processes("mirrord-agent");
    agents.into_iter().for_each(kill_hard);
    let end = end_of(&bench);
    assert!(["ENOTCONN", "ECONNABORTED", "EIO"].iter().any(|errno| end.starts_with(errno)), "{end}");
    child.wait().expect("it was ours");
    bench.nothing_is_left();
}

#[test]
fn paths_out_of_the_pods_folders_lead_to_this_machine() {
    let Some(bench) = Bench::with_pods() else { return };
    // There is no /app on this machine, so its kernel would not find the way back.
    let source = r#"
        #include <stdio.h>
        #include <sys/stat.h>
        int main(void) {
            struct stat root, up, file;
            stat("/", &root);
            printf("%d", lstat("/app/..", &up));
            printf(" %d", up.st_ino == root.st_ino && up.st_dev == root.st_dev);
            printf(" %d", stat("/app/config/../../etc/passwd", &file));
            printf(" %d\n", fopen("/app/./../etc/../app/config/message.txt", "r") != NULL);
        }"#;
    bench.write("out.c", source);
    for (name, flags) in [("dynamic", &[][..]), ("static", &["-static"])] {
        let made = Command::new("cc").args(flags).arg("-o").args([bench.path(name), bench.path("out.c")]).status();
        if !made.is_ok_and(|made| made.success()) {
            println!("skipped: cc {flags:?} does not work on this machine");
            continue;
        }
        let said = bench.run(&["demo", "--", &format!("./{name}")]);
        assert_eq!((said.code, said.out.as_str()), (0, "0 1 0 1\n"), "{name}: {}", said.err);
    }
    bench.nothing_is_left();
}
