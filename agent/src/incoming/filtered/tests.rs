//! A pod with an original program, programs of sessions behind links, and clients; all of them real.

mod programs;
mod requests;
mod strangers;
mod streams;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use protocol::incoming::{
    Probes,
    filter::{self, Condition, Limits},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::programs::{Gate, Named, serve_at, serve_session};
use crate::{
    incoming::{
        filter::Filter,
        insiders::Insiders,
        session_pair::{Session, session},
        steal::{Stealer, Subscription},
        steer::Choice,
    },
    namespace::in_pod,
};

/// What everybody in these tests waits for at most.
const SOON: Duration = Duration::from_secs(5);

const LIMITS: Limits = Limits { body_bytes: 1000, body_ms: 300, jq_ms: 300 };

/// The pod's side of a test.
struct Pod {
    stealer: Stealer,
    original: SocketAddr,
    /// Opens what `/hang` waits for, at all programs.
    gate: Gate,
    tasks: JoinSet<()>,
    end: CancellationToken,
}

/// A session with a program that answers.
struct Developer {
    ended: CancellationToken,
    _program: link::Link,
    _subscription: Subscription,
}

/// A filter over `name: value` lines.
fn header(pattern: &str) -> filter::Filter {
    any([Condition::Header(pattern.to_owned())])
}

fn any<const N: usize>(conditions: [Condition; N]) -> filter::Filter {
    filter::Filter { conditions: conditions.into(), all: false, limits: LIMITS }
}

impl Pod {
    /// The original program listens at `at`.
    async fn new(at: &str) -> Self {
        let (mut tasks, gate, end) = (JoinSet::new(), Gate::default(), CancellationToken::new());
        let original = serve_at(at, Named { name: "original", gate: gate.clone() }, &mut tasks).await;
        let stealer = Stealer::new(Choice::Best, Insiders::Nobody, end.clone());
        Self { stealer, original, gate, tasks, end }
    }

    /// A session begins that filters; its program answers with its name.
    async fn developer(&mut self, name: &'static str, filter: filter::Filter) -> Developer {
        let mut session = session(name);
        session.subscriber.filter = Some(Arc::new(Filter::compile(filter).expect("compiles")));
        self.begin(name, session).await
    }

    /// A session begins that takes everything but these probes.
    async fn thief(&mut self, name: &'static str, spared: Probes) -> Developer {
        let mut session = session(name);
        session.subscriber.spared = spared;
        self.begin(name, session).await
    }

    async fn begin(&mut self, name: &'static str, session: Session) -> Developer {
        let Session { subscriber, program, arriving } = session;
        let ended = subscriber.ended.clone();
        let subscription = self.stealer.subscribe(self.original.port(), subscriber).await.expect("permitted");
        serve_session(arriving, Named { name, gate: self.gate.clone() }, &mut self.tasks);
        Developer { ended, _program: program, _subscription: subscription }
    }

    async fn client(&self) -> Client {
        Client { tcp: TcpStream::connect(self.original).await.expect("somebody listens"), read: Vec::new() }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// A client that writes and reads HTTP/1 as text.
struct Client {
    tcp: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.tcp.write_all(text.as_bytes()).await.expect("open");
    }

    /// The next bytes up to `end`, which is among them.
    async fn until(&mut self, end: &str) -> String {
        let read = async {
            loop {
                let found = self.read.windows(end.len()).position(|window| window == end.as_bytes());
                if let Some(at) = found {
                    let rest = self.read.split_off(at + end.len());
                    return String::from_utf8(std::mem::replace(&mut self.read, rest)).expect("text");
                }
                let len = self
                    .tcp
                    .read_buf(&mut self.read)
                    .await
                    .unwrap_or_else(|error| panic!("{error}, after {:?}", self.so_far()));
                assert_ne!(len, 0, "the connection ends before {end:?}, after {:?}", self.so_far());
            }
        };
        tokio::time::timeout(SOON, read).await.unwrap_or_else(|_| panic!("no {end:?}"))
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Status line and body of the next answer, which has a length; the body ends with a newline.
    async fn answer(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let status = head.lines().next().expect("a status line").trim_start_matches("HTTP/1.1 ").to_owned();
        format!("{status}: {}", self.until("\n").await.trim_end())
    }

    async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.answer().await
    }

    /// How the connection ends.
    async fn end(&mut self) -> String {
        let ended = tokio::time::timeout(SOON, self.tcp.read_to_end(&mut self.read)).await.expect("it ends");
        let how = ended.map_or_else(|error| format!("{:?}", error.kind()), |_| "closed".to_owned());
        format!("{}{how}", String::from_utf8_lossy(&std::mem::take(&mut self.read)))
    }
}

/// A request without a body; `more` are header lines with their ends.
fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: pod\r\n{more}\r\n")
}

/// The header that ada's filter wants.
const ADA: &str = "X-User: ada\r\n";
const BOB: &str = "X-User: bob\r\n";
