use protocol::file::{
    Access, Details, Entry, GetAttribute, Handle, ListAttributes, ReadLink, SetAttribute, WRITE_LIMIT,
};

use super::*;
use crate::descriptors::helper::metadata_for_tests as metadata;

fn encoded(operation: impl Into<Operation>) -> Vec<u8> {
    codec::encode(&operation.into()).unwrap()
}

fn question(operation: impl Into<Operation>) -> Question {
    Question::from(&operation.into()).expect("a question")
}

fn which(path: &str, follow: bool) -> Which {
    Which::Path { path: path.into(), follow }
}

fn stat(path: &str) -> Question {
    question(Stat { file: which(path, true) })
}

fn attribute(path: &str, name: &str) -> Question {
    question(GetAttribute { file: which(path, true), name: name.into() })
}

fn open(path: &str) -> Open {
    Open { path: path.into(), flags: libc::O_RDONLY, mode: 0 }
}

/// The answer to a question, decoded; nothing where the target has to be asked.
fn known<R: codec::Decode<()>>(remembered: &Remembered, question: &Question) -> Option<Result<R, Errno>> {
    let known = remembered.find(question).ok()?;
    Some(codec::decode(&known.answer).expect("an answer"))
}

fn keep(remembered: &Remembered, question: &Question, answer: &Result<Vec<u8>, Errno>) {
    let asked = remembered.find(question).expect_err("not known yet");
    remembered.keep(asked, question.clone(), &codec::encode(answer).unwrap());
}

/// A folder `/link`, which is `/real` without links, with two files, of which one has attributes, a link, a folder, and
/// one of which nothing is known.
fn listing() -> (Open, Opened, Vec<u8>) {
    let entry = |name, kind, bare| {
        let metadata = metadata(7, kind);
        Entry { ino: 7, kind: 0, name, details: Some(Details { metadata, bare }) }
    };
    let entries = [
        Entry { ino: 1, kind: 4, name: b".", details: None },
        entry(b"bare", libc::S_IFREG, true),
        entry(b"labelled", libc::S_IFREG, false),
        entry(b"symbolic", libc::S_IFLNK, true),
        entry(b"folder", libc::S_IFDIR, true),
        Entry { ino: 1, kind: 8, name: b"unknown", details: None },
        entry(b"other", libc::S_IFREG, true),
    ];
    let mut bytes = Vec::new();
    for entry in &entries {
        entry.append_to(&mut bytes);
    }
    let content = Content::Listing(Handle(1));
    (open("/link/"), Opened { metadata: metadata(1, libc::S_IFDIR), path: b"/real".to_vec(), content }, bytes)
}

/// One that has seen the listing pass, in small pieces.
fn listed() -> Arc<Remembered> {
    let remembered = Arc::<Remembered>::default();
    let (request, opened, bytes) = listing();
    let mut passing = remembered.listing(remembered.asked(), &request, &opened).expect("a folder");
    bytes.chunks(5).for_each(|piece| passing.see(piece));
    assert!(remembered.find(&stat("/link/bare")).is_err(), "not all has passed");
    passing.end();
    remembered
}

#[test]
fn an_answer_is_kept_until_something_may_have_changed() {
    let remembered = Remembered::default();
    let asked = remembered.find(&stat("/a")).unwrap_err();
    remembered.keep(asked, stat("/a"), b"answer");
    assert_eq!(remembered.find(&stat("/a")).unwrap(), Known { answer: b"answer".to_vec(), asked: asked.at });
    remembered.find(&stat("/b")).unwrap_err();
    remembered.forget();
    remembered.find(&stat("/a")).unwrap_err();
}

#[test]
fn an_answer_from_before_a_change_is_not_kept() {
    let remembered = Remembered::default();
    let asked = remembered.find(&stat("/a")).unwrap_err();
    remembered.forget();
    remembered.keep(asked, stat("/a"), b"answer");
    remembered.find(&stat("/a")).unwrap_err();
}

#[test]
fn an_answer_grows_old_from_when_it_was_asked_for() {
    let remembered = Remembered::default();
    let asked = remembered.find(&stat("/a")).unwrap_err();
    let asked = Asked { at: Moment::default(), ..asked };
    remembered.keep(asked, stat("/a"), b"answer");
    remembered.find(&stat("/a")).unwrap_err();
}

#[test]
fn what_may_change_files_is_told_from_what_looks() {
    let open = |flags| encoded(Open { path: b"/x".to_vec(), flags, mode: 0 });
    assert!(!may_change(&open(libc::O_RDWR)));
    assert!(may_change(&open(libc::O_WRONLY | libc::O_CREAT)));
    assert!(may_change(&open(libc::O_WRONLY | libc::O_TRUNC)));
    assert!(may_change(&open(libc::O_RDWR | libc::O_TMPFILE)));
    assert!(!may_change(&open(libc::O_DIRECTORY)));
    assert!(!may_change(&stat("/x").encoded));
    assert!(may_change(b"\xff"));
}

#[test]
fn what_is_asked_of_open_files_or_changes_something_is_no_question() {
    let (file, name, value) = (which("/x", true), b"user.a".to_vec(), Vec::new());
    for operation in [
        encoded(Stat { file: Which::Open(Handle(1)) }),
        encoded(ListAttributes { file: Which::Open(Handle(1)) }),
        encoded(SetAttribute { file, name, value, flags: 0 }),
        encoded(Open { flags: libc::O_CREAT, ..open("/x") }),
    ] {
        assert!(Question::of(&operation).is_none(), "{operation:?}");
    }
}

#[test]
fn memory_is_bounded() {
    let remembered = Remembered::default();
    for number in 0..=LIMIT {
        let question = stat(&number.to_string());
        let asked = remembered.find(&question).unwrap_err();
        remembered.keep(asked, question, b"answer");
    }
    assert_eq!(remembered.state().answers.len(), 1);
    let asked = remembered.find(&attribute("/a", "user.large")).unwrap_err();
    remembered.keep(asked, attribute("/a", "user.large"), &vec![1; WRITE_LIMIT]);
    assert_eq!(remembered.state().answers.len(), 1);
}

#[test]
fn an_open_tells_what_a_look_at_the_path_would() {
    let remembered = Remembered::default();
    let opened = |path: &str, kind| Opened { metadata: metadata(5, kind), path: path.into(), content: Content::Whole };
    let look = |path, follow| question(Stat { file: which(path, follow) });
    remembered.opened(remembered.asked(), &open("/direct"), Ok(&opened("/direct", libc::S_IFREG)));
    remembered.opened(remembered.asked(), &open("/by/link"), Ok(&opened("/elsewhere", libc::S_IFREG)));
    let request = Open { flags: libc::O_PATH | libc::O_NOFOLLOW, ..open("/link") };
    remembered.opened(remembered.asked(), &request, Ok(&opened("/link", libc::S_IFLNK)));
    for (path, follow, knows) in [
        ("/direct", true, true),
        ("/direct", false, true),
        ("/by/link", true, true),
        ("/by/link", false, false), // what the link leads to was opened
        ("/link", true, false),
        ("/link", false, true),
    ] {
        assert_eq!(remembered.find(&look(path, follow)).is_ok(), knows, "{path} {follow}");
    }
    assert_eq!(known(&remembered, &stat("/direct")), Some(Ok(metadata(5, libc::S_IFREG))));
}

#[test]
fn of_opens_only_that_there_is_nothing_is_kept() {
    let remembered = Remembered::default();
    for (path, errno, knows) in [("/nothing", Errno::ENOENT, true), ("/forbidden", Errno(libc::EACCES), false)] {
        remembered.opened(remembered.asked(), &open(path), Err(errno));
        assert_eq!(remembered.find(&question(open(path))).is_ok(), knows, "{path}");
    }
    let there = Opened { metadata: metadata(5, libc::S_IFREG), path: b"/a".to_vec(), content: Content::Whole };
    remembered.opened(remembered.asked(), &open("/a"), Ok(&there));
    remembered.find(&question(open("/a"))).unwrap_err();
}

#[test]
fn a_listing_answers_for_its_entries_by_either_path_of_their_folder() {
    let remembered = listed();
    for folder in ["/link", "/link/", "/real"] {
        let path = |name: &str| format!("{folder}/{name}");
        let look = |name, follow| question(Stat { file: which(&path(name), follow) });
        assert_eq!(known(&remembered, &look("bare", true)), Some(Ok(metadata(7, libc::S_IFREG))));
        assert_eq!(known(&remembered, &look("symbolic", false)), Some(Ok(metadata(7, libc::S_IFLNK))));
        assert_eq!(
            known(&remembered, &question(ReadLink { path: path("bare").into() })),
            Some(Err::<Vec<u8>, _>(Errno::EINVAL))
        );
        let exists = |mode| question(Access { path: path("bare").into(), mode, follow: true });
        assert_eq!(known(&remembered, &exists(libc::F_OK)), Some(Ok(())));
        for unknown in [
            look("symbolic", true),
            look("unknown", false),
            look("missing", false),
            look(".", false),
            look("..", false),
            look("", false),
            look("folder/", false),
            look("folder/x", false),
            exists(libc::R_OK),
            question(ReadLink { path: path("symbolic").into() }),
            question(Open { flags: libc::O_RDONLY, ..open(&path("bare")) }),
        ] {
            assert!(remembered.find(&unknown).is_err(), "{unknown:?}");
        }
    }
    remembered.forget();
    remembered.find(&stat("/real/bare")).unwrap_err();
}

#[test]
fn a_listing_from_before_a_change_or_an_old_one_answers_nothing() {
    for change in [true, false] {
        let remembered = Arc::<Remembered>::default();
        let (request, opened, bytes) = listing();
        let mut asked = remembered.asked();
        if change {
            remembered.forget();
        } else {
            asked.at = Moment::default();
        }
        let mut passing = remembered.listing(asked, &request, &opened).expect("a folder");
        passing.see(&bytes);
        passing.end();
        remembered.find(&stat("/real/bare")).unwrap_err();
    }
}

#[test]
fn a_listing_that_breaks_off_tells_of_what_came_before() {
    let remembered = Arc::<Remembered>::default();
    let (request, opened, bytes) = listing();
    let mut passing = remembered.listing(remembered.asked(), &request, &opened).expect("a folder");
    passing.see(&bytes[..bytes.len() - 1]);
    passing.end();
    assert!(remembered.find(&stat("/real/bare")).is_ok());
    remembered.find(&stat("/real/other")).unwrap_err();
}

#[test]
fn a_folder_whose_entries_are_looked_at_is_listed_anew_once_its_listing_is_old() {
    let remembered = listed();
    let age = |remembered: &Remembered| {
        let mut state = remembered.state();
        state.folders.grow_older(FRESH);
        state.answers.clear();
    };
    for _ in 0..8 {
        remembered.find(&stat("/real/bare")).unwrap();
        assert!(remembered.renewable(&stat("/real/bare")).is_none(), "it is known");
    }
    remembered.find(&stat("/link/bare")).unwrap();
    age(&remembered);
    assert!(remembered.renewable(&stat("/link/bare")).is_none(), "few have asked");
    assert!(remembered.renewable(&stat("/real/missing")).is_none());
    remembered.find(&stat("/real/other")).unwrap_err();
    let folder = remembered.renewable(&stat("/real/other")).expect("worth it");
    assert_eq!(folder.path, b"/real");
    assert!(remembered.renewable(&stat("/real/other")).is_none(), "somebody does it");
    let (_, opened, bytes) = listing();
    let mut passing = remembered.listing(remembered.asked(), &folder, &opened).expect("a folder");
    passing.see(&bytes);
    passing.end();
    remembered.find(&stat("/real/other")).unwrap();
}

#[test]
fn files_without_attributes_answer_alike() {
    let remembered = listed();
    let names = question(ListAttributes { file: which("/real/bare", true) });
    assert_eq!(known(&remembered, &names), Some(Ok(Vec::<u8>::new())));
    let no_data = Err(Errno(libc::ENODATA));
    for name in ["security.selinux", "user.mine"] {
        assert!(remembered.find(&attribute("/real/other", name)).is_err(), "nobody has asked yet");
        keep(&remembered, &attribute("/real/bare", name), &no_data);
    }
    for (path, name, expected) in [
        ("/real/other", "security.selinux", Some(no_data.clone())),
        ("/real/bare", "user.mine", Some(no_data)),
        ("/real/other", "user.mine", None), // it may not be readable
        ("/real/other", "security.capability", None),
        ("/real/labelled", "security.selinux", None),
        ("/real/folder", "security.selinux", None),
        ("/real/unknown", "security.selinux", None),
        ("/real/symbolic", "security.selinux", None),
    ] {
        assert_eq!(known::<Vec<u8>>(&remembered, &attribute(path, name)), expected, "{path} {name}");
    }
}

#[test]
fn listings_are_bounded_together() {
    let remembered = Arc::<Remembered>::default();
    let (_, mut opened, mut bytes) = listing();
    let details = Some(Details { metadata: metadata(1, libc::S_IFREG), bare: true });
    for number in 0..4096 {
        Entry { ino: 1, kind: 8, name: number.to_string().as_bytes(), details }.append_to(&mut bytes);
    }
    for folder in 0..20 {
        opened.path = format!("/{folder}").into();
        let request = open(&format!("/{folder}"));
        let mut passing = remembered.listing(remembered.asked(), &request, &opened).expect("a folder");
        passing.see(&bytes);
        passing.end();
        assert!(remembered.find(&stat(&format!("/{folder}/4095"))).is_ok());
        assert!(remembered.state().folders.count() <= 32 * 1024, "{folder}");
    }
    remembered.find(&stat("/0/4095")).unwrap_err();
}
