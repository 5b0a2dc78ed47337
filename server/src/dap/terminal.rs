//! Programs that a debug adapter wants in a terminal, where the editor has none or the user wanted none: they run here,
//! and what they print is output of the debug session.

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    adapters::{Adapter, entries},
    message::{self, Arguments, Category, Client},
    process::{self, Process, Program},
};

/// Chunks of output that wait to be passed on; programs wait when there are more.
const CHUNKS_WAITING: usize = 16;

/// Bytes of one output event.
const CHUNK: usize = 8 * 1024;

/// The programs that run here.
#[derive(Debug)]
pub(super) struct Terminals {
    /// Whether we answer what the adapter asks the editor's terminal for.
    pub(super) ours: bool,
    /// Whether what runs in a terminal has to be watched.
    pub(super) watched: bool,
    /// program --output events--> proxy
    output: mpsc::Receiver<Value>,
    output_tx: mpsc::Sender<Value>,
    programs: JoinSet<()>,
    stop: CancellationToken,
}

impl Default for Terminals {
    fn default() -> Self {
        let (output_tx, output) = mpsc::channel(CHUNKS_WAITING);
        Self {
            ours: false,
            watched: false,
            output,
            output_tx,
            programs: JoinSet::new(),
            stop: CancellationToken::new(),
        }
    }
}

impl Terminals {
    /// Settles whose terminal a launch gets, and tells the adapter in `greeting` that there is one where there is.
    pub(super) fn adapt(
        &mut self,
        adapter: &Adapter,
        client: Client,
        in_session: bool,
        arguments: &mut Arguments,
        greeting: &mut Arguments,
    ) {
        let wanted = wants_terminal(arguments);
        let forced = adapter.terminal_only && in_session && !wanted;
        if forced {
            arguments.insert("console".to_owned(), "integratedTerminal".into());
        }
        self.ours = forced || !client.terminal;
        // Adapters choose otherwise when they hear of a terminal that nobody asked them to use.
        if forced || wanted {
            greeting.insert("supportsRunInTerminalRequest".to_owned(), true.into());
        }
    }

    /// Starts the program of a `runInTerminal` request. Gives its process id, or a sentence for the user.
    pub(super) fn run(&mut self, arguments: &Value) -> Result<u32, String> {
        let words: Vec<&str> = arguments["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (program, words) = words.split_first().ok_or("the debug adapter asked for a terminal without a program")?;
        let mut command = tokio::process::Command::new(program);
        command.args(words);
        for (name, value) in entries(arguments.get("env")) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = arguments["cwd"].as_str().filter(|folder| !folder.is_empty()) {
            command.current_dir(folder);
        }
        let started = process::run(&mut command).map_err(|error| format!("cannot start `{program}`: {error}"));
        let (process, output, errors) = started?;
        let id = process.id();
        self.programs.spawn(attend(process, self.stop.clone()));
        self.programs.spawn(pass_on(output, Category::Stdout, self.output_tx.clone()));
        self.programs.spawn(pass_on(errors, Category::Stderr, self.output_tx.clone()));
        Ok(id)
    }

    /// What comes next from a program, as message for the editor. May be given up at any time.
    pub(super) async fn next(&mut self) -> Value {
        match self.output.recv().await {
            Some(output) => output,
            None => std::future::pending().await, // we hold a sender
        }
    }

    /// Ends the programs and what they started.
    pub(super) async fn end(self) {
        let Self { output, programs, stop, .. } = self;
        drop(output);
        stop.cancel();
        programs.join_all().await;
    }
}

/// Whether the user asks for a terminal, in one of the ways of the adapters.
fn wants_terminal(arguments: &Arguments) -> bool {
    let console = arguments.get("console").and_then(Value::as_str);
    matches!(console, Some("integratedTerminal" | "externalTerminal"))
        || arguments.get("runInTerminal") == Some(&Value::Bool(true))
}

/// Reaps a program when it ends, and ends it when it must.
async fn attend(mut process: Process, stop: CancellationToken) {
    if stop.run_until_cancelled(process.ended()).await.is_none() {
        process.end(Program::Ends(None)).await;
    }
}

/// Makes output events of `stream`.
async fn pass_on(mut stream: impl AsyncRead + Unpin, category: Category, output_tx: mpsc::Sender<Value>) {
    let (mut chunk, mut held) = (vec![0; CHUNK], Vec::new());
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        held.extend_from_slice(&chunk[..length]);
        let text = complete_text(&mut held);
        if !text.is_empty() && output_tx.send(message::program_output(category, text)).await.is_err() {
            return; // the debug session is over
        }
    }
    if !held.is_empty() {
        let rest = String::from_utf8_lossy(&held).into_owned();
        let _ = output_tx.send(message::program_output(category, rest)).await; // nobody left who listens
    }
}

/// Takes the text out of `held` that does not end in the middle of a character; what is none is replaced.
fn complete_text(held: &mut Vec<u8>) -> String {
    let mut text = String::new();
    loop {
        let (valid, wrong) = match std::str::from_utf8(held) {
            Ok(_) => (held.len(), None),
            Err(error) => (error.valid_up_to(), error.error_len()),
        };
        text.push_str(&String::from_utf8_lossy(&held[..valid]));
        held.drain(..valid + wrong.unwrap_or_default());
        if wrong.is_none() {
            return text; // what is left is the beginning of a character
        }
        text.push(char::REPLACEMENT_CHARACTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn characters_stay_whole() {
        let mut held = "aé".as_bytes()[..2].to_vec();
        assert_eq!((complete_text(&mut held).as_str(), held.len()), ("a", 1));
        held.push("é".as_bytes()[1]);
        assert_eq!((complete_text(&mut held).as_str(), held.len()), ("é", 0));
        held.extend(b"x\xffy");
        assert_eq!((complete_text(&mut held).as_str(), held.len()), ("x\u{fffd}y", 0));
    }

    #[tokio::test]
    async fn programs_run_and_end_here() {
        let mut terminals = Terminals::default();
        let script = "echo $COLOR ${HOME-none}; echo trouble >&2; exec sleep 1000";
        let request = json!({"args": ["sh", "-c", script], "env": {"COLOR": "blue", "HOME": null}, "cwd": "/"});
        let id = terminals.run(&request).unwrap();
        let mut told = [terminals.next().await, terminals.next().await];
        told.sort_by_key(Value::to_string);
        let told: Vec<_> = told.iter().map(|event| event["body"].to_string()).collect();
        assert_eq!(
            told,
            [r#"{"category":"stderr","output":"trouble\n"}"#, r#"{"category":"stdout","output":"blue none\n"}"#]
        );
        terminals.end().await;
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "it is still there");
        let refused = Terminals::default().run(&json!({"args": ["/nowhere/x"]})).unwrap_err();
        assert_eq!(refused, "cannot start `/nowhere/x`: No such file or directory (os error 2)");
    }
}
