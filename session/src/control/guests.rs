//! Who has joined a session over its control socket, and is there as long as its connection.

use tokio::sync::watch;

/// Who has joined a session over its control socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guests {
    /// Connections that have, and are there.
    pub now: usize,
    /// All that ever have.
    pub ever: u64,
}

/// A guest, for as long as this lives.
pub(super) struct Guest(watch::Sender<Guests>);

impl Guest {
    /// Another one.
    pub(super) fn enter(guests: &watch::Sender<Guests>) -> Self {
        guests.send_modify(|guests| (guests.now, guests.ever) = (guests.now + 1, guests.ever + 1));
        Self(guests.clone())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.send_modify(|guests| guests.now -= 1);
    }
}
