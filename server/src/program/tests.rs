use std::{fs, process::Command};

use super::*;

fn surroundings(path: &Path) -> Surroundings<'_> {
    Surroundings { path: Some(path.as_os_str()), working_directory: Path::new("/") }
}

/// A folder with scripts: name, content, mode.
fn folder(files: &[(&str, &[u8], u32)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content, mode) in files {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("mode");
    }
    folder
}

fn told(folder: &tempfile::TempDir, name: &str) -> String {
    match find(OsStr::new(name), surroundings(folder.path())) {
        Ok(Found { path, watched }) => format!("ok {} {watched:?}", path.file_name().expect("a file").display()),
        Err(error) => {
            let folder = folder.path().display().to_string();
            format!("{}: {}", error.exit_code(), error.to_string().replace(&folder, "."))
        }
    }
}

#[test]
fn scripts_are_judged_by_their_interpreters() {
    let folder = folder(&[
        ("good", b"#!/bin/sh\n", 0o755),
        ("env", b"#!/usr/bin/env -S A=1 good\n", 0o755),
        ("missing", b"#!/no/such/interpreter -x\n", 0o755),
        ("loop", b"#!/usr/bin/env loop\n", 0o755),
        ("plain", b"echo hello\n", 0o755),
        ("text", b"#!/bin/sh\n", 0o644),
        ("nothing", b"#!   \n", 0o755),
    ]);
    let names = ["good", "env", "missing", "loop", "plain", "nothing", "absent"];
    let told: String = names.map(|name| told(&folder, name) + "\n").concat();
    expect_test::expect![[r"
        ok good None
        ok env None
        126: ./missing cannot be run: the interpreter of its #! line: program `/no/such/interpreter` not found
        126: ./loop cannot be run: its interpreters never end
        126: ./plain cannot be run: it is neither a program (ELF) nor a script with a #! line
        126: ./nothing cannot be run: its #! line is empty
        127: program `absent` not found in PATH
    "]]
    .assert_eq(&told);
    // Root may execute what nobody else may, but not without any x bit.
    assert!(self::told(&folder, "text").starts_with("126: ./text cannot be run: it is not executable"));
}

#[test]
fn names_with_a_slash_are_not_searched() {
    let here = Surroundings { path: None, working_directory: Path::new("/bin") };
    assert_eq!(find(OsStr::new("./sh"), here).expect("is there").path, Path::new("/bin/./sh"));
    assert!(matches!(find(OsStr::new("./absent"), here), Err(ProgramError::NotFound { searched: false, .. })));
    assert!(matches!(find(OsStr::new("/bin"), here), Err(ProgramError::NotRunnable { .. })));
    assert!(matches!(find(OsStr::new(""), here), Err(ProgramError::NotFound { .. })));
}

/// Nature of the program at `path`, if it is there.
fn nature(path: &Path) -> Option<Nature> {
    path.exists().then(|| inspect(path).expect("readable"))
}

#[test]
fn programs_of_this_machine_are_told_apart() {
    for path in ["/bin/true", "/bin/sh", "/usr/bin/env"] {
        assert_eq!(nature(Path::new(path)), Some(Nature::Program(Engine::Preload)), "{path}");
    }
    assert_eq!(nature(&std::env::current_exe().expect("this test")), Some(Nature::Program(Engine::Preload)));
    assert_eq!(nature(Path::new("/etc/passwd")), Some(Nature::Unknown));
    for (path, expected) in [
        ("/usr/local/go/bin/gofmt", Reason::Go),
        ("/usr/bin/busybox", Reason::Static),
        ("/bin/busybox.static", Reason::Static),
    ] {
        match nature(Path::new(path)) {
            Some(nature) => assert_eq!(nature, Nature::Program(Engine::Seccomp(expected)), "{path}"),
            None => println!("skipped: there is no {path} on this machine"),
        }
    }
}

#[test]
fn what_compilers_make_is_told_apart() {
    let folder = folder(&[
        ("main.c", b"int main(void) { return 0; }\n", 0o644),
        ("main.go", b"package main\nfunc main() {}\n", 0o644),
        ("versions", b"BUN_1.2 { global: main; };\n", 0o644),
    ]);
    let cases: [(&[&str], Reason); 9] = [
        (&["cc", "-static", "main.c", "-o", "out"], Reason::Static),
        (&["cc", "-static-pie", "main.c", "-o", "out"], Reason::Static),
        (&["cc", "main.c", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-o", "out"], Reason::Musl),
        (&["musl-gcc", "main.c", "-o", "out"], Reason::Musl),
        (&["musl-gcc", "-static", "main.c", "-o", "out"], Reason::Static),
        (&["cc", "-rdynamic", "-Wl,--version-script=versions", "main.c", "-o", "out"], Reason::Bun),
        (&["go", "build", "-o", "out", "main.go"], Reason::Go),
        (&["go", "build", "-ldflags=-s -w -buildid=", "-o", "out", "main.go"], Reason::Go),
        (&["go", "build", "-buildmode=pie", "-ldflags=-linkmode=external", "-o", "out", "main.go"], Reason::Go),
    ];
    for (command, expected) in cases {
        let made = Command::new(command[0]).args(&command[1..]).current_dir(folder.path()).output();
        if made.is_ok_and(|output| output.status.success()) {
            let nature = nature(&folder.path().join("out"));
            assert_eq!(nature, Some(Nature::Program(Engine::Seccomp(expected))), "{command:?}");
        } else {
            println!("skipped: {command:?} does not work on this machine");
        }
    }
}

#[test]
fn headers_that_lie_do_no_harm() {
    let good = fs::read("/bin/true").expect("readable");
    for end in [0, 3, 4, 17, 63, 64, 200] {
        let folder = folder(&[("x", &good[..end], 0o755)]);
        assert!(!told(&folder, "x").starts_with("ok"), "{end} bytes");
    }
    for at in [32, 40, 54, 56, 58, 60, 62] {
        let mut bad = good.clone();
        bad[at] = 0xff;
        bad[at + 1] = 0xff;
        let folder = folder(&[("x", &bad, 0o755)]);
        // Whatever it is taken for: no panic, and no allocation of the announced size.
        let _ = told(&folder, "x");
    }
}

#[test]
fn programs_that_no_engine_serves_are_refused_with_advice() {
    let mut narrow = fs::read("/bin/true").expect("readable");
    narrow[4] = 1;
    let folder = folder(&[("narrow", &narrow, 0o755)]);
    expect_test::expect!["126: ./narrow is a program for another architecture than mirrord's: mirrord has no way into it, and nothing was started; build it for this machine's own architecture"].assert_eq(&told(&folder, "narrow"));
}
