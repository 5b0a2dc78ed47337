//! Whatever links a root is full of, and whatever path is asked for: nothing outside of it is reached.

use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;
use protocol::file::{
    CONTENT_LIMIT, Change, MakeDirectory, MakeNode, ReadLink, RealPath, Remove, Rename, SetTime, SymbolicLink,
    Timestamp, Which,
};

use super::{
    super::{at_path, attributes, metadata, names},
    *,
};

const SECRET: &str = "outside";

/// Names that trees and paths are made of; some of them exist beside the root too.
const NAMES: [&str; 8] = ["a", "b", "secret", "folder", "root", "..", ".", ""];

/// What links lead to, before `HERE` is replaced by the folder that the root is in.
const TARGETS: [&str; 14] = [
    "..",
    "../..",
    "../../../../../../../../..",
    "/",
    "/..",
    "../secret",
    "../folder",
    "/../secret",
    "HERE",
    "HERE/secret",
    "HERE/root",
    "/proc/self/root",
    "a/../../secret",
    "b",
];

/// What there is of a file.
type Seen = (PathBuf, u32, u64, u64, i64, i64, Vec<u8>);

/// All that is beside the root, and in the world around it.
fn outside(fixture: &Fixture) -> Vec<Seen> {
    [fixture.folder.path(), std::path::Path::new("/")].into_iter().flat_map(beside).collect()
}

fn beside(folder: &std::path::Path) -> Vec<Seen> {
    let mut all = Vec::new();
    for path in ["", "secret", "folder", "folder/secret"].map(|name| folder.join(name)) {
        let metadata = fs::symlink_metadata(&path).expect("still there");
        let content = fs::read(&path).unwrap_or_default();
        let (mode, links, len) = (metadata.mode(), metadata.nlink(), metadata.len());
        all.push((path, mode, links, len, metadata.mtime(), metadata.mtime_nsec(), content));
    }
    // (The world's own directory of temporary files changes: it is where the tests are.)
    for place in [folder.to_owned(), folder.join("folder")] {
        let names = fs::read_dir(&place).expect("listed").map(|entry| entry.expect("an entry").file_name());
        all.extend(names.map(|name| (place.join(name), 0, 0, 0, 0, 0, Vec::new())));
    }
    all.sort();
    all
}

fn build(links: &[(Vec<usize>, usize)]) -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.folder.path().join("folder")).expect("mkdir");
    fs::write(fixture.folder.path().join("folder/secret"), SECRET).expect("write");
    fs::create_dir_all(fixture.outside("a/b")).expect("mkdir");
    fs::write(fixture.outside("a/b/secret"), "inside").expect("write");
    let here = fixture.folder.path().to_str().expect("text").to_owned();
    for (place, target) in links {
        // Where the place goes through a link, the test itself must not follow it.
        let place: PathBuf = place.iter().map(|name| NAMES[*name]).filter(|name| !name.starts_with('.')).collect();
        let path = fixture.outside(place.to_str().expect("text"));
        let parent = path.parent().map(fs::canonicalize);
        let is_inside = parent.is_some_and(|parent| parent.is_ok_and(|parent| parent.starts_with(fixture.outside(""))));
        if is_inside {
            // There may be something else already.
            let _ = symlink(TARGETS[*target].replace("HERE", &here), path);
        }
    }
    fixture
}

/// An operation that may fail or succeed: what counts is what it did outside, where the caller looks.
fn tried<T>(_: Result<T, Errno>) {}

/// Every operation on one path, and on two.
fn perform_all(fixture: &Fixture, path: &[u8], other: &[u8], numbers: (i32, u32)) {
    let (root, (flags, mode)) = (&fixture.root, numbers);
    let (path, other) = (path.to_vec(), other.to_vec());
    if let Ok((opened, bytes)) = fixture.open_request(&Open { path: path.clone(), flags, mode }) {
        assert_ne!(bytes, SECRET.as_bytes(), "{opened:?}");
        assert!(bytes.len() <= CONTENT_LIMIT);
        assert!(opened.path.starts_with(b"/"));
    }
    for follow in [true, false] {
        if let Ok(metadata) = at_path(root, &path, follow, metadata::stat) {
            for secret in [fixture.folder.path().join("secret"), "/secret".into()] {
                let secret = fs::metadata(secret).expect("there");
                assert_ne!((metadata.dev, metadata.ino), (secret.dev(), secret.ino()));
            }
        }
        let time = SetTime::At(Timestamp { seconds: 1, nanoseconds: 0 });
        let file = Which::Path { path: path.clone(), follow };
        let change =
            Change { file, mode: Some(0o777), uid: Some(1), gid: None, size: Some(1), atime: time, mtime: time };
        tried(at_path(root, &path, follow, |subject| metadata::change(subject, &change)));
        tried(at_path(root, &path, follow, |subject| metadata::access(subject, libc::R_OK)));
        tried(at_path(root, &path, follow, metadata::stat_fs));
        tried(at_path(root, &path, follow, |subject| attributes::set(subject, b"user.x", b"y", 0)));
        tried(at_path(root, &path, follow, |subject| attributes::get(subject, b"user.x")));
        tried(at_path(root, &path, follow, attributes::list));
        tried(at_path(root, &path, follow, |subject| attributes::remove(subject, b"user.x")));
        tried(at_path(root, &path, follow, |subject| names::hard_link(root, subject, &other)));
    }
    tried(names::read_link(root, &ReadLink { path: path.clone() }));
    if let Ok(real) = names::real_path(root, &RealPath { path: path.clone() }) {
        let here = fixture.folder.path().to_str().expect("text").as_bytes();
        assert!(real.starts_with(b"/") && !real.starts_with(here), "{real:?}");
    }
    tried(names::make_directory(root, &MakeDirectory { path: path.clone(), mode }));
    tried(names::make_node(root, &MakeNode { path: path.clone(), mode: libc::S_IFREG | 0o600 }));
    tried(names::symbolic_link(root, &SymbolicLink { text: b"../secret".to_vec(), path: path.clone() }));
    let (from, to) = (path.clone(), other);
    tried(names::rename(root, &Rename { from: from.clone(), to: to.clone(), flags: 0 }));
    tried(names::rename(root, &Rename { from: to, to: from, flags: libc::RENAME_EXCHANGE }));
    for directory in [false, true] {
        tried(names::remove(root, &Remove { path: path.clone(), directory }));
    }
}

fn some_path() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..NAMES.len(), 0..6)
        .prop_map(|names| names.iter().fold(String::new(), |path, name| path + "/" + NAMES[*name]).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_beside_the_root_is_read_or_changed(
        links in proptest::collection::vec((proptest::collection::vec(0..NAMES.len(), 1..4), 0..TARGETS.len()), 0..8),
        paths in proptest::collection::vec((some_path(), some_path()), 1..6),
        flags in prop_oneof![
            Just(libc::O_RDONLY),
            Just(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC),
            Just(libc::O_RDWR | libc::O_CREAT | libc::O_EXCL),
            Just(libc::O_TMPFILE | libc::O_RDWR),
            Just(libc::O_PATH | libc::O_NOFOLLOW),
            any::<i32>(),
        ],
        mode: u32,
    ) {
        in_world(|| {
            let fixture = build(&links);
            let before = outside(&fixture);
            for (path, other) in &paths {
                perform_all(&fixture, path, other, (flags, mode));
            }
            assert_eq!(outside(&fixture), before);
        });
    }

    /// Bytes that nobody would take for a path or a flag end in an errno.
    #[test]
    fn any_bytes_are_a_path(path: Vec<u8>, other: Vec<u8>, flags: i32, mode: u32) {
        in_world(|| {
            let fixture = build(&[]);
            let before = outside(&fixture);
            perform_all(&fixture, &path, &other, (flags, mode));
            assert_eq!(outside(&fixture), before);
        });
    }
}
