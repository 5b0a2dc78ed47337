//! Where a path leads: the user's rewrites, the user's lists, then the defaults, then the mode. The first match decides.

mod defaults;
mod normal;
mod patterns;
mod program;

use std::{borrow::Cow, sync::Arc};

use protocol::policy::{FileMode, FilePolicy};

pub use self::{normal::normalise, program::Program};
use self::{patterns::Patterns, program::OwnFiles};
use crate::explain::{List, Why};

/// What a call does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It looks: open for reading, stat, access without `W_OK`, readlink.
    Read,
    /// It may change or create something.
    Write,
}

impl Access {
    /// What open(2) with `flags` does to a file.
    pub fn of_open(flags: i32) -> Self {
        let changes = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
        if flags & libc::O_PATH == 0 && (flags & libc::O_ACCMODE != libc::O_RDONLY || flags & changes != 0) {
            Self::Write
        } else {
            Self::Read
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whose file it is.
    pub place: Place,
    /// The rule that says so.
    pub why: Why,
    /// The path to use instead of the one that was asked about, wherever it leads.
    pub mapped: Option<Mapped>,
}

impl Verdict {
    /// The path that the call is really about; `asked` is the one that the program used.
    pub fn path<'a>(&'a self, asked: &'a [u8]) -> &'a [u8] {
        self.mapped.as_ref().map_or(asked, |mapped| &mapped.path)
    }
}

/// A path that the user's mapping has rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// What it has become: what the user wrote, so perhaps relative, or with a NUL in it.
    pub path: Vec<u8>,
    /// Place of the rewrite in the mapping, from 0.
    pub rule: usize,
}

/// The rules for paths, ready to be asked often.
///
/// A question about a local path allocates nothing (unless the path is written with `..`, `.` or doubled slashes), and
/// without patterns of the user no regular expression is ever built.
#[derive(Debug)]
pub struct PathRules {
    shared: Arc<Shared>,
    own: OwnFiles,
}

/// What rules of all processes have in common.
#[derive(Debug)]
struct Shared {
    policy: FilePolicy,
    patterns: Patterns,
}

impl PathRules {
    /// Rules of `policy`, of no program in particular.
    pub fn new(policy: &FilePolicy) -> Self {
        let shared = Shared { patterns: Patterns::new(policy), policy: policy.clone() };
        Self { shared: Arc::new(shared), own: OwnFiles::of_launch(policy) }
    }

    /// These rules for a process that runs `program`, whose own files stay local.
    #[must_use]
    pub fn of(&self, program: &Program<'_>) -> Self {
        let shared = self.shared.clone();
        let is_code = |path: &[u8]| {
            let (place, why) = self.place(path, Access::Read);
            place == Place::Local && matches!(why, Why::Default(_))
        };
        let own = program.own_files(OwnFiles::of_launch(&shared.policy), is_code);
        Self { shared, own }
    }

    /// Whether `path` is the target's for this kind of access.
    pub fn decide(&self, path: &[u8], access: Access) -> Verdict {
        if !is_absolute(path) {
            return Verdict { place: Place::Local, why: RELATIVE, mapped: None };
        }
        let plain = normalise(path);
        let Some((rule, mut rewritten)) = self.rewrite(&plain) else {
            let (place, why) = self.place(&plain, access);
            return Verdict { place, why, mapped: None };
        };
        // What shortening took away: these ask for a folder, and forbid some calls.
        if path.ends_with(b"/.") || path.ends_with(b"/..") {
            rewritten.extend(b"/.");
        } else if path.ends_with(b"/") && !rewritten.ends_with(b"/") {
            rewritten.push(b'/');
        }
        let (place, why) =
            if is_absolute(&rewritten) { self.place(&normalise(&rewritten), access) } else { (Place::Local, RELATIVE) };
        Verdict { place, why, mapped: Some(Mapped { path: rewritten, rule }) }
    }

    /// As [`Self::decide`], for a path that the program reached through `folder`, an open or working directory of the
    /// target; `path` is below it, absolute.
    ///
    /// What is read there is the target's, since the folder is. What is written is the target's where writing to it or
    /// to the folder is: a program that removes what it finds in a folder under mode `read` removes nothing there.
    pub fn decide_in(&self, folder: &[u8], path: &[u8], access: Access) -> Verdict {
        const FACT: Why = Why::Fact("in a folder of the target");
        let (plain, folder) = (normalise(path), normalise(folder));
        let (place, why) = self.place(&plain, access);
        let is_targets = access == Access::Read || self.place(&folder, access).0 == Place::Remote;
        let (place, why) = if place == Place::Local && is_targets { (Place::Remote, FACT) } else { (place, why) };
        Verdict { place, why, mapped: None }
    }

    /// Why what is written to `path` stays on this machine though the target's is read there; nothing where reading and
    /// writing are the same side's, or a default keeps them apart.
    pub fn written_here(&self, path: &[u8]) -> Option<Why> {
        let Verdict { place: Place::Local, why, mapped: None } = self.decide(path, Access::Write) else { return None };
        let by_user = matches!(why, Why::Mode(_) | Why::Pattern(List::ReadOnly, _));
        (by_user && self.decide(path, Access::Read).place == Place::Remote).then_some(why)
    }

    /// The plain form of a path that is this machine's and leads through a folder of the target, which need not be here:
    /// `/app/../etc/passwd`. Nothing for other paths: `..` behind a symbolic link is the kernel's business.
    pub fn around_target<'a>(&self, path: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let ups = path.windows(4).enumerate().filter(|(_, four)| four.starts_with(b"/..") && four[3] == b'/');
        let last = path.ends_with(b"/..").then(|| path.len().saturating_sub(3));
        let mut before = ups.map(|(at, _)| at).chain(last).filter(|at| *at > 0);
        before.any(|at| self.decide(&path[..at], Access::Read).place == Place::Remote).then(|| normalise(path))
    }

    /// The folder at the root that holds `path` and the working directory: where the target has no such folder, the path is
    /// this machine's, whatever the mode. Nothing where that makes no difference, or is decided already.
    pub fn own_tree<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let policy = &self.shared.policy;
        let tree = program::tree(path).filter(|tree| program::tree(&policy.working) == Some(tree))?;
        let by_mode = matches!(
            self.decide(path, Access::Read),
            Verdict { place: Place::Remote, why: Why::Mode(_), mapped: None }
        );
        (by_mode && policy.target_root.is_empty()).then_some(tree)
    }

    fn rewrite(&self, path: &[u8]) -> Option<(usize, Vec<u8>)> {
        if self.shared.policy.mode == FileMode::Local { None } else { self.shared.patterns.rewrite(path) }
    }

    /// Where a plain path leads, and why.
    fn place(&self, path: &[u8], access: Access) -> (Place, Why) {
        let resolver_file = defaults::is_resolver_file(path);
        if self.shared.policy.mode == FileMode::Local {
            return if resolver_file && self.shared.policy.resolver_files_remote && access == Access::Read {
                (Place::Remote, RESOLVER_FILES)
            } else {
                (Place::Local, Why::Mode(FileMode::Local))
            };
        }
        if let Some((list, index)) = self.shared.patterns.first_match(path) {
            let place = match (list, access) {
                (List::NotFound, _) => Place::NotFound,
                (List::ReadWrite, _) | (List::ReadOnly, Access::Read) => Place::Remote,
                (List::ReadOnly, Access::Write) | (List::Local, _) => Place::Local,
            };
            return (place, Why::Pattern(list, index));
        }
        if let Some(rule) = defaults::not_found(&self.shared.policy.home, path) {
            return (Place::NotFound, rule);
        }
        if resolver_file {
            let remote = self.shared.policy.resolver_files_remote && access == Access::Read;
            let place = if remote { Place::Remote } else { Place::Local };
            return (place, RESOLVER_FILES);
        }
        if access == Access::Read
            && let Some(rule) = defaults::remote_read(path)
        {
            return (Place::Remote, rule);
        }
        if let Some(rule) = defaults::local(&self.shared.policy, &self.own, path) {
            return (Place::Local, rule);
        }
        let place = match (self.shared.policy.mode, access) {
            (FileMode::Write, _) | (FileMode::Read, Access::Read) => Place::Remote,
            (FileMode::Read | FileMode::Local | FileMode::LocalWithOverrides, _) => Place::Local,
        };
        (place, Why::Mode(self.shared.policy.mode))
    }

    /// Patterns that are no regular expressions and therefore match nothing, each with its fault. Builds all of them.
    pub fn faults(&self) -> Vec<String> {
        self.shared.patterns.faults()
    }
}

/// A pattern for `path` and what begins with it, as the user's lists take them.
pub fn pattern_for(path: &str) -> String {
    format!("^{}", regex::escape(path))
}

fn is_absolute(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
}

const RELATIVE: Why = Why::Fact("a relative path");

const RESOLVER_FILES: Why =
    Why::Default("resolv.conf and hosts belong to whoever resolves names (feature.network.dns)");

#[cfg(test)]
mod tests;
