//! The address book: which cluster addresses stand behind a connection that is really one over loopback.
//!
//! Every connection that we make for the program has a random loopback address of its own on our end, the *token*.
//! Tokens are 127.1.0.0 to 127.255.255.254, so that they are never mistaken for the addresses that people use.

use std::{
    collections::{HashMap, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use protocol::link::Names;

/// Connections that have ended and are still known: a program may ask for its socket's own address until it closes it.
const ENDED_LIMIT: usize = 4096;

/// Maps tokens to names; a handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressBook(Arc<Mutex<Tokens>>);

#[derive(Debug, Default)]
struct Tokens {
    /// With the number of the entry: a token may be given out again.
    known: HashMap<Ipv4Addr, (u64, Names)>,
    /// Those whose connections have ended, the oldest first.
    ended: VecDeque<(Ipv4Addr, u64)>,
    entered: u64,
}

/// Keeps an entry for as long as its connection lives, and a while longer.
#[derive(Debug)]
pub(crate) struct Entry {
    book: AddressBook,
    token: Ipv4Addr,
    number: u64,
}

impl AddressBook {
    /// Notes what `token` stands for until the entry is dropped; then it is one of those that have ended.
    pub(crate) fn enter(&self, token: Ipv4Addr, names: Names) -> Entry {
        let mut tokens = self.0.lock().expect("no panic while held");
        tokens.entered += 1;
        let number = tokens.entered;
        tokens.known.insert(token, (number, names));
        Entry { book: self.clone(), token, number }
    }

    /// What stands behind `token`, if it is one of ours.
    pub(crate) fn look_up(&self, token: Ipv4Addr) -> Option<Names> {
        self.0.lock().expect("no panic while held").known.get(&token).map(|(_, names)| *names)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut tokens = self.book.0.lock().expect("no panic while held");
        tokens.ended.push_back((self.token, self.number));
        if tokens.ended.len() > ENDED_LIMIT
            && let Some((token, number)) = tokens.ended.pop_front()
            && tokens.known.get(&token).is_some_and(|(latest, _)| *latest == number)
        {
            tokens.known.remove(&token);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connections_that_have_ended_are_forgotten() {
        let book = AddressBook::default();
        let names = |port| Names { local: ([10, 0, 0, 1], port).into(), peer: ([10, 0, 0, 2], 80).into() };
        let token = |number: usize| Ipv4Addr::from(0x7F01_0000 + u32::try_from(number).expect("small"));
        let first = book.enter(token(0), names(1));
        drop(book.enter(token(1), names(2)));
        assert_eq!(book.look_up(token(1)), Some(names(2)), "its socket may still be open");
        // Given out again before the first has gone.
        let again = book.enter(token(0), names(3));
        drop(first);
        for number in 0..ENDED_LIMIT {
            drop(book.enter(token(2 + number), names(4)));
        }
        assert_eq!((book.look_up(token(0)), book.look_up(token(1))), (Some(names(3)), None));
        drop(again);
        assert_eq!(book.0.lock().expect("no panic while held").ended.len(), ENDED_LIMIT);
    }
}
