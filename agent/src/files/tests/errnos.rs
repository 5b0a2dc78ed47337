//! Operations inside a root fail, and succeed, as the plain calls do for a process that has that root.

use std::path::Path;

use nix::{
    fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, renameat2},
    sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mknodat},
    unistd::{AccessFlags, LinkatFlags},
};
use protocol::file::{Change, MakeDirectory, MakeNode, ReadLink, Remove, Rename, SetTime, SymbolicLink};

use super::{
    super::{at_path, attributes, metadata, names},
    *,
};

/// What is tried on one path, or on a path and another.
#[derive(Clone, Copy, Debug)]
enum Call {
    Open(i32),
    MakeDirectory,
    MakeNode,
    Unlink,
    RemoveDirectory,
    /// The path is renamed to the other.
    RenameFrom(u32),
    /// The other is renamed to the path.
    RenameTo(u32),
    LinkFrom,
    LinkTo,
    SymbolicLink,
    Stat,
    LinkStat,
    ReadLink,
    Access,
    Truncate,
    Mode,
    FileSystem,
    GetAttribute,
    ListAttributes,
}

const CALLS: [Call; 33] = [
    Call::Open(libc::O_RDONLY),
    Call::Open(libc::O_RDWR),
    Call::Open(libc::O_WRONLY | libc::O_TRUNC),
    Call::Open(libc::O_WRONLY | libc::O_CREAT),
    Call::Open(libc::O_RDONLY | libc::O_CREAT | libc::O_TRUNC),
    Call::Open(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL),
    Call::Open(libc::O_WRONLY | libc::O_CREAT | libc::O_NOFOLLOW),
    Call::Open(libc::O_RDONLY | libc::O_NOFOLLOW),
    Call::Open(libc::O_RDONLY | libc::O_DIRECTORY),
    Call::Open(libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW),
    Call::Open(libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CREAT),
    Call::Open(libc::O_PATH),
    Call::Open(libc::O_PATH | libc::O_NOFOLLOW),
    Call::Open(libc::O_TMPFILE | libc::O_RDWR),
    Call::Open(libc::O_TMPFILE | libc::O_RDONLY),
    Call::Open(libc::O_RDONLY | libc::O_ASYNC | libc::O_NONBLOCK | 0x4000_0000),
    Call::MakeDirectory,
    Call::MakeNode,
    Call::Unlink,
    Call::RemoveDirectory,
    Call::RenameFrom(0),
    Call::RenameTo(0),
    Call::RenameTo(libc::RENAME_NOREPLACE),
    Call::RenameTo(libc::RENAME_EXCHANGE),
    Call::LinkFrom,
    Call::LinkTo,
    Call::SymbolicLink,
    Call::Stat,
    Call::LinkStat,
    Call::ReadLink,
    Call::Access,
    Call::Truncate,
    Call::Mode,
];

const MORE_CALLS: [Call; 3] = [Call::FileSystem, Call::GetAttribute, Call::ListAttributes];

const PATHS: [&str; 40] = [
    "",
    "/",
    "//",
    "/.",
    "/..",
    "/../",
    "/file",
    "/file/",
    "/file//",
    "/file/.",
    "/file/..",
    "/file/x",
    "/./file",
    "//dir//..//file",
    "/dir",
    "/dir/",
    "/dir/.",
    "/dir/./",
    "/dir/..",
    "/dir/x",
    "/full",
    "/full/",
    "/full/.",
    "/full/x",
    "/missing",
    "/missing/",
    "/missing/.",
    "/missing/x",
    "/missing/../file",
    "/to-file",
    "/to-file/",
    "/to-dir",
    "/to-dir/",
    "/to-dir/.",
    "/to-dir/x",
    "/to-dir/..",
    "/dangling",
    "/dangling/",
    "/loop",
    "/loop/x",
];

/// The same files in a fresh folder.
fn fill(root: &Path) {
    fs::write(root.join("file"), "text").expect("write");
    fs::write(root.join("other"), "other").expect("write");
    fs::create_dir(root.join("dir")).expect("mkdir");
    fs::create_dir_all(root.join("full/x")).expect("mkdir");
    fs::create_dir(root.join("other-dir")).expect("mkdir");
    for (link, to) in [("to-file", "file"), ("to-dir", "/full"), ("dangling", "dir/nothing"), ("loop", "/loop")] {
        symlink(to, root.join(link)).expect("symlink");
    }
    make_quiet(&root.join("file"));
}

/// Names, kinds, permissions and sizes of all that is in a folder.
fn dump(root: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry")) {
            let metadata = entry.metadata().expect("lstat");
            let path = entry.path();
            let (mode, links) = (metadata.mode(), metadata.nlink());
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            all.push(format!("{} {mode:o} {links} {size}", path.strip_prefix(root).expect("inside").display()));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    all.sort();
    all
}

/// The call as a process makes it whose root it is.
fn plainly(call: Call, path: &str, other: &str) -> Result<(), i32> {
    let mode = Mode::from_bits_truncate(0o640);
    let name = Path::new(path);
    match call {
        Call::Open(flags) => nix::fcntl::open(name, OFlag::from_bits_retain(flags), mode).map(drop),
        Call::MakeDirectory => nix::unistd::mkdir(name, mode),
        Call::MakeNode => mknodat(AT_FDCWD, name, SFlag::S_IFIFO, mode, 0),
        Call::Unlink => nix::unistd::unlink(name),
        Call::RemoveDirectory => nix::unistd::unlinkat(AT_FDCWD, name, nix::unistd::UnlinkatFlags::RemoveDir),
        Call::RenameFrom(flags) => {
            renameat2(AT_FDCWD, name, AT_FDCWD, Path::new(other), RenameFlags::from_bits_truncate(flags))
        }
        Call::RenameTo(flags) => {
            renameat2(AT_FDCWD, Path::new(other), AT_FDCWD, name, RenameFlags::from_bits_truncate(flags))
        }
        Call::LinkFrom => nix::unistd::linkat(AT_FDCWD, name, AT_FDCWD, Path::new(other), LinkatFlags::empty()),
        Call::LinkTo => nix::unistd::linkat(AT_FDCWD, Path::new(other), AT_FDCWD, name, LinkatFlags::empty()),
        Call::SymbolicLink => nix::unistd::symlinkat("text", AT_FDCWD, name),
        Call::Stat => nix::sys::stat::stat(name).map(drop),
        Call::LinkStat => nix::sys::stat::lstat(name).map(drop),
        Call::ReadLink => nix::fcntl::readlink(name).map(drop),
        Call::Access => nix::unistd::faccessat(AT_FDCWD, name, AccessFlags::X_OK, AtFlags::AT_EACCESS),
        Call::Truncate => nix::unistd::truncate(name, 2),
        Call::Mode => fchmodat(AT_FDCWD, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink),
        Call::FileSystem => nix::sys::statfs::statfs(name).map(drop),
        Call::GetAttribute | Call::ListAttributes => return plain_attributes(call, path),
    }
    .map_err(|error| error as i32)
}

#[expect(unsafe_code, reason = "neither std nor nix knows extended attributes")]
fn plain_attributes(call: Call, path: &str) -> Result<(), i32> {
    let path = std::ffi::CString::new(path).expect("without NUL");
    let mut buffer = [0_u8; 1024];
    let len = match call {
        Call::ListAttributes => {
            // SAFETY: a C string, and a buffer with its length.
            unsafe { libc::listxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) }
        }
        _ => {
            // SAFETY: two C strings, and a buffer with its length.
            unsafe { libc::getxattr(path.as_ptr(), c"user.x".as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) }
        }
    };
    if len < 0 { Err(std::io::Error::last_os_error().raw_os_error().expect("errno")) } else { Ok(()) }
}

/// The call as the agent performs it.
fn performed(fixture: &Fixture, call: Call, path: &str, other: &str) -> Result<(), i32> {
    let (root, path, other) = (&fixture.root, path.as_bytes().to_vec(), other.as_bytes().to_vec());
    let change = |mode, size| {
        let (atime, mtime) = (SetTime::Keep, SetTime::Keep);
        let file = protocol::file::Which::Path { path: path.clone(), follow: true };
        let change = Change { file, mode, uid: None, gid: None, size, atime, mtime };
        at_path(root, &path, true, |subject| metadata::change(subject, &change)).map(drop)
    };
    match call {
        Call::Open(flags) => {
            let (opened, _) = fixture.open_request(&Open { path, flags, mode: 0o640 })?;
            if let Some(handle) = handle(&opened) {
                drop(fixture.handles.take(handle));
            }
            return Ok(());
        }
        Call::MakeDirectory => names::make_directory(root, &MakeDirectory { path, mode: 0o640 }),
        Call::MakeNode => names::make_node(root, &MakeNode { path, mode: libc::S_IFIFO | 0o640 }),
        Call::Unlink => names::remove(root, &Remove { path, directory: false }),
        Call::RemoveDirectory => names::remove(root, &Remove { path, directory: true }),
        Call::RenameFrom(flags) => names::rename(root, &Rename { from: path, to: other, flags }),
        Call::RenameTo(flags) => names::rename(root, &Rename { from: other, to: path, flags }),
        Call::LinkFrom => at_path(root, &path, false, |subject| names::hard_link(root, subject, &other)),
        Call::LinkTo => at_path(root, &other, false, |subject| names::hard_link(root, subject, &path)),
        Call::SymbolicLink => names::symbolic_link(root, &SymbolicLink { text: b"text".to_vec(), path }),
        Call::Stat => at_path(root, &path, true, metadata::stat).map(drop),
        Call::LinkStat => at_path(root, &path, false, metadata::stat).map(drop),
        Call::ReadLink => names::read_link(root, &ReadLink { path }).map(drop),
        Call::Access => at_path(root, &path, true, |subject| metadata::access(subject, libc::X_OK)),
        Call::Truncate => change(None, Some(2)),
        Call::Mode => change(Some(0o700), None),
        Call::FileSystem => at_path(root, &path, true, metadata::stat_fs).map(drop),
        Call::GetAttribute => at_path(root, &path, true, |subject| attributes::get(subject, b"user.x")).map(drop),
        Call::ListAttributes => at_path(root, &path, true, attributes::list).map(drop),
    }
    .map_err(|errno| errno.0)
}

/// [`plainly`], with another root for as long as it takes.
fn in_root(root: &Path, world: &File, act: impl FnOnce() -> Result<(), i32>) -> Result<(), i32> {
    nix::unistd::chroot(root).and_then(|()| nix::unistd::chdir("/")).expect("permitted in a world of its own");
    let result = act();
    nix::unistd::fchdir(world).and_then(|()| nix::unistd::chroot(".")).expect("permitted a moment ago");
    result
}

#[test]
fn they_are_those_of_the_plain_calls() {
    in_world(compare);
}

fn compare() {
    let world = File::open("/").expect("open");
    let long = format!("/{}", "x".repeat(256));
    let longer = "/x".repeat(2048);
    let fresh = || {
        let pair = (Fixture::new(), Fixture::new());
        fill(&pair.0.outside(""));
        fill(&pair.1.outside(""));
        pair
    };
    let (mut plain, mut ours) = fresh();
    let untouched = dump(&plain.outside(""));
    let mut differences = Vec::new();
    for call in CALLS.into_iter().chain(MORE_CALLS) {
        let others: &[&str] = match call {
            Call::RenameFrom(_) => &["/new", "/other", "/other-dir", "/full/x", "/missing/x", "/"],
            Call::RenameTo(_) => &["/other", "/other-dir", "/full", "/full/.", "/nothing"],
            Call::LinkFrom => &["/new", "/other", "/new/"],
            Call::LinkTo => &["/other", "/to-file", "/dir", "/nothing"],
            _ => &[""],
        };
        for path in PATHS.into_iter().chain([long.as_str(), longer.as_str()]) {
            for other in others {
                let expected = in_root(&plain.outside(""), &world, || plainly(call, path, other));
                let got = performed(&ours, call, path, other);
                let (there, here) = (dump(&plain.outside("")), dump(&ours.outside("")));
                let short = &path[..path.len().min(20)];
                if got != expected {
                    differences.push(format!("{call:?} {short:?} {other:?}: {got:?}, plainly {expected:?}"));
                } else if there != here {
                    differences.push(format!("{call:?} {short:?} {other:?}: left {here:?}, plainly {there:?}"));
                }
                if there != untouched || here != untouched {
                    (plain, ours) = fresh();
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
