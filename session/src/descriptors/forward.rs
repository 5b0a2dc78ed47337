//! What the files helper asks of the agent, passed on unopened, and the answers brought back.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use link::{Link, Stream};
use protocol::{
    Errno,
    codec::{self, MESSAGE_LIMIT},
    control::StreamHead,
    file::Opened,
    operation::{BLOB_FOLLOWS, name_of},
    text::harmless_bytes,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::event::{Event, Observer};

use super::{
    remembered::{Asked, Known, Passing, Question, Remembered, may_change},
    wire::{HEAD_LEN, PAYLOAD_LIMIT, ToHelper, ToSession, head, put},
};

/// Frames on their way to the helper that may wait for the socket.
pub(super) const FRAMES: usize = 64;

/// Frames for the helper, encoded.
pub(super) type Frames = mpsc::Sender<Vec<u8>>;

/// Who waits for [`ToSession::Settled`], by number.
pub(super) type Settling = Mutex<HashMap<u32, oneshot::Sender<()>>>;

/// One encoded frame.
pub(super) fn frame(kind: ToHelper, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_LEN + payload.len());
    put(&mut bytes, kind as u8, number, payload);
    bytes
}

/// Sends the end of what comes under a number.
pub(super) async fn finish(frames: &Frames, number: u32, end: io::Result<()>) {
    let errno = end.map_or_else(|error| Errno::from(error).0, |()| 0);
    // A helper that has gone does not want to know.
    let _ = frames.send(frame(ToHelper::End, number, &errno.to_le_bytes())).await;
}

/// Copies a blob to the helper. A listing is remembered before the helper hears of its end: programs go on then.
pub(super) async fn copy(
    mut blob: impl AsyncRead + Unpin,
    frames: &Frames,
    number: u32,
    mut passing: Option<Passing>,
) -> io::Result<()> {
    let mut chunk = vec![0; PAYLOAD_LIMIT];
    loop {
        let len = blob.read(&mut chunk).await?;
        if len == 0 {
            if let Some(passing) = passing {
                passing.end();
            }
            return Ok(());
        }
        if let Some(passing) = &mut passing {
            passing.see(&chunk[..len]);
        }
        let sent = frames.send(frame(ToHelper::Data, number, &chunk[..len])).await;
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
}

/// Sends frames as they come.
pub(super) async fn send_out(mut socket: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(mut bytes) = queue.recv().await {
        while bytes.len() < PAYLOAD_LIMIT
            && let Ok(more) = queue.try_recv()
        {
            bytes.extend(more);
        }
        socket.write_all(&bytes).await?;
    }
    Ok(())
}

/// Serves the helper until its end of the socket is closed.
pub(super) async fn serve(
    mut socket: OwnedReadHalf,
    link: Link,
    frames: Frames,
    settling: Arc<Settling>,
    remembered: Arc<Remembered>,
    observer: Observer,
) -> io::Result<()> {
    let mut requests = JoinSet::new();
    let cancels: Arc<Mutex<HashMap<u32, CancellationToken>>> = Arc::default();
    let mut start = [0; HEAD_LEN];
    loop {
        if let Err(error) = socket.read_exact(&mut start).await {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(error) };
        }
        let (kind, number, len) = head(&start);
        if len > MESSAGE_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a request over the limit"));
        }
        let mut payload = vec![0; len];
        socket.read_exact(&mut payload).await?;
        match ToSession::from_byte(kind) {
            Some(ToSession::Request) => {
                let cancel = CancellationToken::new();
                let held = cancels.clone();
                held.lock().unwrap_or_else(PoisonError::into_inner).insert(number, cancel.clone());
                let frames = frames.clone();
                let taking = if name_of(&payload) == Some("lock") { Taking::WhenAnswered } else { Taking::Anyway };
                // Here, and not in the task: the agent shall see them in the helper's order.
                let unawaited = name_of(&payload) == Some("close"); // close(2) has returned
                let changing = may_change(&payload).then(|| remembered.changing());
                let (memory, known) = Memory::of(&remembered, &payload);
                let stream = known.ok_or_else(|| {
                    tracing::debug!(operation = name_of(&payload), "asks the agent, for the kernel");
                    let head = StreamHead::Operation(payload);
                    if unawaited { link.tell(&head) } else { link.open(&head) }
                });
                requests.spawn(async move {
                    let end = match stream {
                        Ok(known) => tell_again(&known, &frames, number).await,
                        Err(Ok(stream)) => pass_on(stream, taking, &frames, number, (&cancel, memory)).await,
                        Err(Err(closed)) => Err(io::Error::other(closed.to_string())),
                    };
                    drop(changing);
                    // Before the end is told: the helper may use the number again at once.
                    held.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    finish(&frames, number, end).await;
                });
                while requests.try_join_next().is_some() {}
            }
            Some(ToSession::Cancel) => {
                if let Some(cancel) = cancels.lock().unwrap_or_else(PoisonError::into_inner).remove(&number) {
                    cancel.cancel();
                }
            }
            Some(ToSession::Settled) => {
                let waiting = settling.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                if let Some(waiting) = waiting {
                    let _ = waiting.send(()); // whoever asked may have gone
                }
            }
            Some(ToSession::Lost) => {
                if let Some((errno, path)) = payload.split_first_chunk() {
                    observer.tell(Event::Warning(lost(path, Errno(i32::from_le_bytes(*errno)))));
                }
            }
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an unknown kind")),
        }
    }
}

/// What the user is told of bytes that did not arrive.
pub(super) fn lost(path: &[u8], errno: Errno) -> String {
    let path = harmless_bytes(path);
    format!("{path}: what the program wrote did not all reach the pod: {errno}")
}

/// When we finish our direction of an operation's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    /// At once.
    Anyway,
    /// With the answer, which the helper then gets even if it takes the request back: a lock is had or not.
    WhenAnswered,
}

/// A question of the helper's whose answer is worth keeping.
struct Memory {
    remembered: Arc<Remembered>,
    asked: Asked,
    question: Question,
}

impl Memory {
    /// Nothing for operations that are no questions; with the answer if there is one already. Of opens there is none: a
    /// kernel that opens has just looked.
    fn of(remembered: &Arc<Remembered>, operation: &[u8]) -> (Option<Self>, Option<Known>) {
        let Some(question) = Question::of(operation) else { return (None, None) };
        match remembered.find(&question) {
            Ok(known) if question.opens().is_none() => (None, Some(known)),
            Ok(_) => (None, None),
            Err(asked) => (Some(Self { remembered: remembered.clone(), asked, question }), None),
        }
    }

    /// Keeps the answer; gives what keeps the listing that follows, if one does.
    fn keep(self, answer: &[u8]) -> Option<Passing> {
        let Self { remembered, asked, question } = self;
        let Some(request) = question.opens() else {
            remembered.keep(asked, question, answer);
            return None;
        };
        let opened: Result<Opened, Errno> = codec::decode(answer).ok()?;
        remembered.opened(asked, request, opened.as_ref().map_err(|errno| *errno));
        remembered.listing(asked, request, opened.as_ref().ok()?)
    }
}

/// Answers with what the agent has said before.
async fn tell_again(known: &Known, frames: &Frames, number: u32) -> io::Result<()> {
    let payload = [known.asked.to_bytes().as_slice(), &known.answer].concat();
    let sent = frames.send(frame(ToHelper::Remembered, number, &payload)).await;
    sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// One operation on a stream of its own, which is reset when the helper takes the request back.
async fn pass_on(
    mut stream: Stream,
    taking: Taking,
    frames: &Frames,
    number: u32,
    (cancel, memory): (&CancellationToken, Option<Memory>),
) -> io::Result<()> {
    let answered = async {
        if taking == Taking::Anyway {
            stream.shutdown().await?;
        }
        stream.read_encoded().await
    };
    let Some(answer) = cancel.run_until_cancelled(answered).await else { return taken_back(stream) };
    let answer = answer?;
    if taking == Taking::WhenAnswered {
        stream.shutdown().await?;
    }
    let passing = memory.and_then(|memory| memory.keep(&answer));
    let sent = frames.send(frame(ToHelper::Answer, number, &answer)).await;
    sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let rest = async {
        if stream.read_u8().await? == BLOB_FOLLOWS { copy(&mut stream, frames, number, passing).await } else { Ok(()) }
    };
    if taking == Taking::WhenAnswered {
        return rest.await;
    }
    match cancel.run_until_cancelled(rest).await {
        Some(end) => end,
        None => taken_back(stream),
    }
}

fn taken_back(stream: Stream) -> io::Result<()> {
    stream.reset(Errno(libc::EINTR));
    Err(io::Error::from_raw_os_error(libc::EINTR))
}
