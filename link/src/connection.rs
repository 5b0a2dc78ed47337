//! The tasks that move a link's frames, and the handles to it.

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use protocol::{
    codec,
    control::StreamHead,
    frame::{HEADER_LEN, Header, Kind, PAYLOAD_LIMIT},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{Stream, state::State};

/// Streams opened by the peer that may wait to be taken up; the reader pauses beyond that.
const ACCEPT_BACKLOG: usize = 1024;

/// How long a goodbye may take to get out.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Which end of the link we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// On the developer's machine; opens streams with odd numbers.
    Session,
    /// In the target; opens streams with even numbers.
    Agent,
}

/// Why a link is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// We closed it, or dropped the last handle.
    Local,
    /// The peer left and said why.
    Goodbye(String),
    /// The connection broke.
    Broken(String),
    /// The peer does not keep to the protocol.
    Violation(String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed by this side"),
            Self::Goodbye(reason) => write!(f, "the other side left: {reason}"),
            Self::Broken(reason) => write!(f, "the connection broke: {reason}"),
            Self::Violation(what) => write!(f, "the other side broke the protocol: {what}"),
        }
    }
}

/// The link is closed, or has too many streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no new stream: {0}")]
pub struct Closed(pub CloseReason);

/// What has passed over a link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Streams that we opened and wait for. Each waits for the peer once: this counts round trips exactly.
    pub opened: u64,
    /// Streams that we opened to tell something that nobody waits for.
    pub told: u64,
    /// Streams that the peer opened.
    pub accepted: u64,
    /// Bytes sent, headers included.
    pub bytes_sent: u64,
    /// Payload bytes of streams received.
    pub bytes_received: u64,
    /// Answer time of the last ping.
    pub round_trip: Option<Duration>,
}

/// A handle to a link. The link closes when the last handle, its [`Accept`] and all streams are gone.
#[derive(Clone, Debug)]
pub struct Link(Arc<Alive>);

/// Streams that the peer opens, and its greeting.
#[derive(Debug)]
pub struct Accept {
    hello: Option<oneshot::Receiver<Vec<u8>>>,
    streams: mpsc::Receiver<(u32, StreamHead)>,
    alive: Arc<Alive>,
}

/// What handles and tasks share.
pub(crate) struct Shared {
    state: Mutex<State>,
    work: Notify,
    closed: CancellationToken,
}

/// Owned by every handle, not by the tasks: when the last handle goes, the tasks end.
pub(crate) struct Alive(Arc<Shared>);

impl Alive {
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alive")
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.close(CloseReason::Local);
    }
}

impl Shared {
    /// Runs `act` on the state and wakes the writer if that gave it work.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().expect("no panic while held");
        let result = act(&mut state);
        let dirty = state.dirty;
        drop(state);
        if dirty {
            self.work.notify_one();
        }
        result
    }

    fn close(&self, reason: CloseReason) {
        self.with(|state| state.close(reason));
        self.closed.cancel();
    }
}

impl Link {
    /// Starts a link over `io`; `hello` is the payload of our first frame. Must be called within a runtime.
    pub fn start<IO>(io: IO, role: Role, hello: Vec<u8>) -> (Self, Accept)
    where
        IO: AsyncRead + AsyncWrite + Send + 'static,
    {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(role, hello)),
            work: Notify::new(),
            closed: CancellationToken::new(),
        });
        let (reader, writer) = tokio::io::split(io);
        let (hello_tx, hello) = oneshot::channel();
        let (streams_tx, streams) = mpsc::channel(ACCEPT_BACKLOG);
        let (for_writer, for_reader) = (shared.clone(), shared.clone());
        // Both tasks end with `closed`, which the last handle's drop cancels: they are owned by the handles.
        #[expect(clippy::disallowed_methods, reason = "owned by the link's handles through `closed`")]
        tokio::spawn(async move {
            let closed = for_writer.closed.clone();
            let ended = tokio::select! {
                ended = write(writer, &for_writer) => ended,
                () = closed.cancelled() => return,
            };
            for_writer
                .close(ended.map_or_else(|error| CloseReason::Broken(error.to_string()), |()| CloseReason::Local));
        });
        #[expect(clippy::disallowed_methods, reason = "owned by the link's handles through `closed`")]
        tokio::spawn(async move {
            let closed = for_reader.closed.clone();
            let reason = tokio::select! {
                reason = read(reader, &for_reader, hello_tx, &streams_tx) => reason,
                () = closed.cancelled() => return,
            };
            for_reader.close(reason);
        });
        let alive = Arc::new(Alive(shared));
        (Self(alive.clone()), Accept { hello: Some(hello), streams, alive })
    }

    /// Opens a stream; `head` travels together with what is written first.
    pub fn open(&self, head: &StreamHead) -> Result<Stream, Closed> {
        self.open_counted(head, |counters| &mut counters.opened)
    }

    /// As [`Self::open`], for what nobody waits for: it is no round trip.
    pub fn tell(&self, head: &StreamHead) -> Result<Stream, Closed> {
        self.open_counted(head, |counters| &mut counters.told)
    }

    fn open_counted(&self, head: &StreamHead, counter: fn(&mut Counters) -> &mut u64) -> Result<Stream, Closed> {
        let violation = |what: String| Closed(CloseReason::Violation(what));
        let head = codec::encode(head).map_err(|error| violation(error.to_string()))?;
        if head.len() > PAYLOAD_LIMIT {
            return Err(violation(format!("a head of {} bytes", head.len())));
        }
        self.0.0.with(|state| match &state.closed {
            Some(reason) => Err(Closed(reason.clone())),
            None => state
                .open(head, counter)
                .map(|id| Stream::new(id, self.0.clone()))
                .ok_or_else(|| violation("too many streams are open".to_owned())),
        })
    }

    /// Sends a ping; its answer shows in [`Counters::round_trip`] and [`Self::last_heard`].
    pub fn ping(&self) {
        self.0.0.with(State::ping);
    }

    /// When the peer's last frame arrived.
    pub fn last_heard(&self) -> Instant {
        self.0.0.with(|state| state.last_heard)
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        self.0.0.with(|state| state.counters)
    }

    /// Resolves when the link is closed, with the reason.
    pub async fn closed(&self) -> CloseReason {
        self.0.0.closed.cancelled().await;
        self.0.0.with(|state| state.closed.clone()).unwrap_or(CloseReason::Local)
    }

    /// Sends everything that waits and `reason`, then closes; gives up after a second.
    pub async fn goodbye(&self, reason: &str) {
        self.0.0.with(|state| state.goodbye(reason));
        if tokio::time::timeout(GOODBYE_LIMIT, self.0.0.closed.cancelled()).await.is_err() {
            self.abort();
        }
    }

    /// Closes at once.
    pub fn abort(&self) {
        self.0.0.close(CloseReason::Local);
    }
}

impl Accept {
    /// Payload of the peer's first frame.
    pub async fn peer_hello(&mut self) -> Result<Vec<u8>, Closed> {
        let hello = self.hello.take().expect("the greeting is asked for once");
        match hello.await {
            Ok(hello) => Ok(hello),
            Err(_) => Err(Closed(Link(self.alive.clone()).closed().await)),
        }
    }

    /// The next stream that the peer opens; `None` once the link is closed.
    pub async fn next(&mut self) -> Option<(StreamHead, Stream)> {
        let (id, head) = self.streams.recv().await?;
        Some((head, Stream::new(id, self.alive.clone())))
    }
}

/// Sends until the link is left; errors are the connection's.
async fn write<W: AsyncWrite + Unpin>(mut io: W, shared: &Shared) -> io::Result<()> {
    let mut out = BytesMut::new();
    loop {
        let leaving = shared.with(|state| {
            state.fill(&mut out);
            state.leaving
        });
        if out.is_empty() {
            io.flush().await?;
            if leaving {
                return io.shutdown().await;
            }
            shared.work.notified().await;
        } else {
            io.write_all(&out).await?;
            out.clear();
        }
    }
}

/// Receives until the connection ends; gives the reason.
async fn read<R: AsyncRead + Unpin>(
    mut io: R,
    shared: &Shared,
    hello: oneshot::Sender<Vec<u8>>,
    streams: &mpsc::Sender<(u32, StreamHead)>,
) -> CloseReason {
    let mut hello = Some(hello);
    let mut bytes = BytesMut::new();
    loop {
        while let Some(head) = bytes.first_chunk::<HEADER_LEN>() {
            let header = match Header::decode(*head) {
                Ok(header) => header,
                Err(error) => return CloseReason::Violation(error.to_string()),
            };
            if bytes.len() < HEADER_LEN + header.len as usize {
                break;
            }
            let frame = bytes.split_to(HEADER_LEN + header.len as usize);
            let payload = &frame[HEADER_LEN..];
            if let Some(hello) = hello.take() {
                if header.kind != Kind::Hello {
                    return CloseReason::Violation("no greeting".to_owned());
                }
                // Nobody may want to know: then the answer is not needed.
                drop(hello.send(payload.to_vec()));
                continue;
            }
            match shared.with(|state| state.on_frame(header, payload)) {
                Err(what) => return CloseReason::Violation(what),
                Ok(None) => {}
                // When nobody accepts any more, the stream is dropped by `Accept`'s end.
                Ok(Some(opened)) => drop(streams.send(opened).await),
            }
        }
        bytes.reserve(HEADER_LEN + PAYLOAD_LIMIT);
        match io.read_buf(&mut bytes).await {
            Ok(0) => return CloseReason::Broken("end of stream".to_owned()),
            Ok(_) => {}
            Err(error) => return CloseReason::Broken(error.to_string()),
        }
    }
}
