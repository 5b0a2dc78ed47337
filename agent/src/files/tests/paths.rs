//! Where paths lead.

use protocol::file::{ReadLink, RealPath};

use super::{
    super::{at_path, metadata, names},
    *,
};

#[test]
fn paths_are_resolved_inside_the_root() {
    let fixture = Fixture::with_links();
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
        ("/etc/hosts/x", Err(libc::ENOTDIR)),
        ("/etc/hosts/", Err(libc::ENOTDIR)),
        ("", Err(libc::ENOENT)),
        ("/nul\0byte", Err(libc::EINVAL)),
    ] {
        assert_eq!(fixture.text(path).as_deref(), expected.as_ref().map(|text| *text), "{path:?}");
    }
    assert_eq!(fixture.text(&"/x".repeat(3000)), Err(libc::ENAMETOOLONG));
    assert_eq!(fixture.text(&format!("/{}", "x".repeat(256))), Err(libc::ENAMETOOLONG));
}

#[test]
fn magic_links_of_procfs_lead_nowhere() {
    let fixture = Fixture { root: File::open("/").expect("open").into(), ..Fixture::new() };
    for path in ["/proc/self/root/etc/hostname", "/proc/self/exe", "/proc/self/cwd/x"] {
        assert_eq!(fixture.text(path), Err(libc::ELOOP), "{path}");
    }
}

#[test]
fn real_paths_and_the_paths_of_open_files_are_those_of_the_root() {
    let fixture = Fixture::with_links();
    for (path, expected) in [
        ("/", Ok("/")),
        ("/../..", Ok("/")),
        ("/etc/../etc/./hosts", Ok("/etc/hosts")),
        ("/folder/", Ok("/etc/sub")),
        ("/up", Ok("/etc/hosts")),
        ("/dangling", Err(Errno::ENOENT)),
        ("/loop", Err(Errno(libc::ELOOP))),
    ] {
        let real = names::real_path(&fixture.root, &RealPath { path: path.into() });
        assert_eq!(real, expected.map(|path| path.as_bytes().to_vec()), "{path}");
        if let Ok(real) = real {
            let (opened, _) = fixture.open(path, libc::O_RDONLY).expect("opens");
            assert_eq!(opened.path, real, "{path}");
        }
    }
    fs::write(fixture.outside("odd (deleted)"), "x").expect("write");
    let path_of = |path: &str| names::real_path(&fixture.root, &RealPath { path: path.into() });
    assert_eq!(path_of("/odd (deleted)"), Ok(b"/odd (deleted)".to_vec()));
    let (unnamed, _) = fixture.open("/etc", libc::O_TMPFILE | libc::O_RDWR).expect("opens");
    assert!(unnamed.path.starts_with(b"/etc/#") && !unnamed.path.ends_with(b"(deleted)"), "{unnamed:?}");
    let real_root = Fixture { root: File::open("/").expect("open").into(), ..Fixture::new() };
    assert_eq!(names::real_path(&real_root.root, &RealPath { path: b"/etc/../etc".to_vec() }), Ok(b"/etc".to_vec()));
}

#[test]
fn no_follow_means_the_link_itself() {
    let fixture = Fixture::with_links();
    assert_eq!(fixture.open("/absolute", libc::O_NOFOLLOW), Err(libc::ELOOP));
    let kind = |follow| at_path(&fixture.root, b"/absolute", follow, metadata::stat).expect("stat").mode & libc::S_IFMT;
    assert_eq!((kind(true), kind(false)), (libc::S_IFREG, libc::S_IFLNK));
    let read = |path: &str| names::read_link(&fixture.root, &ReadLink { path: path.into() });
    assert_eq!(read("/absolute"), Ok(b"/etc/hosts".to_vec()));
    assert_eq!(read("/etc/hosts"), Err(Errno::EINVAL));
    assert_eq!(read("/none"), Err(Errno::ENOENT));
}
