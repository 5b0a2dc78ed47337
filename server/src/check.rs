//! Configuration files, checked: for people, and as JSON for programs.

mod excerpt;
mod repair;
mod report;

use std::path::{Path, PathBuf};

use config::{Config, Kind, Overrides, Severity, Target};
use serde_json::{Value, json};

use crate::{
    cli, exit,
    settings::{self, Settings},
    terminal,
};

/// What `check` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArguments {
    /// Files; ./.mirrord/mirrord.json if none is named; - is standard input
    files: Vec<PathBuf>,
    /// Print all problems as one JSON array
    #[arg(long)]
    json: bool,
    /// Repair what can be repaired with certainty, in the files
    #[arg(long)]
    fix: bool,
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

/// Tells all problems of all files; 1 if there is an error, 2 if a file cannot be read.
pub(crate) fn main(arguments: &CheckArguments) -> u8 {
    let CheckArguments { files, json, fix } = arguments;
    let overrides = settings::overrides_here(Vec::new());
    let mut code = 0;
    let mut reports = Vec::new();
    for file in cli::or_default_file(files) {
        match check(&file, *fix, &overrides) {
            Ok(settings) => {
                if !settings.usable() {
                    code = code.max(exit::FAILURE);
                }
                if *json {
                    reports.extend(report::problems(&settings));
                } else {
                    terminal::print(&excerpt::draw(&settings, terminal::stdout_takes_colour()));
                }
            }
            Err(error) => {
                terminal::say_error(&error);
                code = exit::USAGE;
            }
        }
    }
    if *json {
        terminal::print_line(&format!("{:#}", Value::Array(reports)));
    }
    code
}

fn check(file: &Path, fix: bool, overrides: &Overrides) -> Result<Settings, String> {
    if fix {
        let repaired = repair::repair(file, overrides)?;
        if repaired > 0 {
            terminal::say(&format!("{}: {repaired} repaired", file.display()));
        }
    }
    Settings::load(Some(file), overrides).map_err(|error| error.to_string())
}

/// Prints what [`VerifyArguments`] ask for; a file with mistakes is no failure.
pub(crate) fn verify(arguments: &VerifyArguments) -> u8 {
    let overrides = Overrides { target_pending: arguments.ide, ..settings::overrides_here(Vec::new()) };
    let verdict = match Settings::load(Some(&arguments.path), &overrides) {
        Ok(settings) => verdict(&settings, arguments.resolved),
        Err(error) => json!({"type": "Fail", "errors": [error.to_string()]}),
    };
    terminal::print_line(&verdict.to_string());
    0
}

fn verdict(settings: &Settings, resolved: bool) -> Value {
    let warnings = settings.problems(|severity| severity == Severity::Warning);
    let problems = report::problems(settings);
    let Some(config) = &settings.loaded.config else {
        let errors = settings.problems(|severity| severity == Severity::Error);
        return json!({"type": "Fail", "errors": errors, "warnings": warnings, "problems": problems});
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
        "problems": problems,
    });
    if resolved {
        verdict["resolved_config"] = serde_json::to_value(config).unwrap_or(Value::Null);
    }
    verdict
}

/// A target's path as an object, the form that plugins of the original read.
fn path(target: &Target) -> Value {
    match &target.path {
        config::Path::Targetless => json!("targetless"),
        config::Path::Object { kind, name } => json!({ kind.key(): name, "container": target.container }),
        config::Path::Labels(labels) => json!({ "label": labels, "container": target.container }),
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
