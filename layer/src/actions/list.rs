//! A list of file actions as glibc writes it. That has been the same since 2.29; whether it still is, is tried before any
//! is read.
#![expect(unsafe_code, reason = "reads and makes what libc keeps behind a pointer")]

use std::ffi::CStr;
use std::mem::{transmute, zeroed};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering};

use libc::{c_char, c_int, c_void, mode_t, posix_spawn_file_actions_t};

use crate::cabi::Text;
use crate::hook::Next;

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
pub(super) struct Action {
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

/// What an action asks for, as far as it has to do with paths and all descriptors.
pub(super) enum Asks {
    ChangeFolder(Text),
    ChangeToOpenFolder(RawFd),
    Open { number: RawFd, path: Text, flags: c_int, mode: mode_t },
    CloseAll,
    Other,
}

impl Action {
    /// chdir(2)
    pub(super) fn change_folder(path: &CStr) -> Self {
        Self { tag: CHDIR, of: Of { path: path.as_ptr() } }
    }

    /// fchdir(2)
    pub(super) fn change_to_open_folder(number: RawFd) -> Self {
        Self { tag: FCHDIR, of: Of { numbers: [number, -1] } }
    }

    /// open(2), under a number.
    pub(super) fn open(number: RawFd, path: &CStr, flags: c_int, mode: mode_t) -> Self {
        Self { tag: OPEN, of: Of { open: Open { number, path: path.as_ptr(), flags, mode } } }
    }

    /// dup2(2)
    pub(super) fn duplicate(from: RawFd, to: RawFd) -> Self {
        Self { tag: DUP2, of: Of { numbers: [from, to] } }
    }

    pub(super) fn asks(&self) -> Asks {
        match self.tag {
            // SAFETY: the tag says so.
            CHDIR => Asks::ChangeFolder(Text::at(unsafe { self.of.path })),
            FCHDIR => Asks::ChangeToOpenFolder(self.numbers()[0]),
            OPEN => {
                // SAFETY: the tag says so.
                let Open { number, path, flags, mode } = unsafe { self.of.open };
                Asks::Open { number, path: Text::at(path), flags, mode }
            }
            CLOSE_FROM => Asks::CloseAll,
            _ => Asks::Other,
        }
    }

    /// The descriptors that it names; -1 for none. Those of unknown actions are taken for one.
    pub(super) fn numbers(&self) -> [RawFd; 2] {
        match self.tag {
            CHDIR => [-1; 2],
            // SAFETY: both are there for this tag.
            DUP2 => unsafe { self.of.numbers },
            // SAFETY: all other tags begin with one number.
            _ => [unsafe { self.of.numbers[0] }, -1],
        }
    }
}

/// Runs `spawn` with a list of ours.
pub(super) fn lend<R>(actions: &[Action], spawn: impl FnOnce(*const c_void) -> R) -> R {
    let count = c_int::try_from(actions.len()).expect("as many as the program's own");
    let list = List { allocated: count, used: count, actions: actions.as_ptr(), reserved: [0; 16] };
    spawn((&raw const list).cast())
}

/// The actions in a list of the program's; nothing where none of them has to do with paths, or they cannot be read.
pub(super) fn read<'a>(list: *const c_void) -> Option<&'a [Action]> {
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
