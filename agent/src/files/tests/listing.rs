//! What listings tell of their entries.

use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixListener};

use nix::sys::stat::Mode;
use protocol::file::{Details, Entry, Metadata};

use super::{
    super::{at_path, metadata},
    *,
};

/// Names and details, in the order of names.
fn details(fixture: &Fixture, path: &str) -> Vec<(String, Option<Details>)> {
    let (_, listing) = fixture.open(path, libc::O_RDONLY).expect("opens");
    let mut rest = listing.as_slice();
    let entries = std::iter::from_fn(|| Entry::take_from(&mut rest));
    let name = |entry: &Entry<'_>| String::from_utf8(entry.name.to_vec()).expect("text");
    let mut all: Vec<_> = entries.map(|entry| (name(&entry), entry.details)).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn lstat(fixture: &Fixture, path: &str) -> Metadata {
    at_path(&fixture.root, path.as_bytes(), false, metadata::stat).expect("it is there")
}

#[expect(unsafe_code, reason = "nix has no extended attributes")]
fn label(path: &std::path::Path) -> bool {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: two C strings, and a byte.
    unsafe { libc::setxattr(path.as_ptr(), c"user.label".as_ptr(), b"x".as_ptr().cast(), 1, 0) == 0 }
}

#[test]
fn a_listing_tells_of_its_entries_what_a_look_at_each_would() {
    let fixture = Fixture::with_links();
    fs::create_dir(fixture.outside("all")).expect("mkdir");
    fs::write(fixture.outside("all/file"), "content").expect("write");
    fs::hard_link(fixture.outside("all/file"), fixture.outside("all/other-name")).expect("link");
    fs::create_dir(fixture.outside("all/folder")).expect("mkdir");
    symlink("/nowhere", fixture.outside("all/link")).expect("symlink");
    nix::unistd::mkfifo(&fixture.outside("all/pipe"), Mode::S_IRUSR).expect("mkfifo");
    let _listener = UnixListener::bind(fixture.outside("all/socket")).expect("bind");
    let labelled = label(&fixture.outside("all/file"));
    let told = details(&fixture, "/all");
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [".", "..", "file", "folder", "link", "other-name", "pipe", "socket"]);
    for (name, told) in told {
        let bare = !(labelled && ["file", "other-name"].contains(&name.as_str()));
        let expected = Details { metadata: lstat(&fixture, &format!("/all/{name}")), bare };
        assert_eq!(told, (!name.starts_with('.')).then_some(expected), "{name}");
    }
}

#[test]
fn large_folders_are_told_of_in_part() {
    let fixture = Fixture::new();
    for number in 0..5000 {
        fs::write(fixture.outside(&number.to_string()), "").expect("write");
    }
    let told = details(&fixture, "/");
    let known = told.iter().filter(|(_, details)| details.is_some()).count();
    assert_eq!(told.len(), 5002);
    assert!(0 < known && known <= 4096, "{known}");
}

/// As a user without rights, unless the tests themselves are run by one.
#[test]
fn nothing_is_told_of_what_may_not_be_looked_at() {
    let fixture = Fixture::new();
    fs::write(fixture.outside("secret"), "").expect("write");
    let set = |mode| fs::set_permissions(fixture.outside(""), fs::Permissions::from_mode(mode)).expect("chmod");
    let status = fs::read_to_string("/proc/thread-self/status").expect("procfs");
    let plain = Arc::new(Rights::parse(&status).expect("four numbers").without_capabilities());
    for (mode, told) in [(0o755, true), (0o444, false)] {
        set(mode);
        let secret = plain.perform(|| details(&fixture, "/")).into_iter().find(|(name, _)| name == "secret");
        assert_eq!(secret.expect("listed").1.is_some(), told, "{mode:o}");
    }
    set(0o755);
}

#[test]
fn nothing_is_told_of_files_whose_server_would_have_to_be_asked() {
    let proc = Fixture { root: File::open("/proc").expect("open").into(), ..Fixture::new() };
    let told = details(&proc, "/self");
    assert!(told.len() > 10 && told.iter().all(|(_, details)| details.is_none()));
    in_world(|| {
        let none: Option<&str> = None;
        mount(Some("/proc"), "/folder", none, MsFlags::MS_BIND, none).expect("it is the thread's own");
        let world = Fixture { root: File::open("/").expect("open").into(), ..Fixture::new() };
        let told = details(&world, "/");
        let of = |wanted: &str| told.iter().find(|(name, _)| name == wanted).expect("listed").1;
        assert_eq!((of("folder"), of("secret").is_some()), (None, true), "something is mounted on the folder");
    });
}
