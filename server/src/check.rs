//! Configuration files, checked: for people, and as JSON for programs.

use std::path::PathBuf;

use config::{Config, Kind, Overrides, Path, Severity, Target};
use serde_json::{Value, json};

use crate::{cli, exit, settings::Settings, terminal};

/// What `check` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArguments {
    /// Files; ./.mirrord/mirrord.json if none is named
    files: Vec<PathBuf>,
}

/// What `verify-config` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArguments {
    /// An editor asks, which will still ask its user for a target
    #[arg(long)]
    ide: bool,
    /// Print the whole configuration, with defaults
    #[arg(long)]
    resolved: bool,
    /// The file
    path: PathBuf,
}

/// Tells all problems of all files, one a line; errs if there is an error.
pub(crate) fn main(arguments: &CheckArguments) -> u8 {
    let mut code = 0;
    for file in cli::or_default_file(&arguments.files) {
        match Settings::load(Some(&file), &Overrides::default()) {
            Ok(settings) => {
                let problems = settings.problems(|_| true);
                for problem in &problems {
                    terminal::print_line(problem);
                }
                if problems.is_empty() {
                    terminal::print_line(&terminal::harmless(&format!("{}: no problems", file.display())));
                }
                if !settings.usable() {
                    code = exit::USAGE;
                }
            }
            Err(error) => {
                terminal::say_error(&error.to_string());
                code = exit::USAGE;
            }
        }
    }
    code
}

/// Prints what [`VerifyArguments`] ask for; a file with mistakes is no failure.
pub(crate) fn verify(arguments: &VerifyArguments) -> u8 {
    let environment = crate::settings::environment();
    let overrides = Overrides { env: environment, target_pending: arguments.ide, ..Overrides::default() };
    let verdict = match Settings::load(Some(&arguments.path), &overrides) {
        Ok(settings) => verdict(&settings, arguments.resolved),
        Err(error) => json!({"type": "Fail", "errors": [error.to_string()]}),
    };
    terminal::print_line(&verdict.to_string());
    0
}

fn verdict(settings: &Settings, resolved: bool) -> Value {
    let warnings = settings.problems(|severity| severity == Severity::Warning);
    let Some(config) = &settings.loaded.config else {
        let errors = settings.problems(|severity| severity == Severity::Error);
        return json!({"type": "Fail", "errors": errors, "warnings": warnings});
    };
    let Config { target, .. } = config;
    let mut verdict = json!({
        "type": "Success",
        "config": {
            "path": target.as_ref().map(path),
            "namespace": target.as_ref().and_then(|target| target.namespace.clone()),
        },
        "warnings": warnings,
        "compatible_target_types": compatible_types(),
    });
    if resolved {
        verdict["resolved_config"] = serde_json::to_value(config).unwrap_or(Value::Null);
    }
    verdict
}

/// A target's path as an object, the form that plugins of the original read.
fn path(target: &Target) -> Value {
    match &target.path {
        Path::Targetless => json!("targetless"),
        Path::Object { kind, name } => json!({ kind.key(): name, "container": target.container }),
        Path::Labels(labels) => json!({ "label": labels, "container": target.container }),
    }
}

fn compatible_types() -> Vec<&'static str> {
    let kinds = [
        Kind::Pod,
        Kind::Deployment,
        Kind::Rollout,
        Kind::Job,
        Kind::CronJob,
        Kind::StatefulSet,
        Kind::Service,
        Kind::ReplicaSet,
    ];
    ["targetless"].into_iter().chain(kinds.map(Kind::as_str)).collect()
}

/// Prints the schema.
pub(crate) fn schema() -> u8 {
    match serde_json::to_string_pretty(&config::schema()) {
        Ok(schema) => {
            terminal::print_line(&schema);
            0
        }
        Err(error) => {
            terminal::say_error(&format!("the schema cannot be printed: {error}"));
            exit::FAILURE
        }
    }
}
