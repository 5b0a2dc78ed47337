//! An editor's side of the conversation. A message that nobody read fails the test.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use server::lsp::{End, Surroundings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;

pub(crate) const URI: &str = "file:///work/.mirrord/mirrord.json";

/// Far beyond what any answer takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    unread: VecDeque<Value>,
    /// States of clusters, which are told in every conversation: only some tests care.
    clusters: VecDeque<Value>,
    last_id: u64,
}

/// Runs `conversation` against a server; afterwards nothing may be left unread but what clusters and sessions do
/// when the editor says goodbye.
pub(crate) async fn talk(cluster: Arc<Cluster>, conversation: impl AsyncFnOnce(&mut Client)) {
    let end = talk_until(cluster, async |client: &mut Client| {
        conversation(client).await;
        assert_eq!(client.request("shutdown", Value::Null).await, Value::Null);
        client.notify("exit", Value::Null).await;
    });
    assert_eq!(end.await, End::Orderly);
}

/// The same without a goodbye: the pipe is closed where the conversation ends.
pub(crate) async fn talk_until(cluster: Arc<Cluster>, conversation: impl AsyncFnOnce(&mut Client)) -> End {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (their_input, their_output) = split(theirs);
    let (output, input) = split(ours);
    let (unread, clusters) = (VecDeque::new(), VecDeque::new());
    let mut client = Client { input, output: BufReader::new(output), unread, clusters, last_id: 0 };
    let editor = async {
        conversation(&mut client).await;
        client.input.shutdown().await.unwrap();
        while let Some(message) = client.receive().await {
            client.unread.push_back(message);
        }
        assert!(client.unread.is_empty(), "unread: {:#?}", client.unread);
    };
    let surroundings = Surroundings {
        views: cluster.clone(),
        sessions: cluster,
        environment: BTreeMap::from([("HOME".into(), "/home/me".into())]),
        working_directory: "/here".into(),
        manual: Some("/doc/configuration.md".into()),
        stop: CancellationToken::new(),
    };
    tokio::join!(server::lsp::serve(their_input, their_output, surroundings), editor).0
}

impl Client {
    /// `initialize` with these capabilities, and `initialized`; the server's answer.
    pub(crate) async fn initialize(&mut self, capabilities: Value) -> Value {
        self.initialize_with(json!({ "capabilities": capabilities })).await
    }

    pub(crate) async fn initialize_with(&mut self, params: Value) -> Value {
        let answer = self.request("initialize", params).await;
        self.notify("initialized", json!({})).await;
        answer
    }

    /// The next state of a cluster.
    pub(crate) async fn cluster(&mut self) -> String {
        let event = loop {
            if let Some(event) = self.clusters.pop_front() {
                break event;
            }
            let message = timeout(PATIENCE, self.read()).await.expect("the server says nothing");
            let message = message.expect("the server is gone");
            if is_cluster(&message) {
                break message["params"].clone();
            }
            self.unread.push_back(message);
        };
        let text = event["text"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        format!("{}{text}", event["state"].as_str().unwrap())
    }

    pub(crate) async fn open(&mut self, version: i32, text: &str) {
        self.open_as(URI, version, text).await;
    }

    pub(crate) async fn open_as(&mut self, uri: &str, version: i32, text: &str) {
        let document = json!({ "uri": uri, "languageId": "json", "version": version, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
    }

    pub(crate) async fn change(&mut self, version: i32, text: &str) {
        let document = json!({ "uri": URI, "version": version });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
        )
        .await;
    }

    /// Replaces what is between two positions.
    pub(crate) async fn edit(&mut self, version: i32, start: (u32, u32), end: (u32, u32), text: &str) {
        let document = json!({ "uri": URI, "version": version });
        let position = |(line, character): (u32, u32)| json!({ "line": line, "character": character });
        let range = json!({ "start": position(start), "end": position(end) });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [{ "range": range, "text": text }] }),
        )
        .await;
    }

    /// A request about a position of the document.
    pub(crate) async fn ask_at(&mut self, method: &str, line: u32, character: u32) -> Value {
        let position = json!({ "line": line, "character": character });
        self.request(method, json!({ "textDocument": { "uri": URI }, "position": position })).await
    }

    /// The next diagnostics: version, and one line for each.
    pub(crate) async fn diagnostics(&mut self) -> (Option<i64>, String) {
        let params = self.notification("textDocument/publishDiagnostics").await;
        let lines = params["diagnostics"].as_array().unwrap().iter().map(|diagnostic| {
            let (start, end) = (&diagnostic["range"]["start"], &diagnostic["range"]["end"]);
            let place = format!("{}:{}-{}:{}", start["line"], start["character"], end["line"], end["character"]);
            format!("{place} {} {}\n", diagnostic["code"].as_str().unwrap(), diagnostic["message"].as_str().unwrap())
        });
        (params["version"].as_i64(), lines.collect())
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let answer = self.exchange(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The whole answer to a request, which may be an error.
    pub(crate) async fn exchange(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.send(&message).await;
        self.find(|message| message["id"] == id && message.get("method").is_none()).await
    }

    pub(crate) async fn notification(&mut self, method: &str) -> Value {
        self.find(|message| message["method"] == method).await["params"].clone()
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.send(&message).await;
    }

    /// Begins a request; its id.
    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params })).await;
        self.last_id
    }

    /// The whole answer to a request that was begun.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        self.find(|message| message["id"] == id && message.get("method").is_none()).await
    }

    /// The server's next request of a method, and a way to answer it.
    pub(crate) async fn asked(&mut self, method: &str, result: Value) -> Value {
        let request = self.find(|message| message["method"] == method && message.get("id").is_some()).await;
        self.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })).await;
        request["params"].clone()
    }

    async fn send(&mut self, message: &Value) {
        self.send_body(message.to_string().as_bytes()).await;
    }

    /// Sends any bytes as a message.
    pub(crate) async fn send_body(&mut self, body: &[u8]) {
        self.send_bytes(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await;
        self.send_bytes(body).await;
    }

    /// Sends any bytes.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn find(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&is_it) {
            return self.unread.remove(index).unwrap();
        }
        loop {
            let message = self.next().await;
            if is_it(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    /// Reads on; whether the server is still there.
    pub(crate) async fn is_open(&mut self) -> bool {
        let message = timeout(PATIENCE, self.receive()).await.expect("the server says nothing");
        message.map(|message| self.unread.push_back(message)).is_some()
    }

    async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.receive()).await.expect("the server says nothing").expect("the server is gone")
    }

    /// The next message but for states of clusters.
    async fn receive(&mut self) -> Option<Value> {
        loop {
            let message = self.read().await?;
            if !is_cluster(&message) {
                return Some(message);
            }
            self.clusters.push_back(message["params"].clone());
        }
    }

    async fn read(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).await.ok()?;
        Some(serde_json::from_slice(&body).unwrap())
    }
}

fn is_cluster(message: &Value) -> bool {
    message["method"] == "mirrord/event" && message["params"]["kind"] == "cluster"
}
