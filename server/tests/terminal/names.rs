//! A name server that means harm, or does not answer: programs see what they would see in the pod, in bounded time.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
};

use expect_test::{Expect, expect};

use crate::bench::{Bench, said, until, wait_for};

/// An address of the pod at which nobody answers questions.
const SERVER: &str = "10.20.0.50";

/// How names are answered: see `names/name_server.py`.
const NAMES: &str = "after beyond chain circle circles counted cut cutagain echo elsewhere empty failed few garbage good \
                     hangup itself large malformed never nobody noise noquestion overlong refused short terminal tiny \
                     unasked wrongid wrongname";

/// The hostile server, in the pod's network namespace.
struct Server(Child);

impl Server {
    fn start(bench: &Bench) -> Self {
        let [agent] = until("the agent runs", || <[u32; 1]>::try_from(bench.processes("mirrord-agent")).ok());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/names/name_server.py");
        let mut command = Command::new("nsenter");
        command.args(["-t", &agent.to_string(), "-U", "--preserve-credentials", "-n", "python3"]).arg(script);
        let mut server = Self(command.args([SERVER, "53"]).stdout(Stdio::piped()).spawn().expect("there is nsenter"));
        wait_for(&mut server.0, "serving\n");
        let file = format!("echo 'nameserver {SERVER}\noptions timeout:1 attempts:1' > /etc/resolv.conf");
        bench.in_pod(&["sh", "-c", &file]);
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which its clients have noticed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `./ask` says of the names: of all of them at once, each in a process of its own, and then once more of one.
fn check(bench: &Bench, expected: &Expect) {
    let script = format!(
        "echo ready; read go; for name in {NAMES}; do ./ask $name.test. >$name.said & done; wait; \
         for name in {NAMES}; do cat $name.said; done; ./ask good.test."
    );
    let mut command = bench.command(&["demo", "--", "sh", "-c", &script]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    wait_for(&mut child, "ready\n");
    let server = Server::start(bench);
    child.stdin.as_mut().expect("piped").write_all(b"go\n").expect("it reads");
    let said = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, 0, "{said:?}");
    drop(server);
    bench.nothing_is_left();
    expected.assert_eq(&said.out);
}

/// What glibc 2.36 says in the pod itself.
#[test]
fn a_hostile_name_server_does_to_a_program_what_it_does_in_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    if !bench.build("names/ask.c", "ask", &["-lresolv"]) {
        return;
    }
    check(
        &bench,
        &expect![[r#"
        after: 1 10.9.0.1 1 10.9.0.1 after.test 1 records
        beyond: EAI_NONAME EAI_NONAME h_errno 3 1 records
        chain: 1 10.9.0.1 1 10.9.0.1 n11.test 13 records
        circle: EAI_NONAME EAI_NONAME h_errno 3 1 records
        circles: EAI_NONAME EAI_NONAME h_errno 3 2 records
        counted: EAI_NONAME EAI_NONAME h_errno 3 65535 records
        cut: 1 10.9.0.1 1 10.9.0.1 cut.test 1 records
        cutagain: EAI_NODATA EAI_NODATA h_errno 4 h_errno 4
        echo: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        elsewhere: EAI_NONAME EAI_NONAME h_errno 3 1 records
        empty: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        failed: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        few: 400 10.9.1.143 400 10.9.1.143 few.test 400 records
        garbage: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        good: 1 10.9.0.1 1 10.9.0.1 good.test 1 records
        hangup: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        itself: EAI_NONAME EAI_NONAME h_errno 3 1 records
        large: 4090 10.9.15.249 4090 10.9.15.249 large.test 4090 records
        malformed: EAI_NONAME EAI_NONAME h_errno 3 h_errno 3
        never: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        nobody: EAI_NONAME EAI_NONAME h_errno 1 h_errno 1
        noise: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        noquestion: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        overlong: EAI_NONAME EAI_NONAME h_errno 3 1 records
        refused: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        short: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        terminal: 1 10.9.0.1 1 10.9.0.1 terminal.test 2 records
        tiny: EAI_NONAME EAI_NONAME h_errno 3 1 records
        unasked: EAI_NONAME EAI_NONAME h_errno 3 1 records
        wrongid: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        wrongname: EAI_AGAIN EAI_AGAIN h_errno 2 h_errno 2
        good: 1 10.9.0.1 1 10.9.0.1 good.test 1 records
    "#]],
    );
}

#[test]
fn a_hostile_name_server_does_to_a_go_program_what_it_does_in_the_pod() {
    let Some(bench) = Bench::with_pods() else { return };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/names/ask.go");
    let cache = std::env::var_os("GOCACHE").map_or_else(|| std::env::temp_dir().join("mirrord-tests-go"), Into::into);
    let mut command = Command::new("go");
    bench.furnish(&mut command).args(["build", "-o", "ask"]).arg(source).env("CGO_ENABLED", "0").env("GOCACHE", cache);
    let made = command.output();
    if !made.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: go does not work on this machine: {made:?}");
        return;
    }
    check(
        &bench,
        &expect![[r#"
        after: 10.9.0.1
        beyond: cannot unmarshal DNS message
        chain: 10.9.0.1
        circle: not found
        circles: not found
        counted: 10.9.0.1
        cut: 10.9.0.1
        cutagain: not found
        echo: timeout
        elsewhere: not found
        empty: timeout
        failed: server misbehaving
        few: 400 addresses
        garbage: timeout
        good: 10.9.0.1
        hangup: EOF
        itself: cannot unmarshal DNS message
        large: 4090 addresses
        malformed: server misbehaving
        never: timeout
        nobody: not found
        noise: timeout
        noquestion: timeout
        overlong: 10.9.0.1
        refused: server misbehaving
        short: timeout
        terminal: 10.9.0.1
        tiny: cannot unmarshal DNS message
        unasked: 10.9.0.1
        wrongid: timeout
        wrongname: timeout
        good: 10.9.0.1
    "#]],
    );
}
