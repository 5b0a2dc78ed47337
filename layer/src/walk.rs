//! nftw(3) over the target's folders: libc's own walks without coming past us.
//!
//! The walk itself runs outside any scope: it makes the calls that a program would make, and the program's function
//! may do anything. `FTW` in names stands for what libc calls so.
#![expect(unsafe_code, reason = "calls libc, and the program's function")]

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::mem::zeroed;

use libc::{c_char, c_int, stat};
use protocol::Errno;

use crate::sys;

/// Flags of nftw(3). `ftw.h`
pub(crate) const FTW_PHYS: c_int = 1;
const FTW_MOUNT: c_int = 2;
const FTW_CHDIR: c_int = 4;
const FTW_DEPTH: c_int = 8;
const FTW_ACTIONRETVAL: c_int = 16;

/// What the program's function answers under `FTW_ACTIONRETVAL`.
const FTW_SKIP_SUBTREE: c_int = 2;
const FTW_SKIP_SIBLINGS: c_int = 3;

/// What the program's function is told of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File = 0,
    Folder = 1,
    UnreadableFolder = 2,
    NoStatus = 3,
    Link = 4,
    FolderDone = 5,
    DanglingLink = 6,
}

/// `struct FTW`
#[repr(C)]
pub(crate) struct Position {
    base: c_int,
    level: c_int,
}

/// The program's function.
#[derive(Clone, Copy)]
pub(crate) enum Visit {
    /// Of ftw(3).
    Simple(unsafe extern "C-unwind" fn(*const c_char, *const stat, c_int) -> c_int),
    /// Of nftw(3).
    Full(unsafe extern "C-unwind" fn(*const c_char, *const stat, c_int, *mut Position) -> c_int),
}

/// Calls `visit` for `root` and everything below it; gives what nftw(3) returns, with `errno` set.
pub(crate) fn walk(root: &CStr, visit: Visit, flags: c_int) -> c_int {
    let mut root = root.to_bytes().to_vec();
    while root.len() > 1 && root.ends_with(b"/") {
        root.pop();
    }
    let home = if flags & FTW_CHDIR == 0 { None } else { sys::open(c".", libc::O_RDONLY | libc::O_CLOEXEC).ok() };
    let mut prefix = Vec::new();
    if home.is_some() && !root.starts_with(b"/") {
        prefix = std::env::current_dir().map(|path| path.into_os_string().into_encoded_bytes()).unwrap_or_default();
        prefix.push(b'/');
    }
    let mut walk = Walk { visit, flags, prefix, device: None, seen: HashSet::new() };
    let result = walk.entry(&root, 0);
    if let Some(home) = home {
        // It was open all the time: nothing can be wrong with it.
        let _ = sys::change_folder(std::os::fd::AsRawFd::as_raw_fd(&home));
    }
    match result {
        Ok(()) | Err(Stop::Siblings) => 0,
        Err(Stop::Answer(answer)) => answer,
        Err(Stop::Error(errno)) => {
            sys::set_errno(errno);
            -1
        }
    }
}

/// Why the walk does not go on.
enum Stop {
    /// The program's function says so.
    Answer(c_int),
    /// Nothing more in this folder.
    Siblings,
    Error(Errno),
}

struct Walk {
    visit: Visit,
    flags: c_int,
    /// Where the root's path starts, when the working directory changes on the way.
    prefix: Vec<u8>,
    /// The root's, under `FTW_MOUNT`.
    device: Option<u64>,
    /// Folders visited, while links are followed.
    seen: HashSet<(u64, u64)>,
}

impl Walk {
    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    fn entry(&mut self, path: &[u8], level: c_int) -> Result<(), Stop> {
        let real = self.real(path)?;
        let (kind, status) = match self.status(&real) {
            Ok(status) => (kind_of(&status), status),
            Err(errno) => {
                let link = link_status(&real).ok().filter(|status| kind_of(status) == Kind::Link);
                match link {
                    Some(status) => (Kind::DanglingLink, status),
                    None if level > 0 && matches!(errno.0, libc::EACCES | libc::ENOENT) => {
                        // SAFETY: all zeroes is a valid `stat`.
                        (Kind::NoStatus, unsafe { zeroed() })
                    }
                    None => return Err(Stop::Error(errno)),
                }
            }
        };
        if self.has(FTW_MOUNT) && status.st_dev != *self.device.get_or_insert(status.st_dev) {
            return Ok(());
        }
        if kind != Kind::Folder {
            return self.tell(path, &status, kind, level);
        }
        if !self.has(FTW_PHYS) && !self.seen.insert((status.st_dev, status.st_ino)) {
            return Ok(());
        }
        self.folder(path, &real, &status, level)
    }

    fn folder(&mut self, path: &[u8], real: &CStr, status: &stat, level: c_int) -> Result<(), Stop> {
        let names = match names_in(real) {
            Ok(names) => names,
            Err(Errno(libc::EACCES)) => return self.tell(path, status, Kind::UnreadableFolder, level),
            Err(errno) => return Err(Stop::Error(errno)),
        };
        if !self.has(FTW_DEPTH) {
            match self.tell(path, status, Kind::Folder, level) {
                Err(Stop::Answer(FTW_SKIP_SUBTREE)) if self.has(FTW_ACTIONRETVAL) => return Ok(()),
                result => result?,
            }
        }
        for name in names {
            let separator: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
            match self.entry(&[path, separator, &name].concat(), level + 1) {
                Err(Stop::Siblings) => break,
                result => result?,
            }
        }
        if self.has(FTW_DEPTH) { self.tell(path, status, Kind::FolderDone, level) } else { Ok(()) }
    }

    fn status(&self, path: &CStr) -> Result<stat, Errno> {
        if self.has(FTW_PHYS) { link_status(path) } else { sys::status_at(path) }
    }

    fn real(&self, path: &[u8]) -> Result<CString, Stop> {
        CString::new([&self.prefix, path].concat()).map_err(|_| Stop::Error(Errno::EINVAL))
    }

    fn tell(&self, path: &[u8], status: &stat, kind: Kind, level: c_int) -> Result<(), Stop> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let base = slash.filter(|_| path.len() > 1).map_or(0, |slash| slash + 1);
        if self.has(FTW_CHDIR) {
            // libc has not left a folder yet when it tells of its end.
            let folder = match (kind, base) {
                (Kind::FolderDone, _) => self.real(path)?,
                (_, 0) => self.real(b".")?,
                _ => self.real(&path[..base])?,
            };
            sys::change_folder_to(&folder).map_err(Stop::Error)?;
        }
        let path = CString::new(path).map_err(|_| Stop::Error(Errno::EINVAL))?;
        let answer = match self.visit {
            Visit::Simple(visit) => {
                let kind = match kind {
                    Kind::Link => Kind::File,
                    Kind::FolderDone => Kind::Folder,
                    Kind::DanglingLink => Kind::NoStatus,
                    kind => kind,
                };
                // SAFETY: the program's function, with what ftw(3) promises it.
                unsafe { visit(path.as_ptr(), status, kind as c_int) }
            }
            Visit::Full(visit) => {
                let mut position = Position { base: c_int::try_from(base).unwrap_or(c_int::MAX), level };
                // SAFETY: the program's function, with what nftw(3) promises it.
                unsafe { visit(path.as_ptr(), status, kind as c_int, &raw mut position) }
            }
        };
        match answer {
            0 => Ok(()),
            FTW_SKIP_SIBLINGS if self.has(FTW_ACTIONRETVAL) => Err(Stop::Siblings),
            FTW_SKIP_SUBTREE if self.has(FTW_ACTIONRETVAL) && kind != Kind::Folder => Ok(()),
            answer => Err(Stop::Answer(answer)),
        }
    }
}

fn kind_of(status: &stat) -> Kind {
    match status.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Folder,
        libc::S_IFLNK => Kind::Link,
        _ => Kind::File,
    }
}

fn link_status(path: &CStr) -> Result<stat, Errno> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut status: stat = unsafe { zeroed() };
    // SAFETY: `path` is terminated; writes one `stat`.
    sys::checked(unsafe { libc::lstat(path.as_ptr(), &raw mut status) }).map(|_| status)
}

/// The names in a folder, without `.` and `..`.
fn names_in(folder: &CStr) -> Result<Vec<Vec<u8>>, Errno> {
    // SAFETY: `folder` is terminated.
    let open = unsafe { libc::opendir(folder.as_ptr()) };
    if open.is_null() {
        return Err(sys::last_error());
    }
    let mut names = Vec::new();
    loop {
        // SAFETY: the folder is open.
        let entry = unsafe { libc::readdir64(open) };
        if entry.is_null() {
            break;
        }
        // SAFETY: the name is terminated and lasts until the next call.
        let name = unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) }.to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    // SAFETY: opened above.
    unsafe { libc::closedir(open) };
    Ok(names)
}
