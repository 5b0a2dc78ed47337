//! What a child of posix_spawn(3) does before it becomes the program: its file actions, led to the target's folders and
//! files where they name such.
//!
//! The child carries them out inside libc, where no hook sees it. So the folders and files are opened before, and the
//! child gets a list in which fchdir(2) and dup2(2) take the place of chdir(2) and open(2). The program's own list is read
//! when it is used, not when it is made: it may be used often, or never, and the folder may come to be in between. How
//! glibc writes such a list has been the same since 2.29; whether it still is, is tried before any is read.
#![expect(unsafe_code, reason = "reads and makes a list as glibc writes it")]

use std::ffi::{CStr, CString};
use std::mem::{transmute, zeroed};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

use libc::{c_char, c_int, c_void, mode_t, posix_spawn_file_actions_t};
use rules::path::Access;

use crate::cabi::Text;
use crate::hook::Next;
use crate::paths::{self, At, File};
use crate::scope::{Hooked, Otherwise, fail};
use crate::state::Layer;
use crate::{files, sys, working};

/// `posix_spawn_file_actions_t`, which `spawn.h` shows.
#[repr(C)]
struct List {
    allocated: c_int,
    used: c_int,
    actions: *const Action,
    reserved: [c_int; 16],
}

/// `struct __spawn_action`, which only glibc's own `spawn_int.h` shows.
#[derive(Clone, Copy)]
#[repr(C)]
struct Action {
    tag: c_int,
    of: Of,
}

/// What belongs to a tag.
#[derive(Clone, Copy)]
#[repr(C)]
union Of {
    /// One descriptor, or two for dup2(2).
    numbers: [RawFd; 2],
    /// For chdir(2).
    path: *const c_char,
    open: Open,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Open {
    number: RawFd,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
}

const CLOSE: c_int = 0;
const DUP2: c_int = 1;
const OPEN: c_int = 2;
const CHDIR: c_int = 3;
const FCHDIR: c_int = 4;
/// close_range(2) up to the end.
const CLOSE_FROM: c_int = 5;

impl Action {
    fn of_numbers(tag: c_int, numbers: [RawFd; 2]) -> Self {
        Self { tag, of: Of { numbers } }
    }

    fn change_folder(path: &CStr) -> Self {
        Self { tag: CHDIR, of: Of { path: path.as_ptr() } }
    }

    /// The descriptors that it names; -1 for none. Those of unknown actions are taken for one.
    fn numbers(&self) -> [RawFd; 2] {
        match self.tag {
            CHDIR => [-1; 2],
            // SAFETY: both are there for this tag.
            DUP2 => unsafe { self.of.numbers },
            // SAFETY: all other tags begin with one number.
            _ => [unsafe { self.of.numbers[0] }, -1],
        }
    }
}

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
        let count = c_int::try_from(self.actions.len()).expect("as many as the program's own");
        let list = List { allocated: count, used: count, actions: self.actions.as_ptr(), reserved: [0; 16] };
        spawn((&raw const list).cast())
    }

    /// The folder of this machine that the child ends up in, if that is not its parent's.
    pub(crate) fn folder(&self) -> Option<RawFd> {
        self.folder.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// Opens what the actions of a child name of the target; `Native` where that is nothing and it stays in its parent's
/// folder.
pub(crate) fn prepare(layer: &Layer, list: *const c_void) -> Hooked<Prepared> {
    let actions = read(list).ok_or(Otherwise::Native)?;
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
        match action.tag {
            CHDIR => {
                // SAFETY: the tag says so.
                let path = Text::at(unsafe { action.of.path });
                match self.whose(path, Access::Read)? {
                    File::Remote(path) => {
                        let folder = self.keep(files::open_folder(self.layer, path.clone())?)?;
                        (self.is_in, self.prepared.folder) = (In::Target(path), None);
                        Ok(Action::of_numbers(FCHDIR, [folder, -1]))
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
                }
            }
            FCHDIR => {
                // What the child has under this number by then may be another file than ours: then this is a guess, of
                // which nothing depends but where relative paths of further actions begin.
                let [number, _] = action.numbers();
                self.is_in = working::folder(self.layer, number)?.map_or(In::Local, In::Target);
                self.prepared.folder = None;
                Ok(action)
            }
            OPEN => {
                // SAFETY: the tag says so.
                let Open { number, path, flags, mode } = unsafe { action.of.open };
                match self.whose(Text::at(path), Access::of_open(flags))? {
                    File::Remote(path) => {
                        let file = files::open_remote(self.layer, path, flags | libc::O_CLOEXEC, mode)?;
                        Ok(Action::of_numbers(DUP2, [self.keep(file)?, number]))
                    }
                    File::Local(None) => Ok(action),
                    File::Local(Some(path)) => {
                        let open = Open { number, path: path.as_ptr(), flags, mode };
                        self.prepared.paths.push(path);
                        Ok(Action { tag: OPEN, of: Of { open } })
                    }
                }
            }
            CLOSE_FROM => {
                self.all_closed = true;
                Ok(action)
            }
            _ => Ok(action),
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

/// The actions in a list of the program's; nothing where none of them has to do with paths, or they cannot be read.
fn read<'a>(list: *const c_void) -> Option<&'a [Action]> {
    if list.is_null() {
        return None;
    }
    // SAFETY: not null; the caller of posix_spawn(3) passes such a list, and these members are in `spawn.h`.
    let list = unsafe { &*list.cast::<List>() };
    let count = usize::try_from(list.used).ok().filter(|count| *count > 0 && !list.actions.is_null())?;
    if !is_known() {
        return None;
    }
    // SAFETY: glibc keeps that many there, as it has just shown.
    let actions = unsafe { std::slice::from_raw_parts(list.actions, count) };
    actions.iter().any(|action| matches!(action.tag, OPEN | CHDIR | FCHDIR)).then_some(actions)
}

/// Whether this machine's glibc writes a list as it is read here; found out once. Without a lock, which a fork could
/// leave held.
fn is_known() -> bool {
    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;
    static FOUND: AtomicU8 = AtomicU8::new(UNKNOWN);
    match FOUND.load(Ordering::Relaxed) {
        UNKNOWN => {
            let is_known = writes_as_expected();
            FOUND.store(if is_known { YES } else { NO }, Ordering::Relaxed);
            is_known
        }
        found => found == YES,
    }
}

fn writes_as_expected() -> bool {
    type AddChdir = unsafe extern "C-unwind" fn(*mut posix_spawn_file_actions_t, *const c_char) -> c_int;
    type AddFchdir = unsafe extern "C-unwind" fn(*mut posix_spawn_file_actions_t, c_int) -> c_int;
    static ADD_CHDIR: Next = Next::new("posix_spawn_file_actions_addchdir_np\0");
    static ADD_FCHDIR: Next = Next::new("posix_spawn_file_actions_addfchdir_np\0");
    let (add_chdir, add_fchdir) = (ADD_CHDIR.address(), ADD_FCHDIR.address());
    if add_chdir.is_null() || add_fchdir.is_null() || size_of::<List>() != size_of::<posix_spawn_file_actions_t>() {
        return false;
    }
    // SAFETY: libc's functions of these names have these types.
    let (add_chdir, add_fchdir) =
        unsafe { (transmute::<*mut (), AddChdir>(add_chdir), transmute::<*mut (), AddFchdir>(add_fchdir)) };
    // SAFETY: all zeroes is a valid value for what init fills.
    let mut list: posix_spawn_file_actions_t = unsafe { zeroed() };
    let list = &raw mut list;
    // SAFETY: a list of our own, which init makes good; paths are terminated.
    let is_made = unsafe {
        libc::posix_spawn_file_actions_init(list) == 0
            && libc::posix_spawn_file_actions_addopen(list, 1, c"file".as_ptr(), 0x123, 0o604) == 0
            && libc::posix_spawn_file_actions_adddup2(list, 2, 3) == 0
            && libc::posix_spawn_file_actions_addclose(list, 4) == 0
            && add_chdir(list, c"folder".as_ptr()) == 0
            && add_fchdir(list, 5) == 0
    };
    // SAFETY: of the same size, which has just been looked at.
    let written = unsafe { &*list.cast::<List>() };
    // SAFETY: if it says so, there are five; which member of each may be read says its tag.
    let is_expected = is_made
        && written.used == 5
        && !written.actions.is_null()
        && unsafe {
            let actions = std::slice::from_raw_parts(written.actions, 5);
            let tags: Vec<c_int> = actions.iter().map(|action| action.tag).collect();
            tags == [OPEN, DUP2, CLOSE, CHDIR, FCHDIR] && {
                let Open { number, path, flags, mode } = actions[0].of.open;
                (number, flags, mode) == (1, 0x123, 0o604)
                    && CStr::from_ptr(path) == c"file"
                    && actions[1].of.numbers == [2, 3]
                    && actions[2].of.numbers[0] == 4
                    && CStr::from_ptr(actions[3].of.path) == c"folder"
                    && actions[4].of.numbers[0] == 5
            }
        };
    // SAFETY: init has made it, or it is still all zeroes: then there is nothing to free.
    unsafe { libc::posix_spawn_file_actions_destroy(list) };
    is_expected
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machines_lists_are_read_as_they_are_written() {
        assert!(super::writes_as_expected());
    }
}
