//! The files that the kernel knows of: one node each, found by path or by identity.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{Rc, Weak},
    time::Duration,
};

use protocol::file::Metadata;

use super::{file::File, leaving::Leavers, writes::Writes};
use crate::descriptors::wire::Moment;

/// Number of the mount's root (`FUSE_ROOT_ID`).
const ROOT: u64 = 1;

/// How long what the target said of a file is believed.
pub(in crate::descriptors) const FRESH: Duration = Duration::from_secs(1);

/// A file that the kernel knows.
#[derive(Debug)]
pub(super) struct Node {
    /// The kernel's number for it.
    pub(super) id: u64,
    /// Where it was last found: absolute inside the target's root.
    path: RefCell<Vec<u8>>,
    /// How often the kernel has been told of it, less what it has forgotten.
    lookups: Cell<u64>,
    known: Cell<Option<Known>>,
    /// Grows with every change of the content that we know of: what was read before is of no use.
    version: Cell<u64>,
    /// The last change of the content that was made from here: answers to earlier questions do not know of it.
    changed: Cell<Moment>,
    /// The same for the metadata, whoever may have changed them.
    doubted: Cell<Moment>,
    /// Size and times that the kernel's cached pages were read under.
    pub(super) cached: Cell<Option<Stamp>>,
    pub(super) writes: Writes,
    pub(super) leaving: Leavers,
    files: RefCell<Vec<Weak<File>>>,
}

/// What the target said, and when it was asked.
#[derive(Clone, Copy, Debug)]
struct Known {
    metadata: Metadata,
    asked: Moment,
    stale: bool,
}

/// Size and times: a file that has the same ones has the same content.
pub(super) type Stamp = (i64, protocol::file::Timestamp, protocol::file::Timestamp);

/// Which file it is, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// Directories: two paths may lead to one (bind mounts), and the kernel knows only one name of each.
    Directory { path: Vec<u8>, ino: u64 },
    /// All others, which may have several names.
    File { dev: u64, ino: u64, kind: u32 },
}

/// All nodes.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: HashMap<u64, Rc<Node>>,
    by_identity: HashMap<Identity, u64>,
    identities: HashMap<u64, Identity>,
    /// Directories that were only passed through: nothing is known of them but their path.
    passed: HashMap<Vec<u8>, u64>,
    next: u64,
}

impl Node {
    fn new(id: u64, path: &[u8]) -> Rc<Self> {
        Rc::new(Self {
            id,
            path: RefCell::new(path.to_vec()),
            lookups: Cell::new(0),
            known: Cell::new(None),
            version: Cell::new(0),
            changed: Cell::default(),
            doubted: Cell::default(),
            cached: Cell::new(None),
            writes: Writes::default(),
            leaving: Leavers::default(),
            files: RefCell::default(),
        })
    }

    pub(super) fn path(&self) -> Vec<u8> {
        self.path.borrow().clone()
    }

    /// Path of an entry of this directory.
    pub(super) fn child(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend(name);
        path
    }

    /// The last that was heard, however old.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        self.known.get().map(|known| known.metadata)
    }

    /// What is known, and for how long it may still be believed; nothing if it may not.
    pub(super) fn fresh(&self) -> Option<(Metadata, Duration)> {
        let Known { metadata, asked, stale } = self.known.get()?;
        let rest = FRESH.checked_sub(asked.age()).filter(|_| !stale && !self.writes.are_pending())?;
        Some((metadata, rest))
    }

    /// Notes what the target says, and was `asked` for then. It is not believed where something has changed since.
    pub(super) fn learn(&self, metadata: Metadata, asked: Moment) {
        if self.known.get().is_some_and(|known| known.asked > asked && !known.stale) {
            return; // the session had the answer, and we have asked since
        }
        if self.metadata().is_some_and(|old| (old.size, old.mtime) != (metadata.size, metadata.mtime)) {
            self.version.set(self.version.get() + 1);
        }
        let stale = self.doubted.get() >= asked;
        self.known.set(Some(Known { metadata, asked, stale }));
    }

    /// Notes that what is known is no longer so.
    pub(super) fn forget_metadata(&self) {
        self.doubted.set(Moment::now());
        self.known.set(self.known.get().map(|known| Known { stale: true, ..known }));
    }

    /// Notes that the content is another one.
    pub(super) fn changed(&self) {
        self.version.set(self.version.get() + 1);
        self.changed.set(Moment::now());
        self.forget_metadata();
    }

    pub(super) fn version(&self) -> u64 {
        self.version.get()
    }

    /// The version of content that was `asked` for then; nothing if it may have missed a change.
    pub(super) fn version_since(&self, asked: Moment) -> Option<u64> {
        (self.changed.get() < asked).then(|| self.version())
    }

    /// Remembers a file that is open here.
    pub(super) fn opened(&self, file: &Rc<File>) {
        let mut files = self.files.borrow_mut();
        files.retain(|file| file.strong_count() > 0);
        files.push(Rc::downgrade(file));
    }

    /// The files that are open here.
    pub(super) fn files(&self) -> Vec<Rc<File>> {
        self.files.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn is_open(&self) -> bool {
        self.files.borrow().iter().any(|file| file.strong_count() > 0)
    }
}

impl Tree {
    /// A tree of nothing but its root.
    pub(super) fn new() -> Self {
        let root = Node::new(ROOT, b"/");
        root.lookups.set(1);
        Self {
            nodes: HashMap::from([(ROOT, root)]),
            by_identity: HashMap::new(),
            identities: HashMap::new(),
            passed: HashMap::from([(b"/".to_vec(), ROOT)]),
            next: ROOT + 1,
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<Rc<Node>> {
        self.nodes.get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Rc<Node>> {
        self.nodes.values().cloned().collect()
    }

    /// The node of the file that `metadata` is of, found at `path`, told to the kernel once more.
    pub(super) fn found(&mut self, path: &[u8], metadata: Metadata, asked: Moment) -> Rc<Node> {
        let node = self.known_or_new(path, &metadata);
        node.learn(metadata, asked);
        node.lookups.set(node.lookups.get() + 1);
        node
    }

    /// The node of the file that `metadata` is of, at `path`.
    fn known_or_new(&mut self, path: &[u8], metadata: &Metadata) -> Rc<Node> {
        if path == b"/" {
            return self.nodes[&ROOT].clone();
        }
        let kind = metadata.mode & libc::S_IFMT;
        let identity = if kind == libc::S_IFDIR {
            Identity::Directory { path: path.to_vec(), ino: metadata.ino }
        } else {
            Identity::File { dev: metadata.dev, ino: metadata.ino, kind }
        };
        if let Some(id) = self.by_identity.get(&identity)
            && let Some(node) = self.nodes.get(id)
        {
            path.clone_into(&mut node.path.borrow_mut());
            return node.clone();
        }
        let passed = self.passed.get(path).copied().filter(|_| kind == libc::S_IFDIR);
        let node =
            match passed.and_then(|id| self.nodes.get(&id)).filter(|node| !self.identities.contains_key(&node.id)) {
                Some(node) => node.clone(),
                None => self.add(path),
            };
        self.identities.insert(node.id, identity.clone());
        self.by_identity.insert(identity, node.id);
        if kind == libc::S_IFDIR {
            self.passed.insert(path.to_vec(), node.id);
        }
        node
    }

    /// The node of a directory of which nothing is known but that a path leads through it, told to the kernel.
    pub(super) fn passed(&mut self, path: &[u8]) -> Rc<Node> {
        let known = self.passed.get(path).and_then(|id| self.nodes.get(id)).cloned();
        let node = known.unwrap_or_else(|| {
            let node = self.add(path);
            self.passed.insert(path.to_vec(), node.id);
            node
        });
        node.lookups.set(node.lookups.get() + 1);
        node
    }

    fn add(&mut self, path: &[u8]) -> Rc<Node> {
        let node = Node::new(self.next, path);
        self.nodes.insert(self.next, node.clone());
        self.next += 1;
        node
    }

    /// The kernel forgets a node `count` times. Open files keep theirs.
    pub(super) fn forget(&mut self, id: u64, count: u64) {
        let Some(node) = self.nodes.get(&id).filter(|_| id != ROOT) else { return };
        node.lookups.set(node.lookups.get().saturating_sub(count));
        if node.lookups.get() > 0 {
            return;
        }
        if let Some(node) = self.nodes.remove(&id)
            && self.passed.get(&*node.path.borrow()) == Some(&id)
        {
            self.passed.remove(&*node.path.borrow());
        }
        if let Some(identity) = self.identities.remove(&id)
            && self.by_identity.get(&identity) == Some(&id)
        {
            self.by_identity.remove(&identity);
        }
    }

    /// `from` is called `to` now, and so is everything below it.
    pub(super) fn renamed(&mut self, from: &[u8], to: &[u8]) {
        for node in self.nodes.values() {
            let mut path = node.path.borrow_mut();
            let Some(rest) = path.strip_prefix(from).filter(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
            else {
                continue;
            };
            let new = [to, rest].concat();
            if self.passed.get(&*path) == Some(&node.id) {
                self.passed.remove(&*path);
                self.passed.insert(new.clone(), node.id);
            }
            if let Some(Identity::Directory { ino, .. }) = self.identities.get(&node.id).cloned() {
                let old = Identity::Directory { path: path.clone(), ino };
                let identity = Identity::Directory { path: new.clone(), ino };
                self.by_identity.remove(&old);
                self.by_identity.insert(identity.clone(), node.id);
                self.identities.insert(node.id, identity);
            }
            *path = new;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
