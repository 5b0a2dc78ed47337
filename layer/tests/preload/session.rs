//! A session for tests: speaks `protocol::link`, keeps names and addresses in memory, files in a folder.

use std::collections::HashMap;
use std::io::{IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, bind, listen, sendmsg, socket,
};
use protocol::dns::{Family, Lookup, LookupAnswer, QueryAnswer, ReverseAnswer};
use protocol::file::Which;
use protocol::interface::{Interface, InterfaceAddress};
use protocol::link::{LoopbackRoute, Names, ToLayer, ToSession, variable};
use protocol::operation::Operation;
use protocol::policy::{FileMode, FilePolicy, IncomingPolicy, OutgoingPolicy, Policy};
use protocol::{Errno, PROTOCOL_VERSION, codec};
use tempfile::TempDir;

use crate::hold::{self, Hold};
use crate::supervisor;
use crate::target::Target;

/// What the provoked session does, and what it saw.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) target: Target,
    names: Mutex<HashMap<SocketAddrV4, Names>>,
    /// Listeners: (asked, real).
    pub(crate) listeners: Mutex<Vec<(SocketAddr, SocketAddr)>>,
    /// One line for each message, as it came.
    seen: Mutex<Vec<String>>,
    /// Open connections, so that the session can die.
    connections: Mutex<Vec<UnixStream>>,
    hold: Option<Hold>,
    refusal: Option<String>,
}

/// A running session; it ends with the value.
pub(crate) struct Session {
    pub(crate) folder: TempDir,
    pub(crate) state: Arc<State>,
}

const SECRET: [u8; 16] = [7; 16];

/// The remote address that connections of the program show.
pub(crate) const POD: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 9, 9, 9), 40_001));

/// A policy as a launch with `{}` would give, with everything that reaches out switched on.
pub(crate) fn policy() -> Policy {
    Policy {
        files: FilePolicy {
            mode: FileMode::Read,
            resolver_files_remote: true,
            home: b"/home/nobody".to_vec(),
            temporary: b"/tmp".to_vec(),
            working: env!("CARGO_MANIFEST_DIR").into(),
            // The test programs and python's own library, wherever they are.
            // Interpreters may lie in the home folder, as those of pyenv do.
            local: vec![
                format!("^{}", env!("CARGO_TARGET_TMPDIR")),
                format!("^{}/", std::env::var("HOME").expect("a home folder")),
            ],
            not_found: vec!["^/data/hidden".into()],
            read_write: vec!["^/data/rw/".into()],
            ..FilePolicy::default()
        },
        remote_dns: true,
        dns_filter: None,
        outgoing: OutgoingPolicy { tcp: true, ..OutgoingPolicy::default() },
        incoming: IncomingPolicy { enabled: true, ..IncomingPolicy::default() },
        host_name: Some(b"pod-1".to_vec()),
        skip_processes: vec!["skipme".into()],
        ..Policy::default()
    }
}

impl Session {
    /// A session with the usual policy.
    pub(crate) fn start() -> Self {
        Self::with(policy(), None)
    }

    /// A session that refuses everybody.
    pub(crate) fn refusing(reason: &str) -> Self {
        Self::with(policy(), Some(reason.to_owned()))
    }

    pub(crate) fn with(mut policy: Policy, refusal: Option<String>) -> Self {
        let hold = Hold::new();
        policy.outgoing.hold_port = hold.port;
        Self::on(policy, refusal, Some(hold))
    }

    /// A session that cannot hold connections.
    pub(crate) fn unheld(policy: Policy) -> Self {
        Self::on(policy, None, None)
    }

    fn on(mut policy: Policy, refusal: Option<String>, hold: Option<Hold>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let target = Target::new();
        policy.files_device = target.device;
        let listener = seqpacket_listener(&folder.path().join("session"));
        let state = Arc::new(State {
            policy,
            target,
            names: Mutex::default(),
            listeners: Mutex::default(),
            seen: Mutex::default(),
            connections: Mutex::default(),
            hold,
            refusal,
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.expect("connections arrive");
                if shared.seen.lock().expect("not poisoned").last().is_some_and(|last| last == "stop") {
                    return;
                }
                let kept = connection.try_clone().expect("descriptors are left");
                shared.connections.lock().expect("not poisoned").push(kept);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(connection));
            }
        });
        Self { folder, state }
    }

    /// The launcher's variables.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            (variable::SOCKET, path("session")),
            (variable::SECRET, "07".repeat(16)),
            (variable::LOG_PATH, path("log")),
        ]
    }

    /// Lines of messages seen so far that begin with `prefix`.
    pub(crate) fn seen(&self, prefix: &str) -> Vec<String> {
        let seen = self.state.seen.lock().expect("not poisoned");
        seen.iter().filter(|line| line.starts_with(prefix)).cloned().collect()
    }

    /// What the layers have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl State {
    fn note(&self, line: String) {
        self.seen.lock().expect("not poisoned").push(line);
    }

    /// Gives a connection whose far end is `peer:port` the names that the program shall see.
    pub(crate) fn name(&self, peer: SocketAddrV4, names: Names) {
        self.names.lock().expect("not poisoned").insert(peer, names);
    }

    fn serve(self: Arc<Self>, mut connection: UnixStream) {
        let mut buffer = vec![0; codec::MESSAGE_LIMIT];
        loop {
            let (len, beside) = match supervisor::receive(&connection, &mut buffer) {
                Ok((0, _)) | Err(_) => return,
                Ok(received) => received,
            };
            let message = codec::decode(&buffer[..len]).expect("a layer's message");
            let Some((answer, blob)) = self.answer(message, beside) else {
                continue;
            };
            let answer = codec::encode(&answer).expect("an answer fits");
            let sent = match &blob {
                None => connection.write(&answer).map(drop),
                Some(blob) => send_with(&connection, &answer, blob),
            };
            if sent.is_err() {
                // The process has gone, or has become another program.
                return;
            }
        }
    }

    fn answer(self: &Arc<Self>, message: ToSession, beside: Option<OwnedFd>) -> Option<(ToLayer, Option<OwnedFd>)> {
        let plain = |answer| Some((answer, None));
        match message {
            ToSession::Hello { version, secret, first, executable } => {
                assert_eq!(version, PROTOCOL_VERSION);
                self.note(format!("hello first={first} {}", String::from_utf8_lossy(&executable)));
                if let Some(reason) = &self.refusal {
                    return plain(ToLayer::Refused(reason.clone()));
                }
                if secret != SECRET {
                    return plain(ToLayer::Refused("wrong secret".into()));
                }
                plain(ToLayer::Welcome(first.then(|| Box::new(self.policy.clone()))))
            }
            ToSession::Operation(bytes) => {
                let operation: Operation = codec::decode(&bytes).expect("an operation");
                plain(self.perform(&operation))
            }
            ToSession::Connect(held) => {
                self.note(format!("connect {} early={}", held.destination, held.early));
                let this = Arc::clone(self);
                std::thread::spawn(move || hold::play(&this, &held));
                None
            }
            ToSession::Loopback(address) => {
                self.note(format!("loopback {address}"));
                let listeners = self.listeners.lock().expect("not poisoned");
                // What was left to the kernel has no port that was asked for.
                let own = listeners.iter().find(|(asked, actual)| {
                    let shown = if asked.port() == 0 { actual } else { asked };
                    shown.port() == address.port()
                });
                plain(ToLayer::Loopback(match own {
                    Some((_, actual)) => LoopbackRoute::Local(reachable(*actual)),
                    None if address.port() >= 9000 => LoopbackRoute::Local(address),
                    None => LoopbackRoute::Remote,
                }))
            }
            ToSession::Listen(listen) => {
                self.note(format!("listen {}", listen.requested));
                if listen.requested.port() == 8099 {
                    return plain(ToLayer::Listening(Err(Errno::EADDRINUSE)));
                }
                self.listeners.lock().expect("not poisoned").push((listen.requested, listen.actual));
                plain(ToLayer::Listening(Ok(())))
            }
            ToSession::Open(open) => {
                self.visit("open", &open.path);
                Some(self.target.open(&open.path, open.flags, open.mode))
            }
            ToSession::Environment => plain(ToLayer::Refused("not for tests".into())),
            ToSession::Supervise { executable } => {
                self.note(format!("supervise {}", String::from_utf8_lossy(&executable)));
                supervisor::supervise(beside.expect("a listener travels with it"));
                plain(ToLayer::Supervised(Ok(())))
            }
            ToSession::Names { peer } => {
                let names = self.names.lock().expect("not poisoned").get(&peer).copied();
                plain(ToLayer::Names(names))
            }
            ToSession::Bound(actual) => {
                let listeners = self.listeners.lock().expect("not poisoned");
                let found = listeners.iter().find(|(_, real)| *real == actual);
                plain(ToLayer::Bound(found.map(|(asked, _)| *asked).filter(|asked| asked.port() != 0)))
            }
            ToSession::Synchronise { .. } => plain(ToLayer::Synchronised(Ok(None))),
            ToSession::NameServer(server) => {
                self.note(format!("name server {server}"));
                plain(ToLayer::NameServer(Some(self.name_server(server))))
            }
        }
    }

    /// A name server that says what was said to it, at an address that stands for `server`.
    fn name_server(&self, server: SocketAddr) -> SocketAddrV4 {
        let token = Ipv4Addr::new(127, 77, 7, 53);
        let socket = UdpSocket::bind((token, 0)).expect("loopback");
        let here = SocketAddrV4::new(token, socket.local_addr().expect("bound").port());
        self.names.lock().expect("not poisoned").insert(here, Names { local: POD, peer: server });
        std::thread::spawn(move || {
            let mut text = [0; 64];
            while let Ok((len, from)) = socket.recv_from(&mut text) {
                // A program that has gone.
                let _ = socket.send_to(&[b"re:", &text[..len]].concat(), from);
            }
        });
        here
    }

    fn perform(&self, operation: &Operation) -> ToLayer {
        if let Operation::Lookup { request } = operation {
            self.note(format!("lookup {} {:?}", request.name, request.family));
            let answer: Result<LookupAnswer, Errno> = Ok(lookup(request));
            return ToLayer::Answer(codec::encode(&answer).expect("an answer fits"));
        }
        if let Operation::Query { request } = operation {
            self.note(format!("query {} {}", request.server, request.message[12..].escape_ascii()));
            let answer = answer_to(&request.message).map(|message| QueryAnswer { message });
            return ToLayer::Answer(codec::encode(&answer).expect("an answer fits"));
        }
        if let Operation::Reverse { request } = operation {
            self.note(format!("reverse {}", request.address));
            let answer: Result<ReverseAnswer, Errno> = Ok(names_of(&request.address.to_string()));
            return ToLayer::Answer(codec::encode(&answer).expect("an answer fits"));
        }
        if let Operation::ListInterfaces { .. } = operation {
            return ToLayer::Answer(codec::encode(&Ok::<_, Errno>(interfaces())).expect("an answer fits"));
        }
        if let Some(path) = path_of(operation) {
            self.visit(operation.name(), path);
        }
        self.target.perform(operation).unwrap_or_else(|| {
            let answer: Result<(), Errno> = Err(Errno::ENOSYS);
            ToLayer::Answer(codec::encode(&answer).expect("an answer fits"))
        })
    }

    /// Notes that a program came to `path`, and does what that path provokes.
    fn visit(&self, what: &str, path: &[u8]) {
        // No folder here is a link, so that walking a path and shortening it come to the same.
        let path = String::from_utf8_lossy(&rules::path::normalise(path)).into_owned();
        self.note(format!("{what} {path}"));
        if path == "/data/slow" {
            std::thread::sleep(Duration::from_secs(1));
        }
        if path == "/data/fatal" {
            // The session dies in the middle of a call.
            self.note("stop".into());
            for connection in self.connections.lock().expect("not poisoned").drain(..) {
                connection.shutdown(std::net::Shutdown::Both).expect("a connection can be cut");
            }
        }
    }

    pub(crate) fn hold(&self) -> &Hold {
        self.hold.as_ref().expect("this session holds connections")
    }
}

/// Where a listener at `address` is reached on this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The path that an operation is about.
fn path_of<'a>(operation: &'a Operation) -> Option<&'a [u8]> {
    let which = |file: &'a Which| match file {
        Which::Path { path, follow: _ } => Some(path.as_slice()),
        Which::Open(_) => None,
    };
    match operation {
        Operation::Stat { request } => which(&request.file),
        Operation::Change { request } => which(&request.file),
        Operation::Access { request } => Some(&request.path),
        Operation::ReadLink { request } => Some(&request.path),
        Operation::RealPath { request } => Some(&request.path),
        Operation::MakeDirectory { request } => Some(&request.path),
        Operation::Remove { request } => Some(&request.path),
        Operation::Rename { request } => Some(&request.from),
        _ => None,
    }
}

fn lookup(request: &Lookup) -> LookupAnswer {
    let (v4, v6) = ("10.1.2.3", "fd00::3");
    let addresses: &[&str] = match (request.name.as_str(), request.family) {
        ("db" | "under_score", Family::Any) => &[v4, v6],
        ("db" | "under_score", Family::V4) | ("four", Family::Any | Family::V4) => &[v4],
        ("db" | "under_score", Family::V6) => &[v6],
        ("four", Family::V6) => return LookupAnswer::NoData,
        ("again", _) => return LookupAnswer::TryAgain,
        ("fail", _) => return LookupAnswer::Fail,
        _ => return LookupAnswer::NoName,
    };
    LookupAnswer::Found {
        addresses: addresses.iter().map(|ip| ip.parse().expect("an address")).collect(),
        canonical: format!("{}.default.svc.cluster.local", request.name),
    }
}

fn names_of(address: &str) -> ReverseAnswer {
    match address {
        "10.1.2.3" => ReverseAnswer::Found { names: vec!["db.shop.svc".to_owned(), "db".to_owned()] },
        "10.1.2.8" => ReverseAnswer::TryAgain,
        _ => ReverseAnswer::NoName,
    }
}

fn interfaces() -> Vec<Interface> {
    let internet = |address: &str, scope, prefix, other: Option<&str>| {
        let [address, other] = [Some(address), other].map(|text| text.map(|text| text.parse().expect("an address")));
        InterfaceAddress::Internet { address: address.expect("given"), scope, prefix, other }
    };
    let all = [
        ("lo", 0x49, InterfaceAddress::Link { index: 1, kind: 772, hardware: Some([0; 6]) }),
        ("eth0", 0x1043, InterfaceAddress::Link { index: 2, kind: 1, hardware: Some([2, 0, 0, 0, 0, 9]) }),
        ("lo", 0x49, internet("127.0.0.1", 0, 8, None)),
        ("eth0", 0x1043, internet("10.1.0.2", 0, 22, Some("10.1.3.255"))),
        ("eth0", 0x1043, internet("fe80::9", 2, 64, None)),
        ("a-name-that-is-too-long", 0x91, internet("10.9.0.1", 0, 32, Some("10.9.0.2"))),
    ];
    all.map(|(name, flags, address)| Interface { name: name.into(), flags, address }).into()
}

pub(crate) fn send_with(connection: &UnixStream, message: &[u8], descriptor: &OwnedFd) -> std::io::Result<()> {
    let descriptors = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<UnixAddr>(connection.as_raw_fd(), &[IoSlice::new(message)], &control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// std's own type only makes streams, but serves what is accepted just as well.
fn seqpacket_listener(path: &std::path::Path) -> UnixListener {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(socket.as_raw_fd(), &UnixAddr::new(path).expect("a short path")).expect("a fresh path");
    listen(&socket, Backlog::new(128).expect("a small number")).expect("bound");
    UnixListener::from(socket)
}

/// The answer to a DNS message: names below `svc` have one record of 4 bytes, `empty` has none, `silent` has no server.
fn answer_to(question: &[u8]) -> Result<Vec<u8>, Errno> {
    let name = question[12..].escape_ascii().to_string();
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    if name.contains("silent") {
        return Err(Errno::ETIMEDOUT);
    } else if name.contains("svc") {
        answer[7] = 1;
        answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\0\0\x07");
    } else if !name.contains("empty") {
        answer[3] |= 3;
    }
    Ok(answer)
}
