//! Which processes run without us.

/// Programs left alone while `skip_build_tools` is on: they run by the thousand and need nothing of the pod's.
pub const BUILD_TOOLS: &[&str] = &[
    "as",
    "cc",
    "ld",
    "go",
    "air",
    "asm",
    "cc1",
    "cgo",
    "dlv",
    "gcc",
    "git",
    "link",
    "math",
    "cargo",
    "hpack",
    "rustc",
    "compile",
    "collect2",
    "cargo-watch",
    "debugserver",
];

/// Programs left alone always: helpers of an editor that share the user's environment.
pub const HELPERS: &[&str] = &["JetBrains.Debugger.Worker"];

/// Whether a process is on `skip_list`, by the base name of its executable or of its `argv[0]`, exactly.
///
/// `skip_list` is the policy's, complete: whoever made it has added [`BUILD_TOOLS`] and [`HELPERS`] as configured.
pub fn is_skipped(skip_list: &[String], executable: &[u8], argv0: &[u8]) -> bool {
    let (executable, argv0) = (base_name(executable), base_name(argv0));
    skip_list.iter().any(|name| name.as_bytes() == executable || name.as_bytes() == argv0)
}

/// What follows the last slash.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_base_name_of_executable_or_argv0_skips() {
        let list = ["git".to_owned(), "my tool".to_owned()];
        let skipped = |executable: &str, argv0: &str| is_skipped(&list, executable.as_bytes(), argv0.as_bytes());
        assert!(skipped("/usr/bin/git", "git"));
        assert!(skipped("/usr/lib/git-core/git-remote", "git"));
        assert!(skipped("/opt/my tool", "x"));
        assert!(!skipped("/usr/bin/gitk", "gitk"));
        assert!(!skipped("/git/python3", "python3"));
        assert!(!skipped("/usr/bin/Git", ""));
    }
}
