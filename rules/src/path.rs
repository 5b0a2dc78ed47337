//! Where a path leads: the user's lists, then the defaults, then the mode. The first match decides.

mod defaults;
mod normal;
mod patterns;

use protocol::policy::{FileMode, FilePolicy};

pub use self::normal::normalise;
use self::patterns::Patterns;
use crate::explain::{List, Why};

/// What a call does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It looks: open for reading, stat, access without `W_OK`, readlink.
    Read,
    /// It may change or create something.
    Write,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This machine's.
    Local,
    /// The target's.
    Remote,
    /// Nobody's: `ENOENT`.
    NotFound,
}

/// A decision and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whose file it is.
    pub place: Place,
    /// The rule that says so.
    pub why: Why,
}

/// The rules for paths, ready to be asked often.
///
/// A question about a local path allocates nothing (unless the path is written with `..`, `.` or doubled slashes), and
/// without patterns of the user no regular expression is ever built.
#[derive(Debug)]
pub struct PathRules {
    policy: FilePolicy,
    executable: Vec<u8>,
    patterns: Patterns,
}

impl PathRules {
    /// Rules of `policy`, for a process whose own file is `executable` (which stays local).
    pub fn new(policy: &FilePolicy, executable: &[u8]) -> Self {
        Self { patterns: Patterns::new(policy), policy: policy.clone(), executable: executable.to_vec() }
    }

    /// Whether `path` is the target's for this kind of access.
    pub fn decide(&self, path: &[u8], access: Access) -> Verdict {
        let verdict = |place, why| Verdict { place, why };
        if path.first() != Some(&b'/') {
            return verdict(Place::Local, Why::Fact("a relative path"));
        }
        let path = &*normalise(path);
        let resolver_file = defaults::is_resolver_file(path);
        if self.policy.mode == FileMode::Local {
            return if resolver_file && self.policy.resolver_files_remote && access == Access::Read {
                verdict(Place::Remote, RESOLVER_FILES)
            } else {
                verdict(Place::Local, Why::Mode(FileMode::Local))
            };
        }
        if let Some((list, index)) = self.patterns.first_match(path) {
            let place = match (list, access) {
                (List::NotFound, _) => Place::NotFound,
                (List::ReadWrite, _) | (List::ReadOnly, Access::Read) => Place::Remote,
                (List::ReadOnly, Access::Write) | (List::Local, _) => Place::Local,
            };
            return verdict(place, Why::Pattern(list, index));
        }
        if let Some(rule) = defaults::not_found(&self.policy.home, path) {
            return verdict(Place::NotFound, rule);
        }
        if resolver_file {
            let remote = self.policy.resolver_files_remote && access == Access::Read;
            let place = if remote { Place::Remote } else { Place::Local };
            return verdict(place, RESOLVER_FILES);
        }
        if access == Access::Read
            && let Some(rule) = defaults::remote_read(path)
        {
            return verdict(Place::Remote, rule);
        }
        if let Some(rule) = defaults::local(&self.policy, &self.executable, path) {
            return verdict(Place::Local, rule);
        }
        let place = match (self.policy.mode, access) {
            (FileMode::Write, _) | (FileMode::Read, Access::Read) => Place::Remote,
            (FileMode::Read | FileMode::Local | FileMode::LocalWithOverrides, _) => Place::Local,
        };
        verdict(place, Why::Mode(self.policy.mode))
    }

    /// Patterns that are no regular expressions and therefore match nothing, each with its fault. Builds all of them.
    pub fn faults(&self) -> Vec<String> {
        self.patterns.faults()
    }
}

const RESOLVER_FILES: Why =
    Why::Default("resolv.conf and hosts belong to whoever resolves names (feature.network.dns)");

#[cfg(test)]
mod tests;
