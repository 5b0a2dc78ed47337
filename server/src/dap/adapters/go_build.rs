//! Go programs are built before they are debugged: dlv would give the whole toolchain, some hundred processes, the
//! environment of the cluster. What was built is removed with the debug session.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
};

use futures::future::BoxFuture;
use protocol::text::harmless_lines;
use serde_json::Value;
use session::event::{Event, Observer, Step};
use tempfile::TempDir;

use super::check_program;
use crate::dap::message::Arguments;

/// What is to be made ready.
#[derive(Debug)]
pub(in crate::dap) struct Job {
    /// The launch.
    pub(in crate::dap) arguments: Arguments,
    /// The environment that the program would have without us.
    pub(in crate::dap) environment: BTreeMap<OsString, OsString>,
    /// What relative paths of the launch are relative to.
    pub(in crate::dap) working_directory: PathBuf,
    /// Who hears of it.
    pub(in crate::dap) observer: Observer,
}

/// What has become of it.
#[derive(Debug)]
pub(in crate::dap) struct Prepared {
    /// The launch as the adapter gets it.
    pub(in crate::dap) arguments: Arguments,
    /// What was made, removed when this is dropped.
    pub(in crate::dap) folder: Option<TempDir>,
}

/// Makes a launch ready. Fails with a sentence for the user.
pub(in crate::dap) type Prepare = fn(Job) -> BoxFuture<'static, Result<Prepared, String>>;

/// Lines of a compiler's words that a message has.
const WORDS_LIMIT: usize = 24;

/// What a launch wants built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Program,
    Tests,
}

/// As dlv's `mode` says; `auto` is the Go extension's word for what the file's name tells.
fn kind(arguments: &Arguments) -> Option<Kind> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    match text("mode") {
        Some("test") => Some(Kind::Tests),
        Some("auto") if text("program").is_some_and(|program| program.ends_with("_test.go")) => Some(Kind::Tests),
        None | Some("debug" | "auto" | "") => Some(Kind::Program),
        Some(_) => None,
    }
}

/// A file to execute, or a file or folder of Go.
pub(super) fn check(arguments: &Arguments, working_directory: &Path) -> Result<(), String> {
    let program = arguments.get("program").and_then(Value::as_str).unwrap_or(".");
    match kind(arguments) {
        None => check_program(arguments, working_directory),
        Some(_) if working_directory.join(program).exists() => Ok(()),
        Some(_) => Err(format!(
            "the Go program `{program}` is neither file nor folder (looked in {})",
            working_directory.display()
        )),
    }
}

/// Builds what the launch wants debugged, and makes it a launch of that. Fails with the compiler's words.
pub(super) async fn prepare(job: Job) -> Result<Prepared, String> {
    let Job { mut arguments, environment, working_directory, observer } = job;
    let program = working_directory.join(arguments.get("program").and_then(Value::as_str).unwrap_or("."));
    let Some(kind) = kind(&arguments) else {
        arguments.insert("program".to_owned(), program.to_string_lossy().into());
        return Ok(Prepared { arguments, folder: None });
    };
    let (package_folder, package) = package(kind, &program);
    let cannot = |error: std::io::Error| format!("cannot make a folder for the Go program: {error}");
    let told = arguments.remove("output").as_ref().and_then(Value::as_str).map(|output| working_directory.join(output));
    let (output, folder) = if let Some(output) = told {
        (output, None)
    } else {
        let folder = tempfile::Builder::new().prefix("mirrord-go-").tempdir().map_err(cannot)?;
        // Called as dlv calls it. As the folder is called would be unsafe: a program called `go` is taken for the
        // toolchain, which stays on this machine.
        (folder.path().join("__debug_bin"), Some(folder))
    };
    let words = words(kind, &output, &flags(arguments.remove("buildFlags"))?, &package);
    observer.step(Step::Building { program: program.display().to_string() });
    let built = tokio::process::Command::new("go")
        .args(&words)
        .env_clear()
        .envs(&environment)
        .current_dir(&package_folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let built = built.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            "cannot build the Go program: `go` is not in PATH; install Go, or build it yourself and use \"mode\": \"exec\""
                .to_owned()
        }
        _ => format!("cannot build the Go program: `go` cannot be run: {error}"),
    })?;
    let said = said(&[built.stderr, built.stdout].concat());
    if !built.status.success() {
        let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        let hint = if package == "." {
            ""
        } else {
            "\nOnly this file was built, as dlv does: name its folder as \"program\" to build the whole package"
        };
        return Err(format!("`go {line}` failed in {}:\n{said}{hint}", package_folder.display()));
    }
    if !said.is_empty() {
        observer.tell(Event::Info(format!("go says:\n{said}")));
    }
    arguments.insert("mode".to_owned(), "exec".into());
    arguments.insert("program".to_owned(), output.to_string_lossy().into());
    if kind == Kind::Tests {
        // Tests run where their files are.
        arguments.entry("cwd").or_insert_with(|| package_folder.to_string_lossy().into());
    }
    Ok(Prepared { arguments, folder })
}

/// Where `go` runs, and what it builds there: it has to be inside of the module. A file is built alone, as dlv does; tests
/// are those of the whole folder.
fn package(kind: Kind, program: &Path) -> (PathBuf, String) {
    match (program.parent(), program.file_name()) {
        (Some(folder), Some(file)) if !program.is_dir() => match kind {
            Kind::Program => (folder.to_owned(), format!("./{}", file.to_string_lossy())),
            Kind::Tests => (folder.to_owned(), ".".to_owned()),
        },
        _ => (program.to_owned(), ".".to_owned()),
    }
}

/// The words after `go`: those of dlv, so that variables and lines are where the source has them.
fn words(kind: Kind, output: &Path, flags: &[String], package: &str) -> Vec<String> {
    let command: &[&str] = match kind {
        Kind::Program => &["build"],
        Kind::Tests => &["test", "-c"],
    };
    let output = output.to_string_lossy();
    let fixed = command.iter().copied().chain(["-o", &output, "-gcflags", "all=-N -l"]);
    fixed.map(str::to_owned).chain(flags.iter().cloned()).chain([package.to_owned()]).collect()
}

/// `buildFlags`: a list, or a text with quotes as in shells.
fn flags(value: Option<Value>) -> Result<Vec<String>, String> {
    let unfit = |value: &Value| format!("\"buildFlags\" is a text or a list of texts for `go build`, not `{value}`");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => shlex::split(&text).ok_or_else(|| unfit(&text.into())),
        Some(Value::Array(words)) => {
            words.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(|| unfit(word))).collect()
        }
        Some(other) => Err(unfit(&other)),
    }
}

/// What a compiler said, within limits: the first mistakes are those that the others follow from.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text.lines().take(WORDS_LIMIT + 1).collect();
    if lines.len() > WORDS_LIMIT {
        lines[WORDS_LIMIT] = "…";
    }
    harmless_lines(&lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(value: Value) -> Arguments {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn modes_tell_what_is_built() {
        for (launch, expected) in [
            (json!({}), Some(Kind::Program)),
            (json!({"mode": "debug"}), Some(Kind::Program)),
            (json!({"mode": "test"}), Some(Kind::Tests)),
            (json!({"mode": "auto", "program": "/x/a_test.go"}), Some(Kind::Tests)),
            (json!({"mode": "auto", "program": "/x/a.go"}), Some(Kind::Program)),
            (json!({"mode": "exec"}), None),
            (json!({"mode": "core"}), None),
        ] {
            assert_eq!(kind(&arguments(launch.clone())), expected, "{launch}");
        }
    }

    #[test]
    fn build_flags_are_texts_or_lists() {
        assert_eq!(flags(Some(json!("-tags 'a b' -race"))).unwrap(), ["-tags", "a b", "-race"]);
        assert_eq!(flags(Some(json!(["-tags", "a b"]))).unwrap(), ["-tags", "a b"]);
        assert!(flags(None).unwrap().is_empty());
        for wrong in [json!(7), json!("-tags 'a"), json!(["-x", 1])] {
            flags(Some(wrong)).expect_err("that is none");
        }
    }

    #[test]
    fn go_runs_where_the_package_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("main.go");
        std::fs::write(&file, "").unwrap();
        let here = folder.path().to_owned();
        assert_eq!(package(Kind::Program, &file), (here.clone(), "./main.go".to_owned()));
        assert_eq!(package(Kind::Tests, &file), (here.clone(), ".".to_owned()));
        assert_eq!(package(Kind::Program, folder.path()), (here, ".".to_owned()));
    }

    #[test]
    fn what_a_compiler_says_is_bounded_and_harmless() {
        let text = "mistake\u{1b}\n".repeat(100);
        let said = said(text.as_bytes());
        assert_eq!(said.lines().count(), WORDS_LIMIT + 1);
        assert!(said.ends_with('…') && !said.contains('\u{1b}'), "{said}");
    }
}
