use protocol::file::Timestamp;

use super::*;

pub(in crate::descriptors) fn metadata(ino: u64, kind: u32) -> Metadata {
    let time = Timestamp { seconds: 0, nanoseconds: 0 };
    Metadata {
        dev: 1,
        ino,
        mode: kind | 0o644,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: 0,
        blksize: 4096,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
    }
}

#[test]
fn names_of_one_file_lead_to_one_node_and_another_file_under_the_name_to_another() {
    let mut tree = Tree::new();
    let first = tree.found(b"/a", metadata(7, libc::S_IFREG), Moment::now()).id;
    assert_eq!(tree.found(b"/b", metadata(7, libc::S_IFREG), Moment::now()).id, first);
    assert_ne!(tree.found(b"/a", metadata(8, libc::S_IFREG), Moment::now()).id, first);
}

#[test]
fn a_directory_that_was_passed_through_is_the_one_that_is_found_later() {
    let mut tree = Tree::new();
    let passed = tree.passed(b"/d").id;
    assert_eq!(tree.found(b"/d", metadata(3, libc::S_IFDIR), Moment::now()).id, passed);
    assert_eq!(tree.passed(b"/d").id, passed);
    assert_ne!(
        tree.found(b"/bound", metadata(3, libc::S_IFDIR), Moment::now()).id,
        passed,
        "two paths of one directory"
    );
    assert_ne!(
        tree.found(b"/d", metadata(4, libc::S_IFDIR), Moment::now()).id,
        passed,
        "a new directory under the name"
    );
}

#[test]
fn renaming_a_directory_takes_along_what_is_below_it_and_nothing_else() {
    let mut tree = Tree::new();
    let directory = tree.found(b"/d", metadata(1, libc::S_IFDIR), Moment::now());
    let below = tree.found(b"/d/f", metadata(2, libc::S_IFREG), Moment::now());
    let beside = tree.found(b"/dd", metadata(3, libc::S_IFREG), Moment::now());
    tree.renamed(b"/d", b"/e");
    assert_eq!([directory.path(), below.path(), beside.path()], [b"/e".to_vec(), b"/e/f".to_vec(), b"/dd".to_vec()]);
    assert_eq!(tree.found(b"/e", metadata(1, libc::S_IFDIR), Moment::now()).id, directory.id);
    assert_ne!(tree.passed(b"/d").id, directory.id);
}

#[test]
fn what_the_kernel_forgets_is_forgotten_and_the_root_is_not() {
    let mut tree = Tree::new();
    let node = tree.found(b"/a", metadata(7, libc::S_IFREG), Moment::now()).id;
    tree.found(b"/a", metadata(7, libc::S_IFREG), Moment::now());
    tree.forget(node, 1);
    assert!(tree.get(node).is_some());
    tree.forget(node, 1);
    assert!(tree.get(node).is_none());
    assert!(tree.by_identity.is_empty() && tree.identities.is_empty());
    tree.forget(ROOT, 10);
    assert!(tree.get(ROOT).is_some());
}

#[test]
fn a_change_of_size_makes_what_was_read_before_useless() {
    let mut tree = Tree::new();
    let node = tree.found(b"/a", metadata(7, libc::S_IFREG), Moment::now());
    let version = node.version();
    node.learn(metadata(7, libc::S_IFREG), Moment::now());
    assert_eq!(node.version(), version);
    node.learn(Metadata { size: 1, ..metadata(7, libc::S_IFREG) }, Moment::now());
    assert_ne!(node.version(), version);
    assert!(node.fresh().is_some());
    node.forget_metadata();
    assert!(node.fresh().is_none());
}

#[test]
fn an_answer_to_a_question_from_before_a_change_is_not_believed() {
    let mut tree = Tree::new();
    let asked = Moment::now();
    let node = tree.found(b"/a", metadata(7, libc::S_IFREG), asked);
    assert!(node.fresh().is_some() && node.version_since(asked).is_some());
    node.forget_metadata();
    node.learn(metadata(7, libc::S_IFREG), asked);
    assert!(node.fresh().is_none(), "of the metadata");
    assert_eq!(node.version_since(asked), Some(node.version()), "the content is the same");
    node.changed();
    assert_eq!(node.version_since(asked), None);
    let asked = Moment::now();
    node.learn(metadata(7, libc::S_IFREG), asked);
    assert!(node.fresh().is_some() && node.version_since(asked).is_some(), "asked anew");
}
