//! `mirrord exec`: a session around one program.

mod launcher;
mod prefix;
mod rest;
mod supervise;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use protocol::policy::{LAUNCH_COMMAND, PREFIX_COMMAND};
use rules::executable::Reason;
use session::{Injection, Options, Place, Session, event::Event, view::By};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::{
    bundle, cli, exit,
    program::{self, Found, Surroundings},
    progress::{Mode, Progress, Sink},
    settings::{self, Settings},
    signals::Signals,
    terminal,
};

/// A start that was cancelled undoes what it did; one that cannot is not waited for any longer.
pub(crate) const CLEANUP_LIMIT: Duration = Duration::from_secs(5);

/// Variable that the processes of a session have: a session in a session is refused.
const SESSION_VARIABLE: &str = "MIRRORD_SESSION_SOCKET";

/// Why the program does not run, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// A failure with `code`, told as `error` tells itself.
    pub(crate) fn new(code: u8, error: &impl ToString) -> Self {
        Self { code, text: error.to_string() }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// What it says; nothing when a signal ended us.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Tells the user, if there is something to tell; gives the exit code.
    pub(crate) fn tell(self) -> u8 {
        if !self.text.is_empty() {
            terminal::say_error(&self.text);
        }
        self.code
    }
}

/// Runs the program; gives its exit code, or one of ours.
pub(crate) fn main(arguments: cli::ExecArguments) -> u8 {
    command(async |signals| run(arguments, Place::Cluster, signals).await)
}

/// Runs a command that talks to somebody and that signals may end in good order; gives its exit code.
pub(crate) fn command(body: impl AsyncFnOnce(&mut Signals) -> Result<u8, Failure>) -> u8 {
    let runtime = match cli::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let code = runtime.block_on(async {
        let mut signals =
            Signals::new().map_err(|error| Failure::new(exit::FAILURE, &format!("cannot receive signals: {error}")))?;
        body(&mut signals).await
    });
    // What still blocks, such as a credential plugin that waits for a login, does not hold the exit up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code.unwrap_or_else(Failure::tell)
}

/// Runs the program in a session with an agent at `place`.
pub(crate) async fn run(arguments: cli::ExecArguments, place: Place, signals: &mut Signals) -> Result<u8, Failure> {
    let launch = prepare(arguments, place)?;
    let progress = Progress::start(Mode::chosen(), Sink::Stderr);
    let started = start_session(launch.options, &progress, signals).await;
    if let (Ok(_), Some(reason)) = (&started, launch.program.found.watched) {
        progress.observer().tell(Event::Info(watching(&launch.program.name, reason)));
    }
    progress.settle();
    let session = started?;
    let code = match spawn(&launch.program, &launch.arguments, &session) {
        Ok(child) => supervise::supervise(child, &session, signals).await,
        Err(error) => {
            let path = launch.program.found.path.display();
            Failure::new(exit::CANNOT_RUN, &format!("{path} cannot be run: {error}")).tell()
        }
    };
    if tokio::time::timeout(CLEANUP_LIMIT, session.stop()).await.is_err() {
        terminal::say("warning: the session did not end in good order; the agent ends by itself");
    }
    Ok(code)
}

/// The program, found and judged.
struct Program {
    /// What the user typed: its `argv[0]`.
    name: OsString,
    found: Found,
}

struct Launch {
    program: Program,
    arguments: Vec<OsString>,
    options: Options,
}

/// Everything that can be wrong on this machine, found before anything happens in the cluster.
fn prepare(arguments: cli::ExecArguments, place: Place) -> Result<Launch, Failure> {
    let cli::ExecArguments { flags, program } = arguments;
    if std::env::var_os(SESSION_VARIABLE).is_some() {
        let text = format!("this is already a program of a session; unset {SESSION_VARIABLE} to start another one");
        return Err(Failure::new(exit::USAGE, &text));
    }
    let settings = Settings::load(flags.core.file_of_launch().as_deref(), &flags.overrides())
        .map_err(|error| Failure::new(exit::USAGE, &error))?;
    settings.complain();
    if !settings.usable() {
        return Err(Failure::new(exit::USAGE, &"the configuration has errors; nothing was started"));
    }
    let mut words = program.into_iter();
    let name = words.next().expect("clap wants at least one");
    let working_directory = std::env::current_dir()
        .map_err(|error| Failure::new(exit::FAILURE, &format!("the working directory: {error}")))?;
    let path_variable = std::env::var_os("PATH");
    let surroundings = Surroundings { path: path_variable.as_deref(), working_directory: &working_directory };
    let found = program::find(&name, surroundings).map_err(|error| Failure::new(error.exit_code(), &error))?;
    let layer = bundle::layer().map_err(|error| Failure::new(exit::FAILURE, &error))?;
    let options = Options {
        config: settings.loaded,
        layer,
        helper: bundle::helper(),
        environment: settings::variables(),
        working_directory,
        program: Some(found.path.clone()),
        place,
        by: By::Terminal,
        name: None,
    };
    Ok(Launch { program: Program { name, found }, arguments: words.collect(), options })
}

/// Starts a session; a signal that ends us cancels the start, and nothing is left behind.
pub(crate) async fn start_session(
    options: Options,
    progress: &Progress,
    signals: &mut Signals,
) -> Result<Session, Failure> {
    let cancel = CancellationToken::new();
    let mut start = Box::pin(Session::start(options, progress.observer(), cancel.clone()));
    loop {
        tokio::select! {
            started = &mut start => return started.map_err(|error| Failure::new(code_of(&error), &error)),
            received = signals.next() => {
                if !received.ends() {
                    continue;
                }
                cancel.cancel();
                tokio::select! {
                    // Ready in the same moment: it is ended like any other.
                    started = tokio::time::timeout(CLEANUP_LIMIT, &mut start) => if let Ok(Ok(session)) = started {
                        session.stop().await;
                    },
                    // Somebody insists.
                    _ = signals.next() => {}
                }
                return Err(Failure::new(received.exit_code(), &""));
            }
        }
    }
}

fn code_of(error: &session::Error) -> u8 {
    match error {
        session::Error::Refused(_) => exit::USAGE,
        _ => exit::FAILURE,
    }
}

/// Which engine serves the program, and what that means for it.
fn watching(name: &OsStr, reason: Reason) -> String {
    let text =
        format!("{} {reason}: instead of a library in it, the kernel tells mirrord of its calls", name.display());
    // Root needs no `PR_SET_NO_NEW_PRIVS`.
    let privileged = nix::unistd::geteuid().is_root();
    if privileged { text } else { text + "; sudo and the like do not work below it" }
}

/// Starts the program with what the session injects. It keeps our terminal, our process group, and our standard
/// streams.
fn spawn(program: &Program, arguments: &[OsString], session: &Session) -> std::io::Result<Child> {
    let injection = session.injection();
    let Program { name, found: Found { path, watched: reason } } = program;
    let mut command;
    if reason.is_some() {
        command = Command::new(bundle::helper());
        command.arg(LAUNCH_COMMAND).arg(path).arg(name);
        apply(&mut command, &watched(injection, session.imported()));
    } else {
        command = Command::new(path);
        command.arg0(name);
        apply(&mut command, injection);
    }
    command.args(arguments).spawn()
}

/// What stands before a program's command line where somebody else starts it in the environment of a session: it chooses
/// the engine, as we do here.
pub(crate) fn prefix() -> [PathBuf; 2] {
    [bundle::helper(), PREFIX_COMMAND.into()]
}

/// An injection for programs that are watched: our library would do nothing in them, or kill them. So nobody in them would
/// import what processes of the session import themselves.
pub(crate) fn watched(injection: &Injection, imported: &Injection) -> Injection {
    let Injection { mut set, mut unset } = imported.clone();
    set.retain(|name, _| !injection.unset.contains(name));
    set.extend(injection.set.clone());
    set.remove(OsStr::new("LD_PRELOAD"));
    unset.extend(injection.unset.iter().cloned());
    unset.retain(|name| !set.contains_key(name));
    Injection { set, unset }
}

/// Applies an injection to a launch.
pub(crate) fn apply(command: &mut Command, injection: &Injection) {
    let Injection { set, unset } = injection;
    for name in unset {
        command.env_remove(name);
    }
    command.envs(set);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_gets_what_it_cannot_import() {
        let injection = |set: &[(&str, &str)], unset: &[&str]| Injection {
            set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            unset: unset.iter().map(|name| (*name).into()).collect(),
        };
        let ours =
            injection(&[("LD_PRELOAD", "layer.so"), ("SOCKET", "s"), ("BOTH", "ours"), ("GONE", "no")], &["OURS"]);
        let imported = injection(&[("COLOR", "blue"), ("BOTH", "pod"), ("OURS", "pod")], &["GONE", "HERE"]);
        let expected =
            injection(&[("SOCKET", "s"), ("BOTH", "ours"), ("GONE", "no"), ("COLOR", "blue")], &["HERE", "OURS"]);
        assert_eq!(watched(&ours, &imported), expected);
    }
}
