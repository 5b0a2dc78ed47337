//! The debug adapters that can stand behind the proxy: one file and one line in [`ADAPTERS`] each.

mod codelldb;
mod debugpy;
mod dlv;
mod env;
mod go_build;
mod java_debug;
mod js_debug;
mod lldb_dap;
mod machine;
mod other;
mod wish;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use protocol::policy::LAUNCH_COMMAND;
use serde_json::Value;

use super::{connection::Place, message::Arguments};
use crate::program::{self, Surroundings};

pub use self::wish::AdapterWish;
pub(super) use self::{
    env::{EnvShape, entries},
    go_build::{Job, Prepare, Prepared},
    machine::Machine,
    wish::Choice,
};

/// What the proxy has to know about a debug adapter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adapter {
    /// How users name it: `"adapter"` in a launch, `--adapter` on the command line.
    pub(super) name: &'static str,
    /// Other names that editors use for it: as `adapterID`, as type of a configuration, as name of its program.
    pub(super) aliases: &'static [&'static str],
    /// Body of its answer to `initialize`. The editor is answered from here, since which interpreter runs the adapter
    /// is only known at launch; what the real one says differently follows as a `capabilities` event.
    pub(super) capabilities: &'static str,
    /// How one talks to it once it runs.
    pub(super) transport: Transport,
    /// The program that it is. Fails with a sentence for the user: what to install.
    pub(super) program: fn(&Arguments, &Machine<'_>) -> Result<PathBuf, String>,
    /// Its arguments.
    pub(super) words: &'static [&'static str],
    /// What must be true before a session is worth starting.
    pub(super) check: fn(&Arguments, &Path) -> Result<(), String>,
    /// What of a launch must be otherwise for the program to get into the cluster.
    pub(super) adapt: fn(&mut Arguments),
    /// What is made before the launch, beside the start of the session.
    pub(super) prepare: Option<Prepare>,
    /// Where an `attach` finds an adapter that runs already, as child sessions do.
    pub(super) listening_at: fn(&Arguments) -> Option<SocketAddr>,
    /// Turns the last words of an adapter that died at start into advice.
    pub(super) advice: fn(&Command, &str) -> Option<String>,
    /// How `launch` takes the program's environment.
    pub(super) environment: EnvShape,
    /// Whether a `runInTerminal` request of the adapter must carry the program's environment too.
    pub(super) terminal_needs_environment: bool,
    /// Whether it gives the program its environment in a terminal only: where the user wants none, we are the terminal.
    pub(super) terminal_only: bool,
}

/// How one talks to an adapter that we start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// On its standard streams.
    Streams,
    /// At the address that it prints.
    Printed,
}

impl Transport {
    /// Where an adapter is that `command` starts.
    pub(super) fn place(self, command: Command) -> Place {
        match self {
            Self::Streams => Place::Start(command),
            Self::Printed => Place::Serve(command),
        }
    }
}

impl Adapter {
    /// What the lines of the table have in common, but for who it is.
    const COMMON: Self = Self {
        name: "",
        aliases: &[],
        capabilities: "{}",
        transport: Transport::Streams,
        program: |_, _| Err("there is no such program".to_owned()),
        words: &[],
        check: |_, _| Ok(()),
        adapt: |_| {},
        prepare: None,
        listening_at: |_| None,
        advice: |_, _| None,
        environment: EnvShape::Object,
        terminal_needs_environment: false,
        terminal_only: false,
    };

    /// What of its capabilities an editor is offered: where something is made before the launch, a restart is a launch, which
    /// makes it again.
    pub(super) fn offered(&self, mut capabilities: Value) -> Value {
        if let (Some(_), Some(all)) = (self.prepare, capabilities.as_object_mut()) {
            all.remove("supportsRestartRequest");
        }
        capabilities
    }

    /// Where the adapter for a launch is. Fails with what to install.
    pub(super) fn place(&self, arguments: &Arguments, machine: &Machine<'_>) -> Result<Place, String> {
        let program = (self.program)(arguments, machine)?;
        Ok(self.transport.place(Command::new(program, self.words)))
    }
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Path or name of the program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// What is laid over our own environment.
    pub(super) injection: session::Injection,
}

impl Command {
    /// A command in our own environment.
    pub(super) fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, injection: session::Injection::default() }
    }

    /// The same command, whose process tells a session of its calls, and that of what it starts.
    pub(super) fn watched(self, injection: &session::Injection) -> Self {
        let Self { program, arguments, injection: _ } = self;
        let path = find_in_path(&program);
        let launch = [LAUNCH_COMMAND.into(), path.into_os_string(), program.into_os_string()];
        Self {
            program: crate::bundle::helper(),
            arguments: launch.into_iter().chain(arguments).collect(),
            injection: injection.clone(),
        }
    }
}

/// Where a program is that was named as shells name them.
fn find_in_path(program: &Path) -> PathBuf {
    let path = std::env::var_os("PATH");
    let surroundings = Surroundings { path: path.as_deref(), working_directory: Path::new("") };
    // One that is not there fails where it is started, and is told of there.
    program::find(program.as_os_str(), surroundings).map_or_else(|_| program.to_owned(), |found| found.path)
}

/// Every adapter; the first is the default.
pub(super) const ADAPTERS: &[Adapter] = &[
    debugpy::DEBUGPY,
    dlv::DLV,
    lldb_dap::LLDB_DAP,
    codelldb::CODELLDB,
    js_debug::JS_DEBUG,
    java_debug::JAVA_DEBUG,
    other::OTHER,
];

/// The adapter that a user named. Fails with a sentence that lists what there is.
pub(super) fn named(name: &str) -> Result<Adapter, String> {
    if let Some(adapter) = known(name) {
        return Ok(adapter);
    }
    let names = || ADAPTERS.iter().filter(|adapter| adapter.name != other::OTHER.name).map(|adapter| adapter.name);
    let likeness = |known: &str| strsim::jaro_winkler(known, &name.to_lowercase());
    let near = names().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|near| likeness(near) > 0.8);
    let guess = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let present = names().collect::<Vec<_>>().join(", ");
    Err(format!(
        "there is no debug adapter `{name}` (there is: {present}; any other can be described by its \"command\" or \"address\"){guess}"
    ))
}

/// The adapter of this name or alias.
pub(super) fn known(name: &str) -> Option<Adapter> {
    ADAPTERS.iter().find(|adapter| adapter.name == name || adapter.aliases.contains(&name)).copied()
}

/// A program of the launch that is to be debugged must be there.
fn check_program(arguments: &Arguments, working_directory: &Path) -> Result<(), String> {
    let Some(program) = arguments.get("program").and_then(Value::as_str) else {
        return Ok(()); // other keys may say what to run; that is the adapter's to check
    };
    if working_directory.join(program).is_file() {
        return Ok(());
    }
    Err(format!("the program `{program}` is no file (looked in {})", working_directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn unknown_adapter_suggests_the_near_one() {
        expect![[r#"there is no debug adapter `debugp` (there is: debugpy, dlv, lldb-dap, codelldb, js-debug, java-debug; any other can be described by its "command" or "address"); did you mean `debugpy`?"#]]
            .assert_eq(&named("debugp").unwrap_err());
        expect![[r#"there is no debug adapter `gdb` (there is: debugpy, dlv, lldb-dap, codelldb, js-debug, java-debug; any other can be described by its "command" or "address")"#]]
            .assert_eq(&named("gdb").unwrap_err());
        assert_eq!(named("python").unwrap().name, "debugpy");
    }

    #[test]
    fn capabilities_in_the_table_are_objects() {
        for adapter in ADAPTERS {
            let body: Value = serde_json::from_str(adapter.capabilities).expect(adapter.name);
            assert!(body.is_object(), "{}", adapter.name);
        }
    }

    #[test]
    fn names_are_of_one_adapter() {
        let names = ADAPTERS.iter().flat_map(|adapter| adapter.aliases.iter().chain([&adapter.name]));
        let mut names: Vec<_> = names.collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn a_missing_adapter_says_what_to_install() {
        let variables = std::collections::BTreeMap::from([("PATH".into(), "/nowhere".into())]);
        let machine = Machine { variables: &variables, working_directory: Path::new("/nowhere") };
        let missing = |adapter: &Adapter| {
            let found = (adapter.program)(&Arguments::new(), &machine);
            found.map_or_else(
                |error| format!("{}: {error}", adapter.name),
                |path| format!("{}: {}", adapter.name, path.display()),
            )
        };
        let missing: Vec<String> = ADAPTERS.iter().map(missing).collect();
        expect![[r#"
            debugpy: python3
            dlv: the debugger dlv is neither in PATH nor in ~/go/bin: run `go install github.com/go-delve/delve/cmd/dlv@latest`, or name its path with "dlvToolPath"
            lldb-dap: the debug adapter lldb-dap is not in PATH: install LLDB (`apt install lldb-19`, `dnf install lldb`), or name its path: "adapter": { "name": "lldb-dap", "command": ["/path/to/lldb-dap"] }
            codelldb: the debug adapter codelldb is neither in PATH nor among the extensions of an editor: install the extension vadimcn.vscode-lldb (or `:MasonInstall codelldb`), or name its path: "adapter": { "name": "codelldb", "command": ["/path/to/adapter/codelldb"] }
            js-debug: the debug adapter js-debug is not in PATH (as js-debug-adapter): `:MasonInstall js-debug-adapter`, or unpack js-debug-dap-*.tar.gz of github.com/microsoft/vscode-js-debug/releases and name it: "adapter": { "name": "js-debug", "command": ["node", "/path/to/js-debug/src/dapDebugServer.js", "0", "127.0.0.1"] }
            java-debug: the debug adapter java-debug runs inside the Java language server: ask that for a port (its command `vscode.java.startDebugSession`), and name it: "adapter": { "name": "java-debug", "address": "127.0.0.1:PORT" }
            other: the launch does not say which debug adapter: name one of the table with "adapter", or describe one: "adapter": { "command": ["PROGRAM", …], "environment": "object" }"#]].assert_eq(&missing.join("\n"));
    }
}
