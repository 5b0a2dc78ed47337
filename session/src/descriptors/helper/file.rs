//! A file that a program has open: what the agent sent with it, and the handle there.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
};

use protocol::{
    Errno,
    file::{Close, Content, Handle, Open},
};
use tokio::sync::OnceCell;

use super::{
    Helper,
    abi::open_flag,
    caller::Incoming,
    directory::Listing,
    leaving::Leaving,
    prime::Prime,
    reads::ReadAhead,
    tree::{Node, Stamp},
};
use crate::descriptors::wire::{Held, Moment, ToSession};

/// Flags of open(2) that are the opening's own and mean nothing afterwards.
const OF_OPENING: i32 = libc::O_CREAT | libc::O_EXCL | libc::O_TRUNC | libc::O_NOCTTY;

/// A description of an open file, or directory.
#[derive(Debug)]
pub(super) struct File {
    pub(super) node: Rc<Node>,
    flags: i32,
    /// The agent's; made when it is needed if the content came whole.
    handle: OnceCell<Handle>,
    /// The blob that came with the answer to open.
    pub(super) content: Rc<Incoming>,
    /// Whether `content` was all there was to read.
    pub(super) whole: bool,
    /// The node's version that `content` is of, if it is known.
    pub(super) version: Option<u64>,
    pub(super) ahead: RefCell<ReadAhead>,
    pub(super) listing: RefCell<Listing>,
    /// The first write that failed since somebody was told.
    pub(super) failure: Cell<Option<Errno>>,
    /// Whether locks were placed through it.
    pub(super) locked: Cell<bool>,
    /// Whether record locks were among them, which end when any descriptor is closed.
    pub(super) has_records: Cell<bool>,
}

impl File {
    /// A file as it was announced; `asked` for then.
    pub(super) fn new(node: &Rc<Node>, flags: i32, held: Held, content: Rc<Incoming>, asked: Moment) -> Rc<Self> {
        let handle = match held {
            Held::Whole => OnceCell::new(),
            Held::File(handle) | Held::Directory(handle) => OnceCell::new_with(Some(handle)),
        };
        let file = Rc::new(Self {
            node: node.clone(),
            flags,
            handle,
            content,
            whole: held == Held::Whole,
            version: node.version_since(asked),
            ahead: RefCell::default(),
            listing: RefCell::default(),
            failure: Cell::new(None),
            locked: Cell::new(false),
            has_records: Cell::new(false),
        });
        node.opened(&file);
        file
    }

    pub(super) fn appends(&self) -> bool {
        self.flags & libc::O_APPEND != 0
    }

    /// The agent's handle, if there is one already.
    pub(super) fn handle_if_any(&self) -> Option<Handle> {
        self.handle.get().copied()
    }

    /// The agent's handle. A file whose content came whole is opened again: for locks, or because it has changed.
    pub(super) async fn handle(&self, helper: &Helper) -> Result<Handle, Errno> {
        let open = async {
            // `O_CREAT`: not its content again, but a handle.
            let flags = self.flags & !OF_OPENING | libc::O_CREAT;
            let request = Open { path: self.node.path(), flags, mode: 0o600 };
            let (opened, _) = helper.caller.ask(request).await?;
            match opened.content {
                Content::Beginning(handle) | Content::Listing(handle) => Ok(handle),
                Content::Whole => Err(Errno(libc::ENOLCK)),
            }
        };
        self.handle.get_or_try_init(|| open).await.copied()
    }
}

/// What the kernel is told of an opened file.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenedHere {
    pub(super) number: u64,
    pub(super) flags: u32,
}

impl Helper {
    /// Opens a node: with what was announced for it, else by asking.
    pub(super) async fn open(self: &Rc<Self>, node: &Rc<Node>, flags: i32) -> Result<OpenedHere, Errno> {
        let prime = self.primes.borrow_mut().take_for(node, flags);
        if let Some(prime) = prime {
            node.learn(prime.primed.metadata, prime.primed.asked);
            return self.open_primed(node, flags, &prime).await;
        }
        node.writes.settle(self, node).await;
        let before = node.metadata();
        let request =
            Open { path: node.path(), flags: flags & !(libc::O_CREAT | libc::O_EXCL) | libc::O_NOFOLLOW, mode: 0 };
        let asked = Moment::now();
        let (opened, blob) = self.caller.ask(request).await?;
        if before.is_some_and(|before| (before.dev, before.ino) != (opened.metadata.dev, opened.metadata.ino)) {
            if let Content::Beginning(handle) | Content::Listing(handle) = opened.content {
                self.caller.tell(Close { handle });
            }
            return Err(Errno(libc::ESTALE));
        }
        node.learn(opened.metadata, asked);
        self.keep(node, flags, opened.content, (blob, asked)).await
    }

    /// Takes in what the agent sent for an open file, and was asked for then.
    pub(super) async fn keep(
        self: &Rc<Self>,
        node: &Rc<Node>,
        flags: i32,
        content: Content,
        (blob, asked): (Vec<u8>, Moment),
    ) -> Result<OpenedHere, Errno> {
        let held = match content {
            Content::Whole => Held::Whole,
            Content::Beginning(handle) => Held::File(handle),
            Content::Listing(handle) => Held::Directory(handle),
        };
        let incoming = Rc::new(Incoming::default());
        incoming.add(&blob);
        incoming.finish(Ok(()));
        self.register(node, flags, held, incoming, asked).await
    }

    /// Uses up an announcement.
    pub(super) async fn open_primed(
        self: &Rc<Self>,
        node: &Rc<Node>,
        flags: i32,
        prime: &Prime,
    ) -> Result<OpenedHere, Errno> {
        self.lent.lend(prime.number, node);
        self.register(node, flags, prime.primed.content, prime.incoming.clone(), prime.primed.asked).await
    }

    async fn register(
        self: &Rc<Self>,
        node: &Rc<Node>,
        flags: i32,
        held: Held,
        incoming: Rc<Incoming>,
        asked: Moment,
    ) -> Result<OpenedHere, Errno> {
        let file = File::new(node, flags, held, incoming, asked);
        let number = self.next_file.replace(self.next_file.get() + 1);
        self.files.borrow_mut().insert(number, file.clone());
        let metadata = node.metadata();
        let stamp: Option<Stamp> = metadata.map(|known| (known.size, known.mtime, known.ctime));
        let mut opened = OpenedHere { number, flags: 0 };
        if stamp.is_some() && node.cached.replace(stamp) == stamp {
            opened.flags |= open_flag::KEEP_CACHE;
        }
        if file.whole {
            // Files of procfs claim to be empty: only reads that are not cut to a size find their content.
            let came = file.content.wait().await;
            if let Err(errno) = came {
                self.files.borrow_mut().remove(&number);
                return Err(errno);
            }
            let len = file.content.with_blob(<[u8]>::len);
            if metadata.is_none_or(|known| usize::try_from(known.size) != Ok(len)) {
                opened.flags |= open_flag::DIRECT_IO;
            }
        }
        if file.appends() {
            // The page cache would keep appended bytes at the place where this machine believes the end to be.
            opened.flags |= open_flag::DIRECT_IO;
        }
        Ok(opened)
    }

    pub(super) fn file(&self, number: u64) -> Result<Rc<File>, Errno> {
        self.files.borrow().get(&number).cloned().ok_or(Errno(libc::EBADF))
    }

    /// The program has closed its last descriptor: nobody waits for this but who wants a lock that ends with it, from
    /// this call on.
    pub(super) fn release(self: &Rc<Self>, number: u64) -> impl Future<Output = ()> + use<> {
        let file = self.files.borrow_mut().remove(&number);
        let leaving = file.as_ref().filter(|file| file.locked.get()).map(|file| Leaving::begin(&file.node));
        let helper = self.clone();
        async move {
            let Some(file) = file else { return };
            file.node.writes.settle(&helper, &file.node).await;
            if let Some(errno) = file.failure.take() {
                // A mapping, or a program that was killed: nobody is left who could be told.
                let lost = [errno.0.to_le_bytes().as_slice(), &file.node.path()].concat();
                helper.caller.send(ToSession::Lost, 0, &lost);
            }
            match (file.handle_if_any(), leaving) {
                (Some(handle), None) => helper.caller.tell(Close { handle }),
                (Some(handle), Some(_leaving)) => {
                    // What it fails with, nobody is told: the lock is gone all the same.
                    let _ = helper.caller.ask(Close { handle }).await;
                }
                (None, _) => {}
            }
        }
    }
}
