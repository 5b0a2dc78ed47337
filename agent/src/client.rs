//! One session: its link, its streams, its lease. Nothing of it outlives it but connections handed back to the target.

use std::{sync::Arc, time::Duration};

use link::{Link, Role};
use protocol::{
    Errno, PROTOCOL_VERSION, codec,
    control::{Hello, StreamHead, Welcome},
    incoming::Probes,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    incoming::{Incoming, Subscriber},
    operations::Performer,
    outgoing,
};

/// How long the first frame may take once TLS is up.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of operations that are performed or wait for it, at a time; `ENOMEM` beyond it. They are mostly data that is
/// written, and the session is asked to send no more of it before it has its answers.
const OPERATION_BYTES: usize = 16 * 1024 * 1024;

/// Outgoing connections at a time: each is a descriptor and a port of the pod.
const CONNECTION_LIMIT: usize = 1024;

/// Subscriptions at a time, waiting ones included.
const SUBSCRIPTION_LIMIT: usize = 256;

/// Shortest and longest lease that a session gets, whatever it asks for.
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_mins(10);

/// Longest name of a client that is kept, in bytes.
const CLIENT_NAME_LIMIT: usize = 256;

/// How long the streams of a session that is over may take to reset what they hold.
const END_LIMIT: Duration = Duration::from_secs(1);

/// What sessions use of the agent.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) performer: Performer,
    pub(crate) incoming: Incoming,
}

/// Serves a session over an authenticated connection until it is over. `end` is cancelled when the agent ends.
#[tracing::instrument(skip_all, fields(session = number))]
pub(crate) async fn serve<IO>(io: IO, number: u64, services: Services, end: &CancellationToken)
where
    IO: AsyncRead + AsyncWrite + Send + 'static,
{
    let welcome = Welcome { version: PROTOCOL_VERSION, session: number, resumed: false };
    let welcome = codec::encode(&welcome).expect("three small fields");
    let (link, mut accept) = Link::start(io, Role::Agent, welcome);
    let hello = match timeout(HELLO_LIMIT, accept.peer_hello()).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => return tracing::info!(%error, "no greeting"),
        Err(_) => return link.goodbye("no greeting within 5 s").await,
    };
    let hello = match greeting(&hello) {
        Ok(hello) => hello,
        Err(reason) => {
            tracing::warn!(reason, "session refused");
            return link.goodbye(&reason).await;
        }
    };
    let Hello { version: _, client, lease_ms, resume: _ } = hello;
    let lease = Duration::from_millis(lease_ms.into()).clamp(LEASE_MIN, LEASE_MAX);
    tracing::info!(client, ?lease, "session begins");

    let mut session = Session {
        link: link.clone(),
        client: client.into(),
        services: Services { performer: services.performer.for_session(), ..services },
        ended: end.child_token(),
        operations: Arc::new(Semaphore::new(OPERATION_BYTES)),
        connections: Arc::new(Semaphore::new(CONNECTION_LIMIT)),
        subscriptions: Arc::new(Semaphore::new(SUBSCRIPTION_LIMIT)),
        tasks: JoinSet::new(),
    };
    let mut heartbeat = interval(lease / 4);
    let reason = loop {
        tokio::select! {
            next = accept.next() => match next {
                Some((head, stream)) => session.start(head, stream),
                None => break link.closed().await.to_string(),
            },
            Some(_) = session.tasks.join_next() => {}
            _ = heartbeat.tick() => if link.last_heard().elapsed() > lease {
                link.abort();
                break format!("nothing heard for {lease:?}");
            },
            () = end.cancelled() => {
                link.goodbye("the agent ends").await;
                break "the agent ends".to_owned();
            }
        }
    };
    tracing::info!(reason, "session over");
    session.end().await;
}

/// Checks the session's first frame; fails with the reason that it is told.
fn greeting(encoded: &[u8]) -> Result<Hello, String> {
    // The version comes first and in the same place in every version: it is readable when the rest is not.
    let version = encoded.first().copied().map(u32::from).unwrap_or_default();
    let mismatch = |version: u32| {
        format!(
            "the session speaks protocol {version}, this agent {} speaks {PROTOCOL_VERSION}: use an agent image of the session's version",
            env!("CARGO_PKG_VERSION")
        )
    };
    match codec::decode::<Hello>(encoded) {
        Ok(hello) if hello.version != PROTOCOL_VERSION => Err(mismatch(hello.version)),
        Ok(mut hello) => {
            hello.client = hello.client.chars().filter(|char| !char.is_control()).take(CLIENT_NAME_LIMIT).collect();
            Ok(hello)
        }
        Err(_) if version != PROTOCOL_VERSION => Err(mismatch(version)),
        Err(error) => Err(format!("the greeting cannot be read: {error}")),
    }
}

/// What a session has at the agent.
struct Session {
    link: Link,
    client: Arc<str>,
    services: Services,
    /// Cancelled when the session is over.
    ended: CancellationToken,
    operations: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    subscriptions: Arc<Semaphore>,
    /// One task per stream that the session opened.
    tasks: JoinSet<()>,
}

impl Session {
    /// Serves a stream that the session has opened.
    fn start(&mut self, head: StreamHead, stream: link::Stream) {
        let ended = self.ended.clone();
        match head {
            StreamHead::Operation(encoded) => {
                let len = u32::try_from(encoded.len()).expect("a frame's payload");
                let Ok(permit) = self.operations.clone().try_acquire_many_owned(len) else {
                    tracing::warn!(limit = OPERATION_BYTES, "too many operations at a time");
                    return stream.reset(Errno(libc::ENOMEM));
                };
                let performer = self.services.performer.clone();
                let admitted = match performer.admit(&encoded) {
                    Ok(admitted) => admitted,
                    Err(errno) => return stream.reset(errno),
                };
                self.tasks.spawn(async move {
                    ended.run_until_cancelled(performer.serve(admitted, stream)).await;
                    drop(permit);
                });
            }
            StreamHead::Connect(request) => {
                let Ok(permit) = self.connections.clone().try_acquire_owned() else {
                    tracing::warn!(limit = CONNECTION_LIMIT, "too many outgoing connections");
                    return stream.reset(Errno(libc::EMFILE));
                };
                self.tasks.spawn(async move {
                    outgoing::serve(request, stream, &ended).await;
                    drop(permit);
                });
            }
            StreamHead::Subscribe(request) => {
                let Ok(permit) = self.subscriptions.clone().try_acquire_owned() else {
                    return stream.reset(Errno(libc::EMFILE));
                };
                let incoming = self.services.incoming.clone();
                let (client, link) = (self.client.clone(), self.link.clone());
                let subscriber = Subscriber { client, link, ended, spared: Probes::default(), filter: None };
                self.tasks.spawn(async move {
                    incoming.serve(request, stream, subscriber).await;
                    drop(permit);
                });
            }
            StreamHead::Incoming(_) => stream.reset(Errno::EINVAL), // only we open these
        }
    }

    /// Lets every task reset what it holds; what does not end by itself is ended.
    async fn end(mut self) {
        self.ended.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(END_LIMIT, all).await.is_err() {
            tracing::debug!(tasks = self.tasks.len(), "ended by force");
        }
        self.tasks.shutdown().await;
        self.services.performer.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(version: u32) -> Vec<u8> {
        let hello = Hello { version, client: "ada@laptop\n".to_owned(), lease_ms: 1000, resume: None };
        codec::encode(&hello).expect("small")
    }

    #[test]
    fn a_greeting_of_our_version_is_taken() {
        assert_eq!(greeting(&hello(PROTOCOL_VERSION)).map(|hello| hello.client), Ok("ada@laptop".to_owned()));
    }

    #[test]
    fn other_versions_are_told_so_even_if_they_look_different() {
        for bytes in [hello(PROTOCOL_VERSION + 1), vec![9, 1, 2, 3]] {
            let reason = greeting(&bytes).expect_err("another version");
            assert!(reason.contains("use an agent image of the session's version"), "{reason}");
        }
        assert!(greeting(&[]).is_err());
    }
}
