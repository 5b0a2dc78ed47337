//! `mirrord ext`: a session for an editor's plugin, which starts the program itself. Speaks JSON, an object a line.
//!
//! ```text
//! plugin ── mirrord ext ──▶ NewTask, FinishedTask, Warning… ──▶ FinishedTask "mirrord preparing to launch"
//!   └─ starts the program with environment and launcher of the last line      └─ lives until the program has gone
//! ```

mod lifetime;

use std::{ffi::OsString, path::PathBuf};

use config::Severity;
use serde_json::{Value, json};
use session::{Injection, Options, Place, event::Event, view::By};

use crate::{
    bundle,
    exec::{self, CLEANUP_LIMIT, Failure},
    exit,
    flags::{CoreFlags, LaunchFlags},
    program,
    progress::{Mode, Progress, Sink, TASK},
    settings::{self, Settings},
    signals::Signals,
    terminal,
};

/// What `ext` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: CoreFlags,
    /// The program that is going to be started
    #[arg(short, long, value_name = "FILE")]
    executable: Option<PathBuf>,
}

/// Variable that asks for the configuration as it is understood.
const PRINT_VARIABLE: &str = "MIRRORD_EXT_PRINT_CONFIG";

/// Holds a session until its programs have gone.
pub(crate) fn main(arguments: Arguments) -> u8 {
    exec::command(async |signals| match run(arguments, signals).await {
        Ok(code) => Ok(code),
        // Plugins read this line; a person reads it as well.
        Err(failed) => {
            terminal::say_raw(&format!("Error: {}", json!({"message": failed.message, "help": failed.help})));
            Ok(if failed.signalled == 0 { exit::FAILURE } else { failed.signalled })
        }
    })
}

/// Why there is no session.
struct Failed {
    message: String,
    help: Option<String>,
    /// Exit code when a signal ended us; 0 otherwise.
    signalled: u8,
}

impl Failed {
    fn because(message: &impl ToString) -> Self {
        Self { message: message.to_string(), help: None, signalled: 0 }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        let (message, help) = match failure.text().split_once("; ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (failure.text().to_owned(), None),
        };
        Self { message, help, signalled: if failure.text().is_empty() { failure.code() } else { 0 } }
    }
}

async fn run(arguments: Arguments, signals: &mut Signals) -> Result<u8, Failed> {
    let Arguments { flags, executable } = arguments;
    let overrides = LaunchFlags::of(flags.clone()).overrides();
    let settings = Settings::load(flags.file().as_deref(), &overrides).map_err(|error| Failed::because(&error))?;
    let Some(config) = &settings.loaded.config else {
        let errors = settings.problems(|severity| severity == Severity::Error).join("\n");
        let help = Some(errors);
        return Err(Failed { help, ..Failed::because(&"the configuration has errors; nothing was started") });
    };
    let limits = lifetime::Limits::of(config);

    terminal::print_line(&json!({"type": "NewTask", "name": TASK, "parent": null}).to_string());
    let progress = Progress::start(Mode::Json, Sink::Stdout);
    let observer = progress.observer();
    for warning in settings.problems(|severity| severity == Severity::Warning) {
        observer.tell(Event::Warning(warning));
    }
    if std::env::var_os(PRINT_VARIABLE).is_some_and(|value| !value.is_empty() && value != "false") {
        observer.tell(Event::Info(json!(config).to_string()));
    }
    match executable.as_deref().map(|path| (path, program::check(path))) {
        Some((_, Err(error))) => observer.tell(Event::Warning(error.to_string())),
        // The editor starts it, with an environment that does nothing in it.
        Some((path, Ok(Some(reason)))) => observer.tell(Event::Warning(format!(
            "{} {reason}, which an environment alone does not reach: put `launcher` of the last line before its command \
             line, or start it with `mirrord exec` or from a shell",
            path.display()
        ))),
        Some((_, Ok(None))) | None => {}
    }
    let options = Options {
        layer: bundle::layer().map_err(|error| Failed::because(&error))?,
        helper: bundle::helper(),
        environment: settings::variables(),
        working_directory: std::env::current_dir()
            .map_err(|error| Failed::because(&format!("the working directory: {error}")))?,
        program: None,
        place: Place::Cluster,
        by: By::Editor,
        name: None,
        config: settings.loaded,
    };
    let session = exec::start_session(options, &progress, signals).await?;
    progress.settle();
    progress.silence();
    terminal::print_line(&ready(session.injection(), &exec::prefix()).to_string());
    let ended = lifetime::wait(&session, limits, signals).await;
    if tokio::time::timeout(CLEANUP_LIMIT, session.stop()).await.is_err() {
        terminal::say("warning: the session did not end in good order; the agent ends by itself");
    }
    match ended {
        lifetime::Ended::Deserted | lifetime::Ended::Stopped => Ok(0),
        lifetime::Ended::Signal(received) => Ok(received.exit_code()),
        lifetime::Ended::Lost(reason) => Err(Failed::because(&format!("the session is lost: {reason}"))),
    }
}

/// The last line: what a plugin applies to the launch.
fn ready(injection: &Injection, launcher: &[PathBuf]) -> Value {
    let Injection { set, unset } = injection;
    let text = |text: &OsString| text.to_string_lossy().into_owned();
    let environment: serde_json::Map<String, Value> =
        set.iter().map(|(name, value)| (text(name), Value::from(text(value)))).collect();
    let message = json!({
        "environment": environment,
        "patched_path": null,
        "env_to_unset": unset.iter().map(text).collect::<Vec<_>>(),
        "uses_operator": false,
        "launcher": launcher.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
    });
    json!({"type": "FinishedTask", "name": TASK, "success": true, "message": message.to_string()})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::*;

    #[test]
    fn the_last_line_is_what_plugins_read() {
        let set = BTreeMap::from([("A".into(), "1".into()), ("LD_PRELOAD".into(), "/x.so".into())]);
        let line = ready(&Injection { set, unset: vec!["AWS_PROFILE".into()] }, &["/m".into(), "launch".into()]);
        expect![[r#"{"type":"FinishedTask","name":"mirrord preparing to launch","success":true,"message":"{\"environment\":{\"A\":\"1\",\"LD_PRELOAD\":\"/x.so\"},\"patched_path\":null,\"env_to_unset\":[\"AWS_PROFILE\"],\"uses_operator\":false,\"launcher\":[\"/m\",\"launch\"]}"}"#]].assert_eq(&line.to_string());
    }

    #[test]
    fn a_failure_is_split_into_what_and_what_next() {
        let failed = Failed::from(Failure::new(1, &"no target: say whom; use --target"));
        assert_eq!((failed.message.as_str(), failed.help.as_deref()), ("no target: say whom", Some("use --target")));
    }
}
