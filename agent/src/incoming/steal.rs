//! Which session steals which port; accepts the connections and gives each to its owner.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use protocol::incoming::{Means, SubscribeError};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    insiders::Insiders,
    owners::Owners,
    pass::TEST_SOURCE,
    sk_lookup::SkLookup,
    steer::{Choice, Steering},
    stolen::{Stolen, Way},
    subscriber::Subscriber,
};

/// Stolen and passed connections at a time, of all sessions; further ones wait in the kernel's backlog.
const CONNECTION_LIMIT: usize = 4096;

/// How long the self-test's connection may take; it does not leave the kernel.
const TEST_LIMIT: Duration = Duration::from_secs(1);

/// Pause after a failed accept(2): descriptors have run out, and time is all that helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections are still taken up after the last port was given back: their clients were told to come here.
const LAST_ACCEPT: Duration = Duration::from_secs(1);

/// Steals for all sessions; a handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stealer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    choice: Choice,
    insiders: Insiders,
    state: Mutex<State>,
    owners: Owners,
    /// Stolen connections, those that were passed on, and the tasks that accept them.
    tasks: TaskTracker,
    connections: Arc<Semaphore>,
    /// Cancelled when the agent ends.
    end: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    /// In force while a port is subscribed.
    active: Option<Active>,
    /// The self-test's connections under way, by their source.
    tests: HashMap<SocketAddr, oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Active {
    steering: Arc<Steering>,
    /// Cancelled when this goes.
    _accepting: tokio_util::sync::DropGuard,
}

/// Keeps a port stolen; dropped, the target gets its connections again.
#[derive(Debug)]
pub(crate) struct Subscription {
    shared: Arc<Shared>,
    port: u16,
    /// Of the owner.
    number: u64,
    means: Means,
}

impl Stealer {
    /// Nothing is stolen yet. `end` is cancelled when the agent ends.
    pub(crate) fn new(choice: Choice, insiders: Insiders, end: CancellationToken) -> Self {
        let connections = Arc::new(Semaphore::new(CONNECTION_LIMIT));
        let (state, owners, tasks) = (Mutex::default(), Owners::default(), TaskTracker::new());
        let shared = Shared { choice, insiders, state, owners, tasks, connections, end };
        Self { shared: Arc::new(shared) }
    }

    /// Connections that are served at this moment: some outlive the session that they were offered to.
    pub(crate) fn connections(&self) -> usize {
        CONNECTION_LIMIT - self.shared.connections.available_permits()
    }

    /// Steals `port` for a session, and makes sure that connections really come to us.
    pub(crate) async fn subscribe(&self, port: u16, owner: Subscriber) -> Result<Subscription, SubscribeError> {
        let shared = self.shared.clone();
        // Setting rules up may take the kernel some milliseconds.
        let subscription = tokio::task::spawn_blocking(move || Shared::add(&shared, port, owner))
            .await
            .unwrap_or_else(|error| Err(refused(format!("internal error: {error}"))))?;
        match self.test(port).await {
            Ok(()) => Ok(subscription),
            Err(_) if subscription.means == Means::SkLookup && SkLookup::has_rivals() => {
                Err(SubscribeError::OtherAgent)
            }
            Err(error) => {
                let means = subscription.means;
                Err(refused(format!("{means:?}: a test connection to port {port} did not come to the agent: {error}")))
            }
        }
    }

    /// Connects to the port as anybody in the pod would. The target does not see it, unless the steering fails.
    async fn test(&self, port: u16) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(TEST_SOURCE.into(), 0))?;
        let source = socket.local_addr()?;
        let (arrived_tx, arrived) = oneshot::channel();
        self.shared.lock().tests.insert(source, arrived_tx);
        let result = tokio::time::timeout(TEST_LIMIT, async {
            let _connection = socket.connect(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).await?;
            arrived.await.map_err(io::Error::other)
        });
        let result = result.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        self.shared.lock().tests.remove(&source);
        result
    }
}

impl Subscription {
    /// How the port is stolen.
    pub(crate) fn means(&self) -> Means {
        self.means
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        self.shared.release(&mut state, self.port, self.number);
        tracing::info!(port = self.port, "no longer stolen");
    }
}

fn refused(attempt: String) -> SubscribeError {
    SubscribeError::Refused { attempts: vec![attempt] }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    fn add(self: &Arc<Self>, port: u16, owner: Subscriber) -> Result<Subscription, SubscribeError> {
        let mut state = self.lock();
        let is_stolen = self.owners.has(port);
        let client = owner.client.clone();
        let number = self.owners.add(port, owner)?;
        let steering = self.steering(&mut state).and_then(|steering| {
            if !is_stolen {
                steering.add(port).map_err(|attempt| vec![attempt])?;
            }
            Ok(steering)
        });
        match steering {
            Ok(steering) => {
                let means = steering.means();
                tracing::info!(port, %client, ?means, "stolen");
                Ok(Subscription { shared: self.clone(), port, number, means })
            }
            Err(attempts) => {
                self.release(&mut state, port, number);
                Err(SubscribeError::Refused { attempts })
            }
        }
    }

    /// Takes a port from its owner; with the last one, the target gets its connections again.
    fn release(&self, state: &mut State, port: u16, number: u64) {
        self.owners.remove(port, number);
        if let (Some(active), false) = (&state.active, self.owners.has(port)) {
            active.steering.remove(port);
        }
        if self.owners.is_empty() {
            state.active = None;
        }
    }

    fn steering(self: &Arc<Self>, state: &mut State) -> Result<Arc<Steering>, Vec<String>> {
        match &state.active {
            Some(active) => Ok(active.steering.clone()),
            None => self.activate(state),
        }
    }

    fn activate(self: &Arc<Self>, state: &mut State) -> Result<Arc<Steering>, Vec<String>> {
        let steering = Arc::new(Steering::open(self.choice)?);
        let token = self.end.child_token();
        let listeners = steering.listeners();
        for listener in [Some(&listeners.v4), listeners.v6.as_ref()].into_iter().flatten() {
            let listener = listener.try_clone().and_then(TcpListener::from_std);
            let listener = listener.map_err(|error| vec![format!("listener: {error}")])?;
            let accepting = self.clone().accept(listener, steering.clone());
            let token = token.clone();
            self.tasks.spawn(async move {
                let given_up = async {
                    token.cancelled().await;
                    tokio::time::sleep(LAST_ACCEPT).await;
                };
                tokio::select! {
                    never = accepting => never,
                    () = given_up => {}
                }
            });
        }
        state.active = Some(Active { steering: steering.clone(), _accepting: token.drop_guard() });
        Ok(steering)
    }

    /// Takes connections up.
    async fn accept(self: Arc<Self>, listener: TcpListener, steering: Arc<Steering>) -> ! {
        loop {
            match listener.accept().await {
                Ok((tcp, peer)) => {
                    let permit = self.connections.clone().acquire_owned().await.expect("never closed");
                    self.take(tcp, peer, &steering, permit);
                }
                Err(error) => {
                    tracing::warn!(%error, "a stolen connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, tcp: TcpStream, peer: SocketAddr, steering: &Arc<Steering>, permit: OwnedSemaphorePermit) {
        let Some(local) = steering.original_destination(&tcp) else {
            tracing::debug!(%peer, "a connection to the agent's own port is refused");
            return crate::relay::reset(&tcp);
        };
        let mut state = self.lock();
        if let Some(arrived) = state.tests.remove(&peer) {
            _ = arrived.send(()); // the test may have given up by now
            return;
        }
        drop(state);
        let way = Way { owners: self.owners.clone(), insiders: self.insiders.clone(), steering: steering.clone() };
        let end = self.end.clone();
        self.tasks.spawn(async move {
            Stolen::new(tcp, peer, local).serve(way, &end).await;
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests;
