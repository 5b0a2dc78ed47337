//! `mirrord explain`: the answer in a terminal.

use config::{Document, Overrides};
use session::Here;

use super::{Explanation, Question, explain, place_of};
use crate::{
    exit,
    flags::LaunchFlags,
    settings::{self, Settings},
    terminal,
};

/// What `explain` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A path, a host (with a port or without), a port, or a variable's name
    #[arg(value_name = "PATH|HOST|PORT|ENV", required_unless_present_any = ["path", "host", "port", "env"])]
    thing: Option<String>,
    /// This path
    #[arg(long, conflicts_with = "thing", group = "kind")]
    path: Option<String>,
    /// This host
    #[arg(long, conflicts_with = "thing", group = "kind")]
    host: Option<String>,
    /// This port, which the program listens on
    #[arg(long, conflicts_with = "thing", group = "kind")]
    port: Option<u16>,
    /// This environment variable
    #[arg(long, conflicts_with = "thing", group = "kind", value_name = "NAME")]
    env: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: crate::flags::CoreFlags,
}

impl Arguments {
    fn question(&self) -> Option<Question> {
        let Self { thing, path, host, port, env, json: _, flags: _ } = self;
        thing
            .as_deref()
            .map(Question::guess)
            .or_else(|| path.clone().map(Question::Path))
            .or_else(|| host.clone().map(Question::Host))
            .or_else(|| port.map(Question::Port))
            .or_else(|| env.clone().map(Question::Env))
    }
}

/// Answers; 2 if the configuration has errors.
pub(crate) fn main(arguments: &Arguments) -> u8 {
    let Some(question) = arguments.question() else {
        terminal::say_error("say what to explain: a path, a host, a port or a variable's name");
        return exit::USAGE;
    };
    let overrides = Overrides { target_pending: true, ..LaunchFlags::of(arguments.flags.clone()).overrides() };
    let settings = match Settings::load(arguments.flags.file_or_usual().as_deref(), &overrides) {
        Ok(settings) => settings,
        Err(error) => {
            terminal::say_error(&error.to_string());
            return exit::USAGE;
        }
    };
    settings.complain();
    let Some(config) = &settings.loaded.config else {
        terminal::say_error("the configuration has errors; nothing can be explained");
        return exit::USAGE;
    };
    let environment = settings::variables();
    let working_directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let here = Here { environment: &environment, working_directory: &working_directory };
    let explanation = explain(config, &settings.loaded, &here, &question);
    if arguments.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(text) => terminal::print_line(&text),
            Err(error) => terminal::say_error(&error.to_string()),
        }
    } else {
        terminal::print(&told(&explanation, &settings));
    }
    0
}

fn told(explanation: &Explanation, settings: &Settings) -> String {
    let document = Document::parse(&settings.file.name, &settings.file.text);
    let rulings = explanation.rulings.iter().map(|ruling| {
        let place = match place_of(ruling, &settings.file.name, &settings.file.text, &document) {
            Some(place) => format!(" ({place})"),
            None => match ruling.written.as_deref() {
                Some("flag") => " (a flag)".to_owned(),
                Some("file") | None => String::new(),
                Some(variable) => format!(" (variable {variable})"),
            },
        };
        let (act, outcome) = (ruling.act.as_str(), ruling.outcome.as_str());
        terminal::harmless(&format!("{act:<9}{outcome:<10}{}{place}", ruling.because)) + "\n"
    });
    rulings.collect()
}
