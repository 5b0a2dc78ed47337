//! The debug adapters that can stand behind the proxy: one file and one line in [`ADAPTERS`] each.

mod debugpy;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use protocol::policy::LAUNCH_COMMAND;
use serde_json::Value;

use super::message::Arguments;
use crate::program::{self, Surroundings};

/// What the proxy has to know about a debug adapter.
#[derive(Debug)]
pub(super) struct Adapter {
    /// How users name it: `"adapter"` in a launch, `--adapter` on the command line.
    pub(super) name: &'static str,
    /// Other names that editors use for it, as `adapterID` or as type of a configuration.
    pub(super) aliases: &'static [&'static str],
    /// Body of its answer to `initialize`. The editor is answered from here, since which interpreter runs the adapter
    /// is only known at launch; what the real one says differently follows as a `capabilities` event.
    pub(super) capabilities: &'static str,
    /// The command that runs it on its standard streams.
    pub(super) command: fn(&Arguments) -> Command,
    /// What must be true before a session is worth starting.
    pub(super) check: fn(&Arguments, &Path) -> Result<(), String>,
    /// Where an `attach` finds an adapter that runs already, as child sessions do.
    pub(super) listening_at: fn(&Arguments) -> Option<SocketAddr>,
    /// Turns the last words of an adapter that died at start into advice.
    pub(super) advice: fn(&Command, &str) -> Option<String>,
    /// How `launch` takes the program's environment.
    pub(super) environment: EnvShape,
    /// Whether a `runInTerminal` request of the adapter must carry the program's environment too.
    pub(super) terminal_needs_environment: bool,
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
pub(super) const ADAPTERS: &[Adapter] = &[debugpy::DEBUGPY];

/// The adapter that a user named. Fails with a sentence that lists what there is.
pub(super) fn named(name: &str) -> Result<&'static Adapter, String> {
    if let Some(adapter) = known(name) {
        return Ok(adapter);
    }
    let names = || ADAPTERS.iter().map(|adapter| adapter.name);
    let near = names().find(|known| strsim::jaro_winkler(known, &name.to_lowercase()) > 0.8);
    let guess = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let present = names().collect::<Vec<_>>().join(", ");
    Err(format!("there is no debug adapter `{name}` (there is: {present}){guess}"))
}

/// The adapter of this name or alias.
pub(super) fn known(name: &str) -> Option<&'static Adapter> {
    ADAPTERS.iter().find(|adapter| adapter.name == name || adapter.aliases.contains(&name))
}

/// The shape in which an adapter takes environment variables. A wrong shape is ignored in silence by some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnvShape {
    /// An object; `null` removes a variable.
    Object,
}

impl EnvShape {
    /// Lays `injection` over `arguments.env`. Gives the names that cannot be expressed: JSON has no bytes.
    pub(super) fn apply(self, arguments: &mut Arguments, injection: &session::Injection) -> Vec<String> {
        let Self::Object = self;
        let env = arguments.entry("env").or_insert_with(|| Value::Object(Arguments::new()));
        if !env.is_object() {
            *env = Value::Object(Arguments::new());
        }
        let env = env.as_object_mut().expect("it was made an object above");
        let mut inexpressible = Vec::new();
        for (name, value) in &injection.set {
            match (name.to_str(), value.to_str()) {
                (Some(name), Some(value)) => drop(env.insert(name.to_owned(), Value::from(value))),
                _ => inexpressible.push(name.to_string_lossy().into_owned()),
            }
        }
        for name in &injection.unset {
            match name.to_str() {
                Some(name) => drop(env.insert(name.to_owned(), Value::Null)),
                None => inexpressible.push(name.to_string_lossy().into_owned()),
            }
        }
        inexpressible
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn unknown_adapter_suggests_the_near_one() {
        expect!["there is no debug adapter `debugp` (there is: debugpy); did you mean `debugpy`?"]
            .assert_eq(&named("debugp").unwrap_err());
        expect!["there is no debug adapter `gdb` (there is: debugpy)"].assert_eq(&named("gdb").unwrap_err());
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
    fn injection_is_laid_over_what_the_user_wrote() {
        let mut arguments = json!({"env": {"A": "1", "B": "2"}}).as_object().unwrap().clone();
        let injection = session::Injection {
            set: [("B".into(), "3".into()), ("C".into(), OsString::from_vec(vec![255]))].into(),
            unset: vec!["D".into()],
        };
        assert_eq!(EnvShape::Object.apply(&mut arguments, &injection), ["C"]);
        expect![[r#"{"env":{"A":"1","B":"3","D":null}}"#]].assert_eq(&Value::Object(arguments).to_string());
    }
}
