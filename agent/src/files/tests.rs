//! A root with a secret beside it, and operations on it as the agent performs them.

mod errnos;
mod hostile;
mod listing;
mod opening;
mod paths;

use std::{
    fs::{self, File},
    os::{fd::OwnedFd, unix::fs::symlink},
    path::PathBuf,
    sync::Arc,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use protocol::{
    Errno,
    file::{Content, Open, Opened},
};

use super::{blob::Blob, handles::Handles, open};
use crate::rights::Rights;

/// A root, and what a session has open in it.
pub(super) struct Fixture {
    folder: Arc<tempfile::TempDir>,
    root: OwnedFd,
    pub(super) handles: Handles,
}

impl Fixture {
    /// An empty root.
    pub(super) fn new() -> Self {
        nix::sys::stat::umask(nix::sys::stat::Mode::empty());
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(folder.path().join("root")).expect("mkdir");
        fs::write(folder.path().join("secret"), "outside").expect("write");
        let root = File::open(folder.path().join("root")).expect("open").into();
        Self { folder: Arc::new(folder), root, handles: Handles::default() }
    }

    /// The same root for another session.
    pub(super) fn open_again(&self) -> Self {
        let root = self.root.try_clone().expect("dup");
        Self { folder: self.folder.clone(), root, handles: Handles::default() }
    }

    /// A root with files, and links of which some try to lead out of it.
    fn with_links() -> Self {
        let fixture = Self::new();
        fs::create_dir_all(fixture.outside("etc/sub")).expect("mkdir");
        fs::write(fixture.outside("etc/hosts"), "inside").expect("write");
        fs::write(fixture.outside("secret"), "root's own").expect("write");
        for (link, to) in [
            ("absolute", "/etc/hosts"),
            ("up", "../../../../etc/hosts"),
            ("escape", "../secret"),
            ("loop", "loop"),
            ("folder", "/etc/sub"),
            ("dangling", "/nowhere"),
        ] {
            symlink(to, fixture.outside(link)).expect("symlink");
        }
        symlink(fixture.folder.path().join("secret"), fixture.outside("host-path")).expect("symlink");
        fixture
    }

    /// Where a file of the root is for the test itself.
    pub(super) fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    pub(super) fn open(&self, path: impl Into<Vec<u8>>, flags: i32) -> Result<(Opened, Vec<u8>), i32> {
        self.open_request(&Open { path: path.into(), flags, mode: 0o644 })
    }

    fn open_request(&self, request: &Open) -> Result<(Opened, Vec<u8>), i32> {
        let (opened, blob) = open(&self.root, request, &own_rights(), &self.handles).map_err(|errno| errno.0)?;
        Ok((opened, read_all(blob).map_err(|errno| errno.0)?))
    }

    fn text(&self, path: &str) -> Result<String, i32> {
        self.open(path, libc::O_RDONLY).map(|(_, bytes)| String::from_utf8(bytes).expect("text"))
    }
}

/// Runs `act` in a thread whose `/` is a folder of its own, with procfs and little else; says so where that is not
/// permitted. What a broken resolver does is done in there, not to the machine of whoever runs the tests.
fn in_world(act: impl FnOnce() + Send) {
    let world = tempfile::tempdir().expect("a temporary directory");
    for folder in ["proc", "tmp", "folder"] {
        fs::create_dir(world.path().join(folder)).expect("mkdir");
    }
    for secret in ["secret", "folder/secret"] {
        fs::write(world.path().join(secret), "outside").expect("write");
    }
    let enter = || {
        let none: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some("/proc"), &world.path().join("proc"), none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
        nix::unistd::chroot(world.path())?;
        nix::unistd::chdir("/")
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| match enter() {
            Ok(()) => act(),
            Err(error) => eprintln!("not run: no root of its own: {error}"),
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn own_rights() -> Arc<Rights> {
    let status = fs::read("/proc/self/status").expect("readable");
    Arc::new(Rights::try_from(status.as_slice()).expect("whole"))
}

fn read_all(mut blob: Blob) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    while let Some(chunk) = blob.next_chunk()? {
        bytes.extend_from_slice(&chunk);
    }
    assert!(blob.is_finished());
    Ok(bytes)
}

/// The handle that came with the answer, if any.
pub(super) fn handle(opened: &Opened) -> Option<protocol::file::Handle> {
    match opened.content {
        Content::Whole => None,
        Content::Beginning(handle) | Content::Listing(handle) => Some(handle),
    }
}

/// Makes a file look as if it had not changed for an hour.
fn make_quiet(path: &std::path::Path) {
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    File::options().write(true).open(path).expect("open").set_modified(hour_ago).expect("settable");
}
