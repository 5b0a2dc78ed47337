//! Programs on the skip list that are given paths which only the target has: they work on this machine, where nothing of
//! that name is, or where they make it (`git init /app/repository`). The user is told.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use protocol::text::harmless_bytes;
use rules::{
    path::{Access, Place, normalise},
    process::{base_name, is_skipped, skipping_key},
};

use super::target_has;
use crate::{event::Event, proxy::Proxy};

/// Paths of one program that the target is asked for; linkers get thousands.
const QUESTIONS_LIMIT: usize = 4;

/// Programs that are told of at most.
const PROGRAMS_LIMIT: usize = 16;

/// What is known of skipped programs.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// Names of those that the user was told of.
    told: Mutex<BTreeSet<Vec<u8>>>,
}

impl Skipped {
    fn told(&self) -> std::sync::MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_new(&self, name: &[u8]) -> bool {
        let told = self.told();
        told.len() < PROGRAMS_LIMIT && !told.contains(name)
    }
}

/// A process has begun to run `executable`: tells the user if it is skipped and is given a path that only the target has.
/// Once per name of a program.
pub(crate) async fn started(proxy: &Proxy, pid: u32, executable: &[u8]) {
    // One that has ended needs no advice.
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else { return };
    let argv0 = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
    let list = &proxy.policy.skip_processes;
    let name = base_name(executable);
    if !is_skipped(list, executable, argv0) || !proxy.advice.skipped.is_new(name) {
        return;
    }
    let rules = proxy.advice.rules(&proxy.policy.files);
    let is_targets = |path: &&[u8]| rules.decide(path, Access::Read).place == Place::Remote;
    let absent = paths_in(&arguments).filter(is_targets).filter_map(absent_here);
    for path in absent.take(QUESTIONS_LIMIT) {
        if target_has(proxy, path.as_os_str().as_bytes(), false).await {
            if proxy.advice.skipped.told().insert(name.to_owned()) {
                let name = if list.iter().any(|listed| listed.as_bytes() == name) { name } else { base_name(argv0) };
                proxy.observer.tell(Event::Warning(text(name, &path)));
            }
            return;
        }
    }
}

fn text(name: &[u8], path: &Path) -> String {
    let key = skipping_key(name);
    let remedy = match key {
        "skip_build_tools" => "set `skip_build_tools` to `false`",
        _ => "take it out of `skip_processes`",
    };
    format!(
        "{} runs without the pod ({key}): it does not see the pod's {}, and what it writes there stays on this machine. \
         To let it work in the pod, {remedy}",
        harmless_bytes(name),
        harmless_bytes(path.as_os_str().as_bytes()),
    )
}

/// Absolute paths among the arguments of a command line, as proc_pid_cmdline(5) has it: `/x`, `--name=/x`, `-X/x`.
fn paths_in(arguments: &[u8]) -> impl Iterator<Item = &[u8]> {
    arguments.split(|byte| *byte == 0).skip(1).filter_map(|argument| {
        let path = match argument {
            [b'-', b'-', option @ ..] => &option[option.iter().position(|byte| *byte == b'=')? + 1..],
            [b'-', _, value @ ..] => value,
            other => other,
        };
        path.starts_with(b"/").then_some(path)
    })
}

/// The first part of `path` that this machine does not have; nothing when it is all there.
fn absent_here(path: &[u8]) -> Option<PathBuf> {
    let path = normalise(path);
    let path = Path::new(OsStr::from_bytes(&path));
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    // A symbolic link that leads nowhere is there.
    ancestors.into_iter().find(|path| path.symlink_metadata().is_err()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_command_lines() {
        let found: Vec<_> =
            paths_in(b"/usr/bin/git\0-C/a\0--git-dir=/b c\0/d\0x=/e\0-\0--\0--flag\0https://f\0-o\0g\0").collect();
        assert_eq!(found, [&b"/a"[..], b"/b c", b"/d"]);
        assert_eq!(paths_in(b"").count(), 0);
    }

    #[test]
    fn what_is_absent_begins_where_this_machine_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = |below: &str| folder.path().join(below);
        fs::write(path("there"), "").unwrap();
        let absent = |below: &str| absent_here(path(below).as_os_str().as_bytes());
        assert_eq!(absent("there"), None);
        assert_eq!(absent("./there/../there"), None);
        assert_eq!(absent("a/b/c"), Some(path("a")));
    }

    #[test]
    fn the_line_names_the_key_that_skips() {
        let text = |name: &str| text(name.as_bytes(), Path::new("/app"));
        assert!(text("git").ends_with("set `skip_build_tools` to `false`"));
        assert!(text("own").ends_with("take it out of `skip_processes`"));
    }
}
