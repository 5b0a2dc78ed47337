//! The wire: messages in and out, begun in the order in which they come.
//!
//! The loop of tower-lsp is not used: it ends at the first message that is not JSON, handles four requests at once,
//! waiting ones included, and stays after `exit` until somebody closes its input.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, FramedRead};
use tower::Service;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::{ClientSocket, LanguageServer, LspService};

use crate::frames::{FrameError, Frames};

/// Requests that wait at once. An editor has a few dozen under way at most; beyond, they are refused, not queued, so
/// that edits and cancellations always come through.
const UNDERWAY_LIMIT: usize = 256;

/// Messages that wait for the editor to read them.
const OUTPUT_LIMIT: usize = 64;

/// How long an editor that is done may take to read what was still to be said.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Serves until the editor is done.
pub(super) async fn run<I, O, S>(mut service: LspService<S>, socket: ClientSocket, input: I, output: O)
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
    S: LanguageServer,
{
    let (requests, answers) = socket.split();
    let (output_tx, output_rx) = mpsc::channel(OUTPUT_LIMIT);
    let mut write = std::pin::pin!(write(output_rx, output));
    let talk = async {
        let mut requests = std::pin::pin!(requests.map(|request| bytes(&request)));
        let forward = async {
            while let Some(request) = requests.next().await {
                if output_tx.send(request).await.is_err() {
                    return;
                }
            }
            futures::future::pending::<()>().await;
        };
        tokio::select! {
            () = read(&mut service, answers, input, &output_tx) => {}
            () = forward => {}
        }
    };
    tokio::select! {
        () = talk => {}
        // Nobody reads any more.
        () = &mut write => return,
    }
    drop(output_tx);
    // An editor that is gone needs no last words.
    let _: Result<(), _> = tokio::time::timeout(FLUSH_LIMIT, write).await;
}

/// Reads messages and sees to their answers.
async fn read<S: LanguageServer>(
    service: &mut LspService<S>,
    mut answers: impl futures::Sink<Response> + Unpin,
    input: impl AsyncRead + Unpin,
    output_tx: &mpsc::Sender<Vec<u8>>,
) {
    let mut input = FramedRead::new(input, Bodies::default());
    let mut underway = FuturesUnordered::new();
    loop {
        let answer = tokio::select! {
            message = input.next() => match message.map(|read| read.map(understand)) {
                Some(Ok(Message::Call(request))) if request.method() == "exit" => return,
                Some(Ok(Message::Call(request))) => {
                    let id = request.id().cloned();
                    if let (Some(id), true) = (&id, underway.len() >= UNDERWAY_LIMIT) {
                        let message = format!("{UNDERWAY_LIMIT} requests are under way already; cancel some");
                        Some(refuse(id.clone(), ErrorCode::ServerError(super::REQUEST_FAILED), message))
                    } else {
                        let call = AssertUnwindSafe(service.call(request)).catch_unwind();
                        let mut call = Box::pin(call.map(move |outcome| match outcome {
                            Ok(answer) => answer.ok().flatten(),
                            Err(panic) => defect(id, panic.as_ref()),
                        }));
                        // Begun before the next message is read: edits are applied in their order.
                        match futures::poll!(&mut call) {
                            Poll::Ready(answer) => answer,
                            Poll::Pending => {
                                underway.push(call);
                                None
                            }
                        }
                    }
                }
                Some(Ok(Message::Answer(answer))) => {
                    // Only fails after `exit`.
                    let _: Result<(), _> = answers.send(answer).await;
                    None
                }
                Some(Ok(Message::Nonsense(answer))) => Some(*answer),
                Some(Err(_)) | None => return,
            },
            Some(answer) = underway.next(), if !underway.is_empty() => answer,
        };
        if let Some(answer) = answer
            && output_tx.send(bytes(&answer)).await.is_err()
        {
            return;
        }
    }
}

/// A panic in a handler is our defect: it answers that request, and the server goes on.
fn defect(id: Option<Id>, panic: &(dyn Any + Send)) -> Option<Response> {
    let reason = super::reason(panic);
    tracing::error!(reason, "a handler failed");
    Some(refuse(id?, ErrorCode::InternalError, format!("a defect of mirrord, please report it: {reason}")))
}

fn refuse(id: Id, code: ErrorCode, message: String) -> Response {
    Response::from_error(id, Error { code, message: message.into(), data: None })
}

/// Writes until every sender is gone, or the editor is.
async fn write(mut output_rx: mpsc::Receiver<Vec<u8>>, output: impl AsyncWrite) {
    let mut output = std::pin::pin!(output);
    while let Some(message) = output_rx.recv().await {
        let written = async {
            output.write_all(&message).await?;
            output.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

/// A message with its header.
fn bytes(message: &impl serde::Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).expect("its keys are text and its numbers are finite");
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    bytes
}

/// What an editor sends.
enum Message {
    /// A request or a notification.
    Call(Request),
    /// The answer to a request of ours.
    Answer(Response),
    /// Nothing of the protocol, and the answer to that.
    Nonsense(Box<Response>),
}

/// Methods without parameters.
const BARE_METHODS: &[&str] = &["mirrord/sessions", "shutdown", "exit"];

/// Reads a body, which may be anything.
fn understand(body: Result<BytesMut, FrameError>) -> Message {
    let nonsense = |id, code, message| Message::Nonsense(Box::new(refuse(id, code, message)));
    let body = match body {
        Ok(body) => body,
        Err(error) => return nonsense(Id::Null, ErrorCode::ParseError, error.to_string()),
    };
    let mut value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => {
            return nonsense(Id::Null, ErrorCode::ParseError, format!("a message is not JSON: {error}"));
        }
    };
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok()).unwrap_or_default();
    if let Value::Object(message) = &mut value {
        let bare = message.get("method").and_then(Value::as_str).is_some_and(|name| BARE_METHODS.contains(&name));
        let is_empty = |params: &Value| params.as_object().is_some_and(serde_json::Map::is_empty);
        // Some editors say so when there are none.
        if message.get("params").is_some_and(|params| params.is_null() || bare && is_empty(params)) {
            message.remove("params");
        }
    }
    let outcome = match value.get("method") {
        Some(_) => serde_json::from_value(value).map(Message::Call),
        None => serde_json::from_value(value).map(Message::Answer),
    };
    outcome.unwrap_or_else(|error| nonsense(id, ErrorCode::InvalidRequest, format!("not a JSON-RPC message: {error}")))
}

/// Reads bodies, and finds the next message behind anything that is none.
#[derive(Default)]
struct Bodies {
    frames: Frames,
    /// Whether the beginning of the next header is to be looked for.
    lost: bool,
    /// Bytes of a body over the limit that are still to come.
    skip: u64,
}

impl Decoder for Bodies {
    type Item = Result<BytesMut, FrameError>;
    type Error = std::io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> std::io::Result<Option<Self::Item>> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(buffer.len());
        buffer.advance(skipped);
        self.skip -= skipped as u64;
        if self.skip > 0 {
            return Ok(None);
        }
        if self.lost {
            const HEADER: &[u8] = b"content-length";
            let found = buffer.windows(HEADER.len()).position(|bytes| bytes.eq_ignore_ascii_case(HEADER));
            // The last bytes may be the beginning of one.
            buffer.advance(found.unwrap_or(buffer.len().saturating_sub(HEADER.len() - 1)));
            if found.is_none() {
                return Ok(None);
            }
            self.lost = false;
        }
        match self.frames.body(buffer) {
            Ok(body) => Ok(body.map(Ok)),
            Err(error) => {
                match &error {
                    FrameError::LongBody(length) => self.skip = *length,
                    FrameError::LongHeader => {
                        buffer.advance(1);
                        self.lost = true;
                    }
                    _ => self.lost = true,
                }
                Ok(Some(Err(error)))
            }
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> std::io::Result<Option<Self::Item>> {
        let item = self.decode(buffer)?;
        if item.is_none() {
            // Half a message; its writer is gone.
            buffer.clear();
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// What is read from `input`, in pieces of every size, which must not matter.
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(input: &[u8], expected: Expect) {
        let mut results: Vec<String> = [1, 3, 7, input.len()].into_iter().map(|piece| decode(input, piece)).collect();
        results.dedup();
        assert_eq!(results.len(), 1, "the result depends on how the bytes arrive: {results:#?}");
        expected.assert_eq(&results[0]);
    }

    fn decode(input: &[u8], piece: usize) -> String {
        let (mut bodies, mut buffer, mut told) = (Bodies::default(), BytesMut::new(), Vec::new());
        for chunk in input.chunks(piece) {
            buffer.extend_from_slice(chunk);
            while let Some(body) = bodies.decode(&mut buffer).expect("no i/o") {
                told.push(match understand(body) {
                    Message::Call(request) => format!("call {}", request.method()),
                    Message::Answer(answer) => format!("answer {}", answer.id()),
                    Message::Nonsense(answer) => {
                        let error = answer.error().expect("one");
                        format!("{} {}: {}", answer.id(), error.code.code(), error.message)
                    }
                });
            }
        }
        told.join("\n")
    }

    #[test]
    fn whatever_comes_in_between_the_next_message_is_found() {
        let call = "Content-Length: 30\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"m\"}";
        let long = format!("Content-Length: {}\r\n\r\n", crate::frames::BODY_LIMIT + 1);
        let mut input = Vec::new();
        for garbage in ["Hello\r\n\r\nworld", "Content-Length: x\r\n\r\n{}", "Content-Length: 3\r\n\r\n{x}"] {
            input.extend(garbage.as_bytes());
            input.extend(call.as_bytes());
        }
        input.extend(b"Content-Length: 4\r\n\r\n\"\xff\xfe\"");
        input.extend(b"Content-Length: 24\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1}");
        input.extend(b"Content-Length: 8\r\n\r\n{\"id\":7}");
        input.extend(call.as_bytes());
        check(
            &input,
            expect![[r#"
                null -32700: `Hello` is no header of a message (expected `Content-Length: <bytes>`)
                call m
                null -32700: `Content-Length: x` is no header of a message (expected `Content-Length: <bytes>`)
                call m
                null -32700: a message is not JSON: key must be a string at line 1 column 2
                call m
                null -32700: a message is not JSON: invalid unicode code point at line 1 column 2
                1 -32600: not a JSON-RPC message: data did not match any variant of untagged enum Kind
                7 -32600: not a JSON-RPC message: missing field `jsonrpc`
                call m"#]],
        );
        assert!(decode(long.as_bytes(), 9).ends_with("is over the limit of 67108864"));
        let flood = [vec![b'x'; 10_000], call.as_bytes().to_vec()].concat();
        assert!(decode(&flood, 100).ends_with("call m"), "{}", decode(&flood, 100));
    }
}
