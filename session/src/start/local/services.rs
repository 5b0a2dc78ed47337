//! The programs of the pod: a web service, and a second one with the resolver. As small as HTTP allows.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use super::{
    BACKEND_ADDRESS, BACKEND_PORT, RESOLVER_ADDRESS, WEB_PORT, dns,
    inside::{Refused, Step},
};

/// Bytes of a request's head that are read at most.
const HEAD_LIMIT: u64 = 16 * 1024;
/// A client that says nothing is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The target: says that it is the pod.
pub(super) fn web() -> Result<(), Refused> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, WEB_PORT)).step("web service")?;
    say_listening()?;
    serve(&listener, |path| format!("the pod's own service answers {path}\n"));
    Ok(())
}

/// The second service, and the resolver that knows its name.
pub(super) fn backend() -> Result<(), Refused> {
    let resolver = UdpSocket::bind((RESOLVER_ADDRESS, 53)).step("resolver")?;
    let listener = TcpListener::bind((BACKEND_ADDRESS, BACKEND_PORT)).step("backend")?;
    thread::spawn(move || dns::serve(&resolver));
    say_listening()?;
    serve(&listener, |path| format!("backend, reachable in the pod's network only, answers {path}\n"));
    Ok(())
}

/// Tells init that connections are accepted, and under which number `/proc` knows this process.
fn say_listening() -> Result<(), Refused> {
    let pid = std::fs::read_link("/proc/self").step("proc")?;
    writeln!(io::stdout(), "listening {}", pid.display()).step("service")
}

fn serve(listener: &TcpListener, answer: fn(&str) -> String) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            // The client sees that its connection ends.
            let _ = respond(&stream, answer);
        });
    }
}

/// Answers one request and closes.
fn respond(stream: &TcpStream, answer: fn(&str) -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream.take(HEAD_LIMIT));
    let mut line = String::new();
    head.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    while head.read_line(&mut line)? > 2 {} // up to the empty line
    let body = answer(&path);
    let length = body.len();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
