//! Programs that no library can be loaded into, end to end: started directly, and by programs of every kind.

use std::{os::unix::process::CommandExt, process::Command};

use crate::bench::{Bench, Said, said};

/// Says what it was called, where it believes to be, and what its starter left it; then becomes what it is told to be.
const LOOK_C: &str = r#"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
int main(int count, char **arguments) {
    struct utsname name;
    struct sigaction pipe;
    char message[100] = "no message\n";
    uname(&name);
    sigaction(SIGPIPE, NULL, &pipe);
    int closed = fcntl(0, F_GETFD) == -1;
    FILE *file = fopen("/app/config/message.txt", "r");
    if (file) fgets(message, sizeof message, file);
    message[strcspn(message, "\n")] = 0;
    printf("%s in %s: %s%s%s\n", arguments[0], name.nodename, message,
           pipe.sa_handler == SIG_IGN ? " SIGPIPE ignored" : "", closed ? " stdin closed" : "");
    fflush(stdout);
    if (count > 1) execv(arguments[1], arguments + 1);
}
"#;

const LOOK_GO: &str = r#"
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"
)

func main() {
	name, _ := os.Hostname()
	message, err := os.ReadFile("/app/config/message.txt")
	if err != nil {
		message = []byte("no message")
	}
	user.Current() // links libc, where cgo is on
	fmt.Printf("%s in %s: %s\n", os.Args[0], name, strings.TrimSpace(string(message)))
	if len(os.Args) > 1 {
		child := exec.Command(os.Args[1], os.Args[2:]...)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); err != nil {
			fmt.Println(err)
		}
	}
}
"#;

/// What each compiler makes of one of the programs: name of the result, and its command line.
const BUILDS: &[(&str, &[&str])] = &[
    ("static", &["cc", "-static", "look.c", "-o"]),
    ("static-pie", &["cc", "-static-pie", "look.c", "-o"]),
    ("musl", &["musl-gcc", "look.c", "-o"]),
    ("musl-static", &["musl-gcc", "-static", "look.c", "-o"]),
    ("go-static", &["env", "CGO_ENABLED=0", "go", "build", "-o"]),
    ("go-libc", &["env", "CGO_ENABLED=1", "go", "build", "-o"]),
    ("go-pie", &["go", "build", "-buildmode=pie", "-o"]),
    ("go-stripped", &["env", "CGO_ENABLED=0", "go", "build", "-ldflags=-s -w -buildid=", "-o"]),
];

/// Runs a command line in the demonstration's pod. Interpreters may lie in the developer's own home.
fn demo(bench: &Bench, line: &[&str]) -> Said {
    let mut command = bench.command(&[&["demo", "--"], line].concat());
    command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
    said(&command.output().expect("it starts"))
}

const IN_THE_POD: &str = "in demo-pod: This file exists in the pod only.";

/// Builds what can be built here, in the bench's folder.
fn build(bench: &Bench, wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
    bench.write("look.c", LOOK_C);
    bench.write("look.go", LOOK_GO);
    let cache = std::env::var_os("GOCACHE").map_or_else(|| std::env::temp_dir().join("mirrord-tests-go"), Into::into);
    let made = BUILDS.iter().filter(|(name, _)| wanted(name)).filter(|(name, line)| {
        let mut command = Command::new(line[0]);
        bench.furnish(&mut command).args(&line[1..]).arg(name).env("GOCACHE", &cache);
        if line.contains(&"go") {
            command.arg("look.go");
        }
        let made = command.output();
        let works = made.as_ref().is_ok_and(|output| output.status.success());
        if !works {
            println!("skipped: {line:?} does not work on this machine: {made:?}");
        }
        works
    });
    made.map(|(name, _)| *name).collect()
}

#[track_caller]
fn saw_the_pod(said: &Said, name: &str) {
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out, format!("{name} {IN_THE_POD}\n"), "{said:?}");
}

#[test]
fn every_build_runs_in_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    for name in build(&bench, |_| true) {
        let program = format!("./{name}");
        let said = bench.run(&["demo", "--", &program]);
        saw_the_pod(&said, &program);
        assert!(said.err.contains("instead of a library in it, the kernel tells mirrord of its calls"), "{said:?}");
        saw_the_pod(&bench.run(&["demo", "--", "sh", "-c", &program]), &program);
        // What it starts is in the pod as well, whatever it is.
        let said = bench.run(&["demo", "--", &program, "/bin/cat", "/app/config/message.txt"]);
        assert_eq!(said.out, format!("{program} {IN_THE_POD}\nThis file exists in the pod only.\n"), "{said:?}");
    }
    bench.nothing_is_left();
}

#[test]
fn no_root_is_needed() {
    let Some(bench) = Bench::with_pods() else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: not root, so the other tests are the proof");
        return;
    }
    for name in build(&bench, |name| matches!(name, "static" | "go-static")) {
        let program = format!("./{name}");
        let mut command = bench.command(&["demo", "--", "sh", "-c", &program]);
        saw_the_pod(&said(&command.uid(1000).gid(1000).output().expect("it starts")), &program);
        let mut command = bench.command(&["demo", "--", &program]);
        let said = said(&command.uid(1000).gid(1000).output().expect("it starts"));
        saw_the_pod(&said, &program);
        assert!(said.err.contains("sudo and the like do not work below it"), "{said:?}");
    }
}

#[test]
fn whatever_starts_it_keeps_it_in_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    if build(&bench, |name| name == "static").is_empty() {
        return;
    }
    let python = |body: &str| format!("import os, subprocess\n{body}");
    let wait = "os.waitpid(pid, 0)";
    let node = |body: &str| format!("const {{stdout}} = require('child_process').{body}; process.stdout.write(stdout)");
    let java = "public class Start { public static void main(String[] a) throws Exception {
        var builder = new ProcessBuilder(\"./static\").inheritIO(); builder.environment().clear(); builder.start().waitFor(); } }";
    bench.write("Start.java", java);
    let cases: &[(&[&str], &str)] = &[
        (&["bash", "-c", "(exec -a name ./static)"], "name"),
        (&["bash", "-c", "env -i ./static | cat"], "./static"),
        (&["python3", "-c", &python("subprocess.run(['./static'], env={})")], "./static"),
        (&["python3", "-c", &python("subprocess.run(['name'], executable='./static', preexec_fn=lambda: 0)")], "name"),
        (&["python3", "-c", &python("os.system('./static')")], "./static"),
        (&["python3", "-c", &python(&format!("pid = os.posix_spawn('./static', ['name'], {{}}); {wait}"))], "name"),
        (&["python3", "-c", &python("os.execv('./static', ['name'])")], "name"),
        (&["node", "-e", &node("spawnSync('./static', {env: {}})")], "./static"),
        (&["java", "Start.java"], "./static"),
    ];
    for (line, name) in cases {
        if Command::new(line[0]).arg("--version").output().is_err() {
            println!("skipped: there is no {}", line[0]);
            continue;
        }
        let said = demo(&bench, line);
        let ignores_pipes =
            if line[0] == "python3" && !line[2].contains("subprocess.run") { " SIGPIPE ignored" } else { "" };
        assert_eq!(said.out, format!("{name} {IN_THE_POD}{ignores_pipes}\n"), "{line:?}: {said:?}");
    }
    bench.nothing_is_left();
}

#[test]
fn a_launcher_leaves_no_trace_in_the_program() {
    let Some(bench) = Bench::with_pods() else { return };
    if build(&bench, |name| name == "static").is_empty() {
        return;
    }
    let script = r"
import os, signal
actions = [(os.POSIX_SPAWN_CLOSE, 0)]
for set in [], [signal.SIGPIPE]:
    pid = os.posix_spawn('./static', ['name'], {}, file_actions=actions, setsigdef=set)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
try:
    os.posix_spawn('./absent', ['name'], {})
except FileNotFoundError as error:
    print(error.errno)
";
    let said = demo(&bench, &["python3", "-c", script]);
    let expected = format!("name {IN_THE_POD} SIGPIPE ignored stdin closed\n0\nname {IN_THE_POD} stdin closed\n0\n2\n");
    assert_eq!(said.out, expected, "{said:?}");
}

#[test]
fn a_prefix_chooses_the_engine_where_somebody_else_starts_the_program() {
    let Some(bench) = Bench::with_pods() else { return };
    let built = build(&bench, |name| matches!(name, "static" | "go-static"));
    let launch = |words: &[&str]| bench.run(&[&["demo", "--", "./mirrord", "launch"], words].concat());
    for name in built {
        let program = format!("./{name}");
        saw_the_pod(&launch(&[&program]), &program);
        // Without the variable that a preloaded library needs, and without our library in what it starts.
        let said = launch(&["--", &program, "/bin/sh", "-c", "echo preloads: $LD_PRELOAD"]);
        assert_eq!(said.out, format!("{program} {IN_THE_POD}\npreloads:\n"), "{said:?}");
    }
    let said = launch(&["sh", "-c", "cat /app/config/message.txt; exit 7"]);
    assert_eq!((said.code, said.out.as_str()), (7, "This file exists in the pod only.\n"), "{said:?}");
    let said = launch(&["absent"]);
    assert!(said.code == 127 && said.err.contains("`absent` not found in PATH"), "{said:?}");
    let said = bench.run(&["launch", "true"]);
    assert!(said.code == 2 && said.err.contains("MIRRORD_SESSION_SOCKET is not set"), "{said:?}");
    bench.nothing_is_left();
}

#[test]
fn skipped_programs_see_this_machine_and_their_children_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    if build(&bench, |name| name == "static").is_empty() {
        return;
    }
    std::fs::copy(bench.path("static"), bench.path("git")).expect("there is room");
    let said = bench.run(&["demo", "--", "./git", "./static"]);
    let lines: Vec<_> = said.out.lines().collect();
    assert!(lines[0].ends_with(": no message"), "{said:?}");
    assert_eq!(lines[1], format!("./static {IN_THE_POD}"), "{said:?}");
}

#[test]
fn a_debugger_stops_a_static_program_that_sees_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    let has_debugger = Command::new("gdb").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_debugger || build(&bench, |name| name == "static").is_empty() {
        println!("skipped: there is no gdb, or nothing to debug");
        return;
    }
    let commands = ["break fflush", "run", "continue"];
    let commands = commands.iter().flat_map(|command| ["-ex", *command]);
    let line: Vec<&str> =
        ["demo", "--", "gdb", "-nx", "-batch"].into_iter().chain(commands).chain(["./static"]).collect();
    let said = bench.run(&line);
    assert!(said.out.contains("Breakpoint 1, "), "{said:?}");
    assert!(said.out.contains(IN_THE_POD), "{said:?}");
    assert!(said.out.contains("exited normally") || said.out.contains("exited with code"), "{said:?}");
}
