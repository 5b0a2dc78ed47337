//! From a call's arguments to the file that is meant.

use protocol::Errno;
use rules::path::{Access, Place, Verdict};

use super::{
    super::{
        Call,
        directory::{Targets, is_root, remote_descriptor},
    },
    file::{File, Side},
    table::At,
};

use crate::advice;

/// Bytes of the longest path, its NUL included. path_resolution(7)
const PATH_ROOM: usize = libc::PATH_MAX.unsigned_abs() as usize;

/// Where a path leads.
pub(super) enum Found {
    /// Where the kernel would look: it shall run the call.
    Native,
    /// Somewhere else.
    Elsewhere(File),
}

/// Where the path at `at` leads for this kind of access. `ENOENT` for what shall not exist.
pub(super) fn locate(call: &Call, at: At, access: Access) -> Result<Found, Errno> {
    let mut room = [0; PATH_ROOM];
    let path = match call.text(at.path.into(), &mut room) {
        Ok(path) => path,
        // The kernel finds the same.
        Err(Errno(libc::EFAULT | libc::ENAMETOOLONG)) => return Ok(Found::Native),
        Err(errno) => return Err(errno),
    };
    let rules = call.process().paths();
    match path.first() {
        None => Ok(Found::Native),
        Some(b'/') => match rules.decide(path, access) {
            Verdict { place: Place::Local, mapped: None, why } => match rules.around_target(path) {
                Some(path) => elsewhere(call, &path, access, Verdict { place: Place::Local, mapped: None, why }),
                None if access == Access::Write => {
                    advice::written::here(call.proxy(), path);
                    Ok(Found::Native)
                }
                None => Ok(Found::Native),
            },
            verdict => elsewhere(call, path, access, verdict),
        },
        Some(_) => {
            let Some(folder) = beginning(call, at) else { return below_root(call, at, path, access) };
            let separator: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
            let path = [&folder, separator, path].concat();
            // What is local in it is not where the kernel would look: that is the target's folder.
            elsewhere(call, &path, access, rules.decide_in(&folder, &path, access))
        }
    }
}

/// A path relative to a folder of this machine: local, but below the root it is as if it was absolute.
fn below_root(call: &Call, at: At, path: &[u8], access: Access) -> Result<Found, Errno> {
    let folder = at.folder.map(|folder| call.int(folder.into()));
    if !folder.is_some_and(|folder| is_root(call.thread(), folder)) {
        return Ok(Found::Native);
    }
    let path = [b"/", path].concat();
    match call.process().paths().decide(&path, access) {
        Verdict { place: Place::Local, mapped: None, why: _ } => Ok(Found::Native),
        verdict => elsewhere(call, &path, access, verdict),
    }
}

fn elsewhere(call: &Call, path: &[u8], access: Access, verdict: Verdict) -> Result<Found, Errno> {
    let Verdict { place, why, mapped } = verdict;
    tracing::debug!(pid = call.process().pid(), path = %path.escape_ascii(), ?place, ?access, "{why}");
    let path = plain(mapped.map_or_else(|| path.to_vec(), |mapped| mapped.path))?;
    let (side, path) = match place {
        Place::NotFound => return Err(Errno::ENOENT),
        Place::Remote => (Side::Target, path),
        Place::Local => (Side::Here, seen_from_here(call, path)),
    };
    Ok(Found::Elsewhere(File { proxy: call.proxy().clone(), side, path }))
}

/// The same file for a call of ours; nothing where its path cannot be read. For the local half of a call with two paths.
pub(super) fn as_seen_from_here(call: &Call, at: At) -> Result<File, Errno> {
    let path = call.path(at.path.into())?;
    let path = match at.folder.map(|folder| call.int(folder.into())) {
        Some(folder) if folder != libc::AT_FDCWD && !path.starts_with(b"/") => {
            [format!("/proc/{}/fd/{folder}/", call.thread()).as_bytes(), &path].concat()
        }
        _ => seen_from_here(call, path),
    };
    Ok(File { proxy: call.proxy().clone(), side: Side::Here, path })
}

/// The directory of the target that a relative path begins in; nothing when it is one of this machine.
fn beginning(call: &Call, at: At) -> Option<Vec<u8>> {
    let targets = Targets::of(call.proxy());
    match at.folder.map(|folder| call.int(folder.into())) {
        Some(folder) if folder != libc::AT_FDCWD => remote_descriptor(call.thread(), folder, targets),
        _ => call.process().directory().remote(call.thread(), targets),
    }
}

/// What a user's mapping has made of a path may be no path at all.
fn plain(path: Vec<u8>) -> Result<Vec<u8>, Errno> {
    match path.len() {
        _ if path.is_empty() || path.contains(&0) => Err(Errno::ENOENT),
        PATH_ROOM.. => Err(Errno(libc::ENAMETOOLONG)),
        _ => Ok(path),
    }
}

/// A path as the program means it, for a call that we make: its own directory and its own procfs are not ours.
fn seen_from_here(call: &Call, path: Vec<u8>) -> Vec<u8> {
    let thread = call.thread();
    let renamed = |rest: &[u8], instead: String| [instead.as_bytes(), rest].concat();
    if !path.starts_with(b"/") {
        return renamed(&path, format!("/proc/{thread}/cwd/"));
    }
    for (own, instead) in [("/proc/self", format!("/proc/{thread}")), ("/proc/thread-self", format!("/proc/{thread}"))]
    {
        match path.strip_prefix(own.as_bytes()) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => return renamed(rest, instead),
            _ => {}
        }
    }
    path
}
