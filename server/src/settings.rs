//! The user's configuration for a command: file, variables and flags, loaded and complained about.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    hash::{BuildHasher, RandomState},
    io::{self, Read},
    path::{Path, PathBuf},
};

use config::{Code, Loaded, Overrides, Problem, Severity, Source, Span};
use serde_json::Value;

use crate::{git, terminal};

/// The file that `-f` without a value means.
pub(crate) const DEFAULT_FILE: &str = ".mirrord/mirrord.json";

/// Largest file that is read: a configuration written by hand has some KiB, one that is generated perhaps some MiB.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// A configuration with what is needed to talk about it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What came of loading.
    pub(crate) loaded: Loaded,
    /// What was loaded.
    pub(crate) file: File,
}

/// The text of a configuration, before anything is made of it.
#[derive(Debug)]
pub(crate) struct File {
    /// Its name, for messages; the extension tells the syntax.
    pub(crate) name: String,
    /// What it holds; where it is no text, replacement characters.
    pub(crate) text: String,
    /// The first byte that is not UTF-8.
    broken_at: Option<usize>,
}

/// Why there is not even something to check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The system does not give it.
    #[error("cannot read the configuration {path}: {source}")]
    Io {
        /// As the user wrote it.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It has no end, or might as well have none.
    #[error("the configuration {path} is larger than {} MiB, the most that is read: is it the right file?", FILE_LIMIT >> 20)]
    TooLarge {
        /// As the user wrote it.
        path: String,
    },
}

impl File {
    /// Reads `path`; `-` is standard input.
    pub(crate) fn read(path: &Path) -> Result<Self, Unreadable> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = if name == "-" {
            io::stdin().take(FILE_LIMIT + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        };
        match read {
            Err(source) => Err(Unreadable::Io { path: name, source }),
            Ok(len) if len as u64 > FILE_LIMIT => Err(Unreadable::TooLarge { path: name }),
            Ok(_) => Ok(Self::from_bytes(name, bytes)),
        }
    }

    /// A text that stands somewhere else.
    pub(crate) fn inline(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text, broken_at: None }
    }

    fn from_bytes(name: String, bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { name, text, broken_at: None },
            Err(error) => {
                let broken_at = Some(error.utf8_error().valid_up_to());
                Self { name, text: String::from_utf8_lossy(error.as_bytes()).into_owned(), broken_at }
            }
        }
    }

    fn not_utf8(at: usize) -> Problem {
        let replaced = Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
        Problem::new(Code::Syntax, "", replaced, "the file is not UTF-8 from here on")
            .help("save it as UTF-8, or remove what stands there")
    }
}

impl Settings {
    /// Reads `path` (`-` is standard input), lays `overrides` over it, and checks everything.
    pub(crate) fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, Unreadable> {
        let file = path.map(File::read).transpose()?;
        Ok(Self::of(file, overrides))
    }

    /// What `overrides` and the file, if there is one, say together.
    pub(crate) fn of(file: Option<File>, overrides: &Overrides) -> Self {
        let Some(file) = file else {
            let loaded = config::load(None, overrides);
            return Self { loaded, file: File::inline("configuration", String::new()) };
        };
        let mut loaded = config::load(Some(Source { name: &file.name, text: &file.text }), overrides);
        if let Some(at) = file.broken_at {
            // First, because the others may follow from it.
            loaded.problems.insert(0, File::not_utf8(at));
            loaded.config = None;
        }
        Self { loaded, file }
    }

    /// Whether it can be used.
    pub(crate) fn usable(&self) -> bool {
        self.loaded.config.is_some()
    }

    /// All problems of a severity, one printed line each.
    pub(crate) fn problems(&self, worth: impl Fn(Severity) -> bool) -> Vec<String> {
        let problems = self.loaded.problems.iter().filter(|problem| worth(problem.severity));
        problems.map(|problem| terminal::harmless(&problem.render(&self.file.name, &self.file.text))).collect()
    }

    /// Tells every problem on standard error, each on a line that terminals and editors can follow to its place.
    pub(crate) fn complain(&self) {
        for line in self.problems(|severity| severity != Severity::Hint) {
            terminal::say_raw(&line);
        }
    }
}

/// The file that the flags and `MIRRORD_CONFIG_FILE` name.
pub(crate) fn chosen_file(flag: Option<PathBuf>) -> Option<PathBuf> {
    flag.or_else(|| std::env::var_os("MIRRORD_CONFIG_FILE").filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// Our own environment, which programs inherit.
pub(crate) fn variables() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// The environment as far as the language of the configuration can name it: variables that are text.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    variables().into_iter().filter_map(text).collect()
}

/// What a configuration is loaded with besides its text: every command and every editor's launch gets it here.
pub(crate) fn overrides(
    env: BTreeMap<String, String>,
    working_directory: &Path,
    flags: Vec<(String, Value)>,
) -> Overrides {
    Overrides {
        env,
        flags,
        git_branch: git::branch(working_directory),
        random_key: Some(random_key()),
        ..Overrides::default()
    }
}

/// The same for a command line: its own environment and working directory.
pub(crate) fn overrides_here(flags: Vec<(String, Value)>) -> Overrides {
    // Without a working directory there is no branch; whoever needs more says so itself.
    overrides(environment(), &std::env::current_dir().unwrap_or_default(), flags)
}

/// Five random hexadecimal digits.
fn random_key() -> String {
    // Names only: who has to be kept out is kept out by keys of another kind.
    format!("{:05x}", RandomState::new().hash_one(()) & 0xf_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_has_its_place_and_the_rest_is_checked_too() {
        let file = File::from_bytes("m.json".into(), b"{\n  \"nonsense\": \"\xff\"\n}".to_vec());
        let settings = Settings::of(Some(file), &Overrides::default());
        assert!(!settings.usable());
        let lines = settings.problems(|_| true);
        assert!(lines[0].starts_with("m.json:2:16: error[syntax]"), "{lines:?}");
        assert!(lines[1].contains("/nonsense"), "{lines:?}");
    }

    #[test]
    fn keys_have_five_digits_and_differ() {
        let keys: std::collections::BTreeSet<_> = (0..20).map(|_| random_key()).collect();
        assert!(keys.len() > 10 && keys.iter().all(|key| key.len() == 5), "{keys:?}");
    }
}
