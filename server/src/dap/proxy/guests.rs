//! Debug sessions that have joined the session of this one, most of them of the program's children.

use std::time::Duration;

use session::control::Guests;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

/// How long an editor may take to begin a debug session for a child, and that to join.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

/// How long a session is kept between two guests.
const HANDOVER: Duration = Duration::from_millis(200);

/// Children that were to get debug sessions of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offers {
    number: u64,
    last: Option<Instant>,
}

impl Offers {
    /// One more.
    pub(super) fn make(&mut self) {
        *self = Self { number: self.number + 1, last: Some(Instant::now()) };
    }

    /// One that the editor does not take up.
    pub(super) fn take_back(&mut self) {
        self.number = self.number.saturating_sub(1);
    }

    /// Until when one of them may still join; nothing when all have that will.
    pub(super) fn open(self, guests: Guests) -> Option<Instant> {
        let until = self.last? + JOIN_LIMIT;
        (self.number > guests.ever && Instant::now() < until).then_some(until)
    }
}

/// Resolves when all guests have gone, and those that were still to come.
pub(super) async fn deserted(mut guests: watch::Receiver<Guests>, offers: Offers) {
    let open = offers.open(*guests.borrow());
    if let Some(until) = open {
        // Who has not joined by then will not: that is no failure.
        let _ = timeout_at(until, guests.wait_for(|guests| guests.ever >= offers.number)).await;
    }
    // A child may end while its own child is about to join.
    while guests.wait_for(|guests| guests.now == 0).await.is_ok() {
        if timeout(HANDOVER, guests.wait_for(|guests| guests.now > 0)).await.is_err() {
            return;
        }
    }
}
