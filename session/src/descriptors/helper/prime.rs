//! Files that the session has opened at the agent and is about to open here: the way to them needs no round trip.

use std::rc::Rc;

use protocol::file::Metadata;

use super::{caller::Incoming, tree::Node};
use crate::descriptors::wire::{Held, Moment, Primed};

/// Flags by which several announcements of one file are told apart. The kernel tells nobody of an open with `O_PATH`: what
/// was announced for one is nobody else's, even if it is still there when the file is opened by its descriptor.
const TELLING: i32 = libc::O_ACCMODE | libc::O_APPEND | libc::O_PATH;

/// `O_TMPFILE` without `O_DIRECTORY`, which is part of it.
const NAMELESS: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// One announcement.
#[derive(Debug)]
pub(super) struct Prime {
    pub(super) number: u32,
    /// The node that a look-up has led to.
    node: Option<u64>,
    pub(super) primed: Primed,
    pub(super) incoming: Rc<Incoming>,
}

/// Those that are not used up: as many as programs are opening files right now.
#[derive(Debug, Default)]
pub(super) struct Primes(Vec<Prime>);

/// What is known of a path that is looked up.
#[derive(Debug)]
pub(super) enum Announced {
    /// The file itself, and when that was asked.
    File(Metadata, Moment),
    /// The way to one.
    Way,
}

impl Prime {
    fn is_nameless(&self) -> bool {
        self.primed.flags & NAMELESS != 0
    }

    /// The agent's handle that goes to waste if nobody opens the file.
    pub(super) fn handle(&self) -> Option<protocol::file::Handle> {
        match self.primed.content {
            Held::Whole => None,
            Held::File(handle) | Held::Directory(handle) => Some(handle),
        }
    }
}

impl Primes {
    pub(super) fn add(&mut self, number: u32, primed: Primed) -> Rc<Incoming> {
        let incoming = Rc::new(Incoming::default());
        self.0.push(Prime { number, node: None, primed, incoming: incoming.clone() });
        incoming
    }

    /// What the announcements say of `path`.
    pub(super) fn look_up(&self, path: &[u8]) -> Option<Announced> {
        let named = |prime: &&Prime| !prime.is_nameless() && prime.primed.path == path;
        if let Some(prime) = self.0.iter().rev().find(named) {
            return Some(Announced::File(prime.primed.metadata, prime.primed.asked));
        }
        let leads = |prime: &Prime| {
            let rest = prime.primed.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.first() == Some(&b'/') || (rest.is_empty() && prime.is_nameless()))
        };
        self.0.iter().any(leads).then_some(Announced::Way)
    }

    /// Notes which node a look-up of `path` has led to.
    pub(super) fn found(&mut self, path: &[u8], node: u64) {
        let named = self.0.iter_mut().filter(|prime| !prime.is_nameless() && prime.primed.path == path);
        named.for_each(|prime| prime.node = Some(node));
    }

    /// Uses up the first announcement for a node with these flags. The kernel does not look a directory up again whose
    /// name it knows: such a one is found by its path.
    pub(super) fn take_for(&mut self, node: &Node, flags: i32) -> Option<Prime> {
        let path = node.path();
        let known = |prime: &Prime| {
            let named = prime.primed.path == path && !prime.is_nameless();
            prime.node.is_none() && named && matches!(prime.primed.content, Held::Directory(_))
        };
        let fits = |prime: &Prime| {
            (prime.node == Some(node.id) || known(prime)) && (prime.primed.flags ^ flags) & TELLING == 0
        };
        let at = self.0.iter().position(fits)?;
        Some(self.0.remove(at))
    }

    /// Uses up the first announcement of a nameless file in `directory` with these flags.
    pub(super) fn take_nameless(&mut self, directory: &[u8], flags: i32) -> Option<Prime> {
        let fits = |prime: &Prime| {
            prime.is_nameless() && prime.primed.path == directory && (prime.primed.flags ^ flags) & TELLING == 0
        };
        let at = self.0.iter().position(fits)?;
        Some(self.0.remove(at))
    }

    /// The opening is over: gives back what was not used.
    pub(super) fn end(&mut self, number: u32) -> Option<Prime> {
        let at = self.0.iter().position(|prime| prime.number == number)?;
        Some(self.0.remove(at))
    }
}
