//! Kubeconfig files, read again whenever anything on the way to them changes.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{
    Event, EventKind, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::shared::Shared;
use crate::cluster::{ConnectOptions, contexts};

/// From the first sign of a change to the reading: writers take several steps.
const SETTLED: Duration = Duration::from_millis(50);
/// Symbolic links on one way; the kernel follows as many.
const LINKS: usize = 40;

/// Keeps what the files say up to date.
pub(super) async fn tend(shared: Arc<Shared>, id: u64, kubeconfig: Option<String>) {
    let options = ConnectOptions { kubeconfig, ..ConnectOptions::default() };
    let touched = Arc::new(Notify::new());
    let (mut watched, mut told) = (None::<Watch>, true);
    loop {
        let (environment, options, before) = (Arc::clone(&shared), options.clone(), watched.take());
        let signal = Arc::clone(&touched);
        let read = tokio::task::spawn_blocking(move || {
            let look = || contexts::look(&options, &|name| environment.variable(name));
            let (files, _) = look();
            // Watched first, read afterwards: nothing can slip in between.
            let steps = steps(&files);
            // A folder that has come back is another one, although its path is the same.
            let kept = before.filter(|before| before.steps == steps && !told);
            (kept.or_else(|| Watch::new(steps, signal)), look().1)
        });
        let Ok((watch, read)) = read.await else { return }; // the runtime is ending
        watched = watch;
        let changed = shared.change(|known| Some(known.files(id)?.hear(read.map_err(|error| error.to_string()))));
        if changed {
            shared.want(); // connections may have lost their context
        }
        // The slow look is for file systems that tell nothing, and machines that are out of watches.
        told = timeout(shared.pace.look, touched.notified()).await.is_ok();
        if told {
            sleep(SETTLED).await;
        }
    }
}

/// Signals when files, or folders and links on the way to them, change.
struct Watch {
    steps: BTreeSet<PathBuf>,
    _watcher: notify::RecommendedWatcher,
}

impl Watch {
    /// A watch over `steps`, if there can be one.
    fn new(steps: BTreeSet<PathBuf>, touched: Arc<Notify>) -> Option<Self> {
        let interesting = steps.clone();
        let told = move |event: notify::Result<Event>| {
            let concerns = |event: &Event| event.paths.iter().any(|path| interesting.contains(path));
            if event.is_ok_and(|event| is_change(event.kind) && concerns(&event)) {
                touched.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(told).ok()?;
        for folder in steps.iter().filter_map(|step| step.parent()).collect::<BTreeSet<_>>() {
            // One that is not there, or not ours, has a parent that is.
            let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
        }
        Some(Self { steps, _watcher: watcher })
    }
}

/// Not so is reading, which we do ourselves.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Everything on the way to `files` that may be replaced: each folder, each link, what links lead to, the file itself.
fn steps(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut steps = BTreeSet::new();
    for file in files {
        let Ok(file) = std::path::absolute(file) else { continue };
        let mut rest = parts(&file);
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = rest.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            at.push(part);
            steps.insert(at.clone());
            let Ok(target) = at.read_link() else { continue };
            links += 1;
            if links > LINKS {
                break;
            }
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(parts(&target));
        }
    }
    steps
}

/// Names of a path, and `..`; the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_what_they_lead_to_are_on_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().canonicalize().expect("it is there");
        std::fs::create_dir_all(at.join("v1")).expect("a folder");
        std::fs::write(at.join("v1/config"), "").expect("a file");
        std::os::unix::fs::symlink("v1", at.join("data")).expect("a link");
        std::os::unix::fs::symlink("data/../data/config", at.join("config")).expect("a link");
        let found = steps(&[at.join("config")]);
        let below: Vec<_> = found.iter().filter_map(|step| step.strip_prefix(&at).ok()?.to_str()).collect();
        assert_eq!(below, ["", "config", "data", "v1", "v1/config"]);
        assert!(found.contains(at.parent().expect("not the root")));
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("config");
        std::os::unix::fs::symlink("config", &at).expect("a link");
        assert!(steps(std::slice::from_ref(&at)).contains(&at));
    }
}
