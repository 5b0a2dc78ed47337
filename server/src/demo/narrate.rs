//! What the demonstration tells.

use std::{io::IsTerminal, time::Instant};

use session::start::local::{HOST_NAME, MESSAGE_PATH, MESSAGE_VARIABLE, POD_ADDRESS, Response, WEB_PORT};

use super::program::Facts;
use crate::terminal;

const OWN_CLUSTER: [&str; 4] = [
    "mirrord targets                                                    what there is to stand in for",
    "mirrord exec --target deployment/NAME -- python3 app.py            gets a copy of its traffic",
    "mirrord exec --target deployment/NAME --steal -- python3 app.py    answers in its place",
    "or write the target into .mirrord/mirrord.json, open the folder in your editor, and press F5",
];

/// When a request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// Nobody stands in for the pod.
    Before,
    /// The program does.
    During,
    /// It did.
    After,
}

/// The demonstration, told as it happens.
pub(super) struct Story {
    began: Instant,
    bold: bool,
    chapter: u8,
}

impl Story {
    /// Introduces the pod.
    pub(super) fn begin(began: Instant) -> Self {
        let bold = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let story = Self { began, bold, chapter: 0 };
        let up = began.elapsed().as_millis();
        terminal::print_line(&format!(
            "A pod, made of namespaces on this machine in {up} ms, without a cluster and without root: {HOST_NAME}, {POD_ADDRESS}."
        ));
        story
    }

    /// A request was sent into the pod.
    pub(super) fn asked(&mut self, when: When, response: &Response) {
        self.title(match when {
            When::Before => "A request to the pod is answered by the pod:",
            When::During => "The same request, now answered here:",
            When::After => "The program has ended, and the pod answers again:",
        });
        let Response { status, body } = response;
        let body = terminal::harmless(body.trim_end());
        terminal::print_line(&format!("     GET http://{POD_ADDRESS}:{WEB_PORT}/hello  ->  {status} {body}"));
    }

    /// The program has looked around.
    pub(super) fn saw(&mut self, facts: &Facts, here: &Facts) {
        self.title("A program on this machine, started with mirrord, sees what the pod sees:");
        let Facts { variable, file, host_name, backend } = facts;
        for (name, there, here) in [
            (format!("variable {MESSAGE_VARIABLE}"), variable, &here.variable),
            (format!("file {MESSAGE_PATH}"), file, &here.file),
            ("host name".to_owned(), host_name, &here.host_name),
            ("http://backend/".to_owned(), backend, &here.backend),
        ] {
            let told = |value: &Result<String, String>| match value {
                Ok(value) | Err(value) => terminal::harmless(value),
            };
            let without = told(here);
            let without = if without.is_empty() { without } else { format!("   (without mirrord: {without})") };
            terminal::print_line(&format!("     {name:<33} {}{without}", told(there)));
        }
    }

    /// Says how to go on.
    pub(super) fn end(mut self) {
        self.title("The same on your own cluster:");
        for line in OWN_CLUSTER {
            terminal::print_line(&format!("     {line}"));
        }
        terminal::print_line(&format!(
            "\nAll of this took {:.2} s; nothing is left of it.",
            self.began.elapsed().as_secs_f32()
        ));
    }

    fn title(&mut self, text: &str) {
        self.chapter += 1;
        let (bold, plain) = if self.bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        terminal::print_line(&format!("\n{bold}{:>2}  {text}{plain}", self.chapter));
    }
}
