//! From the path of a call, and the folder that it is relative to, to the file that is meant.

use std::ffi::CString;

use libc::c_int;
use protocol::{Errno, link::ToSession};
use rules::path::{Access, Place, Verdict};

use crate::cabi::Text;
use crate::instead::Instead;
use crate::notice::printable;
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::working::Beginning;
use crate::{sys, working};

/// A path as a call has it: relative to an open folder, or to the working directory (`AT_FDCWD`).
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) folder: c_int,
    pub(crate) path: Text,
}

impl At {
    /// For calls without a folder.
    pub(crate) fn here(path: Text) -> Self {
        Self { folder: libc::AT_FDCWD, path }
    }
}

/// Whose file it is.
pub(crate) enum File {
    /// This machine's; with a path if it is not the one that was asked for.
    Local(Option<CString>),
    /// The target's, by its absolute path.
    Remote(Vec<u8>),
}

/// The absolute path inside the target. What is local is left to the real function; what is hidden does not exist.
pub(crate) fn remote(layer: &Layer, at: At, access: Access) -> Hooked<Vec<u8>> {
    match file(layer, at, access)? {
        File::Remote(path) => Ok(path),
        File::Local(None) => Err(Otherwise::Native),
        File::Local(Some(path)) => Err(Otherwise::Instead(Instead::of(at.path, path))),
    }
}

/// Both paths of a call that changes both; `EXDEV` where one is the target's and one this machine's.
pub(crate) fn both(layer: &Layer, from: At, to: At) -> Hooked<(Vec<u8>, Vec<u8>)> {
    match (file(layer, from, Access::Write)?, file(layer, to, Access::Write)?) {
        (File::Remote(from), File::Remote(to)) => Ok((from, to)),
        (File::Local(None), File::Local(None)) => Err(Otherwise::Native),
        (File::Local(old), File::Local(new)) => {
            let instead = |at: At, path: Option<CString>| path.map(|path| Instead::of(at.path, path));
            let first = instead(from, old).unwrap_or_default();
            Err(Otherwise::Instead(first.and(instead(to, new))))
        }
        (File::Remote(_), File::Local(_)) | (File::Local(_), File::Remote(_)) => fail(libc::EXDEV),
    }
}

/// Whose file a path leads to. Allocates nothing for a local one that is not mapped.
pub(crate) fn file(layer: &Layer, at: At, access: Access) -> Hooked<File> {
    let path = at.path.bytes()?;
    match path.first() {
        // With `AT_EMPTY_PATH` the descriptor itself is meant: the kernel's business, as is the error without it.
        None => Ok(File::Local(None)),
        Some(b'/') => match file_of(path, access, layer.paths.decide(path, access))? {
            File::Local(None) => match layer.paths.around_target(path) {
                None if access == Access::Write => {
                    say_written_here(layer, path);
                    Ok(File::Local(None))
                }
                Some(around) => Ok(File::Local(Some(terminated(around.into_owned())?))),
                None => Ok(File::Local(None)),
            },
            file => Ok(file),
        },
        Some(_) => match working::beginning(layer, at.folder)? {
            Beginning::Here => Ok(File::Local(None)),
            Beginning::Root => {
                let path = [b"/", path].concat();
                file_of(&path, access, layer.paths.decide(&path, access))
            }
            Beginning::Target(folder) => below(layer, &folder, path, access),
        },
    }
}

/// Has the user told, for the first path of this process that is written here and read in the target.
fn say_written_here(layer: &Layer, path: &[u8]) {
    let once = &layer.notices.written_here;
    if !once.was_first() && layer.paths.written_here(path).is_some() && once.is_first() {
        // Advice that does not get through is not worth failing a call.
        let _ = layer.link.tell(&ToSession::WrittenHere(path.to_owned()));
    }
}

/// Whose file a path leads to that is relative to a folder of the target.
pub(crate) fn below(layer: &Layer, folder: &[u8], path: &[u8], access: Access) -> Hooked<File> {
    let separator: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
    let path = [folder, separator, path].concat();
    let verdict = layer.paths.decide_in(folder, &path, access);
    match file_of(&path, access, verdict)? {
        // Relative to the folder it would still be the target's.
        File::Local(None) => Ok(File::Local(Some(terminated(path)?))),
        file => Ok(file),
    }
}

fn file_of(path: &[u8], access: Access, verdict: Verdict) -> Hooked<File> {
    let Verdict { place, why, mapped } = verdict;
    if let Some(mapped) = &mapped {
        tracing::debug!("{} becomes {}", printable(path), printable(&mapped.path));
    }
    let is_mapped = mapped.is_some();
    let path = mapped.map_or(std::borrow::Cow::Borrowed(path), |mapped| mapped.path.into());
    match place {
        Place::Local if is_mapped => Ok(File::Local(Some(terminated(path.into_owned())?))),
        Place::Local => Ok(File::Local(None)),
        Place::NotFound => {
            tracing::debug!("{} does not exist: {why}", printable(&path));
            fail(libc::ENOENT)
        }
        Place::Remote if path.len() >= sys::PATH_LIMIT => fail(libc::ENAMETOOLONG),
        Place::Remote if path.contains(&0) => fail(libc::ENOENT),
        Place::Remote => {
            sys::signals::hold();
            tracing::debug!("{} is remote ({access:?}): {why}", printable(&path));
            Ok(File::Remote(path.into_owned()))
        }
    }
}

/// Nothing has a NUL in its name.
fn terminated(path: Vec<u8>) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::ENOENT)
}
