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

/// The key of the configuration because of which a skipped `program` (its name or path) is on the list.
pub fn skipping_key(program: &[u8]) -> &'static str {
    let is_build_tool = BUILD_TOOLS.iter().any(|tool| tool.as_bytes() == base_name(program));
    if is_build_tool { "skip_build_tools" } else { "skip_processes" }
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

    #[test]
    fn build_tools_have_a_key_of_their_own() {
        assert_eq!(skipping_key(b"/usr/bin/git"), "skip_build_tools");
        assert_eq!(skipping_key(b"/opt/own"), "skip_processes");
    }
}
