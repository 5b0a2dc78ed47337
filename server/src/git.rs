//! The branch of a working directory, read from git's own files.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// More than any branch's name or path has.
const FILE_LIMIT: u64 = 64 * 1024;

/// The branch that is checked out where `folder` is; nothing on a detached head and outside of a repository.
/// gitrepository-layout(5)
pub(crate) fn branch(folder: &Path) -> Option<String> {
    let directory = folder.ancestors().find_map(|ancestor| directory(&ancestor.join(".git")))?;
    let head = read(&directory.join("HEAD"))?;
    let name = head.trim_end().strip_prefix("ref: refs/heads/")?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The repository behind `.git`: the folder itself, or the one that a file of a worktree or submodule names.
fn directory(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let text = read(path)?;
    let named = text.trim_end().strip_prefix("gitdir:")?.trim_start();
    Some(path.parent()?.join(named))
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn branches_are_found_from_below_in_worktrees_and_not_on_detached_heads() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("below the folder")).expect("it is ours");
            fs::write(path, text).expect("there is room");
        };
        let at = |path: &str| branch(&folder.path().join(path));
        put("main/.git/HEAD", "ref: refs/heads/feature/x\n");
        put("main/src/deep/file", "");
        assert_eq!(at("main").as_deref(), Some("feature/x"));
        assert_eq!(at("main/src/deep").as_deref(), Some("feature/x"));
        put("main/.git/worktrees/w/HEAD", "ref: refs/heads/other\n");
        put("w/.git", "gitdir: ../main/.git/worktrees/w\n");
        assert_eq!(at("w").as_deref(), Some("other"));
        put("detached/.git/HEAD", "0123456789012345678901234567890123456789\n");
        assert_eq!(at("detached"), None);
        put("odd/.git", "nonsense");
        assert_eq!(at("odd"), None);
    }
}
