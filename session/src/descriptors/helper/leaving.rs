//! Descriptors that are on their way out of somebody's hands: who wants a lock that may end with them waits for that.
//!
//! close(2) has returned when the kernel tells us of the last descriptor, and whoever locks after it is in his right to
//! find the lock free. And a program's close(2) is that of the last descriptor only if the session, which has opened the
//! file for it, has closed its own.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use tokio::sync::Notify;

use super::tree::Node;

/// Files with locks that nobody has open any more, and that the agent has still open.
#[derive(Debug, Default)]
pub(super) struct Leavers {
    there: RefCell<BTreeSet<u64>>,
    next: Cell<u64>,
    changed: Notify,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Leaving {
    node: Rc<Node>,
    place: u64,
}

impl Leaving {
    pub(super) fn begin(node: &Rc<Node>) -> Self {
        let all = &node.leaving;
        let place = all.next.replace(all.next.get() + 1);
        all.there.borrow_mut().insert(place);
        Self { node: node.clone(), place }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.node.leaving.there.borrow_mut().remove(&self.place);
        self.node.leaving.changed.notify_waiters();
    }
}

impl Leavers {
    /// Waits until the agent has closed those that are leaving now.
    pub(super) async fn are_over(&self) {
        let next = self.next.get();
        loop {
            let changed = self.changed.notified();
            if self.there.borrow().first().is_none_or(|first| *first >= next) {
                return;
            }
            changed.await;
        }
    }
}

/// Descriptors that the session has opened for programs, by the numbers of their announcements, and not closed itself.
#[derive(Debug, Default)]
pub(super) struct LentOut {
    nodes: RefCell<HashMap<u32, u64>>,
    returned: Notify,
}

impl LentOut {
    pub(super) fn lend(&self, number: u32, node: &Node) {
        self.nodes.borrow_mut().insert(number, node.id);
    }

    /// The session has closed its own.
    pub(super) fn give_back(&self, number: u32) {
        self.nodes.borrow_mut().remove(&number);
        self.returned.notify_waiters();
    }

    /// Waits until the session has none of those of a file that it has now: not of one open file alone, because of
    /// several announcements of one file we cannot tell which descriptor came of which.
    pub(super) async fn are_back(&self, node: &Node) {
        let of_node = |(number, id): (&u32, &u64)| (*id == node.id).then_some(*number);
        let mut out: Vec<u32> = self.nodes.borrow().iter().filter_map(of_node).collect();
        loop {
            let returned = self.returned.notified();
            out.retain(|number| self.nodes.borrow().contains_key(number));
            if out.is_empty() {
                return;
            }
            returned.await;
        }
    }
}
