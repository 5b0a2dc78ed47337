//! A session for tests: speaks `protocol::link`, keeps names and addresses in memory, files in a folder.

mod names;
mod serve;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use protocol::link::{Names, variable};
use protocol::policy::{FileMode, FilePolicy, IncomingPolicy, OutgoingPolicy, Policy};
use tempfile::TempDir;

pub(crate) use self::serve::send_with;
use crate::hold::Hold;
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

    pub(crate) fn hold(&self) -> &Hold {
        self.hold.as_ref().expect("this session holds connections")
    }
}

/// std's own type only makes streams, but serves what is accepted just as well.
fn seqpacket_listener(path: &std::path::Path) -> UnixListener {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(socket.as_raw_fd(), &UnixAddr::new(path).expect("a short path")).expect("a fresh path");
    listen(&socket, Backlog::new(128).expect("a small number")).expect("bound");
    UnixListener::from(socket)
}
