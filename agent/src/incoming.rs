//! Traffic that arrives at the target: subscribed ports, stolen or mirrored.

mod bpf;
mod capture;
mod filter;
mod filtered;
mod http;
mod insiders;
mod listeners;
mod mirror;
mod nftables;
mod owners;
mod pass;
mod probe;
mod reassembly;
#[cfg(test)]
mod session_pair;
mod sink;
mod sk_lookup;
mod steal;
mod steer;
mod stolen;
mod subscriber;
mod tls;

use std::sync::Arc;

use protocol::incoming::{Means, Mode, Subscribe, SubscribeError, Subscribed};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio_util::sync::CancellationToken;

pub(crate) use self::subscriber::Subscriber;
use self::{filter::Filter, insiders::Insiders, mirror::Mirror, steal::Stealer, steer::Choice};
use crate::target::Target;

/// Serves subscriptions of all sessions; a handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    stealer: Stealer,
    mirror: Mirror,
    target: Arc<Target>,
}

/// A subscription in force, ended by its drop.
#[derive(Debug)]
enum Subscription {
    Steal(steal::Subscription),
    Mirror { _guard: mirror::Subscription },
}

impl Incoming {
    /// Nothing is subscribed yet. `end` is cancelled when the agent ends.
    pub(crate) fn new(target: Arc<Target>, end: &CancellationToken) -> Self {
        let stealer = Stealer::new(Choice::default(), Insiders::Of(target.clone()), end.clone());
        Self { stealer, mirror: Mirror::new(end.clone()), target }
    }

    /// Connections that are served at this moment, the passed ones of ended sessions included.
    pub(crate) fn connections(&self) -> usize {
        self.stealer.connections()
    }

    /// Serves one subscription's stream: the port stays subscribed until the session finishes or resets it.
    pub(crate) async fn serve(&self, request: Subscribe, mut stream: link::Stream, subscriber: Subscriber) {
        let (ended, port, mode) = (subscriber.ended.clone(), request.port, request.mode);
        let subscription = self.subscribe(request, subscriber).await;
        let answer: Result<Subscribed, SubscribeError> = match &subscription {
            Ok(subscription) => Ok(self.describe(port, subscription).await),
            Err(error) => {
                tracing::warn!(port, ?mode, ?error, "not subscribed");
                Err(error.clone())
            }
        };
        if stream.write_message(&answer).await.is_ok() && subscription.is_ok() {
            // The session says nothing more; end and reset mean the same.
            drop(ended.run_until_cancelled(copy(&mut stream, &mut sink())).await);
        }
        drop(subscription);
        drop(stream.shutdown().await); // fails when the stream is gone already
    }

    async fn subscribe(&self, request: Subscribe, mut subscriber: Subscriber) -> Result<Subscription, SubscribeError> {
        let Subscribe { port, mode, spared, filter } = request;
        subscriber.spared = spared;
        match (mode, filter) {
            (Mode::Steal, filter) => {
                if let Some(filter) = filter {
                    // Patterns may take a moment to compile.
                    let compiled = tokio::task::spawn_blocking(move || Filter::compile(filter)).await;
                    let compiled = compiled.unwrap_or_else(|error| Err(format!("internal error: {error}")));
                    subscriber.filter = Some(Arc::new(compiled.map_err(SubscribeError::Filter)?));
                }
                self.stealer.subscribe(port, subscriber).await.map(Subscription::Steal)
            }
            (Mode::Mirror, None) => {
                let guard = self.mirror.subscribe(port, subscriber)?;
                Ok(Subscription::Mirror { _guard: guard })
            }
            (Mode::Mirror, Some(_)) => {
                Err(SubscribeError::Filter("copies are made of connections, not of requests".to_owned()))
            }
        }
    }

    async fn describe(&self, port: u16, subscription: &Subscription) -> Subscribed {
        let means = match subscription {
            Subscription::Steal(subscription) => subscription.means(),
            Subscription::Mirror { .. } => Means::Capture,
        };
        let target = self.target.clone();
        let listens = tokio::task::spawn_blocking(move || listeners::listens(&target, port));
        Subscribed { means, target_listens: listens.await.unwrap_or(false) }
    }
}
