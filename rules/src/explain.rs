//! The reason behind a verdict, and its words.

use std::fmt;

use protocol::policy::FileMode;

/// Which of the user's lists of path patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `feature.fs.not_found`
    NotFound,
    /// `feature.fs.read_write`
    ReadWrite,
    /// `feature.fs.read_only`
    ReadOnly,
    /// `feature.fs.local`
    Local,
}

impl List {
    /// The key's name below `feature.fs`.
    pub fn key(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::ReadWrite => "read_write",
            Self::ReadOnly => "read_only",
            Self::Local => "local",
        }
    }
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A pattern that the user wrote: its list and its place in it, from 0.
    Pattern(List, usize),
    /// A rule that holds unless the user says otherwise, in words.
    Default(&'static str),
    /// Nothing named the path; `feature.fs.mode` decides.
    Mode(FileMode),
    /// An entry of a list, by the list's key and the entry's place in it, from 0.
    Entry(&'static str, usize),
    /// No entry of a list, by its key.
    Unlisted(&'static str),
    /// A setting, by its key.
    Key(&'static str),
    /// A fact about the thing itself, in words.
    Fact(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(list, index) => write!(f, "matches feature.fs.{}[{index}]", list.key()),
            Self::Default(rule) => write!(f, "by default: {rule}"),
            Self::Mode(mode) => {
                let mode = match mode {
                    FileMode::Local => "local",
                    FileMode::LocalWithOverrides => "localwithoverrides",
                    FileMode::Read => "read",
                    FileMode::Write => "write",
                };
                write!(f, "feature.fs.mode is `{mode}`")
            }
            Self::Entry(key, index) => write!(f, "matches {key}[{index}]"),
            Self::Unlisted(key) => write!(f, "no entry of {key} matches"),
            Self::Key(key) => write!(f, "`{key}` says so"),
            Self::Fact(fact) => f.write_str(fact),
        }
    }
}
