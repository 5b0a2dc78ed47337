//! What opening answers.

use std::io::Write;

use protocol::file::{CONTENT_LIMIT, Entry, List, Read};

use super::{super::content, *};

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).expect("small")).collect()
}

#[test]
fn content_travels_whole_or_begins_with_a_handle() {
    let fixture = Fixture::new();
    for (name, len, quiet) in [
        ("empty", 0, true),
        ("small", 5, true),
        ("small-lively", 5, false),
        ("limit", CONTENT_LIMIT, true),
        ("large", CONTENT_LIMIT + 1, true),
    ] {
        let path = fixture.outside(name);
        fs::write(&path, pattern(len)).expect("write");
        if quiet {
            make_quiet(&path);
        }
    }
    for (name, flags, whole, travels) in [
        ("empty", libc::O_RDONLY, true, 0),
        ("small", libc::O_RDONLY, true, 5),
        ("small-lively", libc::O_RDONLY, false, 5),
        ("limit", libc::O_RDONLY, true, CONTENT_LIMIT),
        ("large", libc::O_RDONLY, false, CONTENT_LIMIT),
        ("small", libc::O_RDWR, false, 5),
        ("large", libc::O_RDWR | libc::O_APPEND, false, CONTENT_LIMIT),
        ("small", libc::O_WRONLY, false, 0),
        ("small", libc::O_PATH, false, 0),
        ("small", libc::O_RDWR | libc::O_TRUNC, false, 0),
    ] {
        let (opened, bytes) = fixture.open(name, flags).expect("opens");
        assert_eq!((opened.content == Content::Whole, bytes.len()), (whole, travels), "{name} {flags:o}");
        assert_eq!(bytes, pattern(travels));
        assert_eq!(handle(&opened).is_some(), !whole);
    }
}

#[test]
fn files_without_a_size_are_whole() {
    let fixture = Fixture { root: File::open("/").expect("open").into(), ..Fixture::new() };
    let (opened, bytes) = fixture.open("/proc/self/status", libc::O_RDONLY).expect("readable");
    assert_eq!((opened.metadata.size, opened.content), (0, Content::Whole));
    assert!(bytes.starts_with(b"Name:"));
    let (opened, bytes) =
        fixture.open("/sys/kernel/mm/transparent_hugepage/enabled", libc::O_RDONLY).expect("readable");
    assert_eq!(opened.content, Content::Whole);
    assert!(bytes.ends_with(b"\n") && bytes.len() < 100, "{bytes:?}");
    // Without an end, or unreadable at its beginning: the reader is told.
    let (opened, bytes) = fixture.open("/proc/self/mem", libc::O_RDONLY).expect("opens");
    assert!(bytes.is_empty());
    let file = fixture.handles.get(handle(&opened).expect("held open")).expect("open");
    let request = Read { handle: handle(&opened).expect("held open"), offset: 0, len: 10 };
    assert_eq!(content::read(file, request).map(drop), Err(Errno::EIO));
}

#[test]
fn special_files_are_not_opened() {
    let fixture = Fixture::new();
    nix::unistd::mkfifo(&fixture.outside("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    let _listener = std::os::unix::net::UnixListener::bind(fixture.outside("socket")).expect("bind");
    let devices = Fixture { root: File::open("/dev").expect("open").into(), ..Fixture::new() };
    for flags in [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR | libc::O_CREAT] {
        assert_eq!(fixture.open("/fifo", flags), Err(libc::ENXIO), "{flags:o}");
        assert_eq!(fixture.open("/socket", flags), Err(libc::ENXIO), "{flags:o}");
        assert_eq!(devices.open("/zero", flags), Err(libc::ENXIO), "{flags:o}");
    }
    assert_eq!(fixture.open("/fifo", libc::O_CREAT | libc::O_EXCL), Err(libc::EEXIST));
    // Who may only read it is told so.
    nix::unistd::mkfifo(&fixture.outside("readable"), nix::sys::stat::Mode::S_IRUSR).expect("mkfifo");
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("procfs");
    let plain = Rights::parse(&status).expect("four numbers").without_capabilities();
    for (flags, errno) in [(libc::O_RDONLY, libc::ENXIO), (libc::O_WRONLY, libc::EACCES), (libc::O_RDWR, libc::EACCES)]
    {
        assert_eq!(plain.perform(|| fixture.open("/readable", flags)), Err(errno), "{flags:o}");
    }
    assert_eq!(fixture.open("/fifo", libc::O_DIRECTORY), Err(libc::ENOTDIR));
    let (opened, _) = fixture.open("/fifo", libc::O_PATH).expect("only a place");
    assert_eq!(opened.metadata.mode & libc::S_IFMT, libc::S_IFIFO);
}

#[test]
fn large_files_come_in_chunks_and_as_they_grow() {
    let fixture = Fixture::new();
    let (bytes, path) = (pattern(3_000_000), fixture.outside("large"));
    fs::write(&path, &bytes).expect("write");
    let (opened, beginning) = fixture.open("/large", libc::O_RDONLY).expect("opens");
    assert_eq!(opened.metadata.size, 3_000_000);
    let handle = handle(&opened).expect("held open");
    let read = |offset, len| {
        let file = fixture.handles.get(handle).expect("open");
        content::read(file, Read { handle, offset, len }).and_then(read_all)
    };
    let rest = read(i64::try_from(beginning.len()).expect("small"), 4 << 20).expect("readable");
    assert_eq!([beginning, rest].concat(), bytes);
    File::options().append(true).open(&path).and_then(|mut file| file.write_all(b"more")).expect("write");
    assert_eq!(read(3_000_000, 100), Ok(b"more".to_vec()));
    assert_eq!(read(3_000_004, 100), Ok(vec![]));
    assert_eq!(read(-1, 1), Err(Errno::EINVAL));
    assert_eq!(read(i64::MAX, 10), Err(Errno::EINVAL));
    assert_eq!(read(0, u32::MAX), Err(Errno::EINVAL));
}

#[test]
fn directories_are_listed_from_the_beginning_each_time() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new();
    let mut expected = vec![b".".to_vec(), b"..".to_vec()];
    for number in 0..3000 {
        let name = [b"name \xff\n".as_slice(), number.to_string().as_bytes()].concat();
        fs::write(fixture.folder.path().join("root").join(std::ffi::OsStr::from_bytes(&name)), "").expect("write");
        expected.push(name);
    }
    expected.sort();
    let names = |listing: &[u8]| {
        let mut rest = listing;
        let mut names: Vec<_> =
            std::iter::from_fn(|| Entry::take_from(&mut rest).map(|entry| entry.name.to_vec())).collect();
        assert!(rest.is_empty());
        names.sort();
        names
    };
    let (opened, listing) = fixture.open("/", libc::O_RDONLY).expect("opens");
    let Content::Listing(handle) = opened.content else { panic!("{opened:?}") };
    assert_eq!(names(&listing), expected);
    let list = |List { handle }| content::list(&fixture.handles.get(handle).expect("open")).and_then(read_all);
    assert_eq!(names(&list(List { handle }).expect("again")), expected);
    fs::write(fixture.outside("new"), "").expect("write");
    assert_eq!(names(&list(List { handle }).expect("again")).len(), expected.len() + 1);
}
