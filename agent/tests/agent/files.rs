//! Files of the target, over a real session with the real binary.

use std::{
    fs,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
    time::{Duration, Instant},
};

use link::Stream;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use protocol::{
    Errno,
    codec::encode,
    control::StreamHead,
    file::{
        Access, Allocate, Change, Close, Content, Entry, GetAttribute, Handle, HardLink, List, ListAttributes,
        MakeDirectory, MakeNode, Open, Read, ReadLink, Remove, RemoveAttribute, Rename, Seek, SetAttribute, SetTime,
        Stat, StatFs, SymbolicLink, Synchronise, Timestamp, Which, Write,
    },
    operation::{Operation, Request, decode_answer},
};
use tokio::io::AsyncWriteExt;

use super::{
    agent::{Agent, Session, Target},
    namespace::in_pod,
};

/// A folder that everybody may enter and change, and paths in it.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> Vec<u8> {
        self.at(name).to_str().expect("text").as_bytes().to_vec()
    }

    pub(crate) fn at(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

/// Opens a file; gives its handle.
pub(crate) async fn open(session: &Session, path: Vec<u8>, flags: i32) -> Result<Handle, Errno> {
    let (opened, _) = session.perform(Open { path, flags, mode: 0o640 }).await?;
    match opened.content {
        Content::Beginning(handle) | Content::Listing(handle) => Ok(handle),
        Content::Whole => panic!("{opened:?}"),
    }
}

pub(crate) async fn read(session: &Session, handle: Handle, offset: i64, len: u32) -> Result<Vec<u8>, Errno> {
    session.perform(Read { handle, offset, len }).await.map(|((), blob)| blob)
}

pub(crate) fn at(path: Vec<u8>) -> Which {
    Which::Path { path, follow: true }
}

#[test]
fn files_are_written_read_renamed_listed_and_removed() {
    in_pod(|| async {
        let (target, folder) = (Target::start(), Folder::new());
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        session.perform(MakeDirectory { path: folder.path("d"), mode: 0o750 }).await.expect("new");
        assert_eq!(fs::metadata(folder.at("d")).expect("there").mode() & 0o7777, 0o750, "nobody's umask");

        // Several writes at a time.
        let file = open(&session, folder.path("d/a"), libc::O_RDWR | libc::O_CREAT | libc::O_EXCL).await.expect("new");
        let again = open(&session, folder.path("d/a"), libc::O_RDWR | libc::O_CREAT | libc::O_EXCL).await;
        assert_eq!(again, Err(Errno(libc::EEXIST)));
        let chunk = |byte: u8| vec![byte; 50_000];
        let write =
            |index: u8| session.perform(Write { handle: file, offset: i64::from(index) * 50_000, data: chunk(index) });
        let written = tokio::join!(write(3), write(1), write(0), write(2));
        assert_eq!(written, (Ok(((), vec![])), Ok(((), vec![])), Ok(((), vec![])), Ok(((), vec![]))));
        session.perform(Synchronise { handle: file, data_only: true }).await.expect("on the medium");
        let expected: Vec<u8> = (0..4).flat_map(chunk).collect();
        assert!(fs::read(folder.at("d/a")).expect("readable") == expected);
        assert!(read(&session, file, 0, 1 << 20).await == Ok(expected));
        let (hole, _) = session.perform(Seek { handle: file, offset: 0, data: false }).await.expect("answers");
        assert_eq!(hole, 200_000);

        let appending = open(&session, folder.path("d/a"), libc::O_WRONLY | libc::O_APPEND).await.expect("there");
        session.perform(Write { handle: appending, offset: 0, data: b"end".to_vec() }).await.expect("appends");
        assert_eq!(read(&session, file, 200_000, 10).await, Ok(b"end".to_vec()));
        assert_eq!(read(&session, appending, 0, 10).await, Err(Errno(libc::EBADF)));

        let time = SetTime::At(Timestamp { seconds: 1_000_000_000, nanoseconds: 5 });
        let change = Change {
            file: Which::Open(file),
            mode: Some(0o600),
            uid: None,
            gid: None,
            size: Some(7),
            atime: SetTime::Now,
            mtime: time,
        };
        let (changed, _) = session.perform(change).await.expect("ours");
        assert_eq!((changed.mode & 0o7777, changed.size, changed.mtime.seconds), (0o600, 7, 1_000_000_000));

        session.perform(SymbolicLink { text: b"a".to_vec(), path: folder.path("d/l") }).await.expect("new");
        session.perform(HardLink { file: Which::Open(file), to: folder.path("d/h") }).await.expect("new");
        session.perform(MakeNode { path: folder.path("d/p"), mode: libc::S_IFIFO | 0o600 }).await.expect("new");
        assert_eq!(session.perform(ReadLink { path: folder.path("d/l") }).await, Ok((b"a".to_vec(), vec![])));
        session.perform(Rename { from: folder.path("d/a"), to: folder.path("d/b"), flags: 0 }).await.expect("there");
        let missing = session.perform(Access { path: folder.path("d/l"), mode: libc::F_OK, follow: true }).await;
        assert_eq!(missing, Err(Errno::ENOENT), "the link dangles now");

        let directory = open(&session, folder.path("d"), libc::O_RDONLY | libc::O_DIRECTORY).await.expect("there");
        let ((), listing) = session.perform(List { handle: directory }).await.expect("listed");
        let mut rest = listing.as_slice();
        let mut names: Vec<_> = std::iter::from_fn(|| Entry::take_from(&mut rest)).map(|entry| entry.name).collect();
        names.sort_unstable();
        assert_eq!(names, [&b"."[..], b"..", b"b", b"h", b"l", b"p"]);

        for name in ["b", "h", "l", "p"] {
            session.perform(Remove { path: folder.path(&format!("d/{name}")), directory: false }).await.expect("there");
        }
        session.perform(Remove { path: folder.path("d"), directory: true }).await.expect("empty");
        assert!(!folder.at("d").exists());
        let (removed, _) = session.perform(Stat { file: Which::Open(file) }).await.expect("still open");
        assert_eq!((removed.nlink, removed.size), (0, 7));
        session.perform(Close { handle: file }).await.expect("open");
        assert_eq!(session.perform(Close { handle: file }).await, Err(Errno(libc::EBADF)));
    });
}

#[test]
fn attributes_holes_and_file_systems_are_told() {
    in_pod(|| async {
        let (target, folder) = (Target::start(), Folder::new());
        fs::write(folder.at("f"), "x").expect("write");
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        let file = open(&session, folder.path("f"), libc::O_RDWR).await.expect("there");
        for which in [at(folder.path("f")), Which::Open(file)] {
            let name = || b"user.colour".to_vec();
            let set = |flags| SetAttribute { file: which.clone(), name: name(), value: b"te\0al".to_vec(), flags };
            let get = || GetAttribute { file: which.clone(), name: name() };
            assert_eq!(session.perform(set(libc::XATTR_REPLACE)).await.map(drop), Err(Errno(libc::ENODATA)));
            session.perform(set(libc::XATTR_CREATE)).await.expect("new");
            assert_eq!(session.perform(set(libc::XATTR_CREATE)).await.map(drop), Err(Errno(libc::EEXIST)));
            assert_eq!(session.perform(get()).await, Ok((b"te\0al".to_vec(), vec![])));
            let (names, _) = session.perform(ListAttributes { file: which.clone() }).await.expect("there");
            assert!(names.split(|byte| *byte == 0).any(|listed| listed == name()), "{names:?}");
            session.perform(RemoveAttribute { file: which.clone(), name: name() }).await.expect("there");
            assert_eq!(session.perform(get()).await.map(drop), Err(Errno(libc::ENODATA)));
            let (status, _) = session.perform(StatFs { file: which.clone() }).await.expect("told");
            let here = nix::sys::statvfs::statvfs(&folder.at("f")).expect("told");
            assert_eq!(status.blocks, here.blocks());
            assert_eq!(status.namelen, i64::try_from(here.name_max()).expect("small"));
        }

        // 1 MiB: data, a hole, data.
        let seek = |offset, data| Seek { handle: file, offset, data };
        session.perform(Allocate { handle: file, mode: 0, offset: 0, len: 1 << 20 }).await.expect("room");
        let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        session.perform(Write { handle: file, offset: (1 << 20) - 1, data: b"y".to_vec() }).await.expect("room");
        session.perform(Allocate { handle: file, mode: punch, offset: 4096, len: 65_536 }).await.expect("supported");
        assert_eq!(session.perform(seek(0, false)).await, Ok((4096, vec![])));
        let (data, _) = session.perform(seek(4096, true)).await.expect("there");
        assert!(data >= 4096 + 65_536, "{data}");
        assert_eq!(session.perform(seek(1 << 20, true)).await.map(drop), Err(Errno(libc::ENXIO)));
        assert_eq!(read(&session, file, 4000, 200).await, Ok(vec![0; 200]));
        let refused = session.perform(Allocate { handle: file, mode: 0, offset: -1, len: 1 }).await;
        assert_eq!(refused.map(drop), Err(Errno::EINVAL));
        assert_eq!(session.perform(List { handle: file }).await.map(drop), Err(Errno(libc::ENOTDIR)));
    });
}

#[test]
fn a_targets_user_gets_what_it_would_get_itself() {
    in_pod(|| async {
        let (target, folder) = (Target::start_as(1000), Folder::new());
        for (name, mode, owner) in [("secret", 0o600, 0), ("own", 0o600, 1000), ("readable", 0o644, 0)] {
            fs::write(folder.at(name), name).expect("write");
            fs::set_permissions(folder.at(name), fs::Permissions::from_mode(mode)).expect("chmod");
            std::os::unix::fs::chown(folder.at(name), Some(owner), Some(owner)).expect("chown");
        }
        fs::create_dir(folder.at("closed")).expect("mkdir");
        fs::set_permissions(folder.at("closed"), fs::Permissions::from_mode(0o700)).expect("chmod");
        symlink("closed/x", folder.at("into-closed")).expect("symlink");
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        for (name, flags, expected) in [
            ("secret", libc::O_RDONLY, Err(Errno::EACCES)),
            ("own", libc::O_RDWR, Ok(())),
            ("readable", libc::O_RDONLY, Ok(())),
            ("readable", libc::O_WRONLY, Err(Errno::EACCES)),
            ("readable", libc::O_RDONLY | libc::O_NOATIME, Err(Errno(libc::EPERM))),
            ("closed", libc::O_RDONLY, Err(Errno::EACCES)),
            ("closed/x", libc::O_RDONLY, Err(Errno::EACCES)),
            ("into-closed", libc::O_RDONLY, Err(Errno::EACCES)),
            ("new", libc::O_WRONLY | libc::O_CREAT, Ok(())),
        ] {
            assert_eq!(open(&session, folder.path(name), flags).await.map(drop), expected, "{name} {flags:o}");
        }
        let created = fs::metadata(folder.at("new")).expect("there");
        assert_eq!((created.uid(), created.gid(), created.mode() & 0o7777), (1000, 1000, 0o640));
        for (name, mode, expected) in [
            ("secret", libc::F_OK, Ok(())),
            ("secret", libc::R_OK, Err(Errno::EACCES)),
            ("own", libc::R_OK | libc::W_OK, Ok(())),
            ("own", libc::X_OK, Err(Errno::EACCES)),
        ] {
            let answer = session.perform(Access { path: folder.path(name), mode, follow: true }).await;
            assert_eq!(answer.map(drop), expected, "{name} {mode}");
        }
        let nothing = Change {
            file: at(folder.path("secret")),
            mode: None,
            uid: None,
            gid: None,
            size: None,
            atime: SetTime::Keep,
            mtime: SetTime::Keep,
        };
        let change = |change: Change| async { session.perform(change).await.map(drop) };
        assert_eq!(change(Change { mode: Some(0o666), ..nothing.clone() }).await, Err(Errno(libc::EPERM)));
        assert_eq!(change(Change { uid: Some(1000), ..nothing.clone() }).await, Err(Errno(libc::EPERM)));
        assert_eq!(change(Change { size: Some(0), ..nothing }).await, Err(Errno::EACCES));
        fs::write(folder.at("closed/x"), "x").expect("write");
        let remove = session.perform(Remove { path: folder.path("closed/x"), directory: false }).await;
        assert_eq!(remove.map(drop), Err(Errno::EACCES));
        // What was opened with these rights is used with them.
        let own = open(&session, folder.path("own"), libc::O_RDWR).await.expect("its own");
        session.perform(Write { handle: own, offset: 0, data: b"OWN".to_vec() }).await.expect("open");
        assert_eq!(fs::read(folder.at("own")).expect("readable"), b"OWN");
        // The agent itself is not changed by that: the environment is read with its own rights.
        session.perform(protocol::env::ReadEnvironment).await.expect("readable");
    });
}

/// Asks without waiting for the answer.
pub(crate) fn ask(session: &Session, request: impl Into<Operation>) -> Stream {
    let head = StreamHead::Operation(encode(&request.into()).expect("small"));
    session.link.open(&head).expect("open")
}

/// The answer to what was asked.
pub(crate) async fn answer<R: Request>(stream: &mut Stream) -> Result<R::Reply, Errno> {
    let answer = stream.read_encoded().await.expect("an answer");
    stream.shutdown().await.expect("there");
    decode_answer::<R>(&answer).expect("of this request")
}

#[test]
fn what_is_appended_side_by_side_keeps_its_order() {
    in_pod(|| async {
        let (target, folder) = (Target::start(), Folder::new());
        let agent = Agent::start(&target, &[]);
        let session = agent.session().await;
        let log =
            open(&session, folder.path("log"), libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND).await.expect("new");
        let line =
            |number: u32| format!("{number:0width$}\n", width = usize::try_from(number % 7).expect("small") * 8000);
        let lines: Vec<_> = (0..200).map(line).collect();
        let append = |line: &String| ask(&session, Write { handle: log, offset: 0, data: line.clone().into_bytes() });
        let mut under_way: Vec<_> = lines.iter().map(append).collect();
        for stream in &mut under_way {
            assert_eq!(answer::<Write>(stream).await, Ok(()));
        }
        assert!(fs::read_to_string(folder.at("log")).expect("text") == lines.concat());
    });
}

/// Mounts a file system whose server answers nothing, for this thread and what it starts. Ends with the descriptor.
fn mount_hanging(at: &Path) -> nix::Result<fs::File> {
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let server = fs::File::options().read(true).write(true).open("/dev/fuse").map_err(|_| nix::Error::ENODEV)?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
    mount(Some("hanging"), at, Some("fuse"), MsFlags::empty(), Some(options.as_str()))?;
    Ok(server)
}

#[test]
fn a_file_server_that_hangs_keeps_nobody_but_those_who_ask_it() {
    in_pod(|| async {
        let folder = Folder::new();
        fs::create_dir(folder.at("hanging")).expect("mkdir");
        fs::write(folder.at("f"), "x").expect("write");
        let server = match mount_hanging(&folder.at("hanging")) {
            Ok(server) => server,
            Err(error) => return eprintln!("not run: no FUSE: {error}"),
        };
        let target = Target::start();
        let mut agent = Agent::start(&target, &[]);
        let (session, other) = (agent.session().await, agent.session().await);
        let hanging = || Stat { file: at(folder.path("hanging/x")) };
        let mut waiting = Vec::new();
        for _ in 0..100 {
            waiting.push(ask(&session, hanging()));
        }
        // Those of the same session first find out that a hundred calls hang.
        for (session, limit) in [(&other, Duration::from_secs(5)), (&session, Duration::from_secs(10))] {
            let begun = Instant::now();
            session.perform(Open { path: folder.path("f"), flags: 0, mode: 0 }).await.expect("there");
            assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
        }
        // More than a session may have hanging: it is told, others are not concerned.
        for _ in 0..100 {
            waiting.push(ask(&session, hanging()));
        }
        // (Which of them are too many is the scheduler's choice.)
        let asked = waiting.iter_mut().map(|stream| Box::pin(answer::<Stat>(stream)));
        let refused = tokio::time::timeout(Duration::from_secs(15), futures::future::select_all(asked));
        assert_eq!(refused.await.expect("in time").0.map(drop), Err(Errno::EIO));
        other.perform(Stat { file: at(folder.path("f")) }).await.expect("there");

        // Neither the session's end nor the agent's waits for it.
        session.link.abort();
        let again = agent.session().await;
        again.perform(Stat { file: at(folder.path("f")) }).await.expect("there");
        kill(Pid::from_raw(agent.process.id().cast_signed()), Signal::SIGTERM).expect("ours");
        let told = Instant::now();
        assert_eq!(agent.ended().await.code(), Some(0));
        assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
        drop(server);
    });
}
