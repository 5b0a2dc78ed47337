//! Messages: the envelope, which stays a JSON value, and the few bodies that we read or write ourselves.

use std::collections::BTreeMap;

use dap::{
    events::{
        OutputEventBody, ProcessEventBody, ProgressEndEventBody, ProgressStartEventBody, ProgressUpdateEventBody,
    },
    requests::{DisconnectArguments, InitializeArguments},
    types::OutputEventCategory,
};
use protocol::text::harmless_lines;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Arguments of a request or configuration, as somebody wrote them.
pub(super) type Arguments = Map<String, Value>;

/// What a message is, as far as its envelope tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request {
        seq: i64,
        command: String,
    },
    Response {
        request_seq: i64,
    },
    Event {
        name: String,
    },
    /// Nothing that this protocol knows.
    Other,
}

/// Reads the envelope of `message`.
pub(super) fn kind(message: &Value) -> Kind {
    let text = |key: &str| message[key].as_str().map(str::to_owned);
    match (message["type"].as_str(), message["seq"].as_i64(), message["request_seq"].as_i64()) {
        (Some("request"), Some(seq), _) => text("command").map(|command| Kind::Request { seq, command }),
        (Some("response"), _, Some(request_seq)) => Some(Kind::Response { request_seq }),
        (Some("event"), _, _) => text("event").map(|name| Kind::Event { name }),
        _ => None,
    }
    .unwrap_or(Kind::Other)
}

/// The arguments of a request; empty when it has none.
pub(super) fn arguments(message: &Value) -> Arguments {
    message["arguments"].as_object().cloned().unwrap_or_default()
}

/// A request of ours; whoever sends it numbers it.
pub(super) fn request(command: &str, arguments: &Value) -> Value {
    json!({"seq": 0, "type": "request", "command": command, "arguments": arguments})
}

/// An event of ours.
pub(super) fn event(name: &str, body: Value) -> Value {
    let mut event = json!({"seq": 0, "type": "event", "event": name});
    if !body.is_null() {
        event["body"] = body;
    }
    event
}

/// Our own answer to a request.
pub(super) fn response(request_seq: i64, command: &str, body: &Value) -> Value {
    json!({"seq": 0, "type": "response", "request_seq": request_seq, "success": true, "command": command, "body": body})
}

/// Our refusal of a request. Some clients show `message`, others the error in the body.
pub(super) fn refusal(request_seq: i64, command: &str, reason: &str) -> Value {
    let reason = harmless_lines(reason);
    json!({
        "seq": 0, "type": "response", "request_seq": request_seq, "success": false, "command": command,
        "message": reason,
        "body": {"error": {"id": 1, "format": reason, "showUser": true}},
    })
}

/// Where a line of output belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    /// Worth reading.
    Console,
    /// Worth a notification.
    Important,
    /// From the debug adapter's or the program's standard error.
    Stderr,
    /// From the program's standard output.
    Stdout,
}

/// One line of output of ours.
pub(super) fn output(category: Category, line: &str) -> Value {
    program_output(category, format!("{}\n", harmless_lines(line)))
}

/// Output as it is.
pub(super) fn program_output(category: Category, output: String) -> Value {
    let category = match category {
        Category::Console => OutputEventCategory::Console,
        Category::Important => OutputEventCategory::Important,
        Category::Stderr => OutputEventCategory::Stderr,
        Category::Stdout => OutputEventCategory::Stdout,
    };
    event("output", body(OutputEventBody { category: Some(category), output, ..Default::default() }))
}

/// Begins a progress report; one about request `request_seq` can be cancelled.
pub(super) fn progress_start(id: &str, title: &str, request_seq: Option<i64>) -> Value {
    let start = ProgressStartEventBody {
        progress_id: id.to_owned(),
        title: title.to_owned(),
        request_id: request_seq,
        cancellable: Some(request_seq.is_some()),
        ..Default::default()
    };
    event("progressStart", body(start))
}

/// Goes on with it.
pub(super) fn progress_update(id: &str, text: &str) -> Value {
    let update = ProgressUpdateEventBody {
        progress_id: id.to_owned(),
        message: Some(harmless_lines(text)),
        ..Default::default()
    };
    event("progressUpdate", body(update))
}

/// Ends it.
pub(super) fn progress_end(id: &str, text: &str) -> Value {
    event("progressEnd", body(ProgressEndEventBody { progress_id: id.to_owned(), message: Some(harmless_lines(text)) }))
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// Whether it shows progress.
    pub(super) progress: bool,
    /// Whether it has a terminal for programs.
    pub(super) terminal: bool,
}

/// Reads the client's side of `initialize`.
pub(super) fn client(arguments: &Arguments) -> Client {
    let Some(view) = view::<InitializeArguments>(arguments) else { return Client::default() };
    Client {
        progress: view.supports_progress_reporting.unwrap_or(false),
        terminal: view.supports_run_in_terminal_request.unwrap_or(false),
    }
}

/// Whether a `disconnect` asks for the program to live on.
pub(super) fn spares_program(arguments: &Arguments) -> bool {
    view::<DisconnectArguments>(arguments).and_then(|view| view.terminate_debuggee) == Some(false)
}

/// The process that a `process` event tells of, when it is on this machine and was launched.
pub(super) fn launched_process(message: &Value) -> Option<u32> {
    let view = view::<ProcessEventBody>(message["body"].as_object()?)?;
    if view.is_local_process == Some(false) || message["body"]["startMethod"] == "attach" {
        return None;
    }
    u32::try_from(view.system_process_id?).ok()
}

/// How `now` differs from `before`; what is gone is false. `None` when it does not differ.
pub(super) fn changed_capabilities(before: &Value, now: &Value) -> Option<Value> {
    let (before, now) = (before.as_object()?, now.as_object()?);
    let new = now.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(k, v)| (k.clone(), v.clone()));
    let gone = before.iter().filter(|(key, value)| value.as_bool() == Some(true) && !now.contains_key(*key));
    let changed: Map<_, _> = new.chain(gone.map(|(key, _)| (key.clone(), Value::Bool(false)))).collect();
    (!changed.is_empty()).then_some(Value::Object(changed))
}

/// Requests that wait for an answer: by the number they were sent on under, whoever asked first.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<i64, Asked>,
}

/// A request that was passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its number at whoever asked.
    pub(super) seq: i64,
    /// What it asks.
    pub(super) command: String,
    /// The only thread that it lets go on, if it says so.
    pub(super) single_thread: Option<i64>,
}

impl Asked {
    /// Request `message`, of this number and command.
    pub(super) fn new(seq: i64, command: String, message: &Value) -> Self {
        let arguments = &message["arguments"];
        let single_thread = arguments["threadId"].as_i64().filter(|_| arguments["singleThread"] == true);
        Self { seq, command, single_thread }
    }
}

/// Open requests in one direction. Editors have tens; an adapter that answers nothing must not fill memory.
pub(super) const OPEN_LIMIT: usize = 16 * 1024;

impl Ledger {
    /// Notes that `asked` was sent on as `seq`. False when too many are open.
    pub(super) fn note(&mut self, seq: i64, asked: Asked) -> bool {
        self.open.insert(seq, asked);
        self.open.len() <= OPEN_LIMIT
    }

    /// Who asked `seq`; it is closed.
    pub(super) fn close(&mut self, seq: i64) -> Option<Asked> {
        self.open.remove(&seq)
    }

    /// The number under which request `seq` of whoever asked was sent on.
    pub(super) fn sent_as(&self, seq: i64) -> Option<i64> {
        self.open.iter().find(|(_, asked)| asked.seq == seq).map(|(sent, _)| *sent)
    }

    /// Closes all.
    pub(super) fn drain(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.open).into_values().collect()
    }
}

/// A typed view of `arguments`; `None` where the types are narrower than the protocol.
fn view<T: DeserializeOwned>(arguments: &Arguments) -> Option<T> {
    serde_json::from_value(Value::Object(arguments.clone())).ok()
}

/// `body` as JSON, without the nulls that some clients refuse.
fn body(body: impl Serialize) -> Value {
    let mut body = serde_json::to_value(body).expect("these structs have string keys only");
    if let Some(object) = body.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn own_messages_have_no_nulls() {
        expect![[r#"{"seq":0,"type":"event","event":"output","body":{"category":"console","output":"a\n"}}"#]]
            .assert_eq(&output(Category::Console, "a").to_string());
        expect![[r#"{"seq":0,"type":"event","event":"progressStart","body":{"progressId":"m","title":"t","requestId":3,"cancellable":true}}"#]]
            .assert_eq(&progress_start("m", "t", Some(3)).to_string());
    }

    #[test]
    fn capabilities_that_went_are_false() {
        let (before, now) = (json!({"a": true, "b": false, "c": [1]}), json!({"c": [2], "d": true}));
        assert_eq!(changed_capabilities(&before, &now), Some(json!({"c": [2], "d": true, "a": false})));
        assert_eq!(changed_capabilities(&now, &now), None);
    }

    #[test]
    fn envelopes_that_no_specification_knows_are_other() {
        for odd in [json!([1]), json!({"type": "request"}), json!({"type": "telegram", "seq": 1}), json!("x")] {
            assert_eq!(kind(&odd), Kind::Other, "{odd}");
        }
    }
}
