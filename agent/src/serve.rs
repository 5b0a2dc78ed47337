//! The agent as a whole: lets sessions in, and ends when nobody needs it any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use link::{Identity, PublicKey};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client::{self, Services},
    listen::{Connection, Listener},
};

/// Connections at a time whose other end has not proved its key yet; further ones are closed.
const STRANGER_LIMIT: usize = 64;

/// How long the agent waits for its first session at least: the client may have to find out that it was started.
const FIRST_SESSION_MIN: Duration = Duration::from_mins(1);

/// How long the agent stays for connections that it has passed to the target, after everybody has left.
const PASSED_LIMIT: Duration = Duration::from_mins(10);

/// How often it looks whether such connections are still there.
const PASSED_ROUND: Duration = Duration::from_secs(1);

/// How long sessions may take to end when the agent does; less than the time that Kubernetes gives a container.
const END_LIMIT: Duration = Duration::from_secs(3);

/// Pause after a failed accept(2): descriptors have run out, and time is all that helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who we are, and whom we serve.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) own: Identity,
    /// The sessions' key; nobody else is served.
    pub(crate) client: PublicKey,
}

/// Lets sessions in.
#[derive(Clone, Debug)]
struct Door {
    keys: Arc<Keys>,
    services: Services,
    strangers: Arc<Semaphore>,
    last_session: Arc<AtomicU64>,
    /// Sessions at this moment.
    sessions: watch::Sender<usize>,
    /// Cancelled when the agent ends.
    end: CancellationToken,
}

/// Serves sessions until `grace` has passed without one, or `end` is cancelled; `end` is cancelled when it returns.
pub(crate) async fn run(listener: Listener, keys: Keys, services: Services, grace: Duration, end: CancellationToken) {
    let (sessions, mut changes) = watch::channel(0);
    let door = Door {
        keys: Arc::new(keys),
        services: services.clone(),
        strangers: Arc::new(Semaphore::new(STRANGER_LIMIT)),
        last_session: Arc::default(),
        sessions,
        end: end.clone(),
    };
    let tasks = TaskTracker::new();
    let mut idle_since = Instant::now();
    let mut idle_until = idle_since + grace.max(FIRST_SESSION_MIN);
    loop {
        let is_idle = *changes.borrow_and_update() == 0;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(connection) => door.let_in(connection, &tasks),
                Err(error) => {
                    tracing::warn!(%error, "a session's connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = changes.changed() => {
                idle_since = Instant::now();
                idle_until = idle_since + grace;
            }
            () = sleep_until(idle_until), if is_idle => {
                if services.incoming.connections() == 0 || idle_since.elapsed() > PASSED_LIMIT {
                    tracing::info!("nobody needs the agent any more");
                    break;
                }
                idle_until = Instant::now() + PASSED_ROUND;
            }
            () = end.cancelled() => break,
        }
    }
    end.cancel();
    tasks.close();
    if timeout(END_LIMIT, tasks.wait()).await.is_err() {
        tracing::warn!("sessions did not end in time");
    }
}

impl Door {
    fn let_in(&self, connection: Connection, tasks: &TaskTracker) {
        let Ok(permit) = self.strangers.clone().try_acquire_owned() else {
            return tracing::warn!(limit = STRANGER_LIMIT, "too many connections without proof; one is closed");
        };
        let door = self.clone();
        tasks.spawn(async move {
            match connection {
                Connection::Tcp(tcp) => door.check(tcp, permit).await,
                Connection::Unix(unix) => door.check(unix, permit).await,
            }
        });
    }

    /// Serves whoever is at the other end, if he holds the right key.
    async fn check<IO>(self, io: IO, permit: OwnedSemaphorePermit)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Bounded in time by the handshake itself.
        let handshake = link::tls::accept(io, &self.keys.own, &self.keys.client);
        let io = match self.end.run_until_cancelled(handshake).await {
            Some(Ok(io)) => io,
            Some(Err(error)) => return tracing::debug!(%error, "not let in"),
            None => return,
        };
        drop(permit);
        let number = self.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        self.sessions.send_modify(|sessions| *sessions += 1);
        client::serve(io, number, self.services, &self.end).await;
        self.sessions.send_modify(|sessions| *sessions -= 1);
    }
}
