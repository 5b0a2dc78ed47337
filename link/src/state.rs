//! The bookkeeping of a link, free of I/O: which stream has what to send, what it may send, what has arrived.
//!
//! Fair: ready streams take turns, one frame each. Bounded: each stream's buffers by its window, the streams by
//! [`STREAM_LIMIT`], frames about the connection by [`CONTROL_LIMIT`].

use std::{
    collections::{HashMap, VecDeque},
    io,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use protocol::{
    Errno, codec,
    control::StreamHead,
    frame::{Header, Kind, PAYLOAD_LIMIT, STREAM_LIMIT, WINDOW_TO_AGENT, WINDOW_TO_SESSION},
};
use tokio::{io::ReadBuf, time::Instant};

use crate::connection::{CloseReason, Counters, Role};

/// Bytes that a stream may have waiting for the wire; its writers wait beyond that.
const SEND_BUFFER: usize = 256 * 1024;

/// Bytes put on the wire at once: enough for full-sized writes, little enough to stay fair.
const BATCH: usize = 256 * 1024;

/// Frames about the connection, credits and resets that may wait. A peer that provokes more (a flood of pings) is cut off.
const CONTROL_LIMIT: usize = 64 * 1024;

/// `ECONNABORTED`: what streams see when their link is gone.
const LINK_GONE: i32 = 103;

/// `EAGAIN`: what a stream too many is reset with.
const EAGAIN: i32 = 11;

/// What the peer did wrong; the link is closed with it.
pub(crate) type Violation = String;

#[derive(Debug)]
pub(crate) struct State {
    role: Role,
    next_own: u32,
    last_peer: u32,
    flows: HashMap<u32, Flow>,
    ready: VecDeque<u32>,
    control: VecDeque<(Header, Vec<u8>)>,
    /// Something was added for the writer since it last looked.
    pub(crate) dirty: bool,
    /// A goodbye is queued: the link closes once everything is sent.
    pub(crate) leaving: bool,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) last_heard: Instant,
    pub(crate) counters: Counters,
    ping: Option<(u64, Instant)>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent half of a stream's life")]
struct Flow {
    /// Payload of the `Open` frame that is still to be sent.
    head: Option<Vec<u8>>,
    send: BytesMut,
    send_credit: u32,
    finish: bool,
    finish_sent: bool,
    queued: bool,
    writer: Option<Waker>,
    writer_gone: bool,

    receive: BytesMut,
    /// What the peer may still send.
    receive_window: u32,
    /// Read by us and not yet granted again.
    consumed: u32,
    peer_finished: bool,
    reader: Option<Waker>,
    reader_gone: bool,

    reset: Option<Errno>,
}

impl Flow {
    fn sendable(&self) -> bool {
        self.head.is_some()
            || (!self.send.is_empty() && self.send_credit > 0)
            || (self.send.is_empty() && self.finish && !self.finish_sent)
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// Nobody can see or change it any more.
    fn is_over(&self) -> bool {
        let done = self.reset.is_some() || (self.finish_sent && self.peer_finished);
        self.reader_gone && self.writer_gone && done
    }
}

impl State {
    pub(crate) fn new(role: Role, hello: Vec<u8>) -> Self {
        let mut state = Self {
            role,
            next_own: match role {
                Role::Session => 1,
                Role::Agent => 2,
            },
            last_peer: 0,
            flows: HashMap::new(),
            ready: VecDeque::new(),
            control: VecDeque::new(),
            dirty: false,
            leaving: false,
            closed: None,
            last_heard: Instant::now(),
            counters: Counters::default(),
            ping: None,
        };
        state.push_control(Kind::Hello, 0, hello);
        state
    }

    fn windows(&self) -> (u32, u32) {
        match self.role {
            Role::Session => (WINDOW_TO_AGENT, WINDOW_TO_SESSION),
            Role::Agent => (WINDOW_TO_SESSION, WINDOW_TO_AGENT),
        }
    }

    fn push_control(&mut self, kind: Kind, stream: u32, payload: Vec<u8>) {
        let len = u32::try_from(payload.len()).expect("control payloads are small");
        self.control.push_back((Header { kind, stream, len }, payload));
        self.dirty = true;
    }

    fn schedule(&mut self, id: u32) {
        if let Some(flow) = self.flows.get_mut(&id)
            && !flow.queued
            && flow.sendable()
        {
            flow.queued = true;
            self.ready.push_back(id);
            self.dirty = true;
        }
    }

    fn forget_if_over(&mut self, id: u32) {
        if self.flows.get(&id).is_some_and(Flow::is_over) {
            self.flows.remove(&id);
        }
    }

    // === what the link's owner does ===

    /// Opens a stream, which `counter` counts; `None` when too many are open or the numbers are used up.
    pub(crate) fn open(&mut self, head: Vec<u8>, counter: fn(&mut Counters) -> &mut u64) -> Option<u32> {
        let id = self.next_own;
        if self.flows.len() >= STREAM_LIMIT {
            return None;
        }
        self.next_own = id.checked_add(2)?;
        let (send_credit, receive_window) = self.windows();
        self.flows.insert(id, Flow { head: Some(head), send_credit, receive_window, ..Flow::default() });
        *counter(&mut self.counters) += 1;
        self.schedule(id);
        Some(id)
    }

    pub(crate) fn ping(&mut self) {
        let number = self.ping.map_or(1, |(number, _)| number + 1);
        self.ping = Some((number, Instant::now()));
        self.push_control(Kind::Ping, 0, number.to_le_bytes().to_vec());
    }

    pub(crate) fn goodbye(&mut self, reason: &str) {
        let mut reason = reason.as_bytes().to_vec();
        reason.truncate(PAYLOAD_LIMIT);
        self.push_control(Kind::Goodbye, 0, reason);
        self.leaving = true;
    }

    /// Closes the link for the first reason given, and wakes everybody.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        if self.closed.is_none() {
            self.closed = Some(reason);
            self.flows.values_mut().for_each(Flow::wake);
        }
    }

    // === what a stream's handles do ===

    pub(crate) fn poll_read(&mut self, id: u32, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (_, window) = self.windows();
        let Some(flow) = self.flows.get_mut(&id) else { return Poll::Ready(Ok(())) };
        if flow.receive.is_empty() {
            return match (flow.reset, flow.peer_finished, &self.closed) {
                (Some(errno), ..) => Poll::Ready(Err(errno.into())),
                (None, true, _) => Poll::Ready(Ok(())),
                (None, false, Some(_)) => Poll::Ready(Err(io::Error::from_raw_os_error(LINK_GONE))),
                (None, false, None) => {
                    flow.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let len = buf.remaining().min(flow.receive.len());
        buf.put_slice(&flow.receive[..len]);
        flow.receive.advance(len);
        if flow.receive.is_empty() && flow.receive.capacity() > PAYLOAD_LIMIT {
            flow.receive = BytesMut::new(); // an idle stream holds no memory
        }
        self.consumed(id, len, window / 4);
        Poll::Ready(Ok(()))
    }

    /// Notes that `len` bytes are used up and grants them again once there are `at_least` of them.
    fn consumed(&mut self, id: u32, len: usize, at_least: u32) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.consumed += u32::try_from(len).expect("a window fits");
        if flow.consumed >= at_least.max(1) && !flow.peer_finished && flow.reset.is_none() {
            let grant = std::mem::take(&mut flow.consumed);
            flow.receive_window += grant;
            self.push_control(Kind::Credit, id, grant.to_le_bytes().to_vec());
        }
    }

    pub(crate) fn poll_write(&mut self, id: u32, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.closed.is_some() {
            return Poll::Ready(Err(io::Error::from_raw_os_error(LINK_GONE)));
        }
        let Some(flow) = self.flows.get_mut(&id) else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        if let Some(errno) = flow.reset {
            return Poll::Ready(Err(errno.into()));
        }
        if flow.finish {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = SEND_BUFFER.saturating_sub(flow.send.len());
        if room == 0 {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = room.min(bytes.len());
        flow.send.extend_from_slice(&bytes[..len]);
        self.schedule(id);
        Poll::Ready(Ok(len))
    }

    /// Ready once the stream is reset or the link is gone. Waits in the writer's place.
    pub(crate) fn poll_reset(&mut self, id: u32, cx: &Context<'_>) -> Poll<Errno> {
        let Some(flow) = self.flows.get_mut(&id) else { return Poll::Ready(Errno::ECONNRESET) };
        match (flow.reset, &self.closed) {
            (Some(errno), _) => Poll::Ready(errno),
            (None, Some(_)) => Poll::Ready(Errno(LINK_GONE)),
            (None, None) => {
                flow.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn finish(&mut self, id: u32) -> io::Result<()> {
        if let Some(flow) = self.flows.get_mut(&id) {
            if let Some(errno) = flow.reset {
                return Err(errno.into());
            }
            flow.finish = true;
            self.schedule(id);
        }
        Ok(())
    }

    pub(crate) fn reset(&mut self, id: u32, errno: Errno) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if flow.reset.is_some() {
            return;
        }
        let known_to_peer = flow.head.take().is_none();
        flow.reset = Some(errno);
        flow.send.clear();
        flow.wake();
        if known_to_peer {
            self.push_control(Kind::Reset, id, errno.0.to_le_bytes().to_vec());
        }
        self.forget_if_over(id);
    }

    pub(crate) fn drop_reader(&mut self, id: u32) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.reader_gone = true;
        let unread = std::mem::take(&mut flow.receive).len();
        self.consumed(id, unread, 1);
        self.forget_if_over(id);
    }

    pub(crate) fn drop_writer(&mut self, id: u32) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.writer_gone = true;
        if flow.finish {
            self.forget_if_over(id);
        } else {
            self.reset(id, Errno::ECONNRESET);
            self.forget_if_over(id);
        }
    }

    // === what the connection does ===

    /// Moves what may be sent now into `out`, up to [`BATCH`] bytes.
    pub(crate) fn fill(&mut self, out: &mut BytesMut) {
        self.dirty = false;
        while out.len() < BATCH {
            let Some((header, payload)) = self.control.pop_front() else { break };
            put(out, header, &payload);
        }
        while out.len() < BATCH {
            let Some(id) = self.ready.pop_front() else { break };
            let Some(flow) = self.flows.get_mut(&id) else { continue };
            flow.queued = false;
            if flow.reset.is_some() {
                continue;
            }
            if let Some(head) = flow.head.take() {
                put(out, Header { kind: Kind::Open, stream: id, len: len32(head.len()) }, &head);
            }
            let len = flow.send.len().min(PAYLOAD_LIMIT).min(flow.send_credit as usize);
            if len > 0 {
                flow.send_credit -= len32(len);
                put(out, Header { kind: Kind::Data, stream: id, len: len32(len) }, &flow.send[..len]);
                flow.send.advance(len);
                if flow.send.is_empty() && flow.send.capacity() > PAYLOAD_LIMIT {
                    flow.send = BytesMut::new();
                }
                if let Some(writer) = flow.writer.take() {
                    writer.wake();
                }
            }
            if flow.send.is_empty() && flow.finish && !flow.finish_sent {
                flow.finish_sent = true;
                put(out, Header { kind: Kind::Finish, stream: id, len: 0 }, &[]);
            }
            self.schedule(id);
            self.forget_if_over(id);
        }
        self.counters.bytes_sent += out.len() as u64;
    }

    /// Takes in one frame; gives the stream that it opens.
    pub(crate) fn on_frame(&mut self, header: Header, payload: &[u8]) -> Result<Option<(u32, StreamHead)>, Violation> {
        self.last_heard = Instant::now();
        let id = header.stream;
        match header.kind {
            Kind::Hello => return Err("a second greeting".to_owned()),
            Kind::Open => return self.on_open(id, payload),
            Kind::Data => self.on_data(id, payload)?,
            Kind::Finish => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.peer_finished = true;
                    flow.wake_reader();
                }
                self.forget_if_over(id);
            }
            Kind::Reset => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.reset.get_or_insert(Errno(i32::from_le_bytes(four(payload))));
                    flow.send.clear();
                    flow.wake();
                }
                self.forget_if_over(id);
            }
            Kind::Credit => {
                let grant = u32::from_le_bytes(four(payload));
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.send_credit = flow.send_credit.checked_add(grant).ok_or("a window beyond all bounds")?;
                }
                self.schedule(id);
            }
            Kind::Ping if self.control.len() >= CONTROL_LIMIT => return Err("a flood of pings".to_owned()),
            Kind::Ping => self.push_control(Kind::Pong, 0, payload.to_vec()),
            Kind::Pong => {
                if let Some((number, sent)) = self.ping
                    && payload == number.to_le_bytes()
                {
                    self.counters.round_trip = Some(sent.elapsed());
                }
            }
            Kind::Goodbye => self.close(CloseReason::Goodbye(String::from_utf8_lossy(payload).into_owned())),
        }
        Ok(None)
    }

    fn on_open(&mut self, id: u32, payload: &[u8]) -> Result<Option<(u32, StreamHead)>, Violation> {
        let from_session = id % 2 == 1;
        if from_session == (self.role == Role::Session) || id <= self.last_peer {
            return Err(format!("stream {id} cannot be opened"));
        }
        self.last_peer = id;
        let head = codec::decode(payload).map_err(|error| format!("head of stream {id}: {error}"))?;
        if self.flows.len() >= STREAM_LIMIT {
            self.push_control(Kind::Reset, id, EAGAIN.to_le_bytes().to_vec());
            return Ok(None);
        }
        let (send_credit, receive_window) = self.windows();
        self.flows.insert(id, Flow { send_credit, receive_window, ..Flow::default() });
        self.counters.accepted += 1;
        Ok(Some((id, head)))
    }

    fn on_data(&mut self, id: u32, payload: &[u8]) -> Result<(), Violation> {
        self.counters.bytes_received += payload.len() as u64;
        let Some(flow) = self.flows.get_mut(&id) else { return Ok(()) }; // we have reset it
        let len = len32(payload.len());
        flow.receive_window =
            flow.receive_window.checked_sub(len).ok_or_else(|| format!("stream {id} sends beyond its window"))?;
        if flow.peer_finished {
            return Err(format!("stream {id} sends after its end"));
        }
        if flow.reader_gone {
            self.consumed(id, payload.len(), 1);
        } else {
            flow.receive.extend_from_slice(payload);
            flow.wake_reader();
        }
        Ok(())
    }
}

fn put(out: &mut BytesMut, header: Header, payload: &[u8]) {
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(payload);
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).expect("payloads are at most 64 KiB")
}

/// The header's check guarantees the length.
fn four(payload: &[u8]) -> [u8; 4] {
    payload.try_into().expect("the header says 4 bytes")
}
