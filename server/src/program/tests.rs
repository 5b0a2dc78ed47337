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
        Ok(path) => format!("ok {}", path.file_name().expect("a file").display()),
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
        ok good
        ok env
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
    assert_eq!(find(OsStr::new("./sh"), here).expect("is there"), Path::new("/bin/./sh"));
    assert!(matches!(find(OsStr::new("./absent"), here), Err(ProgramError::NotFound { searched: false, .. })));
    assert!(matches!(find(OsStr::new("/bin"), here), Err(ProgramError::NotRunnable { .. })));
    assert!(matches!(find(OsStr::new(""), here), Err(ProgramError::NotFound { .. })));
}

/// Kind of the program at `path`, if it is there.
fn kind(path: &Path) -> Option<Kind> {
    Some(elf::classify(&File::open(path).ok()?).expect("valid headers"))
}

#[test]
fn programs_of_this_machine_are_told_apart() {
    for path in ["/bin/true", "/bin/sh", "/usr/bin/env"] {
        assert_eq!(kind(Path::new(path)), Some(Kind::Glibc), "{path}");
    }
    assert_eq!(kind(&std::env::current_exe().expect("this test")), Some(Kind::Glibc));
    assert_eq!(kind(Path::new("/etc/passwd")), Some(Kind::NotElf));
    for (path, expected) in [
        ("/usr/local/go/bin/gofmt", Kind::Go),
        ("/usr/bin/busybox", Kind::Static),
        ("/bin/busybox.static", Kind::Static),
    ] {
        match kind(Path::new(path)) {
            Some(kind) => assert_eq!(kind, expected, "{path}"),
            None => println!("skipped: there is no {path} on this machine"),
        }
    }
}

#[test]
fn what_compilers_make_is_told_apart() {
    let folder = folder(&[
        ("main.c", b"int main(void) { return 0; }\n", 0o644),
        ("main.go", b"package main\nfunc main() {}\n", 0o644),
    ]);
    let cases: [(&[&str], Kind); 4] = [
        (&["cc", "-static", "main.c", "-o", "out"], Kind::Static),
        (&["cc", "-static-pie", "main.c", "-o", "out"], Kind::Static),
        (&["cc", "main.c", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-o", "out"], Kind::Musl),
        (&["go", "build", "-ldflags=-s -w", "-o", "out", "main.go"], Kind::Go),
    ];
    for (command, expected) in cases {
        let made = Command::new(command[0]).args(&command[1..]).current_dir(folder.path()).output();
        if made.is_ok_and(|output| output.status.success()) {
            assert_eq!(kind(&folder.path().join("out")), Some(expected), "{command:?}");
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
fn a_file_that_changes_the_user_is_refused_unless_nothing_changes() {
    let (uid, gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    assert!(!changes_user(0o755, uid + 1, gid + 1));
    assert!(!changes_user(0o4755, uid, gid));
    assert!(changes_user(0o4755, uid + 1, gid));
    assert!(changes_user(0o2755, uid, gid + 1));
    assert!(!changes_user(0o2745, uid, gid + 1));
}
