//! An editor's side of the conversation. A message that nobody read fails the test.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use server::lsp::extension::TargetSource;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

pub(crate) const URI: &str = "file:///work/.mirrord/mirrord.json";

/// Far beyond what any answer takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    unread: VecDeque<Value>,
    last_id: u64,
}

/// Runs `conversation` against a server; afterwards nothing may be left unread.
pub(crate) async fn talk(targets: Arc<dyn TargetSource>, conversation: impl AsyncFnOnce(&mut Client)) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (their_input, their_output) = split(theirs);
    let (output, input) = split(ours);
    let mut client = Client { input, output: BufReader::new(output), unread: VecDeque::new(), last_id: 0 };
    let editor = async {
        conversation(&mut client).await;
        assert_eq!(client.request("shutdown", Value::Null).await, Value::Null);
        client.notify("exit", Value::Null).await;
        client.input.shutdown().await.unwrap();
        while let Some(message) = client.receive().await {
            client.unread.push_back(message);
        }
        assert!(client.unread.is_empty(), "unread: {:#?}", client.unread);
    };
    tokio::join!(server::lsp::serve(their_input, their_output, targets), editor);
}

impl Client {
    /// `initialize` with these capabilities, and `initialized`; the server's answer.
    pub(crate) async fn initialize(&mut self, capabilities: Value) -> Value {
        let answer = self.request("initialize", json!({ "capabilities": capabilities })).await;
        self.notify("initialized", json!({})).await;
        answer
    }

    pub(crate) async fn open(&mut self, version: i32, text: &str) {
        let document = json!({ "uri": URI, "languageId": "json", "version": version, "text": text });
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

    async fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.input.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    }

    async fn find(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&is_it) {
            return self.unread.remove(index).unwrap();
        }
        loop {
            let message =
                timeout(PATIENCE, self.receive()).await.expect("the server says nothing").expect("the server is gone");
            if is_it(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    async fn receive(&mut self) -> Option<Value> {
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
