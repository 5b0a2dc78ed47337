//! `mirrord env diff`: which variables the program would get, where each comes from, and what was left out.

mod json;
mod reason;
mod text;

use clap::{Args, Subcommand};
use config::{
    Env,
    feature::env::{
        Account,
        account::{Entry, Source},
    },
};
use session::{Options, Place, event::Event, view::By};

use crate::{
    bundle,
    demo::make_pod,
    exec::{self, CLEANUP_LIMIT, Failure},
    exit,
    flags::LaunchFlags,
    progress::{Mode, Progress, Sink},
    settings::{self, Settings},
    signals::Signals,
    terminal,
};

/// What `env` is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the environments of this machine, of the pod, and of the program that `exec` would start
    ///
    /// Starts an agent and reads the pod's real environment, as `exec` does with the same flags and the same file; no
    /// program is run. A line tells whether a variable is set (***) here, in the pod and for the program, and who has
    /// the last word. `+` is new to the program, `~` has another value than here, `-` is taken away; lines without a
    /// mark are variables of the pod that the program does not get, with the rule that keeps them away.
    Diff(Box<DiffArguments>),
}

/// What `env diff` is told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct DiffArguments {
    #[command(flatten)]
    flags: LaunchFlags,
    /// Show values, which are hidden because many are secrets
    #[arg(long)]
    show: bool,
    /// Show all variables, those that are the same everywhere and those of this machine alone, too
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// In the demonstration's pod on this machine, without a cluster
    #[arg(long, hide = true)]
    demo: bool,
}

/// Does what `arguments` say; gives the exit code: 0 whether there are differences or not, 2 for mistakes in the
/// configuration, 1 when the pod's environment cannot be read.
pub(crate) fn main(arguments: Arguments) -> u8 {
    let Command::Diff(arguments) = arguments.command;
    exec::command(async |signals| Box::pin(diff(*arguments, signals)).await)
}

async fn diff(arguments: DiffArguments, signals: &mut Signals) -> Result<u8, Failure> {
    let DiffArguments { flags, show, all, json, demo } = arguments;
    let (flags, place) =
        if demo { (flags.or_target("pod/demo-pod"), Place::Local(make_pod().await?)) } else { (flags, Place::Cluster) };
    let settings = Settings::load(flags.core.file_or_usual().as_deref(), &flags.overrides())
        .map_err(|error| Failure::new(exit::USAGE, &error))?;
    settings.complain();
    let Some(config) = settings.loaded.config.clone() else {
        return Err(Failure::new(exit::USAGE, &"the configuration has errors; nothing was started"));
    };
    let options = Options {
        config: settings.loaded,
        layer: bundle::layer().map_err(|error| Failure::new(exit::FAILURE, &error))?,
        helper: bundle::helper(),
        environment: settings::variables(),
        working_directory: std::env::current_dir()
            .map_err(|error| Failure::new(exit::FAILURE, &format!("the working directory: {error}")))?,
        program: None,
        place,
        by: By::Terminal,
        name: None,
    };
    let progress = Progress::start(Mode::chosen(), Sink::Stderr);
    let started = exec::start_session(options, &progress, signals).await;
    let session = match started {
        Ok(session) => session,
        Err(failure) => {
            progress.settle();
            return Err(failure);
        }
    };
    if config.feature.env.load_from_process {
        progress.observer().tell(Event::Info("programs import these variables themselves when they start".to_owned()));
    }
    progress.settle();
    let report = Report { env: &config.feature.env, account: session.environment(), show, all };
    if json {
        terminal::print_line(&json::of(&report).to_string());
    } else {
        terminal::print(&text::of(&report, text::Style::of_stdout()));
    }
    if tokio::time::timeout(CLEANUP_LIMIT, session.stop()).await.is_err() {
        terminal::say("warning: the session did not end in good order; the agent ends by itself");
    }
    Ok(0)
}

/// What is shown, and how much of it.
struct Report<'a> {
    env: &'a Env,
    account: &'a Account,
    /// With values.
    show: bool,
    /// With variables about which nothing is to be told.
    all: bool,
}

/// What a variable becomes for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is new.
    Added,
    /// It has another value than here.
    Changed,
    /// It is gone.
    Removed,
    /// It is as it is here.
    Kept,
}

impl Change {
    fn of(entry: &Entry) -> Self {
        match (&entry.local, &entry.effective) {
            (None, Some(_)) => Self::Added,
            (Some(_), None) => Self::Removed,
            (Some(local), Some(effective)) if local != effective => Self::Changed,
            _ => Self::Kept,
        }
    }
}

/// Whether there is something to tell of a variable: the three sides are not of one mind. What only this machine has is
/// nothing of the pod's.
fn differs(entry: &Entry) -> bool {
    let remote = entry.remote.as_ref().map(|variable| &variable.value);
    Change::of(entry) != Change::Kept || (remote.is_some() && remote != entry.effective.as_ref())
}

/// Whether the pod's value does not reach the program.
fn is_left_out(entry: &Entry) -> bool {
    entry.remote.is_some() && entry.source == Source::Local
}

#[cfg(test)]
mod tests;
