use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use super::*;

/// A root with a secret beside it, which nothing inside may reach.
fn tree() -> (tempfile::TempDir, OwnedFd) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("etc/sub")).expect("mkdir");
    fs::write(dir.path().join("secret"), "outside").expect("write");
    fs::write(root.join("etc/hosts"), "inside").expect("write");
    fs::write(root.join("secret"), "root's own").expect("write");
    for (link, to) in [
        ("absolute", "/etc/hosts"),
        ("up", "../../../../etc/hosts"),
        ("escape", "../secret"),
        ("loop", "loop"),
        ("folder", "/etc/sub"),
        ("dangling", "/nowhere"),
    ] {
        symlink(to, root.join(link)).expect("symlink");
    }
    symlink(dir.path().join("secret"), root.join("host-path")).expect("symlink");
    let fd = File::open(&root).expect("open").into();
    (dir, fd)
}

fn content(root: &OwnedFd, path: &str) -> Result<String, i32> {
    read_small(root, path, 1 << 20).map(|bytes| String::from_utf8(bytes).expect("text")).map_err(|errno| errno.0)
}

#[test]
fn paths_are_resolved_inside_the_root() {
    let (_dir, root) = tree();
    for (path, expected) in [
        ("/etc/hosts", Ok("inside")),
        ("etc/hosts", Ok("inside")),
        ("/absolute", Ok("inside")),
        ("/up", Ok("inside")),
        ("/../../../etc/hosts", Ok("inside")),
        ("/folder/../hosts", Ok("inside")),
        ("/escape", Ok("root's own")),
        ("/../secret", Ok("root's own")),
        ("/host-path", Err(libc::ENOENT)),
        ("/loop", Err(libc::ELOOP)),
        ("/dangling", Err(libc::ENOENT)),
        ("/etc", Err(libc::EISDIR)),
        ("/", Err(libc::EISDIR)),
        ("/etc/hosts/x", Err(libc::ENOTDIR)),
        ("", Err(libc::ENOENT)),
        ("/nul\0byte", Err(libc::EINVAL)),
    ] {
        assert_eq!(content(&root, path).as_deref(), expected.as_ref().map(|text| *text), "{path:?}");
    }
    assert_eq!(content(&root, &"/x".repeat(3000)), Err(libc::ENAMETOOLONG));
}

#[test]
fn magic_links_of_procfs_lead_nowhere() {
    let root: OwnedFd = File::open("/").expect("open").into();
    for path in ["/proc/self/root/etc/hostname", "/proc/self/exe", "/proc/self/cwd/x"] {
        assert_eq!(content(&root, path), Err(libc::ELOOP), "{path}");
    }
}

#[test]
fn files_without_a_size_are_read_to_their_end() {
    let root: OwnedFd = File::open("/").expect("open").into();
    let text = content(&root, "/proc/self/status").expect("readable");
    assert!(text.starts_with("Name:"), "{text}");
}

#[test]
fn special_files_do_not_block() {
    let (dir, root) = tree();
    nix::unistd::mkfifo(&dir.path().join("root/fifo"), Mode::S_IRWXU).expect("mkfifo");
    let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("root/socket")).expect("bind");
    assert_eq!(content(&root, "/fifo"), Err(libc::EINVAL));
    assert_eq!(content(&root, "/socket"), Err(libc::ENXIO));
    let devices: OwnedFd = File::open("/dev").expect("open").into();
    assert_eq!(content(&devices, "/zero"), Err(libc::EINVAL));
}

#[test]
fn no_follow_means_the_link_itself() {
    let (_dir, root) = tree();
    let path = b"/absolute".to_vec();
    let opened = open_file(&root, &Open { path: path.clone(), flags: libc::O_NOFOLLOW, mode: 0 });
    assert_eq!(opened.map(drop), Err(Errno(libc::ELOOP)));
    let kind = |follow| {
        let metadata = stat(&root, &Stat { file: Which::Path { path: path.clone(), follow } }).expect("stat");
        metadata.mode & libc::S_IFMT
    };
    assert_eq!((kind(true), kind(false)), (libc::S_IFREG, libc::S_IFLNK));
    let read = |path: &str| read_link(&root, &ReadLink { path: path.into() });
    assert_eq!(read("/absolute"), Ok(b"/etc/hosts".to_vec()));
    assert_eq!(read("/etc/hosts"), Err(Errno::EINVAL));
    assert_eq!(read("/none"), Err(Errno::ENOENT));
}

#[test]
fn access_and_stat_say_what_the_kernel_says() {
    let (dir, root) = tree();
    let path: PathBuf = dir.path().join("root/etc/hosts");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
    let check =
        |path: &str, mode| access(&root, &Access { path: path.into(), mode, follow: true }).map_err(|errno| errno.0);
    assert_eq!(check("/etc/hosts", libc::F_OK), Ok(()));
    assert_eq!(check("/etc/hosts", libc::R_OK), Ok(()));
    assert_eq!(check("/etc/hosts", libc::X_OK), Err(libc::EACCES));
    assert_eq!(check("/none", libc::F_OK), Err(libc::ENOENT));
    assert_eq!(check("/etc/hosts", 0x100), Err(libc::EINVAL));
    let got = stat(&root, &Stat { file: Which::Path { path: b"/etc/hosts".to_vec(), follow: true } }).expect("stat");
    assert_eq!((got.mode, got.size, got.nlink), (libc::S_IFREG | 0o640, 6, 1));
}

#[test]
fn large_files_come_in_chunks() {
    let (dir, root) = tree();
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| u8::try_from(at % 251).expect("small")).collect();
    fs::write(dir.path().join("root/large"), &bytes).expect("write");
    let (opened, mut blob) = open_file(&root, &Open { path: b"/large".to_vec(), flags: 0, mode: 0 }).expect("opens");
    assert_eq!(opened.metadata.size, 300_000);
    let mut read = Vec::new();
    while let Some(chunk) = blob.next_chunk().expect("readable") {
        read.extend_from_slice(&chunk);
    }
    assert!(blob.is_finished());
    assert_eq!(read, bytes);
}
