//! Files with new names.

use std::os::fd::IntoRawFd;

use libc::{c_char, c_int};
use protocol::Errno;
use protocol::file::MakeDirectory;

use crate::cabi::Text;
use crate::hook::hook;
use crate::paths::File;
use crate::scope::{Hooked, Otherwise};
use crate::state::Layer;
use crate::{files, sys, temporary, umask};

hook! {
    /// mkstemp(3)
    fn mkstemp(template: Text) -> c_int => |layer, template| opened(layer, template, 0, 0);
    /// As mkstemp.
    fn mkstemp64(template: Text) -> c_int => |layer, template| opened(layer, template, 0, 0);
    /// mkostemp(3)
    fn mkostemp(template: Text, flags: c_int) -> c_int => |layer, template, flags| opened(layer, template, 0, flags);
    /// As mkostemp.
    fn mkostemp64(template: Text, flags: c_int) -> c_int => |layer, template, flags| opened(layer, template, 0, flags);
    /// mkstemps(3)
    fn mkstemps(template: Text, suffix_len: c_int) -> c_int => |layer, template, suffix_len| opened(layer, template, suffix_len, 0);
    /// As mkstemps.
    fn mkstemps64(template: Text, suffix_len: c_int) -> c_int => |layer, template, suffix_len| opened(layer, template, suffix_len, 0);
    /// mkostemps(3)
    fn mkostemps(template: Text, suffix_len: c_int, flags: c_int) -> c_int => opened;
    /// As mkostemps.
    fn mkostemps64(template: Text, suffix_len: c_int, flags: c_int) -> c_int => opened;
}

hook! {
    /// mkdtemp(3)
    fn mkdtemp(template: Text) -> *mut c_char => folder_made;
    /// mktemp(3)
    fn mktemp(template: Text) -> *mut c_char => named;
}

fn opened(layer: &Layer, template: Text, suffix_len: c_int, flags: c_int) -> Hooked<c_int> {
    let flags = flags & !libc::O_ACCMODE | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let file = temporary::make(layer, template, suffix_len, |file| match file {
        File::Remote(path) => files::open_remote(layer, path, flags, 0o600),
        File::Local(path) => sys::open(&path.ok_or(Errno::EINVAL)?, flags),
    })?;
    Ok(file.into_raw_fd())
}

fn folder_made(layer: &Layer, template: Text) -> Hooked<*mut c_char> {
    temporary::make(layer, template, 0, |file| match file {
        File::Remote(path) => layer.link.perform(MakeDirectory { path, mode: 0o700 & !umask::current() }),
        File::Local(path) => sys::make_folder(&path.ok_or(Errno::EINVAL)?, 0o700),
    })?;
    Ok(template.pointer().cast_mut())
}

/// A name under which there is nothing; when there is none, or on an error, the template becomes empty.
fn named(layer: &Layer, template: Text) -> Hooked<*mut c_char> {
    let free = |found: Result<(), Errno>| match found {
        Ok(()) => Err(Errno(libc::EEXIST)),
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    };
    let found = temporary::make(layer, template, 0, |file| match file {
        File::Remote(path) => free(files::stat(layer, path, false).map(drop)),
        File::Local(path) => free(sys::status_at(&path.ok_or(Errno::EINVAL)?).map(drop)),
    });
    match found {
        Ok(()) => {}
        Err(Otherwise::Fail(_)) => {
            crate::cabi::Room::new(template.pointer().cast_mut()).fill(1, b"\0")?;
        }
        Err(otherwise) => return Err(otherwise),
    }
    Ok(template.pointer().cast_mut())
}
