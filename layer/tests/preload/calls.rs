//! Every call about files, and that it does in the target what it does on this machine.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use protocol::policy::{FileMode, FilePolicy, Policy};

use crate::mount;
use crate::program::{c, inject, output_of, run};
use crate::session::{Session, policy};
use crate::target::Target;

/// Everything that is not this machine's by default is the target's; `mapped` is where `/mapped` leads.
fn writing(mapped: &str) -> Session {
    let policy = policy();
    let mapping = vec![("^/mapped/".to_owned(), format!("{mapped}/"))];
    let files = FilePolicy { mode: FileMode::Write, mapping, ..policy.files };
    Session::with(Policy { files, ..policy }, None)
}

/// Runs a program natively, below a folder; in the target; and by mapped paths, in the target and below a folder. It
/// must say the same each time. Nothing where no program can go into folders of the target.
fn same(name: &str) -> Option<Session> {
    if !mount::can_be_made() {
        return None;
    }
    let native = output_of(Command::new(c(name)).arg(Target::in_folder().path()));
    assert!(native.lines().count() > 10, "{native}");
    let session = writing("");
    pretty_assert(&run(&session, &c(name), &[""]), &native, "in the target");
    pretty_assert(&run(&writing(""), &c(name), &["/mapped"]), &native, "mapped to the target");
    let here = Target::in_folder();
    let mut command = Command::new(c(name));
    command.arg("/mapped").env("REAL_ROOT", here.path());
    let mapped = output_of(inject(&mut command, &writing(here.path())));
    pretty_assert(&mapped, &native, "mapped to a folder of this machine");
    Some(session)
}

/// Shows the lines that differ, beside one another.
fn pretty_assert(ours: &str, native: &str, how: &str) {
    let mut lines: Vec<String> = Vec::new();
    let (mut left, mut right) = (ours.lines(), native.lines());
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (ours, native) if ours != native => lines.push(format!("{ours:?} instead of {native:?}")),
            _ => {}
        }
    }
    assert!(lines.is_empty(), "{how}:\n{}", lines.join("\n"));
}

#[test]
fn making_and_removing_is_as_on_this_machine() {
    let Some(session) = same("entries") else { return };
    assert_eq!(session.state.target.content("/data/rw/hard"), "one\ntwo\nthree\n");
    assert_eq!(session.state.target.mode("/data/rw/hard"), "640");
}

#[test]
fn changing_is_as_on_this_machine() {
    let Some(session) = same("changes") else { return };
    assert_eq!(session.state.target.mode("/data/rw/file"), "640");
}

#[test]
fn listing_and_walking_is_as_on_this_machine() {
    same("folders");
}

#[test]
fn being_in_a_folder_is_as_on_this_machine() {
    same("here");
}

#[test]
fn children_start_in_folders_as_on_this_machine() {
    same("actions");
}

#[test]
fn new_names_are_as_on_this_machine() {
    same("temporary");
}

#[test]
fn calls_by_number_are_as_those_by_name() {
    same("numbers");
}

#[test]
fn what_cannot_be_had_fails_and_says_so() {
    expect![[r#"
        inotify_add_watch(watch, "/data/file", IN_MODIFY): EOPNOTSUPP
        inotify_add_watch(watch, "/data/none", IN_MODIFY): EOPNOTSUPP
        inotify_add_watch(watch, "/proc", IN_OPEN): 0
        syscall(SYS_inotify_add_watch, watch, "/data/file", IN_MODIFY): EOPNOTSUPP
        fanotify_mark(99, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/data/file"): EOPNOTSUPP
        syscall(SYS_fanotify_mark, 99, FAN_MARK_ADD, (long)FAN_OPEN, AT_FDCWD, "/data/file"): EOPNOTSUPP
        name_to_handle_at(AT_FDCWD, "/data/file", &handle.head, &mount, 0): EOPNOTSUPP
        syscall(SYS_name_to_handle_at, AT_FDCWD, "/data/file", &handle.head, &mount, 0): EOPNOTSUPP
        syscall(SYS_io_uring_setup, 4, &handle): ENOSYS
        fts_open: EOPNOTSUPP
        fts64_open: EOPNOTSUPP
        fts_open of local folders: ok
        rename("/data/file", "/tmp/x"): EXDEV
        rename("/tmp/nothing-here", "/data/x"): EXDEV
        link("/data/file", "/tmp/x"): EXDEV
        mknod("/data/rw/device", S_IFCHR | 0600, 0x103): EPERM
        statfs("/data/file", &status): 0
        1234 8192 143
        statfs64("/data/file", (void *)&status): 0
        400 300 21
        syscall(SYS_statfs, "/data/none", &status): ENOENT
        statvfs("/data/file", &portable): 0
        512 1000 143 1
        statvfs64("/data/file", (void *)&portable): 0
        pathconf("/data/file", _PC_NAME_MAX): 143
        pathconf("/data/file", _PC_PATH_MAX): 4096
        pathconf("/data/none", _PC_PATH_MAX): ENOENT
        pathconf("/data/file", _PC_REC_MIN_XFER_SIZE): 8192
        flock(copy, LOCK_EX): ENOLCK
        syscall(SYS_flock, copy, LOCK_SH): ENOLCK
        fcntl(copy, F_SETLK, &range): ENOLCK
        fcntl64(copy, F_GETLK, &range): ENOLCK
        syscall(SYS_fcntl, copy, F_OFD_SETLK, &range): ENOLCK
        lockf(copy, F_TEST, 0): ENOLCK
        lockf64(copy, F_TEST, 0): ENOLCK
        fstatfs(copy, &status): 0
        1234 8192 143
        fstatfs64(copy, (void *)&status): 0
        syscall(SYS_fstatfs, copy, &status): 0
        fstatvfs(copy, &portable): 0
        143
        fstatvfs64(copy, (void *)&portable): 0
        fsync(copy): 0
        fdatasync(copy): 0
        syscall(SYS_fsync, copy): 0
        syscall(SYS_fdatasync, copy): 0
        syscall(SYS_close, copy): 0
        close(copy): EBADF
        closedir(folder): 0
        same folder: 1
        same file: 1
        --- stderr
        mirrord: /data/file is the target's and cannot be watched for changes (ENOTSUP); read it again from time to time instead
        mirrord: /data is the target's, and fts_open cannot walk through it (ENOTSUP); nftw and opendir can
        mirrord: a file of the target is open as a copy, and nobody would see a lock on it (ENOLCK)
    "#]].assert_eq(&run(&writing(""), &c("differences"), &[]));
}

#[test]
fn every_hook_about_files_is_tried() {
    const FAMILIES: &[&str] = &[
        "attribute",
        "change",
        "copy",
        "entry",
        "file",
        "folder",
        "here",
        "link",
        "raw",
        "space",
        "stat",
        "temporary",
        "watch",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = std::fs::read_dir(root.join("tests/programs")).expect("the programs");
    let programs = programs.map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("text"));
    let words: BTreeSet<String> = programs
        .flat_map(|text| {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let mut asked = 0;
    let mut missing = Vec::new();
    for family in FAMILIES {
        let text = std::fs::read_to_string(root.join(format!("src/hooks/{family}.rs"))).expect("a family of hooks");
        let functions = text.lines().filter_map(|line| line.strip_prefix("    fn ")?.split('(').next());
        let numbers = text.split("SYS_").skip(1).filter_map(|rest| {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
            Some(format!("SYS_{name}"))
        });
        for name in functions.map(str::to_owned).chain(numbers) {
            asked += 1;
            if !words.contains(&name) {
                missing.push(name);
            }
        }
    }
    assert!(asked > 150, "the hooks are not written as this test reads them: {asked}");
    assert!(missing.is_empty(), "no program calls {missing:?}");
}
