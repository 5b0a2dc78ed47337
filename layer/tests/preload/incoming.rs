//! Listeners, and the connections that the session brings to them.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::hold;
use crate::program::{inject, python, python_itself};
use crate::session::{Session, policy};

/// Runs `script`, which prints a line when it listens; then a client elsewhere says hello.
fn served(session: &Session, script: &str) -> String {
    let mut command = Command::new(python_itself());
    command.args(["-S", "-c", script]).stdout(Stdio::piped());
    let mut child = inject(&mut command, session).spawn().expect("python starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut text = String::new();
    stdout.read_line(&mut text).expect("the script prints");
    let (_, actual) = session.state.listeners.lock().expect("not poisoned")[0];
    let client: SocketAddr = "203.0.113.7:5555".parse().expect("an address");
    let answer = hold::deliver(&session.state, actual, client, b"hello");
    stdout.read_to_string(&mut text).expect("the script ends");
    child.wait().expect("the child is ours");
    text + &format!("answer: {}\n", String::from_utf8_lossy(&answer))
}

const SERVER: &str = r"
import socket, sys
s = socket.socket(FAMILY); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((HOST, PORT)); s.listen()
print(s.getsockname()[:2] == (HOST, PORT), flush=True)
c, peer = s.accept()
print(peer[:2], c.getpeername()[:2], c.getsockname()[:2])
c.send(c.recv(99).upper())
";

fn server(family: &str, host: &str, port: u16) -> String {
    SERVER.replace("FAMILY", family).replace("HOST", &format!("'{host}'")).replace("PORT", &port.to_string())
}

fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").expect("a free port").local_addr().expect("bound").port()
}

#[test]
fn the_client_elsewhere_is_seen() {
    let session = Session::start();
    expect![[r#"
        True
        ('203.0.113.7', 5555) ('203.0.113.7', 5555) ('10.9.9.9', 8080)
        answer: HELLO
    "#]]
    .assert_eq(&served(&session, &server("socket.AF_INET", "0.0.0.0", free_port())));
    let session = Session::start();
    expect![[r#"
        True
        ('::ffff:203.0.113.7', 5555) ('::ffff:203.0.113.7', 5555) ('::ffff:10.9.9.9', 8080)
        answer: HELLO
    "#]]
    .assert_eq(&served(&session, &server("socket.AF_INET6", "::", free_port())));
}

#[test]
fn a_taken_port_and_a_foreign_address_are_replaced_and_not_shown() {
    let taken = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let session = Session::start();
    expect![[r#"
        True
        ('203.0.113.7', 5555) ('203.0.113.7', 5555) ('10.9.9.9', 8080)
        answer: HELLO
    "#]]
    .assert_eq(&served(&session, &server("socket.AF_INET", "0.0.0.0", port)));
    let listeners = session.state.listeners.lock().expect("not poisoned").clone();
    assert!(listeners[0].0.port() == port && listeners[0].1.port() != port);
    let session = Session::start();
    expect![[r#"
        True
        ('203.0.113.7', 5555) ('203.0.113.7', 5555) ('10.9.9.9', 8080)
        answer: HELLO
    "#]]
    .assert_eq(&served(&session, &server("socket.AF_INET", "10.9.9.9", free_port())));
}

#[test]
fn binding_and_listening_follow_the_rules() {
    let mut policy = policy();
    policy.incoming.ignore_localhost = true;
    let session = Session::with(policy, None);
    let taken = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let script = r"
import socket, errno, os, subprocess, sys
def bound(host, port):
    s = socket.socket()
    try: s.bind((host, port)); s.listen(); return s
    except OSError as e: return errno.errorcode[e.errno]
print('private taken:', bound('127.0.0.1', PORT))
first = bound('0.0.0.0', PORT); print('taken:', first.getsockname()[1] == PORT)
print('twice:', bound('0.0.0.0', PORT))
first.close(); again = bound('0.0.0.0', PORT); print('again after close:', again.getsockname()[1] == PORT)
print('refused:', bound('0.0.0.0', 8099))
s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); print('any port:', s.getsockname()[1] != 0)
s = socket.socket(); s.listen(); print('unbound:', s.getsockname()[1] != 0)
c = socket.create_connection(('127.0.0.1', s.getsockname()[1])); print('own listener:', c.getpeername()[1] != 0)
u = socket.socket(socket.AF_UNIX); u.bind('\0x'); u.listen(); print('unix:', u.getsockname())
print('second is refused:', bound('0.0.0.0', PORT))
"
    .replace("PORT", &taken.local_addr().expect("bound").port().to_string());
    let shown = python(&session, &script);
    expect![[r#"
        private taken: EADDRINUSE
        taken: True
        twice: EADDRINUSE
        again after close: True
        refused: EADDRINUSE
        any port: True
        unbound: True
        own listener: True
        unix: b'\x00x'
        second is refused: EADDRINUSE
    "#]]
    .assert_eq(&shown);
    let port = taken.local_addr().expect("bound").port();
    let seen = session.seen("listen").join(" ").replace(&port.to_string(), "PORT");
    expect!["listen 0.0.0.0:PORT listen 0.0.0.0:PORT listen 0.0.0.0:8099 listen 0.0.0.0:0 listen 0.0.0.0:0"]
        .assert_eq(&seen);
}

#[test]
fn an_inherited_listener_is_asked_about() {
    let taken = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let session = Session::start();
    let script = r"
import socket, subprocess, sys, os
s = socket.socket(); s.bind(('0.0.0.0', PORT)); s.listen(); os.set_inheritable(s.fileno(), True)
os.execv(sys.executable, ['python3', '-S', '-c', 'import socket; s = socket.socket(fileno=%d); print(s.getsockname()[1] == PORT)' % s.fileno()])
"
    .replace("PORT", &port.to_string());
    expect![[r#"
        True
    "#]]
    .assert_eq(&python(&session, &script));
}

#[test]
fn short_room_for_an_address_is_respected() {
    let session = Session::start();
    let script = r"
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
c = socket.create_connection(('10.1.2.3', 7007))
room = (ctypes.c_ubyte * 32)(*[170] * 32); length = ctypes.c_uint(6)
print(libc.getpeername(c.fileno(), room, ctypes.byref(length)), length.value, list(room[:9]))
print(libc.getpeername(c.fileno(), None, ctypes.byref(length)), ctypes.get_errno() == 14)
";
    expect![[r#"
        0 16 [2, 0, 27, 95, 10, 1, 170, 170, 170]
        -1 True
    "#]]
    .assert_eq(&python(&session, script));
}
