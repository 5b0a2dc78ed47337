//! Copies of connections to subscribed ports, made by looking at packets. The target's traffic does not pass through us.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use protocol::incoming::SubscribeError;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    capture::{Capture, PORT_LIMIT, Packet},
    pass::PASS_SOURCE,
    reassembly::Assembler,
    sink::{Refusal, Sink},
    subscriber::Subscriber,
};

/// Connections followed at a time; further ones are not mirrored, unless one is idle.
const FLOW_LIMIT: usize = 2048;

/// A connection that is silent for so long may be given up for a new one.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// Pause after an error of the packet socket.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take to answer the target's SYN-ACK: after that, the port was closed or it was a scan.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How often gaps, losses and connections that nobody wants are looked for.
const ROUND: Duration = Duration::from_secs(1);

/// Packets taken between two looks at other tasks.
const BURST: usize = 64;

/// Mirrors for all sessions; a handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tasks: TaskTracker,
    /// Cancelled when the agent ends.
    end: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    /// There while a port is subscribed.
    active: Option<Active>,
    interests: Vec<Interest>,
    next_interest: u64,
}

#[derive(Debug)]
struct Active {
    capture: Arc<Capture>,
    _running: DropGuard,
}

#[derive(Clone, Debug)]
struct Interest {
    id: u64,
    port: u16,
    subscriber: Subscriber,
    unsubscribed: CancellationToken,
}

/// Keeps a port mirrored; dropped, its copies end.
#[derive(Debug)]
pub(crate) struct Subscription {
    shared: Arc<Shared>,
    id: u64,
    _ended: DropGuard,
}

impl Mirror {
    /// Nothing is mirrored yet. `end` is cancelled when the agent ends.
    pub(crate) fn new(end: CancellationToken) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), tasks: TaskTracker::new(), end }) }
    }

    /// Mirrors `port` for a session; several sessions may mirror the same one.
    pub(crate) fn subscribe(&self, port: u16, subscriber: Subscriber) -> Result<Subscription, SubscribeError> {
        let refused = |error: io::Error| SubscribeError::Refused {
            attempts: vec![format!("packet socket: {error} (needs CAP_NET_RAW)")],
        };
        let mut state = self.shared.lock();
        let unsubscribed = self.shared.end.child_token();
        let id = state.next_interest;
        state.next_interest += 1;
        let client = subscriber.client.clone();
        state.interests.push(Interest { id, port, subscriber, unsubscribed: unsubscribed.clone() });
        if let Err(error) = self.shared.capture(&mut state) {
            state.interests.retain(|interest| interest.id != id);
            return Err(refused(error));
        }
        tracing::info!(port, %client, "mirrored");
        Ok(Subscription { shared: self.shared.clone(), id, _ended: unsubscribed.drop_guard() })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.interests.retain(|interest| interest.id != self.id);
        if let Err(error) = self.shared.capture(&mut state) {
            tracing::warn!(%error, "the packet filter stays as it was");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Makes the capture fit the interests.
    fn capture(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let mut ports: Vec<u16> = state.interests.iter().map(|interest| interest.port).collect();
        ports.sort_unstable();
        ports.dedup();
        if ports.len() > PORT_LIMIT {
            return Err(io::Error::other(format!("more than {PORT_LIMIT} ports")));
        }
        match &state.active {
            _ if ports.is_empty() => state.active = None,
            Some(active) => active.capture.set_ports(&ports)?,
            None => {
                let capture = Arc::new(Capture::open(&ports)?);
                let running = self.end.child_token();
                let flows = Flows { shared: self.clone(), table: HashMap::new(), skipped: 0, lost: 0 };
                let follow = flows.follow(capture.clone());
                let token = running.clone();
                self.tasks.spawn(async move { token.run_until_cancelled(follow).await });
                state.active = Some(Active { capture, _running: running.drop_guard() });
            }
        }
        Ok(())
    }

    fn interests(&self, port: u16) -> Vec<Interest> {
        self.lock().interests.iter().filter(|interest| interest.port == port).cloned().collect()
    }
}

/// Client and target of a connection.
type Key = (SocketAddr, SocketAddr);

/// The connections that are followed; owned by one task.
struct Flows {
    shared: Arc<Shared>,
    table: HashMap<Key, Flow>,
    /// Connections that found no room in the table.
    skipped: u64,
    /// Packets that the kernel lost.
    lost: u64,
}

/// One connection, client to target.
struct Flow {
    assembler: Assembler,
    /// Copies, once the handshake is complete.
    sinks: Option<Vec<Sink>>,
    last_seen: Instant,
}

impl Flows {
    async fn follow(mut self, capture: Arc<Capture>) {
        let mut buffer = Vec::new();
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut burst = 0;
        loop {
            tokio::select! {
                packet = capture.next(&mut buffer) => match packet {
                    Ok(packet) => self.see(packet, Instant::now()),
                    // An interface went down; the socket stays.
                    Err(error) => {
                        tracing::debug!(%error, "packet socket");
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                },
                now = rounds.tick() => self.look_round(&capture, now),
            }
            burst += 1;
            if burst % BURST == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn see(&mut self, packet: Packet, now: Instant) {
        let key = (packet.source, packet.destination);
        if packet.rst {
            // Either side may send it; the other direction is looked at for nothing else.
            let flow = self.table.remove(&key).or_else(|| self.table.remove(&(key.1, key.0)));
            return flow.into_iter().for_each(Flow::reset);
        }
        if is_our_own(packet.source.ip()) {
            return;
        }
        if packet.syn {
            return self.start(key, &packet, now);
        }
        let Some(flow) = self.table.get_mut(&key) else { return };
        flow.last_seen = now;
        if flow.sinks.is_none() && packet.ack {
            let interests = self.shared.interests(key.1.port());
            let open = |Interest { subscriber, unsubscribed, .. }| {
                Sink::open(subscriber, &unsubscribed, key.0, key.1, &self.shared.tasks)
            };
            flow.sinks = Some(interests.into_iter().map(open).collect());
        }
        let mut ready = Vec::new();
        let result = flow.assembler.push(packet.segment, now, &mut ready);
        flow.forward(&ready, key);
        if let Err(error) = result {
            self.give_up(key, &error.to_string());
        } else if flow.assembler.is_finished() {
            self.table.remove(&key); // dropping the sinks ends the copies with FIN
        }
    }

    fn start(&mut self, key: Key, packet: &Packet, now: Instant) {
        if packet.ack {
            return; // a SYN-ACK of a connection that the pod opened from a subscribed port
        }
        let assembler = Assembler::after_syn(packet.segment.sequence.wrapping_sub(1));
        let known = self.table.get(&key);
        if known.is_some_and(|flow| flow.sinks.is_none()) {
            return; // the same SYN again: its SYN-ACK was lost
        }
        if known.is_none() && self.table.len() >= FLOW_LIMIT && !self.evict(now) {
            self.skipped += 1;
            if self.skipped.is_power_of_two() {
                tracing::warn!(skipped = self.skipped, "too many connections at once: some are not mirrored");
            }
            return;
        }
        // An old connection with these addresses is over: nobody can use them twice.
        let old = self.table.insert(key, Flow { assembler, sinks: None, last_seen: now });
        old.into_iter().for_each(Flow::reset);
    }

    /// Makes room for a connection at the cost of the one that is silent for longest.
    fn evict(&mut self, now: Instant) -> bool {
        let oldest = self.table.iter().min_by_key(|(_, flow)| flow.last_seen);
        let idle = oldest.filter(|(_, flow)| now.duration_since(flow.last_seen) > IDLE_LIMIT).map(|(key, _)| *key);
        idle.inspect(|key| self.give_up(*key, "idle, and there are too many connections")).is_some()
    }

    fn look_round(&mut self, capture: &Capture, now: Instant) {
        let lost = capture.lost().unwrap_or(0);
        if lost > 0 {
            self.lost += u64::from(lost);
            tracing::warn!(lost, total = self.lost, "packets were lost: the mirror is slower than the traffic");
        }
        let is_dead = |flow: &Flow| match &flow.sinks {
            None => now.duration_since(flow.last_seen) > HANDSHAKE_LIMIT,
            Some(sinks) => sinks.iter().all(Sink::is_gone),
        };
        self.table.retain(|_, flow| !is_dead(flow));
        let broken: Vec<(Key, String)> = self
            .table
            .iter()
            .filter_map(|(key, flow)| match flow.assembler.check(now) {
                Err(error) => Some((*key, error.to_string())),
                Ok(()) if lost > 0 && flow.assembler.has_gap() => Some((*key, "packets were lost".to_owned())),
                Ok(()) => None,
            })
            .collect();
        for (key, why) in broken {
            self.give_up(key, &why);
        }
    }

    fn give_up(&mut self, key: Key, why: &str) {
        tracing::warn!(peer = %key.0, local = %key.1, why, "a mirrored connection is given up");
        self.table.remove(&key).into_iter().for_each(Flow::reset);
    }
}

impl Flow {
    fn forward(&mut self, ready: &[Bytes], key: Key) {
        let Some(sinks) = &mut self.sinks else { return };
        let push = |sink: &Sink| ready.iter().try_for_each(|bytes| sink.push(bytes.clone()));
        let (kept, refused): (Vec<_>, Vec<_>) =
            sinks.drain(..).map(|sink| (push(&sink), sink)).partition(|(pushed, _)| pushed.is_ok());
        *sinks = kept.into_iter().map(|(_, sink)| sink).collect();
        for (pushed, sink) in refused {
            if pushed == Err(Refusal::TooSlow) {
                tracing::warn!(peer = %key.0, local = %key.1, "the session is too slow for a mirrored connection");
            }
            sink.reset();
        }
    }

    fn reset(self) {
        self.sinks.into_iter().flatten().for_each(Sink::reset);
    }
}

/// Connections of our own, to the original program and to test the steering.
fn is_our_own(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.octets()[..3] == PASS_SOURCE.octets()[..3])
}

#[cfg(test)]
mod tests;
