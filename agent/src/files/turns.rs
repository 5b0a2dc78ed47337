//! Turns: who came first goes first.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// A row of people, each behind another.
#[derive(Debug, Default)]
pub(super) struct Turns {
    row: Mutex<Row>,
    /// Somebody has left the row.
    left: Notify,
}

#[derive(Debug, Default)]
struct Row {
    last: u64,
    places: BTreeSet<u64>,
}

/// A place in a row, which is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    place: u64,
}

impl Turns {
    /// The place behind everybody.
    pub(super) fn next(self: &Arc<Self>) -> Turn {
        let mut row = self.row();
        row.last += 1;
        let place = row.last;
        row.places.insert(place);
        Turn { turns: self.clone(), place }
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        // After a panic the row is still one.
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits until nobody is in front.
    pub(crate) async fn comes(&self) {
        loop {
            let left = self.turns.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.turns.row().places.first() == Some(&self.place) {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.row().places.remove(&self.place);
        self.turns.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the turn has come.
    async fn has_come(turn: &Turn) -> bool {
        tokio::select! {
            biased;
            () = turn.comes() => true,
            () = tokio::task::yield_now() => false,
        }
    }

    #[tokio::test]
    async fn turns_come_in_order_and_nobody_gains_from_another_who_leaves_before_his_own() {
        let turns = Arc::<Turns>::default();
        let [first, second, third] = std::array::from_fn(|_| turns.next());
        assert!(has_come(&first).await && !has_come(&second).await && !has_come(&third).await);
        drop(second);
        assert!(!has_come(&third).await);
        tokio::join!(third.comes(), async { drop(first) });
        drop(third);
        assert!(has_come(&turns.next()).await, "an empty row");
    }
}
