//! One stolen connection: offered to the session, and handed to the original program if nobody takes it.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::BufMut;
use protocol::{
    Errno,
    incoming::{Mode, Probes, REPLAY_LIMIT, Verdict},
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    filtered,
    http::Version,
    insiders::Insiders,
    owners::{Owners, Share},
    pass,
    probe::{self, Guess},
    steer::Steering,
    subscriber::Subscriber,
};
use crate::relay;

/// How long a client may take for its first request, where probes must be recognised.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// How long a client may take for its first byte there. The kubelet is on this node, and speaks or leaves at once; clients that
/// wait to be spoken to wait this long in vain.
pub(crate) const FIRST_BYTE_LIMIT: Duration = Duration::from_millis(500);

/// How long the session may take to say whether the program has accepted. Beyond that the target serves.
pub(crate) const VERDICT_LIMIT: Duration = Duration::from_secs(30);

/// A connection that came to us instead of the target.
#[derive(Debug)]
pub(crate) struct Stolen {
    pub(crate) tcp: TcpStream,
    pub(crate) peer: SocketAddr,
    /// The address that the client connected to.
    pub(crate) local: SocketAddr,
    /// What was read so far, for whoever gets the connection.
    pub(crate) replay: Vec<u8>,
    /// The client sends nothing more.
    pub(crate) finished: bool,
}

/// What decides where connections go, and leads there.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) owners: Owners,
    pub(crate) insiders: Insiders,
    pub(crate) steering: Arc<Steering>,
}

/// Who gets a connection.
enum Fate {
    Accepted(link::ReadHalf, link::WriteHalf),
    Pass,
    /// Each of its requests by itself.
    Requests(Version),
    /// The client is gone.
    Broken(io::Error),
}

impl Stolen {
    pub(crate) fn new(tcp: TcpStream, peer: SocketAddr, local: SocketAddr) -> Self {
        relay::set_options(&tcp);
        Self { tcp, peer, local, replay: Vec::new(), finished: false }
    }

    /// Serves the connection to its end. What is passed on goes on without the session, until `end`.
    pub(crate) async fn serve(self, way: Way, end: &CancellationToken) {
        match way.owners.of(self.local.port()) {
            Share::Nobody => self.pass(&way.steering, end).await, // unsubscribed while it waited for us to accept it
            Share::Whole(owner) => self.serve_whole(&owner.subscriber, way, end).await,
            Share::Requests(owners) => filtered::serve(self, &owners, way, end).await,
        }
    }

    async fn serve_whole(mut self, subscriber: &Subscriber, way: Way, end: &CancellationToken) {
        let (peer, local) = (self.peer, self.local);
        match self.offer(subscriber, &way.insiders).await {
            Fate::Accepted(reader, writer) => {
                tracing::debug!(%peer, %local, "stolen");
                relay::relay_halves(self.tcp, reader, writer, &subscriber.ended).await;
            }
            Fate::Requests(version) => filtered::serve_requests(self, version, way, end).await,
            Fate::Broken(error) => tracing::debug!(%peer, %local, %error, "the client is gone"),
            Fate::Pass => {
                tracing::debug!(%peer, %local, bytes = self.replay.len(), "passed to the target");
                self.pass(&way.steering, end).await;
            }
        }
    }

    async fn offer(&mut self, subscriber: &Subscriber, insiders: &Insiders) -> Fate {
        if subscriber.spared.any {
            if insiders.have_made(self.peer, self.local).await {
                return Fate::Pass;
            }
            match self.recognise(subscriber.spared).await {
                Ok(Guess::Other) => {}
                Ok(Guess::Probe) => return Fate::Pass,
                Ok(Guess::Calls) => return Fate::Requests(Version::Http2),
                Err(error) => return Fate::Broken(error),
            }
        }
        let stream = match subscriber.open(Mode::Steal, self.peer, self.local) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "no stream for a connection");
                return Fate::Pass;
            }
        };
        let (mut reader, mut writer) = stream.into_split();
        let verdict = {
            let deadline = Instant::now() + VERDICT_LIMIT;
            let verdict = timeout_at(deadline, reader.read_message::<Verdict>());
            let verdict = async {
                tokio::select! {
                    verdict = verdict => matches!(verdict, Ok(Ok(Verdict::Accepted))),
                    () = subscriber.ended.cancelled() => false,
                }
            };
            self.forward_until(&mut writer, verdict).await
        };
        match verdict {
            Ok(true) => Fate::Accepted(reader, writer),
            Ok(false) => Fate::Pass,
            Err(error) => {
                writer.reset(Errno::ECONNRESET);
                Fate::Broken(error)
            }
        }
    }

    /// Sends what the client sends, and keeps it, until the verdict is there; `true` is "accepted", and then all that
    /// was read has been sent. Fails when the client does.
    async fn forward_until(
        &mut self,
        writer: &mut link::WriteHalf,
        verdict: impl Future<Output = bool>,
    ) -> io::Result<bool> {
        let mut verdict = std::pin::pin!(verdict);
        let mut sent = 0;
        let accepted = loop {
            let may_read = !self.finished && self.replay.len() < REPLAY_LIMIT;
            tokio::select! {
                biased;
                accepted = &mut verdict => break accepted,
                written = writer.write(&self.replay[sent..]), if sent < self.replay.len() => match written {
                    Ok(len) => sent += len,
                    Err(_) => break false, // the stream or the session is lost: the target serves
                },
                ready = self.tcp.ready(Interest::READABLE), if may_read => {
                    ready?;
                    self.read()?;
                }
            }
        };
        Ok(accepted && writer.write_all(&self.replay[sent..]).await.is_ok())
    }

    /// Reads until it is clear whether the kubelet probes, or may.
    async fn recognise(&mut self, spared: Probes) -> io::Result<Guess> {
        let begun = Instant::now();
        loop {
            match probe::guess(&self.replay, spared) {
                Some(guess) => return Ok(guess),
                // It has connected alone.
                None if self.finished => return Ok(if self.replay.is_empty() { Guess::Probe } else { Guess::Other }),
                None => {}
            }
            let limit = if self.replay.is_empty() { FIRST_BYTE_LIMIT } else { PROBE_LIMIT };
            match timeout_at(begun + limit, self.tcp.readable()).await {
                Ok(ready) => ready?,
                Err(_) => return Ok(Guess::Other),
            }
            self.read()?;
        }
    }

    /// Reads what is there, up to the limit of what we keep.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let room = REPLAY_LIMIT - self.replay.len();
        self.replay.reserve(room.min(protocol::frame::PAYLOAD_LIMIT));
        match self.tcp.try_read_buf(&mut (&mut self.replay).limit(room)) {
            Ok(0) => self.finished = room > 0,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives the connection to the original program, with all that was read.
    pub(crate) async fn pass(self, steering: &Arc<Steering>, end: &CancellationToken) {
        match pass::connect(steering, self.local).await {
            Ok(original) => self.pass_to(original, end).await,
            Err(error) => self.refuse(&error),
        }
    }

    /// [`Self::pass`], where the original program is connected to already.
    pub(crate) async fn pass_to(self, mut original: TcpStream, end: &CancellationToken) {
        match original.write_all(&self.replay).await {
            Ok(()) => relay::relay_tcp(self.tcp, original, end).await,
            Err(error) => self.refuse(&error),
        }
    }

    /// What the client would have seen without us, one step later: nobody listens.
    fn refuse(self, error: &io::Error) {
        tracing::debug!(local = %self.local, %error, "the target does not take the connection");
        relay::reset(&self.tcp);
    }
}
