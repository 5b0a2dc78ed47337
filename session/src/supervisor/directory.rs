//! Working directories: where relative paths begin.
//!
//! A process cannot be moved into a directory by another one. When it asks for a directory of the target, the kernel's
//! own working directory stays where it was, and every call on a relative path that comes to us begins in the directory
//! that was asked for. Partial: `/proc/self/cwd` and the relative path of a program to execute mean the kernel's.
//! A process that has become supervised inside of a remote directory (a program with our library in it may go there) is
//! recognised by its working directory.

use std::{
    ffi::CString,
    fs, mem,
    os::unix::ffi::OsStringExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::{descriptors::original, proxy::Proxy};

/// How descriptors of the target's directories are recognised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targets<'a> {
    /// See [`protocol::policy::Policy`].
    device: u64,
    /// Where they are copies, without FUSE.
    copies: &'a Path,
}

impl<'a> Targets<'a> {
    /// Those of a session.
    pub(super) fn of(proxy: &'a Proxy) -> Self {
        Self { device: proxy.policy.files_device, copies: proxy.copies.folder() }
    }

    /// The path inside the target of what a link in procfs leads to, if it is the target's.
    fn path(self, link: &str) -> Option<Vec<u8>> {
        if self.device == 0 {
            return original(self.copies, &path_of(link)?);
        }
        if device_of(link)? == self.device { path_of(link) } else { None }
    }
}

/// The working directory of one process.
#[derive(Debug, Default)]
pub(super) struct WorkingDirectory(Mutex<State>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    /// The kernel's, wherever that is.
    #[default]
    Unknown,
    /// The kernel's, which is this machine's.
    Local,
    /// The kernel's, which is the target's.
    Remote,
    /// The target's, though the kernel's is another.
    Virtual(Vec<u8>),
}

impl WorkingDirectory {
    /// For a child: the same directory, which it leaves on its own.
    pub(super) fn inherited(&self) -> Self {
        Self(Mutex::new(self.state()))
    }

    /// The process goes into a directory of the target.
    pub(super) fn enter(&self, path: Vec<u8>) {
        self.set(State::Virtual(path));
    }

    /// The process goes where the kernel leads it.
    pub(super) fn leave(&self) {
        self.set(State::Unknown);
    }

    /// The path that was entered, if the kernel does not know of it.
    pub(super) fn entered(&self) -> Option<Vec<u8>> {
        match self.state() {
            State::Virtual(path) => Some(path),
            State::Unknown | State::Local | State::Remote => None,
        }
    }

    /// The path inside the target, if the directory is there.
    pub(super) fn remote(&self, thread: u32, targets: Targets<'_>) -> Option<Vec<u8>> {
        let link = || format!("/proc/{thread}/cwd");
        match self.state() {
            State::Local => None,
            State::Virtual(path) => Some(path),
            State::Remote => targets.path(&link()),
            State::Unknown => {
                let path = targets.path(&link());
                self.set(if path.is_some() { State::Remote } else { State::Local });
                path
            }
        }
    }

    fn state(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        let old = mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state);
        drop(old);
    }
}

/// Path inside the target of the descriptor `number` of a thread, if it is one of the target's files.
pub(super) fn remote_descriptor(thread: u32, number: i32, targets: Targets<'_>) -> Option<Vec<u8>> {
    if number < 0 {
        return None;
    }
    targets.path(&format!("/proc/{thread}/fd/{number}"))
}

/// Whether the descriptor `number` of a thread is the root folder; not where that is mounted elsewhere, too.
pub(super) fn is_root(thread: u32, number: i32) -> bool {
    number >= 0 && fs::read_link(format!("/proc/{thread}/fd/{number}")).is_ok_and(|path| path == Path::new("/"))
}

/// Whether the descriptor `number` of a thread is one of the target's files, with a name or without.
pub(super) fn is_targets(thread: u32, number: i32, files_device: u64) -> bool {
    files_device != 0 && device_of(&format!("/proc/{thread}/fd/{number}")) == Some(files_device)
}

/// What a link in procfs says. For a file of a mount that is attached nowhere, as that of the target's files, it is the
/// path inside of it.
fn path_of(link: &str) -> Option<Vec<u8>> {
    let path = fs::read_link(link).ok()?.into_os_string().into_vec();
    // proc(5): names of what is not there any more are marked.
    Some(path).filter(|path| path.starts_with(b"/") && !path.ends_with(b" (deleted)"))
}

/// The device of a file, from what the kernel knows: nobody is asked who could keep us waiting.
fn device_of(link: &str) -> Option<u64> {
    let link = CString::new(link).ok()?;
    let flags = libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT;
    let mut status = mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path ends with NUL, and the kernel fills a whole `struct statx` or nothing.
    #[expect(unsafe_code, reason = "statx(2) has no wrapper")]
    let status = unsafe {
        if libc::statx(libc::AT_FDCWD, link.as_ptr(), flags, 0, status.as_mut_ptr()) != 0 {
            return None;
        }
        status.assume_init()
    };
    Some(libc::makedev(status.stx_dev_major, status.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use std::os::{fd::AsRawFd, unix::fs::MetadataExt};

    use super::*;

    #[test]
    fn a_device_makes_a_directory_the_targets() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().metadata().unwrap().dev();
        let opened = fs::File::open(folder.path()).unwrap();
        let path = folder.path().as_os_str().to_owned().into_vec();
        let targets = |device| Targets { device, copies: Path::new("/none") };
        let remote = |device| remote_descriptor(std::process::id(), opened.as_raw_fd(), targets(device));
        assert_eq!(remote(device), Some(path));
        assert_eq!(remote(device + 1), None);
        assert_eq!(remote(0), None);
        assert_eq!(remote_descriptor(std::process::id(), libc::AT_FDCWD, targets(device)), None);
    }

    #[test]
    fn a_copy_of_a_directory_tells_what_it_stands_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("3/app/config")).unwrap();
        let opened = fs::File::open(folder.path().join("3/app/config")).unwrap();
        let targets = |device| Targets { device, copies: folder.path() };
        let remote = |device| remote_descriptor(std::process::id(), opened.as_raw_fd(), targets(device));
        assert_eq!(remote(0).as_deref(), Some(&b"/app/config"[..]));
        assert_eq!(remote(u64::MAX), None);
    }

    #[test]
    fn children_inherit_and_leave_on_their_own() {
        let parent = WorkingDirectory::default();
        let none = Targets { device: 0, copies: Path::new("/none") };
        assert_eq!(parent.remote(std::process::id(), none), None);
        parent.enter(b"/data".to_vec());
        let child = parent.inherited();
        parent.leave();
        assert_eq!(parent.entered(), None);
        assert_eq!(child.remote(std::process::id(), none), Some(b"/data".to_vec()));
    }
}
