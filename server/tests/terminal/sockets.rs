//! Sockets of programs with the layer and without: the same words from both.

use std::{path::Path, process::Command};

use expect_test::expect;

use crate::bench::Bench;

/// Ways to build the program: those whose calls libc hands to the layer, and those that only the kernel sees.
const BUILDS: &[(&str, &str, &[&str])] =
    &[("dynamic", "cc", &[]), ("static", "cc", &["-static"]), ("musl", "musl-gcc", &["-static"])];

/// Compiles `tests/programs/NAME.c` into the bench; nothing when there is no such compiler.
fn compile(bench: &Bench, name: &str, (build, compiler, flags): (&str, &str, &[&str])) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{name}.c"));
    let program = bench.path(&format!("{name}-{build}"));
    let mut command = Command::new(compiler);
    let done = command.args(["-D_GNU_SOURCE", "-O1"]).args(flags).arg("-o").args([&program, &source]).output();
    match done {
        Ok(done) if done.status.success() => Some(program.display().to_string()),
        Ok(done) => panic!("{build}: {}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => {
            println!("skipped: {build}: {compiler}: {error}");
            None
        }
    }
}

#[test]
fn sockets_mean_the_same_in_every_build() {
    let Some(bench) = Bench::with_pods() else { return };
    let config = bench.write("steal.json", r#"{ "feature": { "network": { "incoming": { "mode": "steal" } } } }"#);
    let mut all = BUILDS.iter().filter_map(|build| {
        let program = compile(&bench, "sockets", *build)?;
        let said = bench.run(&["demo", "-f", &config, "--", &program]);
        assert_eq!(said.code, 0, "{}: {said:?}", build.0);
        Some((build.0, said.out))
    });
    let (_, first) = all.next().expect("the first compiler is cargo's own linker");
    expect![[r#"
        blocking, refused: ECONNREFUSED
        once more: ECONNREFUSED
        elsewhere, with the same socket: ok
          peer 10.20.0.3:80 len 16
          little room: len 16
        connected already: EISCONN
          the backend answers
         ended:
          peer: ENOTCONN
          own: ok 10.20.0.3
        not blocking: EINPROGRESS
          poll 1, out 1 err 0
          SO_ERROR: ok
          connect: ok
          connect: EISCONN
        not blocking, refused: EINPROGRESS
          poll 1, out 1 err 1
          SO_ERROR: ECONNREFUSED
          SO_ERROR: ok
        not blocking, refused: EINPROGRESS
          poll 1, out 1 err 1
          connect: ECONNREFUSED
        mapped: ok
          peer ::ffff:10.20.0.3 len 28
        no way there: ENETUNREACH
        no descriptor: EBADF
        a socket of another kind: ok
        backend: 10.20.0.3
        backend.demo.svc.cluster.local: 10.20.0.3
        nobody.demo.svc.cluster.local: unknown
        10.20.0.2: demo-pod
          demo-pod
        10.20.0.3: backend.demo.svc.cluster.local
          backend.demo.svc.cluster.local
        10.20.0.9: no name
        bind: ok
        listen: ok
        bind of another: EADDRINUSE
          peer: ENOTCONN
          own: ok 0.0.0.0:8080
        accept until a signal: EINTR
          alarms: 1
        accept past a signal: ok
          alarms: 2, closed on exec 1
          from 10.20.0.2 len 16, read 2
          peer: ok 10.20.0.2
          own: ok 10.20.0.2
        accept of anybody: ok
          from 10.20.0.2 len 16, read 2
          peer: ok 10.20.0.2
          own: ok 10.20.0.2
        accept with a limit: EAGAIN
        accept without waiting: EAGAIN
        accept when there is one: ok
          not blocking 1
          from 10.20.0.2 len 16, read 2
          peer: ok 10.20.0.2
          own: ok 10.20.0.2
        own listener by loopback: ok
        bind of an own address: ok
          once more: EINVAL
          10.20.0.2, a port 1, that port 0
          listen: ok
        bind of an own address: ok
          once more: EINVAL
          10.20.0.2, a port 1, that port 0
        bind of an own address: ok
          once more: EINVAL
          10.20.0.2, a port 1, that port 1
    "#]]
    .assert_eq(&first);
    for (build, out) in all {
        assert_eq!(out, first, "{build}");
    }
}

#[test]
fn the_interfaces_are_the_pods() {
    let Some(bench) = Bench::with_pods() else { return };
    let Some(program) = compile(&bench, "interfaces", BUILDS[0]) else { return };
    let said = bench.run(&["demo", "--", &program]);
    assert_eq!(said.code, 0, "{said:?}");
    expect![[r#"
        1 lo: 1 lo
        lo
          127.0.0.1 of 255.0.0.0
          10.20.0.2 of 255.255.255.255
          10.20.0.3 of 255.255.255.255
          10.20.0.10 of 255.255.255.255
          10.20.0.50 of 255.255.255.255
    "#]]
    .assert_eq(&said.out);
}
