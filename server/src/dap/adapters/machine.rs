//! Where the programs of debug adapters are on this machine.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::dap::message::Arguments;

/// This machine, as the launch sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::dap) struct Machine<'a> {
    /// The environment that the program would have without us.
    pub(in crate::dap) variables: &'a BTreeMap<OsString, OsString>,
    /// What relative paths of a launch are relative to.
    pub(in crate::dap) working_directory: &'a Path,
}

impl Machine<'_> {
    /// The program that the launch names under one of `keys`, as extensions of editors do.
    pub(super) fn told(&self, arguments: &Arguments, keys: &[&str]) -> Option<PathBuf> {
        let told = keys.iter().find_map(|key| arguments.get(*key).and_then(Value::as_str));
        told.filter(|path| !path.is_empty()).map(|path| {
            // A bare name is looked up in PATH by whoever starts it.
            if path.contains('/') { self.working_directory.join(path) } else { path.into() }
        })
    }

    /// The first of `names` that is a program in `PATH`.
    pub(super) fn in_path(&self, names: &[&str]) -> Option<PathBuf> {
        let path = self.variables.get(OsStr::new("PATH"))?;
        let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
        let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.map(|path| self.working_directory.join(path)).find(|path| is_program(path))
    }

    /// A path below the folder that a variable names.
    pub(super) fn below(&self, variable: &str, path: &str) -> Option<PathBuf> {
        let folder = self.variables.get(OsStr::new(variable)).filter(|folder| !folder.is_empty())?;
        Some(Path::new(folder).join(path))
    }

    /// The newest of the extensions called `name` (`publisher.name`) that editors of the VS Code family have.
    pub(super) fn extension(&self, name: &str) -> Option<PathBuf> {
        let editors = [".vscode", ".vscode-server", ".vscode-oss", ".cursor", ".local/share/code-server"];
        let folders =
            editors.iter().filter_map(|editor| fs::read_dir(self.below("HOME", editor)?.join("extensions")).ok());
        let entries = folders.flat_map(|folder| folder.flatten().map(|entry| entry.path()));
        let ours = entries.filter(|path| {
            let version = path.file_name().and_then(OsStr::to_str).and_then(|folder| folder.strip_prefix(name));
            version.is_some_and(|version| version.starts_with('-'))
        });
        ours.max_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
    }
}

/// Whether `path` is a file that may be executed.
pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn programs_are_found_in_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("b", 0o755), ("c", 0o755), ("a", 0o644)] {
            fs::write(folder.path().join(name), "").unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let variables = BTreeMap::from([("PATH".into(), folder.path().into())]);
        let machine = Machine { variables: &variables, working_directory: Path::new("/work") };
        assert_eq!(machine.in_path(&["a", "c", "b"]), Some(folder.path().join("c")));
        assert_eq!(machine.in_path(&["a"]), None);
        let launch = json!({"dlvToolPath": "", "path": "bin/x", "name": "x"}).as_object().unwrap().clone();
        assert_eq!(machine.told(&launch, &["dlvToolPath"]), None);
        assert_eq!(machine.told(&launch, &["none", "path"]), Some("/work/bin/x".into()));
        assert_eq!(machine.told(&launch, &["name"]), Some("x".into()));
    }

    #[test]
    fn the_newest_extension_counts() {
        let home = tempfile::tempdir().unwrap();
        let variables = BTreeMap::from([("HOME".into(), home.path().into())]);
        let machine = Machine { variables: &variables, working_directory: Path::new("/") };
        assert_eq!(machine.extension("a.b"), None);
        for name in ["a.b-1.0", "a.bc-2.0", "a.b"] {
            fs::create_dir_all(home.path().join(".vscode/extensions").join(name)).unwrap();
        }
        assert_eq!(machine.extension("a.b"), Some(home.path().join(".vscode/extensions/a.b-1.0")));
    }
}
