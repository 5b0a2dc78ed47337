//! The session's side of held connections: a listener that answers nothing, and one-sided simultaneous opens.

#![expect(unsafe_code, reason = "socket options that no crate knows")]

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use libc::c_int;
use protocol::Errno;
use protocol::link::{HeldConnect, Names};
use socket2::{Domain, Protocol, Socket, Type};

use crate::session::{POD, State};

const IP_MINTTL: c_int = 21;
const FAILURE_BASE: c_int = 30_000;

/// How long the pretended cluster takes to answer.
const REMOTE_DELAY: Duration = Duration::from_millis(100);

/// The listener whose SYNs are dropped.
pub(crate) struct Hold {
    pub(crate) port: u16,
    _listener: Socket,
}

impl Hold {
    pub(crate) fn new() -> Self {
        let listener = socket();
        listener.bind_device(Some(b"lo")).expect("an unbound socket may choose its device");
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        listener.bind(&any.into()).expect("a free port");
        listener.listen(0).expect("bound");
        let address = listener.local_addr().expect("bound").as_socket().expect("an internet address");
        // The queue of one is full for ever after this connection, which nobody accepts.
        let filler = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).expect("the queue is empty");
        Socket::from(filler).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
        set(&listener, libc::IPPROTO_IP, IP_MINTTL, 255);
        Self { port: address.port(), _listener: listener }
    }

    /// The far end of `held`, established. With an errno, the program's connect fails with it.
    fn finish(&self, held: &HeldConnect, failure: Option<Errno>) -> std::io::Result<Socket> {
        // The program's SYN may not have been sent yet.
        let attempts = if held.early { 200 } else { 1 };
        for attempt in 1.. {
            let end = socket();
            let token = SocketAddr::from((held.token, self.port));
            end.bind(&token.into())?;
            if let Some(errno) = failure {
                // Established on this side only: the program's side waits for data, and is reset instead.
                set(&end, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 1);
                set(&end, libc::IPPROTO_TCP, libc::TCP_MAXSEG, FAILURE_BASE + 16 * errno.0);
            }
            let program = SocketAddr::from(held.program);
            match end.connect_timeout(&program.into(), Duration::from_secs(2)) {
                Ok(()) if failure.is_some() => {
                    end.set_linger(Some(Duration::ZERO))?;
                    return Ok(end);
                }
                Ok(()) => return Ok(end),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && attempt < attempts => {
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the last attempt returns")
    }
}

fn socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_reuse_address(true).expect("a fresh socket");
    socket.set_reuse_port(true).expect("a fresh socket");
    socket
}

fn set(socket: &Socket, level: c_int, name: c_int, value: c_int) {
    // SAFETY: reads one int.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), 4) };
    assert_eq!(result, 0, "option {name}");
}

/// The cluster in short: by port, a server that echoes, or an error.
pub(crate) fn play(state: &State, held: &HeldConnect) {
    std::thread::sleep(REMOTE_DELAY);
    let failure = match held.destination.port() {
        9 => Some(Errno::ECONNREFUSED),
        10 => Some(Errno(libc::EHOSTUNREACH)),
        11 => Some(Errno::ETIMEDOUT),
        12 => return, // no answer at all
        _ => None,
    };
    if held.token == Ipv4Addr::LOCALHOST {
        // A plain relay accepts by itself.
        return;
    }
    let peer = SocketAddrV4::new(held.token, state.hold().port);
    state.name(peer, Names { local: POD, peer: held.destination });
    let end = state.hold().finish(held, failure).expect("the program's socket waits");
    if failure.is_none() {
        echo(end);
    }
}

fn echo(mut end: Socket) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = end.read(&mut buffer) {
        end.write_all(&buffer[..len]).expect("the program reads");
    }
}

/// Accepts one connection of a plain relay, and echoes.
pub(crate) fn relay() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || echo(stream.into()));
        }
    });
    port
}

/// A client elsewhere, brought to the program's listener at `actual`: sends `text`, gives what comes back.
pub(crate) fn deliver(state: &State, actual: SocketAddr, client: SocketAddr, text: &[u8]) -> Vec<u8> {
    let socket = socket();
    let token = SocketAddr::from((Ipv4Addr::new(127, 77, 1, 2), 0));
    socket.bind(&token.into()).expect("a loopback address");
    let Some(SocketAddr::V4(from)) = socket.local_addr().expect("bound").as_socket() else {
        panic!("an IPv4 socket");
    };
    let local = SocketAddr::from((Ipv4Addr::new(10, 9, 9, 9), 8080));
    state.name(from, Names { local, peer: client });
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, actual.port()));
    socket.connect(&to.into()).expect("the program listens");
    socket.send(text).expect("connected");
    let mut buffer = [MaybeUninit::uninit(); 256];
    let len = socket.recv(&mut buffer).expect("connected");
    // SAFETY: `recv` has written the first `len` bytes.
    buffer[..len].iter().map(|byte| unsafe { byte.assume_init() }).collect()
}
