//! A session's copy of one mirrored connection: a bounded buffer and the task that empties it into a stream.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use protocol::{
    Errno,
    incoming::{Mode, Verdict},
};
use tokio::{io::AsyncWriteExt, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::subscriber::Subscriber;

/// Bytes that may wait for one session, per connection, beyond the link's window. The target is never slowed down: a
/// session that falls further behind loses the connection.
const BYTES_LIMIT: usize = 1024 * 1024;

/// Pieces that may wait, so that tiny ones do not cost more than they carry.
const PIECES_LIMIT: usize = 1024;

/// The end at which bytes are put in. Dropped, the copy ends as the connection did: with FIN.
#[derive(Debug)]
pub(crate) struct Sink {
    /// capture --bytes--> session
    bytes_tx: mpsc::Sender<Bytes>,
    /// Bytes in the channel.
    waiting: Arc<AtomicUsize>,
    broken: CancellationToken,
}

/// The session is too slow, or no longer interested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooSlow,
    Gone,
}

impl Sink {
    /// Offers a connection to a session. `unsubscribed` ends the copy, as the end of the session does.
    pub(crate) fn open(
        subscriber: Subscriber,
        unsubscribed: &CancellationToken,
        peer: SocketAddr,
        local: SocketAddr,
        tasks: &TaskTracker,
    ) -> Self {
        let (bytes_tx, bytes) = mpsc::channel(PIECES_LIMIT);
        let waiting = Arc::new(AtomicUsize::new(0));
        let broken = unsubscribed.child_token();
        tasks.spawn(feed(subscriber, bytes, waiting.clone(), broken.clone(), peer, local));
        Self { bytes_tx, waiting, broken }
    }

    /// Appends bytes; never waits.
    pub(crate) fn push(&self, bytes: Bytes) -> Result<(), Refusal> {
        let len = bytes.len();
        if self.waiting.load(Ordering::Relaxed) + len > BYTES_LIMIT {
            return Err(Refusal::TooSlow);
        }
        self.waiting.fetch_add(len, Ordering::Relaxed);
        self.bytes_tx.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::TooSlow,
            mpsc::error::TrySendError::Closed(_) => Refusal::Gone,
        })
    }

    /// Whether the session wants nothing more.
    pub(crate) fn is_gone(&self) -> bool {
        self.bytes_tx.is_closed()
    }

    /// Ends the copy with a reset: the connection was reset, or cannot be followed.
    pub(crate) fn reset(self) {
        self.broken.cancel();
    }
}

async fn feed(
    subscriber: Subscriber,
    mut bytes: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    broken: CancellationToken,
    peer: SocketAddr,
    local: SocketAddr,
) {
    let stream = match subscriber.open(Mode::Mirror, peer, local) {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "no stream for a mirrored connection"),
    };
    let (mut reader, mut writer) = stream.into_split();
    let declined = async {
        match reader.read_message().await {
            // What the program answers goes nowhere; a reset of the stream is an error here.
            Ok(Verdict::Accepted) => match tokio::io::copy(&mut reader, &mut tokio::io::sink()).await {
                Ok(_) => std::future::pending().await,
                Err(_) => "reset by the session",
            },
            Ok(Verdict::PassThrough) => "not wanted",
            Err(_) => "reset by the session",
        }
    };
    let forward = async {
        while let Some(piece) = bytes.recv().await {
            let result = writer.write_all(&piece).await;
            waiting.fetch_sub(piece.len(), Ordering::Relaxed);
            result?;
        }
        writer.shutdown().await
    };
    let ended = tokio::select! {
        biased; // a reset also closes the channel, which alone would look like FIN
        () = broken.cancelled() => "the connection was reset or lost",
        () = subscriber.ended.cancelled() => "the session is over",
        why = declined => why,
        result = forward => match result {
            Ok(()) => return,
            Err(_) => "the stream broke",
        },
    };
    tracing::debug!(%peer, %local, "mirrored connection: {ended}");
    writer.reset(Errno::ECONNRESET);
}
