//! The demonstration's program: looks around, says what it saw, and serves HTTP. It knows nothing of mirrord.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

use crate::terminal;

/// First argument of our executable that leads here; then come the port, a variable and a path.
pub(crate) const HIDDEN_COMMAND: &str = "demo-program";

/// What the program saw; an error is why it saw nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Value of a variable.
    pub(crate) variable: Result<String, String>,
    /// Content of a file.
    pub(crate) file: Result<String, String>,
    /// Its host name.
    pub(crate) host_name: Result<String, String>,
    /// What `http://backend/` answers.
    pub(crate) backend: Result<String, String>,
}

/// The program.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(2).collect();
    let [port, variable, path] = arguments.as_slice() else { return ExitCode::from(2) };
    let listener =
        port.parse().map_err(io::Error::other).and_then(|port: u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)));
    let facts = Facts {
        variable: env::var(variable).map_err(|_| "not set".to_owned()),
        file: read_file(path),
        host_name: host_name(),
        backend: get("backend").map_err(|error| error.to_string()),
    };
    terminal::print_line(&serde_json::to_string(&facts).expect("plain strings"));
    let Ok(listener) = listener else { return ExitCode::FAILURE };
    for stream in listener.incoming().flatten() {
        // Whoever asked sees that the connection ends.
        let _ = respond(&stream);
    }
    ExitCode::SUCCESS
}

pub(crate) fn read_file(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map(|text| text.trim_end().to_owned()).map_err(|error| error.to_string())
}

pub(crate) fn host_name() -> Result<String, String> {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).map_err(|error| error.to_string())
}

/// Body of `http://<host>/`.
fn get(host: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((host, 80))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.take(64 * 1024).read_to_string(&mut response)?;
    Ok(response.split("\r\n\r\n").nth(1).unwrap_or_default().trim_end().to_owned())
}

fn respond(mut stream: &TcpStream) -> io::Result<()> {
    let mut head = BufReader::new(stream.take(16 * 1024));
    let mut line = String::new();
    head.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    while head.read_line(&mut line)? > 2 {} // up to the empty line
    let body = format!("process {} on this machine answers {path}\n", std::process::id());
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
