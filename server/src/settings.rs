//! The user's configuration for a command: file, variables and flags, loaded and complained about.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use config::{Loaded, Overrides, Severity, Source};

use crate::terminal;

/// The file that `-f` without a value means.
pub(crate) const DEFAULT_FILE: &str = ".mirrord/mirrord.json";

/// A configuration with what is needed to talk about it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What came of loading.
    pub(crate) loaded: Loaded,
    name: String,
    text: String,
}

/// Why there is not even something to check.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the configuration {path}: {source}")]
pub(crate) struct Unreadable {
    path: String,
    source: std::io::Error,
}

impl Settings {
    /// Reads `file` (`-` is standard input), lays `overrides` over it, and checks everything.
    pub(crate) fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, Unreadable> {
        let Some(file) = file else {
            let loaded = config::load(None, overrides);
            return Ok(Self { loaded, name: "configuration".to_owned(), text: String::new() });
        };
        let name = file.display().to_string();
        let text = if name == "-" { read_stdin() } else { std::fs::read_to_string(file) };
        let text = text.map_err(|source| Unreadable { path: name.clone(), source })?;
        let loaded = config::load(Some(Source { name: &name, text: &text }), overrides);
        Ok(Self { loaded, name, text })
    }

    /// Whether it can be used.
    pub(crate) fn usable(&self) -> bool {
        self.loaded.config.is_some()
    }

    /// All problems of at least `severity`, one printed line each.
    pub(crate) fn problems(&self, worth: impl Fn(Severity) -> bool) -> Vec<String> {
        let problems = self.loaded.problems.iter().filter(|problem| worth(problem.severity));
        problems.map(|problem| terminal::harmless(&problem.render(&self.name, &self.text))).collect()
    }

    /// Tells every problem on standard error, each on a line that terminals and editors can follow to its place.
    pub(crate) fn complain(&self) {
        for line in self.problems(|severity| severity != Severity::Hint) {
            terminal::say_raw(&line);
        }
    }
}

fn read_stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map(|_| text)
}

/// The file that the flags and `MIRRORD_CONFIG_FILE` name.
pub(crate) fn chosen_file(flag: Option<PathBuf>) -> Option<PathBuf> {
    flag.or_else(|| std::env::var_os("MIRRORD_CONFIG_FILE").filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// The environment as far as the language of the configuration can name it: variables that are text.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
