//! What the session answers to layers, request by request.

use std::io::{IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use protocol::dns::{LookupAnswer, QueryAnswer, ReverseAnswer};
use protocol::file::Which;
use protocol::link::{LoopbackRoute, Names, ToLayer, ToSession};
use protocol::operation::Operation;
use protocol::{Errno, PROTOCOL_VERSION, codec};

use super::names::{answer_to, interfaces, lookup, names_of};
use super::{POD, SECRET, State};
use crate::{hold, supervisor};

impl State {
    /// Answers the layer at the other end of `connection` until it goes.
    pub(super) fn serve(self: Arc<Self>, mut connection: UnixStream) {
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
            ToSession::WrittenHere(path) => {
                self.note(format!("written here: {}", String::from_utf8_lossy(&path)));
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

/// Sends a message with a descriptor beside it.
pub(crate) fn send_with(connection: &UnixStream, message: &[u8], descriptor: &OwnedFd) -> std::io::Result<()> {
    let descriptors = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<UnixAddr>(connection.as_raw_fd(), &[IoSlice::new(message)], &control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}
