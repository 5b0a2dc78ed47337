//! Children that programs of every language start in a folder of the pod.

use std::process::Command;

use crate::bench::{Bench, said};

/// Says on which machine it is, in which folder, and what it finds there.
const WHERE_C: &str = r#"
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>
int main(int count, char **arguments) {
    char folder[4096], line[100] = "nothing\n";
    struct utsname name;
    uname(&name);
    FILE *file = fopen("message.txt", "r");
    if (file) fgets(line, sizeof line, file);
    printf("%s, %s: %s", name.nodename, getcwd(folder, sizeof folder) ? folder : "no folder", line);
}
"#;

/// Starts a program, its first argument, in the folder of the second.
const START_C: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
extern char **environ;
int main(int count, char **arguments) {
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, arguments[2]);
    int error = posix_spawn(&pid, arguments[1], &actions, NULL, (char *[]){arguments[1], NULL}, environ);
    if (error) printf("%s\n", strerrorname_np(error));
    else waitpid(pid, NULL, 0);
}
"#;

const START_RUST: &str = r#"
fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap();
    if let Err(error) = std::process::Command::new(next()).current_dir(next()).status() {
        println!("{}", error.raw_os_error().unwrap());
    }
}
"#;

const START_GO: &str = r#"
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	child := exec.Command(os.Args[1])
	child.Dir, child.Stdout = os.Args[2], os.Stdout
	if err := child.Run(); err != nil {
		fmt.Println(err)
	}
}
"#;

const START_JAVA: &str = r#"
public class Start {
    public static void main(String[] arguments) throws Exception {
        try {
            var builder = new ProcessBuilder(arguments[0]).directory(new java.io.File(arguments[1]));
            builder.redirectOutput(ProcessBuilder.Redirect.INHERIT).start().waitFor();
        } catch (java.io.IOException error) {
            System.out.println(error.getMessage());
        }
    }
}
"#;

const START_PYTHON: &str = "import subprocess, sys; subprocess.run(sys.argv[1:2], cwd=sys.argv[2])";

const START_NODE: &str = "const [program, cwd] = process.argv.slice(1); \
    require('child_process').spawnSync(program, [], {cwd, stdio: 'inherit'})";

/// A language, and the command line of a program in it that starts another.
type Starter = (&'static str, &'static [&'static str]);

/// What starts children, by its language; programs of these names are built in the bench.
const STARTERS: &[Starter] = &[
    ("C", &["./start-c"]),
    ("static C", &["./start-static"]),
    ("Rust", &["./start-rust"]),
    ("Go", &["./start-go"]),
    ("Java", &["java", "Start.java"]),
    ("Python", &["python3", "-c", START_PYTHON]),
    ("node", &["node", "-e", START_NODE]),
];

/// A bench with everything in it that can be built here, and those starters that can start.
fn bench() -> Option<(Bench, Vec<&'static Starter>)> {
    let bench = Bench::with_pods()?;
    bench.write("where.c", WHERE_C);
    bench.write("start.c", START_C);
    bench.write("start.rs", START_RUST);
    bench.write("start.go", START_GO);
    bench.write("Start.java", START_JAVA);
    let cache = std::env::var_os("GOCACHE").map_or_else(|| std::env::temp_dir().join("mirrord-tests-go"), Into::into);
    let builds: &[&[&str]] = &[
        &["cc", "-o", "where", "where.c"],
        &["cc", "-static", "-o", "where-static", "where.c"],
        &["cc", "-o", "start-c", "start.c"],
        &["cc", "-static", "-o", "start-static", "start.c"],
        &["rustc", "-o", "start-rust", "start.rs"],
        &["go", "build", "-o", "start-go", "start.go"],
    ];
    for line in builds {
        let mut command = Command::new(line[0]);
        bench.furnish(&mut command).args(&line[1..]).env("GOCACHE", &cache);
        command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
        let made = command.output();
        if !made.as_ref().is_ok_and(|made| made.status.success()) {
            println!("skipped: {line:?} does not work on this machine: {made:?}");
        }
    }
    let can_start = |name: &str| {
        let found = if name.starts_with("./") {
            bench.path(name).is_file()
        } else {
            Command::new(name).arg("--version").output().is_ok()
        };
        if !found {
            println!("skipped: there is no {name}");
        }
        found
    };
    let starters = STARTERS.iter().filter(|(_, line)| can_start(line[0])).collect();
    Some((bench, starters))
}

/// What a starter says that is to start `program` in `folder`.
fn start(bench: &Bench, starter: &[&str], program: &str, folder: &str) -> String {
    let mut command = bench.command(&[&["demo", "--"], starter, &[program, folder]].concat());
    // Interpreters may lie in the developer's own home.
    command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
    said(&command.output().expect("it starts")).out
}

#[test]
fn children_of_every_language_start_in_a_folder_of_the_pod() {
    let Some((bench, starters)) = bench() else { return };
    for (language, line) in starters {
        for program in ["where", "where-static"] {
            let program = bench.path(program).display().to_string();
            let out = start(&bench, line, &program, "/app/config");
            assert_eq!(out, "demo-pod, /app/config: This file exists in the pod only.\n", "{language}, {program}");
        }
    }
    bench.nothing_is_left();
}

#[test]
fn a_relative_program_is_that_of_the_childs_folder() {
    let Some((bench, _)) = bench() else { return };
    std::fs::create_dir(bench.path("inner")).expect("there is room");
    std::fs::rename(bench.path("where-static"), bench.path("inner/hidden")).expect("it was built");
    bench.write("inner/message.txt", "on this machine\n");
    let folder = bench.path("inner").display().to_string();
    let out = start(&bench, &["./start-c"], "./hidden", &folder);
    assert_eq!(out, format!("demo-pod, {folder}: on this machine\n"));
    bench.nothing_is_left();
}
