//! How long a session lives whose program somebody else starts.

use std::time::Duration;

use config::Config;
use session::Session;

use crate::{
    parent,
    signals::{Received, Signals},
};

/// How long a session waits for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Until the first one comes.
    until_first: Duration,
    /// After the last one has gone.
    after_last: Duration,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Its programs have gone, or the editor has before any came.
    Deserted,
    /// Somebody asked.
    Signal(Received),
    /// Somebody asked, over the control socket.
    Stopped,
    /// The cluster is out of reach.
    Lost(String),
}

/// How often programs whose editor has gone are looked after.
const USE_INTERVAL: Duration = Duration::from_secs(1);

impl Limits {
    /// As the configuration says.
    pub(super) fn of(config: &Config) -> Self {
        let proxy = &config.internal_proxy;
        Self { until_first: proxy.start_idle_timeout, after_last: proxy.idle_timeout }
    }
}

/// Waits for the end.
pub(super) async fn wait(session: &Session, limits: Limits, signals: &mut Signals) -> Ended {
    let Limits { until_first, after_last } = limits;
    let deserted = session.deserted(until_first, after_last);
    let orphaned = orphaned(session);
    tokio::pin!(deserted, orphaned);
    loop {
        tokio::select! {
            () = &mut deserted => return Ended::Deserted,
            () = &mut orphaned => return Ended::Deserted,
            _ = session.stop_wanted() => return Ended::Stopped,
            reason = session.lost() => return Ended::Lost(reason),
            received = signals.next() => if received.ends() {
                return Ended::Signal(received);
            }
        }
    }
}

/// Resolves when our parent has gone while no program is there: nobody is left who could start one. A program that
/// runs keeps its session, whatever becomes of the editor.
async fn orphaned(session: &Session) {
    parent::gone().await;
    while session.is_in_use() {
        tokio::time::sleep(USE_INTERVAL).await;
    }
}
