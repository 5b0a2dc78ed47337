//! Keeps the link alive and says so when it is not.

use std::time::Duration;

use link::Link;
use tokio::sync::watch;

use crate::{
    event::{Event, Observer, State},
    seen::Seen,
};

/// The agent gives a session up that it has not heard for this long.
pub(crate) const LEASE: Duration = Duration::from_secs(20);

/// Pause between pings; several fit into a lease.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// The first answer is looked at so soon: a program may stand at a breakpoint, and its session be looked at, within the second.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Silence after which the user is told.
const DEGRADED_AFTER: Duration = Duration::from_millis(2_500);

/// Pings until the link is closed; tells every change of state, and the last one through `lost`.
pub(crate) async fn keep(link: Link, observer: Observer, seen: Seen, lost: watch::Sender<Option<String>>) {
    let mut degraded = false;
    let mut pause = FIRST_LOOK;
    link.ping();
    let reason = loop {
        tokio::select! {
            reason = link.closed() => break reason.to_string(),
            () = tokio::time::sleep(std::mem::replace(&mut pause, PING_INTERVAL)) => {}
        }
        if let Some(answered_after) = link.counters().round_trip {
            seen.ping(answered_after);
        }
        let silence = link.last_heard().elapsed();
        if silence > LEASE {
            link.abort();
            break format!("nothing was heard from the agent for {} s", silence.as_secs());
        }
        if (silence > DEGRADED_AFTER) != degraded {
            degraded = !degraded;
            observer.tell(Event::State(if degraded {
                State::Degraded { reason: format!("nothing heard from the agent for {:.1} s", silence.as_secs_f32()) }
            } else {
                State::Connected
            }));
        }
        link.ping();
    };
    observer.tell(Event::State(State::Lost { reason: reason.clone() }));
    lost.send_replace(Some(reason));
}
