//! Which sessions steal which port: one of them all of it, or several the requests that their filters pick.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use protocol::incoming::SubscribeError;

use super::subscriber::Subscriber;

/// Subscribed ports at a time: more than any program listens on.
const PORT_LIMIT: usize = 256;

/// Sessions that filter one port at a time: each is asked about each request.
const OWNER_LIMIT: usize = 32;

/// A handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Never empty; the oldest first.
    by_port: HashMap<u16, Vec<Owner>>,
    last: u64,
}

/// A session that steals a port.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Of all owners, ever.
    pub(crate) number: u64,
    pub(crate) subscriber: Subscriber,
}

/// Whose a connection is.
#[derive(Debug)]
pub(crate) enum Share {
    /// The target's.
    Nobody,
    /// All of it one session's.
    Whole(Owner),
    /// To be decided for each request.
    Requests(Vec<Owner>),
}

impl Owners {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no panic while held")
    }

    /// Makes a session an owner of `port`; gives its number. Sessions share a port only if all of them filter.
    pub(crate) fn add(&self, port: u16, subscriber: Subscriber) -> Result<u64, SubscribeError> {
        let refused = |reason: String| Err(SubscribeError::Refused { attempts: vec![reason] });
        let mut known = self.known();
        if let Some(others) = known.by_port.get(&port) {
            let of_all = |owner: &&Owner| owner.subscriber.filter.is_none();
            let other = if subscriber.filter.is_none() { others.first() } else { others.iter().find(of_all) };
            if let Some(Owner { subscriber: other, .. }) = other {
                let filtered = other.filter.is_some();
                return Err(SubscribeError::Taken { owner: other.client.to_string(), filtered });
            }
            if others.len() >= OWNER_LIMIT {
                return refused(format!("{OWNER_LIMIT} sessions filter port {port} already"));
            }
        } else if known.by_port.len() >= PORT_LIMIT {
            return refused(format!("{PORT_LIMIT} ports are stolen already"));
        }
        known.last += 1;
        let number = known.last;
        known.by_port.entry(port).or_default().push(Owner { number, subscriber });
        Ok(number)
    }

    /// Takes `port` from an owner.
    pub(crate) fn remove(&self, port: u16, number: u64) {
        let mut known = self.known();
        if let Some(owners) = known.by_port.get_mut(&port) {
            owners.retain(|owner| owner.number != number);
            if owners.is_empty() {
                known.by_port.remove(&port);
            }
        }
    }

    /// Whether anybody owns `port`.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.known().by_port.contains_key(&port)
    }

    /// Whether nobody owns anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.known().by_port.is_empty()
    }

    /// Whose a connection to `port` is.
    pub(crate) fn of(&self, port: u16) -> Share {
        match self.known().by_port.get(&port).map(Vec::as_slice) {
            None => Share::Nobody,
            Some([owner]) if owner.subscriber.filter.is_none() => Share::Whole(owner.clone()),
            Some(owners) => Share::Requests(owners.to_vec()),
        }
    }
}
