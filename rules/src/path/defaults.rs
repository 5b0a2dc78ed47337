//! What holds for well-known paths unless the user says otherwise: byte matchers, letters in either case.

use protocol::policy::FilePolicy;

use super::program::OwnFiles;
use crate::Why;

/// Trees below the home directory that tools of cloud providers read: with the pod's identity they must not be seen.
const NOT_FOUND: &[&[u8]] = &[b"/.config/gcloud", b"/.kube", b"/.azure"];

/// Trees of the operating system and of package managers.
const LOCAL_TREES: &[&[u8]] = &[
    b"/proc",
    b"/sys",
    b"/lib",
    b"/lib64",
    b"/etc",
    b"/usr",
    b"/home",
    b"/bin",
    b"/sbin",
    b"/dev",
    b"/opt",
    b"/tmp",
    b"/var/tmp",
    b"/snap",
    b"/run",
    b"/nix",
    b"/selinux",
];

/// Endings of code and of what a language's own tools look for beside it.
const LOCAL_ENDINGS: &[&[u8]] = &[
    b".so",
    b".sh",
    b".rb",
    b".d",
    b".pyc",
    b".py",
    b".jar",
    b".class",
    b".js",
    b".pth",
    b".plist",
    b".pdb",
    b".dll",
    b"venv.cfg",
    b"jvm.cfg",
    b"package.json",
    b".tool-versions",
];

/// The two files that tell how names are resolved.
pub(super) fn is_resolver_file(path: &[u8]) -> bool {
    same(path, b"/etc/resolv.conf") || same(path, b"/etc/hosts")
}

pub(super) fn not_found(home: &[u8], path: &[u8]) -> Option<Why> {
    let below_home = strip_prefix(path, home).filter(|_| !home.is_empty())?;
    NOT_FOUND.iter().any(|tree| in_tree(below_home, tree)).then_some(Why::Default("local cloud credentials are hidden"))
}

pub(super) fn remote_read(path: &[u8]) -> Option<Why> {
    (same(path, b"/etc/hostname") || in_tree(path, b"/etc/ssl/certs"))
        .then_some(Why::Default("the target's name and certificates are read"))
}

pub(super) fn local(policy: &FilePolicy, own: &OwnFiles, path: &[u8]) -> Option<Why> {
    if LOCAL_TREES.iter().any(|tree| in_tree(path, tree)) || path == b"/" {
        return Some(Why::Default("a folder of this machine's system"));
    }
    let below = |folder: &[u8]| folder.len() > 1 && in_tree(path, folder);
    if below(&policy.working) {
        return Some(Why::Default("in the working directory"));
    }
    // Interpreters look at each folder on the way to the program: node's realpath, python's site.
    if in_tree(&policy.working, path) {
        return Some(Why::Default("leads to the working directory"));
    }
    if below(&policy.temporary) {
        return Some(Why::Default("in the folder for temporary files"));
    }
    if !policy.home.is_empty() && strip_prefix(path, &policy.home).is_some_and(|rest| rest.starts_with(b"/.")) {
        return Some(Why::Default("a hidden file in the home directory"));
    }
    if own.contains(path) {
        return Some(Why::Default("the program's own file"));
    }
    if own.is_led_to_by(path) {
        return Some(Why::Default("leads to the program's own file"));
    }
    if own.has_tree_of(policy, path) {
        return Some(Why::Default("in a top-level folder that the target does not have, beside the program's code"));
    }
    let last = crate::process::base_name(path);
    if LOCAL_ENDINGS.iter().any(|ending| ends_with(last, ending))
        || last.windows(b".yarnrc".len()).any(|part| same(part, b".yarnrc"))
    {
        return Some(Why::Default("code, or a tool's own file, by its ending"));
    }
    path.split(|byte| *byte == b'/')
        .any(|name| same(name, b"node_modules"))
        .then_some(Why::Default("in `node_modules`"))
}

/// Whether `path` is `tree` or something below it.
pub(super) fn in_tree(path: &[u8], tree: &[u8]) -> bool {
    strip_prefix(path, tree).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

fn strip_prefix<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = path.split_at_checked(prefix.len())?;
    same(head, prefix).then_some(rest)
}

fn ends_with(name: &[u8], ending: &[u8]) -> bool {
    name.len().checked_sub(ending.len()).is_some_and(|at| same(&name[at..], ending))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}
