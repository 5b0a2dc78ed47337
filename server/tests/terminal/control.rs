//! The control socket of a real session, and clients of it that behave as nobody of ours does.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use crate::bench::{Bench, until, wait_for};

/// Clients that are served at once, and bytes of a request: the socket's own limits.
const CLIENTS: usize = 64;
const REQUEST_LIMIT: usize = 4 * 1024;

/// How long a client may wait for anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Memory that clients may cost the session, in KiB: buffers of all that are served at once, and what the allocator keeps.
const MEMORY_LIMIT: u64 = 8 * 1024;

/// A session, and its control socket.
struct Session {
    child: Child,
    socket: PathBuf,
}

impl Session {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.command(&["demo", "--", "sh", "-c", "echo up; sleep 1000"]).spawn().expect("it starts");
        wait_for(&mut child, "up\n");
        let listed: Value = serde_json::from_str(&bench.run(&["sessions", "--json"]).out).expect("JSON");
        let ours = listed.as_array().expect("a list").iter().find(|session| session["pid"] == child.id());
        let name = ours.expect("it runs")["session"].as_str().expect("a name");
        let socket = Path::new("/tmp").join(format!("mirrord-{name}")).join("control.sock");
        Self { child, socket }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).expect("somebody listens");
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&stream, Some(PATIENCE)).expect("it is a socket");
        }
        stream
    }

    /// What a client that behaves is told.
    fn view(&self) -> io::Result<Value> {
        let mut stream = self.connect();
        stream.write_all(b"{\"view\":{\"environment\":true}}\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// What is asked of it is answered, now that others have done what they wanted.
    #[track_caller]
    fn is_well(&self) {
        let view = self.view().expect("it answers");
        assert_eq!(view["view"]["state"], "connected", "{view:#}");
    }

    /// Bytes that it holds in memory, in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("proc_pid_status(5)");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn end(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// Requests that were damaged on the way, and bytes that never were one. None asks the session to end.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let request = prop::sample::select(vec![
        &b"{\"view\":{\"environment\":true}}\n"[..],
        b"{\"join\":{\"debugger\":1}}\n",
        b"{\"join\":{\"debugger\":-1}}\n",
        b"{\"standing\":true}\n",
    ]);
    let damaged = (request, any::<Index>(), any::<u8>()).prop_map(|(request, at, byte)| {
        let mut request = request.to_vec();
        *at.get_mut(&mut request) = byte;
        request
    });
    let nested = (1..REQUEST_LIMIT).prop_map(|depth| [&b"[".repeat(depth)[..], b"\n"].concat());
    let long = (REQUEST_LIMIT - 2..4 * REQUEST_LIMIT).prop_map(|length| b"x".repeat(length));
    let piece = prop_oneof![4 => damaged, 2 => any::<Vec<u8>>(), 1 => nested, 1 => long, 1 => Just(b"\n".to_vec())];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// What a client does once it has said what it had to say.
#[derive(Clone, Copy, Debug)]
enum Then {
    Closes,
    /// It says no more, and reads what it is answered to the end.
    Reads,
    /// It stays, and reads nothing.
    Stays,
}

#[test]
fn a_session_goes_on_whatever_its_clients_say() {
    let Some(bench) = Bench::with_pods() else { return };
    let session = Session::start(&bench);
    session.is_well();
    let before = session.memory();
    let then = prop_oneof![Just(Then::Closes), Just(Then::Reads), Just(Then::Stays)];
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let staying = std::cell::RefCell::new(VecDeque::new());
    let ran = runner.run(&(bytes(), then), |(bytes, then)| {
        let mut stream = session.connect();
        // It is hung up on in the middle of what nobody wants to read.
        let said = stream.write_all(&bytes);
        prop_assert!(!said.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "{said:?}");
        match then {
            Then::Closes => drop(stream),
            Then::Reads => {
                stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
                let mut answers = Vec::new();
                let read = stream.read_to_end(&mut answers);
                prop_assert!(!read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "{read:?}");
                for answer in answers.split(|byte| *byte == b'\n').filter(|answer| !answer.is_empty() && read.is_ok()) {
                    prop_assert!(serde_json::from_slice::<Value>(answer).is_ok(), "{answer:?}");
                }
            }
            Then::Stays => {
                staying.borrow_mut().push_back(stream);
                if staying.borrow().len() > CLIENTS / 2 {
                    staying.borrow_mut().pop_front();
                }
            }
        }
        session.is_well();
        Ok(())
    });
    ran.expect("no client disturbs it");
    let grown = session.memory().saturating_sub(before);
    assert!(grown < MEMORY_LIMIT, "it has grown by {grown} KiB");
    session.end();
    bench.nothing_is_left();
}

#[test]
fn clients_that_do_not_come_to_an_end_make_room_for_others() {
    let Some(bench) = Bench::with_pods() else { return };
    let session = Session::start(&bench);
    let begun = Instant::now();
    let slow: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut stream = session.connect();
            // Half of them are in the middle of a request, half let their answers lie.
            let (request, times) = if number % 2 == 0 {
                (&b"{\"view\""[..], 1)
            } else {
                (&b"{\"view\":{\"environment\":true}}\n"[..], 400)
            };
            for _ in 0..times {
                stream.set_write_timeout(Some(Duration::from_millis(50))).expect("it is a socket");
                if stream.write_all(request).is_err() {
                    break; // nobody reads any more: the answers are in the way
                }
            }
            stream
        })
        .collect();
    until("there is room again", || session.view().ok().filter(|view| view["view"]["state"] == "connected"));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(slow);
    session.end();
    bench.nothing_is_left();
}
