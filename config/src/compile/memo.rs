//! Remembers which patterns compile: an editor checks the same ones with each key that is pressed.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::{Invalid, Jq, JsonPath, regex_ignoring_case};

/// What a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    /// A regular expression.
    Regex,
    /// A JSONPath.
    JsonPath,
    /// A jq program.
    Jq,
}

/// Most patterns that are remembered, and the longest of them.
const MAX_PATTERNS: usize = 4096;
const MAX_PATTERN_BYTES: usize = 1024;

/// What was said about each pattern.
type Known = HashMap<(Language, Box<str>), Option<Invalid>>;

/// Why `pattern` does not compile; `None`: it does.
pub(crate) fn problem(language: Language, pattern: &str) -> Option<Invalid> {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

    let key = (language, pattern.into());
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return known.clone();
    }
    let problem = match language {
        Language::Regex => regex_ignoring_case(pattern).err(),
        Language::JsonPath => JsonPath::compile(pattern).err(),
        Language::Jq => Jq::compile(pattern).err(),
    };
    if pattern.len() <= MAX_PATTERN_BYTES {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_PATTERNS {
            known.clear();
        }
        known.insert(key, problem.clone());
    }
    problem
}
