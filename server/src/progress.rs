//! What the terminal shows of a session: a spinner while it starts, plain lines where nobody watches, or JSON.

use std::{
    io::IsTerminal,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::text::harmless_lines;
use serde_json::json;
use session::event::{Event, Observer, State, Step};

use crate::terminal;

/// How progress is shown; `MIRRORD_PROGRESS_MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A spinner if a person watches, else lines.
    Standard,
    /// Lines.
    Simple,
    /// Nothing but warnings.
    Off,
    /// An object a line.
    Json,
}

impl Mode {
    /// Reads the variable's value; unknown ones mean the default, as a missing one does.
    pub(crate) fn from_variable(value: Option<&str>) -> Self {
        match value {
            Some("dumb" | "simple") => Self::Simple,
            Some("off") => Self::Off,
            Some("json") => Self::Json,
            _ => Self::Standard,
        }
    }

    /// What the user asked for in the environment.
    pub(crate) fn chosen() -> Self {
        Self::from_variable(std::env::var("MIRRORD_PROGRESS_MODE").ok().as_deref())
    }
}

/// What a renderer wants to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Output {
    /// A line that stays, complete.
    Line(String),
    /// What the spinner says.
    Spin(String),
    /// The spinner is done.
    Still,
}

/// Where lines go: the program that is run owns standard output, a command for editors answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
}

/// Name of the task that all steps belong to, for readers of JSON.
pub(crate) const TASK: &str = "mirrord preparing to launch";

/// Turns events into what is shown, without showing it.
#[derive(Debug)]
struct Renderer {
    mode: Mode,
    spinner: bool,
    /// The step that is under way.
    step: Option<String>,
}

impl Renderer {
    fn render(&mut self, event: &Event) -> Vec<Output> {
        match event {
            Event::Step(step) => self.step(step),
            Event::Warning(text) => self.line("Warning", &format!("warning: {text}"), &harmless_lines(text)),
            Event::Info(text) => self.line("Info", text, text),
            Event::Subscribed { port, local, mode, means, filter } => {
                let verb = match mode {
                    session::event::Mode::Mirror => "copied from",
                    session::event::Mode::Steal => "taken over from",
                };
                tracing::debug!(port, ?means, "subscribed");
                let text = match filter {
                    None => {
                        format!("traffic of port {port} is {verb} the target, for the program's listener at {local}")
                    }
                    Some(filter) => format!(
                        "traffic of port {port} is {verb} the target request by request, for the program's listener at {local}: \
                         those that match {filter}; all others stay with the target"
                    ),
                };
                self.line("Info", &text, &text)
            }
            Event::Incoming { port, peer, .. } => {
                tracing::debug!(port, %peer, "incoming connection");
                Vec::new()
            }
            Event::State(State::Degraded { reason }) => {
                let text = format!("the link to the agent does not answer: {reason}");
                self.line("Warning", &format!("warning: {text}"), &text)
            }
            // Whoever started the session says how it ended; the rest shows in the steps.
            Event::State(State::Starting | State::Connected | State::Lost { .. } | State::Stopped) => Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Vec<Output> {
        let text = terminal::harmless(&step.to_string());
        let ready = matches!(step, Step::Ready { .. });
        let mut output = Vec::new();
        if self.mode == Mode::Json {
            if let Some(done) = self.step.take() {
                output
                    .push(json_line(&json!({"type": "FinishedTask", "name": done, "success": true, "message": null})));
            }
            if !ready {
                output.push(json_line(&json!({"type": "NewTask", "name": text, "parent": TASK})));
                self.step = Some(text);
            }
            return output;
        }
        if self.spinner && !ready {
            output.push(Output::Spin(text));
        } else {
            output.push(Output::Still);
            if self.mode != Mode::Off {
                output.push(Output::Line(terminal::prefixed(&text)));
            }
        }
        output
    }

    fn line(&self, kind: &str, shown: &str, text: &str) -> Vec<Output> {
        vec![match self.mode {
            Mode::Json => json_line(&json!({"type": kind, "message": text})),
            Mode::Off if kind == "Info" => return Vec::new(),
            _ => Output::Line(terminal::prefixed(shown)),
        }]
    }
}

fn json_line(value: &serde_json::Value) -> Output {
    Output::Line(format!("{value}\n"))
}

enum Message {
    Event(Event),
    /// Whoever reads has what it wants: nothing more is shown.
    Silence,
    /// Everything before it has been shown, and the spinner is gone, when the answer comes.
    Settle(SyncSender<()>),
}

/// Shows events from a thread of its own: a terminal that has been stopped with Ctrl-S must not stop a session.
pub(crate) struct Progress {
    messages: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// Events that wait to be shown; beyond that they are dropped.
const BACKLOG: usize = 256;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(100);

impl Progress {
    /// Starts showing.
    pub(crate) fn start(mode: Mode, sink: Sink) -> Self {
        let spinner = mode == Mode::Standard && std::io::stderr().is_terminal();
        let (messages_tx, messages) = sync_channel(BACKLOG);
        let renderer = Renderer { mode, spinner, step: None };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(move || show(renderer, sink, &messages));
        // Without a thread there is no progress to see, and nothing else is lost.
        Self { messages: Some(messages_tx), thread: thread.ok() }
    }

    /// Where a session tells its events.
    pub(crate) fn observer(&self) -> Observer {
        let messages = self.messages.clone();
        Observer::new(move |event| {
            if let Some(messages) = &messages
                && let Err(TrySendError::Full(_)) = messages.try_send(Message::Event(event))
            {
                tracing::debug!("an event was not shown: the terminal is too slow");
            }
        })
    }

    /// Shows nothing from now on.
    pub(crate) fn silence(&self) {
        if let Some(messages) = &self.messages {
            // A full queue belongs to a reader that has stopped reading.
            let _ = messages.try_send(Message::Silence);
        }
    }

    /// Waits until everything told so far is shown and the terminal is free for the program.
    pub(crate) fn settle(&self) {
        let (shown_tx, shown) = sync_channel(1);
        if let Some(messages) = &self.messages
            && messages.try_send(Message::Settle(shown_tx)).is_ok()
        {
            // Time enough for a terminal; one that was stopped is not waited for.
            let _ = shown.recv_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.settle();
        // The thread ends when the last observer is gone, which may be after us.
        drop(self.messages.take());
        drop(self.thread.take());
    }
}

fn show(mut renderer: Renderer, sink: Sink, messages: &Receiver<Message>) {
    let mut bar: Option<ProgressBar> = None;
    let mut silent = false;
    for message in messages {
        match message {
            Message::Event(event) if silent => tracing::info!(?event, "not shown any more"),
            Message::Event(event) => {
                for output in renderer.render(&event) {
                    show_one(output, sink, &mut bar);
                }
            }
            Message::Silence => silent = true,
            Message::Settle(shown) => {
                show_one(Output::Still, sink, &mut bar);
                // Who asked may have stopped waiting.
                let _ = shown.send(());
            }
        }
    }
}

fn show_one(output: Output, sink: Sink, bar: &mut Option<ProgressBar>) {
    match output {
        Output::Spin(text) => {
            let bar = bar.get_or_insert_with(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(ProgressStyle::with_template("{spinner} mirrord: {wide_msg}").expect("a valid template"));
                bar.enable_steady_tick(TURN);
                bar
            });
            bar.set_message(text);
        }
        Output::Still => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
        Output::Line(text) => {
            let write = || {
                use std::io::Write;
                if sink == Sink::Stdout {
                    return terminal::print(&text);
                }
                // Standard error is where the failure to write to standard error would go.
                let _ = std::io::stderr().write_all(text.as_bytes());
            };
            match bar {
                Some(bar) => bar.suspend(write),
                None => write(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
