//! Listing folders, and functions of libc that list inside.

use std::os::fd::OwnedFd;

use libc::{DIR, c_char, c_int, c_void};
use rules::path::Access;

use crate::cabi::{Out, Text, Texts};
use crate::glob::{self, Glob};
use crate::hook::hook;
use crate::instead::Instead;
use crate::notice::printable;
use crate::paths::{self, At, File};
use crate::scope::{self, Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::walk::{self, Position, Visit};
use crate::{copied, files, stdio, sys};

/// `int (*)(…)`: passed on, never called here.
type Callback = *const c_void;

const LIST: c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC | libc::O_NONBLOCK;

hook! {
    /// opendir(3)
    fn opendir(path: Text) -> *mut DIR => |layer, path| Ok(stdio::folder_of(files::open(layer, At::here(path), LIST, 0)?)?);
    /// scandir(3)
    fn scandir(path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int => |layer, path, _, _, _| scanned(layer, At::here(path));
    /// As scandir.
    fn scandir64(path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int => |layer, path, _, _, _| scanned(layer, At::here(path));
    /// scandirat(3)
    fn scandirat(folder: c_int, path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int
        => |layer, folder, path, _, _, _| scanned(layer, At { folder, path });
    /// As scandirat.
    fn scandirat64(folder: c_int, path: Text, list: Out<*mut c_void>, filter: Callback, compare: Callback) -> c_int
        => |layer, folder, path, _, _, _| scanned(layer, At { folder, path });
    /// fdopendir(3): what is there now, not what was there when a copy was made.
    fn fdopendir(fd: c_int) -> *mut DIR => listed_anew;
    /// fts(3): not for folders of the target. The walk goes on behind `fts_read`, on paths that it makes up itself.
    fn fts_open(paths: Texts, options: c_int, compare: Callback) -> *mut c_void => |layer, paths, _, _| walked_elsewhere(layer, paths);
    /// As `fts_open`.
    fn fts64_open(paths: Texts, options: c_int, compare: Callback) -> *mut c_void => |layer, paths, _, _| walked_elsewhere(layer, paths);
}

type Rewind = unsafe extern "C-unwind" fn(*mut DIR);

hook! {
    /// rewinddir(3), as fdopendir.
    fn rewinddir(stream: *mut DIR) -> () => around |real: Rewind, stream| {
        if copied::is_there() {
            scope::amend(|layer| listed_anew::<()>(layer, stdio::number_of_folder(stream)));
        }
        // SAFETY: the program's own argument.
        unsafe { real(stream) }
    };
}

type GlobFunction = unsafe extern "C-unwind" fn(Text, c_int, Callback, *mut Glob) -> c_int;
type SimpleWalk = unsafe extern "C-unwind" fn(Text, SimpleVisit, c_int) -> c_int;
type FullWalk = unsafe extern "C-unwind" fn(Text, FullVisit, c_int, c_int) -> c_int;
type SimpleVisit = unsafe extern "C-unwind" fn(*const c_char, *const libc::stat, c_int) -> c_int;
type FullVisit = unsafe extern "C-unwind" fn(*const c_char, *const libc::stat, c_int, *mut Position) -> c_int;

hook! {
    /// glob(3)
    fn glob(pattern: Text, flags: c_int, error: Callback, found: *mut Glob) -> c_int => around |real: GlobFunction, pattern, flags, error, found| {
        // SAFETY: the program's own arguments; the functions in `found` are only called during the call.
        glob::with_hooks(pattern, flags, found, |flags| unsafe { real(pattern, flags, error, found) })
    };
    /// As glob.
    fn glob64(pattern: Text, flags: c_int, error: Callback, found: *mut Glob) -> c_int => around |real: GlobFunction, pattern, flags, error, found| {
        // SAFETY: the program's own arguments; the functions in `found` are only called during the call.
        glob::with_hooks(pattern, flags, found, |flags| unsafe { real(pattern, flags, error, found) })
    };
    /// ftw(3)
    fn ftw(path: Text, visit: SimpleVisit, descriptors: c_int) -> c_int => around |real: SimpleWalk, path, visit, descriptors| {
        // SAFETY: the program's own arguments.
        walked(path, Visit::Simple(visit), 0, || unsafe { real(path, visit, descriptors) })
    };
    /// As ftw.
    fn ftw64(path: Text, visit: SimpleVisit, descriptors: c_int) -> c_int => around |real: SimpleWalk, path, visit, descriptors| {
        // SAFETY: the program's own arguments.
        walked(path, Visit::Simple(visit), 0, || unsafe { real(path, visit, descriptors) })
    };
    /// nftw(3)
    fn nftw(path: Text, visit: FullVisit, descriptors: c_int, flags: c_int) -> c_int => around |real: FullWalk, path, visit, descriptors, flags| {
        // SAFETY: the program's own arguments.
        walked(path, Visit::Full(visit), flags, || unsafe { real(path, visit, descriptors, flags) })
    };
    /// As nftw.
    fn nftw64(path: Text, visit: FullVisit, descriptors: c_int, flags: c_int) -> c_int => around |real: FullWalk, path, visit, descriptors, flags| {
        // SAFETY: the program's own arguments.
        walked(path, Visit::Full(visit), flags, || unsafe { real(path, visit, descriptors, flags) })
    };
}

/// Another copy of a folder takes the place of an old one. What cannot be listed any more stays as it was.
fn listed_anew<T>(layer: &Layer, fd: c_int) -> Hooked<T> {
    if let Some(path) = copied::original_of(fd)
        && let Ok(anew) = files::open_remote(layer, path, LIST, 0)
    {
        sys::duplicate_onto(&anew, fd, sys::close_on_exec(fd)?)?;
    }
    Err(Otherwise::Native)
}

/// The real function opens the folder once more, by Linux's name for the descriptor.
fn scanned(layer: &Layer, at: At) -> Hooked<c_int> {
    let folder: OwnedFd = files::open(layer, at, LIST, 0)?;
    Err(Otherwise::Instead(Instead::open_folder(at.path, folder)))
}

fn walked(path: Text, visit: Visit, flags: c_int, real: impl FnOnce() -> c_int) -> c_int {
    let is_ours = scope::run(|layer| {
        let file = paths::file(layer, At::here(path), Access::Read)?;
        if matches!(file, File::Local(None)) { Err(Otherwise::Native) } else { Ok(path.c_str()?.to_owned()) }
    });
    match is_ours {
        Ok(path) => walk::walk(&path, visit, flags),
        Err(Otherwise::Native | Otherwise::Instead(_)) => real(),
        Err(Otherwise::Fail(errno)) => scope::failed(errno),
    }
}

fn walked_elsewhere(layer: &Layer, list: Texts) -> Hooked<*mut c_void> {
    for path in list.iter() {
        if let Ok(File::Remote(path)) = paths::file(layer, At::here(path), Access::Read) {
            layer.notices.walk.say(format_args!(
                "{} is the target's, and fts_open cannot walk through it (ENOTSUP); nftw and opendir can",
                printable(&path)
            ));
            return fail(libc::ENOTSUP);
        }
    }
    Err(Otherwise::Native)
}
