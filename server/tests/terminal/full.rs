//! Full disks: the pod's, whose writers are told, and this machine's.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::bench::{Bench, Said, said, wait_for};

const CONFIG: &str = r#"{ "feature": { "fs": "write" } }"#;

/// Runs `fill.c` on a file system of the pod that has room for 64 KiB.
fn fill(bench: &Bench, fuse: &str) -> Said {
    bench.write("mirrord.json", CONFIG);
    let words = ["demo", "-f", "mirrord.json", "--", "./fill", "/srv"];
    let mut command = bench.command(&words);
    let mut child = command.env("MIRRORD_FUSE", fuse).stdin(Stdio::piped()).spawn().expect("it starts");
    wait_for(&mut child, "ready\n");
    bench.in_pod(&["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/srv"]);
    child.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    let said = said(&child.wait_with_output().expect("it ends"));
    bench.nothing_is_left();
    said
}

/// Every way to write ends with `ENOSPC`, at whichever call first knows; and what was there before stays as it was.
const TOLD: &str = "written: ENOSPC\nappended: ENOSPC\nsmall: ENOSPC\nsynchronised: ENOSPC\nallocated: ENOSPC\n\
                    mapped: ENOSPC\nafterwards: done\n";

#[test]
fn a_full_disk_of_the_pod_is_told_to_who_writes() {
    let Some(bench) = Bench::with_pods().filter(|bench| bench.build("faults/fill.c", "fill", &[])) else { return };
    let said = fill(&bench, "1");
    assert_eq!((said.code, said.out.as_str()), (0, TOLD), "{}", said.err);
}

#[test]
fn a_full_disk_of_the_pod_is_told_to_a_static_program() {
    let Some(bench) = Bench::with_pods().filter(|bench| bench.build("faults/fill.c", "fill", &["-static"])) else {
        return;
    };
    let said = fill(&bench, "1");
    assert_eq!((said.code, said.out.as_str()), (0, TOLD), "{}", said.err);
}

/// Copies are sent when their writer has gone on: the user is told.
#[test]
fn without_fuse_a_full_disk_of_the_pod_is_told_to_the_user() {
    // Nobody sees fsync(2) of a static program: what shall fill the disk for `small` may come later than that.
    let names = ["written", "appended", "synchronised", "small"];
    for (flags, names) in [(&[][..], &names[..]), (&["-static"], &names[..3])] {
        let Some(bench) = Bench::with_pods().filter(|bench| bench.build("faults/fill.c", "fill", flags)) else {
            return;
        };
        let said = fill(&bench, "0");
        assert_eq!(said.code, 0, "{said:?}");
        for name in names {
            let line = format!("warning: /srv/{name}: what the program wrote did not all reach the pod: No space left");
            let told = said.out.contains(&format!("{name}: ENOSPC\n")) || said.err.contains(&line);
            assert!(told, "{name}: {}{}", said.out, said.err);
        }
    }
}

/// A file system of this machine that only the command sees.
fn with_full_folder(bench: &Bench, script: &str) -> Option<Said> {
    let prelude =
        "mkdir full && mount -t tmpfs -o size=4k,nr_inodes=2 none full && head -c 9999 /dev/zero >full/x 2>/dev/null; ";
    let mut command = Command::new("unshare");
    bench.furnish(&mut command).args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &format!("{prelude}{script}"),
    ]);
    let said = said(&command.output().ok()?);
    if said.err.contains("unshare failed") {
        println!("skipped: {}", said.err);
        return None;
    }
    Some(said)
}

#[test]
fn a_full_folder_for_temporary_files_is_a_clear_error() {
    let Some(bench) = Bench::with_pods() else { return };
    let Some(said) = with_full_folder(&bench, "TMPDIR=$PWD/full exec ./mirrord demo -- true") else { return };
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("error: making the socket for the program's processes: No space left"), "{}", said.err);
    bench.nothing_is_left();
}

#[test]
fn a_full_shared_memory_does_not_matter() {
    let Some(bench) = Bench::with_pods() else { return };
    let script = "mount --bind full /dev/shm && exec ./mirrord demo -- cat /app/config/message.txt";
    let Some(said) = with_full_folder(&bench, script) else { return };
    assert_eq!((said.code, said.out.as_str()), (0, "This file exists in the pod only.\n"), "{}", said.err);
    bench.nothing_is_left();
}

/// RLIMIT_FSIZE is for what the program writes; what it reads may be larger, though it is held in memory.
#[test]
fn a_limit_for_files_is_no_limit_for_reading() {
    let Some(bench) = Bench::with_pods() else { return };
    let config = r#"{ "feature": { "fs": { "read_only": ["^/usr/bin/sort$"] } } }"#;
    bench.write("mirrord.json", config);
    let size = std::fs::metadata("/usr/bin/sort").expect("it is everywhere").len();
    // In blocks of 512 bytes: enough for the pod's own small files. The signal is as programs get it at first.
    assert!(size > 100 << 10, "larger than the limit");
    let script = "ulimit -f 200; exec ./mirrord demo -f mirrord.json -- sh -c 'wc -c </usr/bin/sort'";
    let mut command = Command::new("env");
    let output = bench.furnish(&mut command).args(["--default-signal=XFSZ", "sh", "-c", script]).output();
    let said = said(&output.expect("it starts"));
    assert_eq!((said.code, said.out.as_str()), (0, format!("{size}\n").as_str()), "{}", said.err);
    bench.nothing_is_left();
}
