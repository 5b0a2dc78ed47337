//! The program that a process runs, and which files are its own.

use protocol::policy::FilePolicy;

use super::{defaults::in_tree, is_absolute, normalise};

/// Arguments that are looked at: a program's own file is among the first.
const ARGUMENTS: usize = 32;

/// What a process runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Program<'a> {
    /// The file that it executes (/proc/PID/exe).
    pub executable: &'a [u8],
    /// The path that was executed, which is the script where `executable` is its interpreter (`AT_EXECFN`, see
    /// getauxval(3)); empty where that is not known.
    pub started_as: &'a [u8],
    /// What follows its name.
    pub arguments: &'a [&'a [u8]],
    /// Its working directory at its start, absolute; empty where that is not a folder of this machine.
    pub directory: &'a [u8],
}

impl Program<'_> {
    /// Its files beside those of the launch. `is_code` tells, without looking, whether a path is code that stays on this
    /// machine.
    pub(super) fn own_files(&self, mut own: OwnFiles, is_code: impl Fn(&[u8]) -> bool) -> OwnFiles {
        let executables = [self.executable, self.started_as].into_iter().filter(|path| !path.is_empty());
        own.executables.extend(executables.filter_map(|path| self.absolute(path)));
        let arguments = self.arguments.iter().take(ARGUMENTS).filter(|path| !path.starts_with(b"-"));
        own.code.extend(arguments.filter_map(|path| self.absolute(path)).filter(|path| is_code(path)));
        own
    }

    fn absolute(&self, path: &[u8]) -> Option<Vec<u8>> {
        let whole = if is_absolute(path) { path.to_vec() } else { [self.directory, b"/", path].concat() };
        (is_absolute(path) || is_absolute(self.directory)).then(|| normalise(&whole).into_owned())
    }
}

/// Files that make up a program: they stay local, and so do the folders on the way to them (these only, not what else is
/// in them), since interpreters look at each: node's realpath, python's site.
#[derive(Debug, Default)]
pub(super) struct OwnFiles {
    executables: Vec<Vec<u8>>,
    code: Vec<Vec<u8>>,
}

impl OwnFiles {
    pub(super) fn of_launch(policy: &FilePolicy) -> Self {
        let absolute = policy.launched.iter().filter(|path| is_absolute(path));
        Self { executables: absolute.map(|path| normalise(path).into_owned()).collect(), code: Vec::new() }
    }

    pub(super) fn contains(&self, path: &[u8]) -> bool {
        self.executables.iter().any(|executable| executable == path)
    }

    pub(super) fn is_led_to_by(&self, folder: &[u8]) -> bool {
        self.files().any(|file| in_tree(file, folder))
    }

    /// Whether `path` is in the same folder at the root as the program or its working directory, and the target has no
    /// such folder: `/workspaces`, of which a program sees all that lies beside it.
    pub(super) fn has_tree_of(&self, policy: &FilePolicy, path: &[u8]) -> bool {
        let Some(name) = tree(path).filter(|_| !policy.target_root.is_empty()) else { return false };
        let is_own = || self.files().chain([&policy.working]).any(|file| tree(file) == Some(name));
        is_own() && !policy.target_root.iter().any(|other| other == name)
    }

    fn files(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.executables.iter().chain(&self.code)
    }
}

/// Name of the folder at the root that plain `path` is in.
pub(super) fn tree(path: &[u8]) -> Option<&[u8]> {
    let path = path.strip_prefix(b"/")?;
    let end = path.iter().position(|byte| *byte == b'/')?;
    Some(&path[..end])
}
