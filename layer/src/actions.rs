//! What a child of posix_spawn(3) does before it becomes the program: its file actions, led to the target's folders and
//! files where they name such.
//!
//! The child carries them out inside libc, where no hook sees it. So the folders and files are opened before, and the
//! child gets a list in which fchdir(2) and dup2(2) take the place of chdir(2) and open(2). The program's own list is read
//! when it is used, not when it is made: it may be used often, or never, and the folder may come to be in between.

mod list;

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use libc::c_void;
use rules::path::Access;

use self::list::{Action, Asks};
use crate::cabi::Text;
use crate::paths::{self, At, File};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::working::Beginning;
use crate::{files, sys, working};

/// A list for the child, and what it needs to stay.
pub(crate) struct Prepared {
    actions: Vec<Action>,
    /// Descriptors that actions name, above all others that are named.
    kept: Vec<OwnedFd>,
    paths: Vec<CString>,
    /// The folder of this machine that the child ends up in, if that is not its parent's.
    folder: Option<OwnedFd>,
}

impl Prepared {
    /// Runs `spawn` with the list.
    pub(crate) fn lend<R>(&self, spawn: impl FnOnce(*const c_void) -> R) -> R {
        list::lend(&self.actions, spawn)
    }

    /// The folder of this machine that the child ends up in, if that is not its parent's.
    pub(crate) fn folder(&self) -> Option<RawFd> {
        self.folder.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// Opens what the actions of a child name of the target; `Native` where that is nothing and it stays in its parent's
/// folder.
pub(crate) fn prepare(layer: &Layer, list: *const c_void) -> Hooked<Prepared> {
    let actions = list::read(list).ok_or(Otherwise::Native)?;
    let highest = actions.iter().flat_map(Action::numbers).max().unwrap_or(-1);
    let prepared =
        Prepared { actions: Vec::with_capacity(actions.len()), kept: Vec::new(), paths: Vec::new(), folder: None };
    let mut child = Child { layer, prepared, lowest: highest.saturating_add(1), is_in: In::Parents, all_closed: false };
    for action in actions {
        let action = child.led(*action)?;
        child.prepared.actions.push(action);
    }
    let Child { prepared, is_in, .. } = child;
    let is_ours = !prepared.kept.is_empty() || !prepared.paths.is_empty() || !matches!(is_in, In::Parents);
    if is_ours { Ok(prepared) } else { Err(Otherwise::Native) }
}

/// The folder that a child is in after some of its actions.
enum In {
    Parents,
    /// This path inside the target.
    Target(Vec<u8>),
    /// One of this machine; where, says [`Prepared::folder`].
    Local,
}

/// A child, as it is going to be.
struct Child<'a> {
    layer: &'a Layer,
    prepared: Prepared,
    /// Above all descriptors that actions name.
    lowest: RawFd,
    is_in: In,
    /// Whether descriptors of ours are closed by now.
    all_closed: bool,
}

impl Child<'_> {
    /// What the child does instead of `action`.
    fn led(&mut self, action: Action) -> Hooked<Action> {
        match action.asks() {
            Asks::ChangeFolder(path) => match self.whose(path, Access::Read)? {
                File::Remote(path) => {
                    let folder = self.keep(files::open_folder(self.layer, path.clone())?)?;
                    (self.is_in, self.prepared.folder) = (In::Target(path), None);
                    Ok(Action::change_to_open_folder(folder))
                }
                File::Local(None) => {
                    self.goes_to(path.c_str()?);
                    Ok(action)
                }
                File::Local(Some(path)) => {
                    self.goes_to(&path);
                    let action = Action::change_folder(&path);
                    self.prepared.paths.push(path);
                    Ok(action)
                }
            },
            Asks::ChangeToOpenFolder(number) => {
                // What the child has under this number by then may be another file than ours: then this is a guess, of
                // which nothing depends but where relative paths of further actions begin.
                self.is_in = match working::beginning(self.layer, number)? {
                    Beginning::Target(path) => In::Target(path),
                    Beginning::Here | Beginning::Root => In::Local,
                };
                self.prepared.folder = None;
                Ok(action)
            }
            Asks::Open { number, path, flags, mode } => match self.whose(path, Access::of_open(flags))? {
                File::Remote(path) => {
                    let file = files::open_remote(self.layer, path, flags | libc::O_CLOEXEC, mode)?;
                    Ok(Action::duplicate(self.keep(file)?, number))
                }
                File::Local(None) => Ok(action),
                File::Local(Some(path)) => {
                    let action = Action::open(number, &path, flags, mode);
                    self.prepared.paths.push(path);
                    Ok(action)
                }
            },
            Asks::CloseAll => {
                self.all_closed = true;
                Ok(action)
            }
            Asks::Other => Ok(action),
        }
    }

    /// Whose file a path of the child's leads to.
    fn whose(&self, path: Text, access: Access) -> Hooked<File> {
        let bytes = path.bytes()?;
        match &self.is_in {
            In::Target(folder) if !bytes.starts_with(b"/") && !bytes.is_empty() => {
                paths::below(self.layer, folder, bytes, access)
            }
            In::Local if !bytes.starts_with(b"/") => Ok(File::Local(None)),
            _ => paths::file(self.layer, At::here(path), access),
        }
    }

    /// The child goes into a folder of this machine, if it is there.
    fn goes_to(&mut self, path: &CStr) {
        let from = self.prepared.folder().unwrap_or(libc::AT_FDCWD);
        self.prepared.folder = sys::open_folder(from, path).ok();
        self.is_in = In::Local;
    }

    /// Keeps a descriptor for the child, under a number that none of its actions names.
    fn keep(&mut self, file: OwnedFd) -> Hooked<RawFd> {
        if self.all_closed {
            self.layer.notices.closed.say(format_args!(
                "a program is to be started with a folder or file of the target that it opens after it has closed all \
                 descriptors (posix_spawn_file_actions_addclosefrom_np): that is not possible (ENOTSUP)"
            ));
            return fail(libc::ENOTSUP);
        }
        let file = if file.as_raw_fd() < self.lowest { sys::duplicate_above(file.as_fd(), self.lowest)? } else { file };
        let number = file.as_raw_fd();
        self.prepared.kept.push(file);
        Ok(number)
    }
}
