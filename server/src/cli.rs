//! The command line: which commands there are, and who does what they say.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    check, dap::AdapterWish, demo, editor, env, exec, exit, explain, ext, flags::LaunchFlags, ls, sessions, terminal,
};

/// Run a local program as if it ran in a pod of a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "mirrord", version, arg_required_else_help = true, max_term_width = 110, after_help = FIRST_STEPS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// For whoever types the name alone.
const FIRST_STEPS: &str = "\
First steps:
  mirrord demo                                         see it work, without a cluster
  mirrord targets -n NAMESPACE                         what a program can stand in for
  mirrord exec -n NAMESPACE -t deploy/NAME -- PROGRAM  run it as if it were there";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program with the network, files and environment of a pod
    Exec(Box<ExecArguments>),
    /// See it work on this machine alone, without a cluster and without root; with a program: try that
    Demo(Box<DemoArguments>),
    /// List what a program can stand in for
    Targets {
        #[command(flatten)]
        arguments: ls::Arguments,
        /// Print everything that is known, as JSON
        #[arg(long)]
        json: bool,
    },
    /// List what a program can stand in for, for programs: prints JSON
    #[command(hide = true)]
    Ls(ls::Arguments),
    /// Hold a session for a program that an editor starts, for programs: prints JSON
    #[command(hide = true)]
    Ext(ext::Arguments),
    /// Would this path, host, port or variable be local or remote, and which rule says so?
    Explain(explain::command::Arguments),
    /// Environment variables: what the pod has, and what the program would get
    Env(env::Arguments),
    /// List the sessions on this machine, whoever has started them, or end one
    Sessions(sessions::Arguments),
    /// Check configuration files
    Check(check::CheckArguments),
    /// Check a configuration file, for programs: prints JSON
    #[command(hide = true)]
    VerifyConfig(check::VerifyArguments),
    /// Print the JSON schema of the configuration
    Schema,
    /// Speak the language server protocol on standard input and output
    Lsp,
    /// Speak the debug adapter protocol on standard input and output, or at a Unix socket
    Dap(DapArguments),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// What `exec` is told.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mirrord exec [OPTIONS] -- PROGRAM [ARGUMENTS]...")]
pub(crate) struct ExecArguments {
    #[command(flatten)]
    pub(crate) flags: LaunchFlags,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// What `demo` is told.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mirrord demo [[OPTIONS] -- PROGRAM [ARGUMENTS]...]")]
struct DemoArguments {
    #[command(flatten)]
    flags: LaunchFlags,
    /// A program of your own, to run as if it were in the demonstration's pod
    #[arg(trailing_var_arg = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// What `dap` is told: the debug adapter behind it, when a launch names none, and where it is talked to.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mirrord-ide-server dap [OPTIONS] [-- COMMAND [ARGUMENTS]...]")]
struct DapArguments {
    /// The debug adapter behind it: debugpy, dlv, lldb-dap, codelldb, js-debug or java-debug
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Where it listens already
    #[arg(long, value_name = "IP:PORT", conflicts_with = "command")]
    address: Option<String>,
    /// How another one takes environment variables: as an object, as a list of NAME=VALUE, or from its own process
    #[arg(long, value_name = "SHAPE", value_parser = ["object", "list", "process"])]
    environment: Option<String>,
    /// Programs that it starts in a terminal need their variables there
    #[arg(long)]
    terminal: bool,
    /// It prints the address at which it listens, instead of talking on its standard streams
    #[arg(long)]
    server: bool,
    /// Serve a debug session on each connection to this Unix socket, until told to end, instead of one on standard input
    #[arg(long, value_name = "PATH")]
    listen: Option<PathBuf>,
    /// Another debug adapter, or where one of those is
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl DapArguments {
    /// Speaks DAP as they say.
    fn run(self) -> u8 {
        let Self { adapter, address, environment, terminal, server, listen, command } = self;
        let (server, terminal) = (server.then_some(true), terminal.then_some(true));
        let adapter = AdapterWish { name: adapter, command, server, address, environment, terminal };
        editor::dap(adapter, listen.as_deref())
    }
}

/// Commands that people know, and that this version lacks.
const LACKING: [&str; 20] = [
    "chaos",
    "ci",
    "container",
    "container-ext",
    "db-branches",
    "diagnose",
    "dump",
    "fix",
    "kill",
    "operator",
    "port-forward",
    "preview",
    "qs",
    "queues",
    "session",
    "subscribe",
    "ui",
    "up",
    "vpn",
    "wizard",
];

/// Name of the binary that editors start.
const EDITOR_SERVER: &str = "mirrord-ide-server";

/// Does what `arguments` say.
pub(crate) fn main(mut arguments: Vec<OsString>) -> ExitCode {
    let is_editor_server = arguments.first().map(Path::new).and_then(Path::file_name) == Some(EDITOR_SERVER.as_ref());
    if is_editor_server && arguments.len() == 1 {
        arguments.push("lsp".into());
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output and is no failure; whoever closed it does not read this either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    let code = match cli.command {
        Command::Exec(arguments) => exec::main(*arguments),
        Command::Demo(arguments) => {
            let DemoArguments { flags, program } = *arguments;
            demo::main((!program.is_empty()).then_some(ExecArguments { flags, program }))
        }
        Command::Targets { arguments, json } => ls::targets(arguments, json),
        Command::Ls(arguments) => ls::ls(arguments),
        Command::Ext(arguments) => ext::main(arguments),
        Command::Explain(arguments) => explain::command::main(&arguments),
        Command::Env(arguments) => env::main(arguments),
        Command::Sessions(arguments) => sessions::main(&arguments),
        Command::Check(arguments) => check::main(&arguments),
        Command::VerifyConfig(arguments) => check::verify(&arguments),
        Command::Schema => check::schema(),
        Command::Lsp => editor::lsp(),
        Command::Dap(arguments) => arguments.run(),
        Command::Completions { shell } => completions(shell),
        Command::Other(words) => unknown(&words),
    };
    ExitCode::from(code)
}

/// A runtime for commands that talk to somebody.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, u8> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        terminal::say_error(&format!("cannot start: {error}"));
        exit::FAILURE
    })
}

fn completions(shell: clap_complete::Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mirrord", &mut script);
    terminal::print(&String::from_utf8_lossy(&script));
    0
}

fn unknown(words: &[OsString]) -> u8 {
    let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if LACKING.contains(&word.as_str()) {
        terminal::say_error(&format!("this version does not have the command `{word}` yet"));
        return exit::USAGE;
    }
    let command = Cli::command();
    let known = command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let near = known.map(|name| (strsim::damerau_levenshtein(name, &word), name)).min();
    let hint = near.filter(|(distance, _)| *distance <= 2).map(|(_, name)| format!("; did you mean `{name}`?"));
    let hint = hint.unwrap_or_else(|| "; `mirrord help` lists all".to_owned());
    terminal::say_error(&format!("there is no command `{word}`{hint}"));
    exit::USAGE
}

/// Files to check; those of the usual place if none is named.
pub(crate) fn or_default_file(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { vec![PathBuf::from(crate::settings::DEFAULT_FILE)] } else { files.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_program_keeps_its_own_flags() {
        let cli = Cli::try_parse_from(["mirrord", "exec", "-t", "pod/x", "--", "python3", "-t", "--steal"]);
        let Ok(Cli { command: Command::Exec(arguments) }) = cli else { panic!("{cli:?}") };
        let program = arguments.program;
        assert_eq!(program, ["python3", "-t", "--steal"]);
        let cli = Cli::try_parse_from(["mirrord", "exec", "-t", "pod/x", "python3", "-t", "--", "y"]);
        let Ok(Cli { command: Command::Exec(arguments) }) = cli else { panic!("{cli:?}") };
        let program = arguments.program;
        assert_eq!(program, ["python3", "-t", "--", "y"]);
        assert!(Cli::try_parse_from(["mirrord", "exec", "-t", "pod/x"]).is_err());
    }

    #[test]
    fn an_unknown_flag_is_no_program() {
        for words in [["exec", "-Q", "-t", "pod/x", "python3"], ["demo", "--quiet", "--", "python3", "-c"]] {
            let error = Cli::try_parse_from([&["mirrord"][..], &words].concat()).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::UnknownArgument, "{error}");
        }
    }

    #[test]
    fn commands_that_are_there_are_not_called_lacking() {
        for command in Cli::command().get_subcommands() {
            assert!(!LACKING.contains(&command.get_name()), "{}", command.get_name());
        }
    }
}
