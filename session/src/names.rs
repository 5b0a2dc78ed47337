//! The address book: which cluster addresses stand behind a connection that is really one over loopback.
//!
//! Every connection that we make for the program has a random loopback address of its own on our end, the *token*.
//! Tokens are 127.1.0.0 to 127.255.255.254, so that they are never mistaken for the addresses that people use.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use protocol::link::Names;

/// Maps tokens to names; a handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressBook(Arc<Mutex<HashMap<Ipv4Addr, Names>>>);

/// Keeps an entry for as long as its connection lives.
#[derive(Debug)]
pub(crate) struct Entry {
    book: AddressBook,
    token: Ipv4Addr,
}

impl AddressBook {
    /// Notes what `token` stands for until the entry is dropped.
    pub(crate) fn enter(&self, token: Ipv4Addr, names: Names) -> Entry {
        self.0.lock().expect("no panic while held").insert(token, names);
        Entry { book: self.clone(), token }
    }

    /// What stands behind `token`, if it is one of ours.
    pub(crate) fn look_up(&self, token: Ipv4Addr) -> Option<Names> {
        self.0.lock().expect("no panic while held").get(&token).copied()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.book.0.lock().expect("no panic while held").remove(&self.token);
    }
}

/// A fresh token.
pub(crate) fn random_token() -> Ipv4Addr {
    // Tokens are no secrets; they only have to differ. A dead generator would make them equal, and connects fail loudly.
    let [a, b, c] = crate::random::random().unwrap_or_else(|error| {
        tracing::error!(%error, "making a token");
        [0; 3]
    });
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}
