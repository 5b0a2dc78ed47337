//! Working directories: where relative paths begin.
//!
//! A process cannot be moved into a directory by another one. When it asks for a directory of the target, the kernel's
//! own working directory stays where it was, and every call on a relative path that comes to us begins in the directory
//! that was asked for. Partial: `/proc/self/cwd` and the relative path of a program to execute mean the kernel's.
//! A process that has become supervised inside of a remote directory (a program with our library in it may go there) is
//! recognised by the device of its working directory.

use std::{
    ffi::CString,
    fs, mem,
    os::unix::ffi::OsStringExt,
    sync::{Mutex, PoisonError},
};

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

    /// The path inside the target, if the directory is there. `files_device`: see [`protocol::policy::Policy`].
    pub(super) fn remote(&self, thread: u32, files_device: u64) -> Option<Vec<u8>> {
        let link = || format!("/proc/{thread}/cwd");
        match self.state() {
            State::Local => None,
            State::Virtual(path) => Some(path),
            State::Remote => path_of(&link()),
            State::Unknown => {
                let path = remote_path(&link(), files_device);
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
pub(super) fn remote_descriptor(thread: u32, number: i32, files_device: u64) -> Option<Vec<u8>> {
    if files_device == 0 || number < 0 {
        return None;
    }
    remote_path(&format!("/proc/{thread}/fd/{number}"), files_device)
}

/// Whether the descriptor `number` of a thread is one of the target's files, with a name or without.
pub(super) fn is_targets(thread: u32, number: i32, files_device: u64) -> bool {
    files_device != 0 && device_of(&format!("/proc/{thread}/fd/{number}")) == Some(files_device)
}

/// The target of a link in procfs, if it is on the device of the target's files.
fn remote_path(link: &str, files_device: u64) -> Option<Vec<u8>> {
    if files_device == 0 || device_of(link)? != files_device {
        return None;
    }
    path_of(link)
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
        let remote = |device| remote_descriptor(std::process::id(), opened.as_raw_fd(), device);
        assert_eq!(remote(device), Some(path));
        assert_eq!(remote(device + 1), None);
        assert_eq!(remote(0), None);
        assert_eq!(remote_descriptor(std::process::id(), libc::AT_FDCWD, device), None);
    }

    #[test]
    fn children_inherit_and_leave_on_their_own() {
        let parent = WorkingDirectory::default();
        assert_eq!(parent.remote(std::process::id(), 0), None);
        parent.enter(b"/data".to_vec());
        let child = parent.inherited();
        parent.leave();
        assert_eq!(parent.entered(), None);
        assert_eq!(child.remote(std::process::id(), 0), Some(b"/data".to_vec()));
    }
}
