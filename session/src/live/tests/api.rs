//! An API server that follows a script, for answers that a real one does not give on demand.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What it says.
pub(super) enum Answer {
    /// An object.
    Object(Value),
    /// A refusal with this code.
    Refusal(u16),
    /// Events of a watch, which then stays open.
    Events(Vec<Value>),
    /// The same, but the watch ends.
    End(Vec<Value>),
}

type Script = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

/// A server that runs until it is dropped.
pub(super) struct Api {
    seen: Arc<Seen>,
    folder: tempfile::TempDir,
    _work: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    urls: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Api {
    /// `script` gets path and query, and how often the path was asked for before; what it leaves open is answered by
    /// one namespace, `shop`, empty lists, silent watches, and permissions for everything.
    pub(super) async fn new(script: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = format!("http://{}", listener.local_addr().expect("it is bound"));
        let folder = tempfile::tempdir().expect("a folder");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "k", "cluster": { "server": server } }],
            "contexts": [{ "name": "c", "context": { "cluster": "k", "namespace": "shop", "user": "u" } }],
            "users": [{ "name": "u", "user": {} }],
        });
        std::fs::write(folder.path().join("config"), config.to_string()).expect("it is ours");
        let (seen, script): (Arc<Seen>, Arc<Script>) = (Arc::default(), Arc::new(script));
        let mut work = JoinSet::new();
        let serving = Arc::clone(&seen);
        work.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&serving), Arc::clone(&script));
                connections.spawn(async move {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    // The client ends it.
                    let _ = serve(stream, &seen, &*script).await;
                    seen.connections.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { seen, folder, _work: work }
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Paths and queries that were asked for and hold `part`.
    pub(super) fn asked(&self, part: &str) -> Vec<String> {
        let urls = self.seen.urls.lock().expect("no panic while held");
        urls.iter().filter(|url| url.contains(part)).cloned().collect()
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, seen: &Seen, script: &Script) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut body) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                body = length.trim().parse().expect("a number");
            }
            if line == "\r\n" {
                break;
            }
            head += &line;
        }
        stream.read_exact(&mut vec![0; body]).await?;
        let url = head.split(' ').nth(1).expect("a request line").to_owned();
        let path = |url: &str| url.split('?').next().map(str::to_owned);
        let before = {
            let mut urls = seen.urls.lock().expect("no panic while held");
            let is_watch = url.contains("watch=1");
            let same = |other: &&String| path(other) == path(&url) && other.contains("watch=1") == is_watch;
            let before = urls.iter().filter(same).count();
            urls.push(url.clone());
            before
        };
        let answer = script(&url, before).unwrap_or_else(|| match () {
            () if head.starts_with("POST") => Answer::Object(json!({ "status": { "allowed": true } })),
            () if url.contains("watch=1") => Answer::Events(Vec::new()),
            () if url.starts_with("/api/v1/namespaces?") => list(&["shop"]),
            () => list(&[]),
        });
        let (events, ends) = match answer {
            Answer::Object(object) => {
                respond(&mut stream, 200, &object).await?;
                continue;
            }
            Answer::Refusal(code) => {
                let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                                     "message": "you cannot do that", "reason": "" });
                respond(&mut stream, code, &status).await?;
                continue;
            }
            Answer::Events(events) => (events, false),
            Answer::End(events) => (events, true),
        };
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await?;
        for event in events {
            let line = format!("{event}\n");
            stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await?;
        }
        if ends {
            stream.write_all(b"0\r\n\r\n").await?;
        } else {
            stream.read_u8().await?;
        }
    }
}

async fn respond(stream: &mut BufReader<TcpStream>, code: u16, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {code} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await
}

/// A list of objects with these names, at version 10.
pub(super) fn list(names: &[&str]) -> Answer {
    let items: Vec<Value> = names.iter().map(|name| object(name)).collect();
    Answer::Object(json!({ "metadata": { "resourceVersion": "10" }, "items": items }))
}

pub(super) fn object(name: &str) -> Value {
    json!({ "metadata": { "name": name, "resourceVersion": "11" } })
}

pub(super) fn event(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}
