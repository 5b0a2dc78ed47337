//! The whole agent: the real binary, in a network namespace, with a real session.

#[path = "support/agent.rs"]
mod agent;
#[path = "agent/figures.rs"]
mod figures;
#[path = "agent/files.rs"]
mod files;
#[path = "agent/locks.rs"]
mod locks;
#[path = "agent/memory.rs"]
mod memory;
#[path = "support/namespace.rs"]
mod namespace;

use std::{
    net::SocketAddr,
    os::{fd::AsRawFd, unix::net::UnixListener},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use link::{CloseReason, Identity};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use protocol::{
    Errno, PROTOCOL_VERSION,
    control::{Hello, StreamHead},
    dns::{Family, Lookup, LookupAnswer},
    env::ReadEnvironment,
    file::{Content, Open, READ_LIMIT, Read, Stat, Which},
    incoming::{Means, Mode, Verdict},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    task::JoinSet,
};

use self::{
    agent::{Agent, PORT, Session, Target, binary, connect},
    namespace::{Outside, POD, ask, in_pod, original_program},
};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn hello() -> Hello {
    Hello { version: PROTOCOL_VERSION, client: "ada@laptop".to_owned(), lease_ms: 30_000, resume: None }
}

/// Accepts every connection that arrives, and answers with `stolen: ` and what the client sent.
fn accept_all(session: Session, tasks: &mut JoinSet<()>) {
    let Session { link, mut accept, .. } = session;
    tasks.spawn(async move {
        let _link = link;
        while let Some((head, mut stream)) = accept.next().await {
            assert!(matches!(head, StreamHead::Incoming(_)), "{head:?}");
            stream.write_message(&Verdict::Accepted).await.expect("open");
            let mut question = String::new();
            stream.read_to_string(&mut question).await.expect("open");
            stream.write_all(format!("stolen: {question}").as_bytes()).await.expect("open");
            stream.shutdown().await.expect("open");
        }
    });
}

#[test]
fn files_environment_and_names_are_the_targets() {
    in_pod(|| async {
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        assert_eq!((session.welcome.version, session.welcome.session), (PROTOCOL_VERSION, 1));
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("large");
        let content: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 253).expect("small")).collect();
        std::fs::write(&file, &content).expect("write");
        let path = file.to_str().expect("text").as_bytes().to_vec();

        let (metadata, _) =
            session.perform(Stat { file: Which::Path { path: path.clone(), follow: true } }).await.expect("is there");
        let (opened, blob) = session.perform(Open { path, flags: 0, mode: 0 }).await.expect("opens");
        assert_eq!((opened.metadata, metadata.size), (metadata, 3_000_000));
        let Content::Beginning(handle) = opened.content else { panic!("{opened:?}") };
        let offset = i64::try_from(blob.len()).expect("small");
        let ((), rest) = session.perform(Read { handle, offset, len: READ_LIMIT }).await.expect("readable");
        assert!([blob, rest].concat() == content);
        let missing =
            session.perform(Stat { file: Which::Path { path: b"/no/such/file".to_vec(), follow: true } }).await;
        assert_eq!(missing.map(drop), Err(Errno::ENOENT));

        let (environment, entries) = session.perform(ReadEnvironment).await.expect("readable");
        assert_eq!(entries, b"COLOUR=teal\0EMPTY=\0");
        let host_name = nix::unistd::gethostname().expect("has a name");
        assert_eq!(environment.host_name, host_name.as_encoded_bytes());

        let lookup = Lookup { name: "localhost".to_owned(), family: Family::V4 };
        let (answer, _) = session.perform(lookup).await.expect("answers");
        let LookupAnswer::Found { addresses, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(addresses, [std::net::Ipv4Addr::LOCALHOST]);
    });
}

#[test]
fn connections_leave_from_the_pod() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let program = original_program("127.0.0.1:9000", &mut tasks).await;
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;

        let (connected, mut stream) = session.connect(program).await.expect("listens");
        assert!(connected.local.ip().is_loopback());
        let text = "z".repeat(5_000_000);
        stream.write_all(text.as_bytes()).await.expect("open");
        stream.shutdown().await.expect("open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("open");
        assert!(answer == format!("original: {text}"), "{} bytes", answer.len());

        let refused = session.connect(address("127.0.0.1:9")).await;
        assert_eq!(refused.map(drop), Err(Errno::ECONNREFUSED));
        let unreachable = session.connect(address("203.0.113.1:80")).await;
        assert_eq!(unreachable.map(drop), Err(Errno(101)), "ENETUNREACH: the namespace has no route");

        // A reset goes through, both ways.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await.expect("free");
        let (connected, accepted) = tokio::join!(session.connect(address("127.0.0.1:9001")), listener.accept());
        let ((_, mut stream), (tcp, _)) = (connected.expect("listens"), accepted.expect("accepts"));
        set_to_reset(&tcp);
        drop(tcp);
        let error = stream.read(&mut [0; 1]).await.expect_err("reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let (connected, accepted) = tokio::join!(session.connect(address("127.0.0.1:9001")), listener.accept());
        let ((_, stream), (mut tcp, _)) = (connected.expect("listens"), accepted.expect("accepts"));
        stream.reset(Errno::ECONNRESET);
        let error = tcp.read(&mut [0; 1]).await.expect_err("reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

fn set_to_reset(tcp: &TcpStream) {
    socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO)).expect("settable");
}

#[test]
fn a_killed_agent_leaves_nothing_behind() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        original_program("0.0.0.0:8080", &mut tasks).await;
        let outside = Outside::join();
        let (pod, inside) = (address(&format!("{POD}:8080")), address("127.0.0.1:8080"));
        let target = Target::start();
        let mut agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        let (subscribed, _kept) = session.subscribe(8080, Mode::Steal).await;
        let subscribed = subscribed.expect("the pod's capabilities suffice");
        assert_eq!((subscribed.means, subscribed.target_listens), (Means::SkLookup, true));
        let (nobody, _nobody) = session.subscribe(8089, Mode::Steal).await;
        assert!(!nobody.expect("permitted").target_listens);
        accept_all(session, &mut tasks);
        assert_eq!(outside.ask(pod, "a").await, "stolen: a");
        assert_eq!(ask(inside, "b").await, "stolen: b");
        let killed = Instant::now();
        agent.kill().await;
        assert_eq!(outside.ask(pod, "c").await, "original: c");
        assert_eq!(ask(inside, "d").await, "original: d");
        assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    });
}

#[test]
fn a_subscription_lasts_as_long_as_its_stream() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let program = original_program("127.0.0.1:8080", &mut tasks).await;
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let (one, two) = (agent.session().await, agent.session().await);
        let (stolen, mut kept) = one.subscribe(8080, Mode::Steal).await;
        assert!(stolen.is_ok(), "{stolen:?}");
        let (taken, _) = two.subscribe(8080, Mode::Steal).await;
        assert!(format!("{taken:?}").contains("ada@laptop"), "{taken:?}");
        let (mirrored, _copying) = two.subscribe(8080, Mode::Mirror).await;
        assert_eq!(mirrored.expect("allowed beside stealing").means, Means::Capture);
        accept_all(one, &mut tasks);
        assert_eq!(ask(program, "a").await, "stolen: a");
        let Session { accept: mut copies, link: _two, .. } = two;
        let (_, mut copy) = copies.next().await.expect("a copy of what was stolen");
        copy.write_message(&Verdict::Accepted).await.expect("open");
        let mut text = String::new();
        copy.read_to_string(&mut text).await.expect("ends");
        assert_eq!(text, "a");
        kept.shutdown().await.expect("open");
        assert_eq!(kept.read(&mut [0; 1]).await.expect("finished by the agent too"), 0);
        assert_eq!(ask(program, "b").await, "original: b");
    });
}

#[test]
fn strangers_and_other_versions_are_not_served() {
    in_pod(|| async {
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let stranger = Identity::generate().expect("random numbers");
        let let_in = async {
            let (mut io, _) = link::tls::connect(connect().await, &stranger, Some(&agent.key)).await?;
            // TLS 1.3: the client learns of the refusal when it reads.
            io.read_u8().await.map_err(link::tls::Error::Handshake)
        };
        assert!(let_in.await.is_err());
        let mut silent = Vec::new();
        for _ in 0..64 {
            silent.push(connect().await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut one_too_many = connect().await;
        assert_eq!(one_too_many.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed at once");
        drop(silent);
        tokio::time::sleep(Duration::from_millis(100)).await;

        let session = agent.session_with(connect().await, &Hello { version: 99, ..hello() }).await;
        let CloseReason::Goodbye(reason) = session.link.closed().await else { panic!("no goodbye") };
        assert!(reason.contains("protocol 99"), "{reason}");
    });
}

#[test]
fn a_silent_session_is_given_up_and_its_ports_are_free() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let program = original_program("127.0.0.1:8080", &mut tasks).await;
        let target = Target::start();
        let agent = Agent::start(&target, &[]);
        let session = agent.session_with(connect().await, &Hello { lease_ms: 1, ..hello() }).await;
        let (stolen, _kept) = session.subscribe(8080, Mode::Steal).await;
        assert!(stolen.is_ok(), "{stolen:?}");
        let reason = session.link.closed().await;
        assert!(matches!(reason, CloseReason::Broken(_)), "{reason:?}");
        assert_eq!(ask(program, "a").await, "original: a");
    });
}

#[test]
fn the_agent_ends_when_told_and_when_nobody_needs_it() {
    in_pod(|| async {
        let target = Target::start();
        let mut agent = Agent::start(&target, &["--grace", "1"]);
        let session = agent.session().await;
        kill(Pid::from_raw(agent.process.id().cast_signed()), Signal::SIGTERM).expect("ours");
        assert_eq!(session.link.closed().await, CloseReason::Goodbye("the agent ends".to_owned()));
        assert_eq!(agent.ended().await.code(), Some(0));

        let mut agent = Agent::start(&target, &["--grace", "1"]);
        let session = agent.session().await;
        session.link.goodbye("done").await;
        let left = Instant::now();
        assert_eq!(agent.ended().await.code(), Some(0));
        assert!((1..4).contains(&left.elapsed().as_secs()), "{:?}", left.elapsed());
    });
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    in_pod(|| async {
        let key = Identity::generate().expect("random numbers").public_key().to_string();
        let code = |arguments: &[&str]| {
            let done = Command::new(binary()).args(arguments).stderr(Stdio::null()).output().expect("starts");
            assert!(done.stdout.is_empty());
            done.status.code()
        };
        let pid = std::process::id().to_string();
        let _taken = std::net::TcpListener::bind(("127.0.0.1", PORT)).expect("free");
        let port = PORT.to_string();
        assert_eq!(code(&["--client-key", &key, "--port", &port, "--target-pid", &pid]), Some(3));
        assert_eq!(code(&["--client-key", &key, "--port", "1", "--target-pid", "4294967295"]), Some(4));
        assert_eq!(code(&["--client-key", "nonsense", "--port", "1"]), Some(2));
        assert_eq!(code(&["--client-key", &key]), Some(2));
        assert_eq!(code(&["--client-key", &key, "--listen-fd", "99", "--target-pid", &pid]), Some(1));
    });
}

/// The demo pod's way: a Unix socket made outside, and an agent in a user namespace of its own, where BPF is refused.
#[test]
fn in_a_user_namespace_it_listens_on_an_inherited_socket_and_steals_with_nftables() {
    in_pod(|| async {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).expect("bind");
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).expect("inheritable");
        let target = Target::start();
        let mut command = Command::new("unshare");
        let script = format!("ip link set lo up && exec {} --listen-fd {} \"$@\"", binary(), listener.as_raw_fd());
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script, "sh"]);
        let mut agent = Agent::start_with(command, &target);
        drop(listener);

        // This thread moves in with the agent: the program and its clients are there.
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", agent.process.id())).expect("runs");
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("root of the parent namespace");
        let mut tasks = JoinSet::new();
        let program = original_program("127.0.0.1:8080", &mut tasks).await;
        let session = agent.session_with(UnixStream::connect(&path).await.expect("listens"), &hello()).await;
        let (subscribed, _kept) = session.subscribe(8080, Mode::Steal).await;
        assert_eq!(subscribed.expect("nftables works here").means, Means::Nftables);
        accept_all(session, &mut tasks);
        assert_eq!(ask(program, "a").await, "stolen: a");
        agent.kill().await;
        tokio::time::sleep(Duration::from_millis(300)).await; // the kernel removes the table in its own time
        assert_eq!(ask(program, "b").await, "original: b");
    });
}

/// Prints what the agent costs and how fast it is: `cargo test --release -p mirrord-agent -- --ignored --nocapture figures`.
#[test]
#[ignore = "a measurement"]
fn figures() {
    in_pod(|| async {
        let mut tasks = JoinSet::new();
        let program = original_program("127.0.0.1:9000", &mut tasks).await;
        let target = Target::start();
        let started = Instant::now();
        let agent = Agent::start(&target, &[]);
        println!("process start to first line: {:?}", started.elapsed());
        let status = |what: &str| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", agent.process.id())).expect("runs");
            let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line");
            println!("{what}: {line}");
        };
        status("idle, no session");
        let session = agent.session().await;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (small, large) = (folder.path().join("small"), folder.path().join("large"));
        std::fs::write(&small, vec![1; 4096]).expect("write");
        std::fs::write(&large, vec![1; 256 << 20]).expect("write");
        let open = |path: &std::path::Path| Open { path: path.to_str().expect("text").into(), flags: 0, mode: 0 };
        let mut times = Vec::new();
        for _ in 0..2000 {
            let begun = Instant::now();
            session.perform(open(&small)).await.expect("opens");
            times.push(begun.elapsed());
        }
        times.sort();
        println!("open and read 4 KiB: p50 {:?}, p99 {:?}", times[1000], times[1980]);
        let begun = Instant::now();
        let (opened, _) = session.perform(open(&large)).await.expect("opens");
        let Content::Beginning(handle) = opened.content else { panic!("{opened:?}") };
        for at in 0..64 {
            let read = Read { handle, offset: at << 22, len: READ_LIMIT };
            let ((), blob) = session.perform(read).await.expect("readable");
            assert_eq!(blob.len(), 4 << 20);
        }
        println!("256 MiB file, 4 MiB after the other: {:?}", begun.elapsed());
        let begun = Instant::now();
        for _ in 0..500 {
            session.connect(program).await.expect("listens");
        }
        println!("connect: {:?}", begun.elapsed() / 500);
        status("after use");
        let begun = Instant::now();
        let (stolen, _kept) = session.subscribe(9000, Mode::Steal).await;
        println!("subscribe, stealing: {:?} ({:?})", begun.elapsed(), stolen.expect("permitted").means);
        accept_all(session, &mut tasks);
        let begun = Instant::now();
        for _ in 0..500 {
            ask(program, "x").await;
        }
        println!("stolen connection: {:?}", begun.elapsed() / 500);
        status("after stealing");
    });
}
