//! Kernels and containers that lack something: who starts a program is told before it runs what does not work, and what to
//! do; or nothing is amiss.

use std::process::Command;

use crate::bench::{Bench, Said, said};

/// Opens a file of the pod, and connects to a service of the pod.
const LOOK_C: &str = r#"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
int main(void) {
    char text[100] = "no message\n";
    FILE *file = fopen("/app/config/message.txt", "r");
    if (file) fgets(text, sizeof text, file);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(81)};
    inet_pton(AF_INET, "10.20.0.3", &name.sin_addr);
    int failed = connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name);
    printf("%s%s\n", text, failed ? strerrorname_np(errno) : "connected");
}
"#;

/// As in the pod: nobody listens on that port.
const IN_THE_POD: &str = "This file exists in the pod only.\nECONNREFUSED\n";

/// With `refuse`, and the program as `static` and `dynamic`.
fn bench() -> Option<Bench> {
    let bench = Bench::with_pods()?;
    let source = bench.write("look.c", LOOK_C);
    let built = bench.build("lacking/refuse.c", "refuse", &[])
        && bench.build(&source, "dynamic", &["-D_GNU_SOURCE"])
        && bench.build(&source, "static", &["-D_GNU_SOURCE", "-static"]);
    built.then_some(bench)
}

/// Runs `program` where `calls` fail with `errno`.
fn run(bench: &Bench, errno: i32, calls: &[&str], program: &[&str]) -> Said {
    let mirrord = bench.path("mirrord").display().to_string();
    let mut command = Command::new(bench.path("refuse"));
    bench.furnish(&mut command).arg(errno.to_string()).args(calls).args(["--", &mirrord, "demo", "--"]).args(program);
    let said = said(&command.output().expect("it starts"));
    bench.nothing_is_left();
    said
}

#[track_caller]
fn is_refused(said: &Said, why: &[&str]) {
    assert_eq!((said.code, said.out.as_str()), (126, ""), "{}", said.err);
    for part in [&["static is statically linked", "nothing was started"], why].concat() {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    let errors = said.err.lines().filter(|line| line.contains("error") || line.contains("warning")).count();
    assert_eq!(errors, 1, "{}", said.err);
}

#[test]
fn a_program_that_cannot_be_watched_is_not_started() {
    let Some(bench) = bench() else { return };
    let old = "that takes Linux 5.19 or newer";
    let container = "docker run --security-opt seccomp=unconfined";
    for (errno, why) in [(libc::ENOSYS, old), (libc::EINVAL, old), (libc::EPERM, container)] {
        is_refused(&run(&bench, errno, &["seccomp"], &["./static"]), &[why]);
    }
    for errno in [libc::EPERM, libc::ENOSYS] {
        for call in ["pidfd_open", "pidfd_getfd"] {
            let why = [&format!("{call}: "), "docker run --cap-add SYS_PTRACE", "kernel.yama.ptrace_scope"];
            is_refused(&run(&bench, errno, &[call], &["./static"]), &why);
        }
    }
    // The numbers of SECCOMP_IOCTL_NOTIF_RECV and of SECCOMP_IOCTL_NOTIF_ADDFD.
    for (request, part) in [("ioctl=0xc0502100", "NOTIF_RECV: "), ("ioctl=0x40182103", "NOTIF_ADDFD: ")] {
        is_refused(&run(&bench, libc::EINVAL, &[request], &["./static"]), &[part]);
    }
}

#[test]
fn a_program_with_the_library_needs_none_of_it() {
    let Some(bench) = bench() else { return };
    for errno in [libc::EPERM, libc::ENOSYS] {
        let calls = ["seccomp", "pidfd_open", "pidfd_getfd", "process_vm_readv", "process_vm_writev", "close_range"];
        let said = run(&bench, errno, &calls, &["./dynamic"]);
        assert_eq!((said.code, said.out.as_str()), (0, IN_THE_POD), "{}", said.err);
        assert!(!said.err.contains("warning"), "{}", said.err);
    }
}

#[test]
fn memory_is_read_in_another_way_where_its_calls_are_refused() {
    let Some(bench) = bench() else { return };
    for errno in [libc::EPERM, libc::ENOSYS] {
        let said = run(&bench, errno, &["process_vm_readv", "process_vm_writev"], &["./static"]);
        assert_eq!((said.code, said.out.as_str()), (0, IN_THE_POD), "{}", said.err);
        assert!(!said.err.contains("warning"), "{}", said.err);
    }
}

#[test]
fn a_child_that_cannot_be_watched_is_spoken_of() {
    let Some(bench) = bench() else { return };
    // The shell has the library, and says so itself.
    let said = run(&bench, libc::EPERM, &["seccomp"], &["sh", "-c", "./static | head -n 1"]);
    assert_eq!(said.out, "no message\n", "{}", said.err);
    assert!(said.err.contains("./static is statically linked: it runs on this machine only"), "{}", said.err);
    // Its files are within reach, its sockets are not: nothing of them may go to this machine instead.
    for errno in [libc::EPERM, libc::ENOSYS] {
        let said = run(&bench, errno, &["pidfd_getfd"], &["sh", "-c", "./static"]);
        assert_eq!(said.out, "This file exists in the pod only.\nEPERM\n", "{}", said.err);
        assert!(said.err.contains("this machine does not let us look into it"), "{}", said.err);
    }
}

#[test]
fn without_fuse_files_are_copies() {
    let Some(bench) = bench() else { return };
    for errno in [libc::EPERM, libc::ENOSYS] {
        for call in ["fsopen", "fsmount"] {
            for program in ["./dynamic", "./static"] {
                let said = run(&bench, errno, &[call], &[program]);
                assert_eq!((said.code, said.out.as_str()), (0, IN_THE_POD), "{}", said.err);
                assert!(said.err.contains(&format!("warning: no FUSE: {call}: ")), "{}", said.err);
            }
        }
    }
}

/// proc(5), "hidepid": processes of others are not there.
#[test]
fn a_proc_that_hides_processes_hides_none_of_ours() {
    let Some(bench) = bench() else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: not root, who alone can mount it so");
        return;
    }
    for hide in ["invisible", "ptraceable"] {
        let script = format!(
            "mount -t proc -o hidepid={hide} proc /proc && exec setpriv --reuid 1000 --regid 1000 --clear-groups \
             ./mirrord demo -- sh -c './dynamic; ./static'"
        );
        let mut command = Command::new("unshare");
        bench.furnish(&mut command).args(["--mount", "--pid", "--fork", "sh", "-c", &script]);
        let said = said(&command.output().expect("there is unshare"));
        assert_eq!((said.code, said.out.as_str()), (0, IN_THE_POD.repeat(2).as_str()), "{}", said.err);
        assert!(!said.err.contains("look into"), "{}", said.err);
    }
}
