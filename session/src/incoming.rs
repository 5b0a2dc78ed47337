//! Connections that arrive at the target: which of the program's listeners gets them, and for how long.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{IpAddr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::Duration,
};

use config::IncomingMode;
use link::{Link, Stream};
use protocol::{
    Errno,
    control::StreamHead,
    incoming::{Incoming, Mode, Probes, Subscribe, SubscribeError, Subscribed, Verdict},
    link::{Listen, Names},
    policy::IncomingPolicy,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    event::{Event, Observer},
    names::{AddressBook, random_token},
    ports, relay,
    seen::{Passing, Seen},
    setup::Requests,
};

/// Pause between a process's last message and the look at its listeners: the kernel closes its descriptors one by one.
const CLOSING_PAUSE: Duration = Duration::from_millis(50);

/// How long the agent may take to say that it has given a port back.
const GIVEN_BACK: Duration = Duration::from_secs(2);

/// What subscriptions work with.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) mode: Mode,
    pub(crate) policy: IncomingPolicy,
    /// Which requests the program gets; `None`: all.
    pub(crate) requests: Option<Requests>,
    /// Ports of the target on which kubelet probes stay with it.
    pub(crate) spared: crate::target::Probed,
    pub(crate) book: AddressBook,
    pub(crate) seen: Seen,
    pub(crate) observer: Observer,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

/// All subscriptions of a session.
pub(crate) struct Listeners {
    parts: Parts,
    known: Mutex<Known>,
    /// Held while a listener is added: of workers that listen on one port at once, one subscribes it.
    adding: tokio::sync::Mutex<()>,
    /// A process has gone: look at once.
    check: Notify,
}

#[derive(Default)]
struct Known {
    /// Every listener that a layer told of: asked address to real one.
    bound: Vec<Listen>,
    /// By port at the target.
    subscriptions: HashMap<u16, Subscription>,
}

struct Subscription {
    local: SocketAddr,
    cancel: CancellationToken,
    /// Ends once the agent has given the port back.
    kept: JoinHandle<()>,
    /// Shows it for as long as it lasts.
    _seen: Passing,
}

/// Copy or take over, as the wire says it; nothing when incoming traffic is left alone.
pub(crate) fn wire_mode(mode: IncomingMode) -> Option<Mode> {
    match mode {
        IncomingMode::Mirror => Some(Mode::Mirror),
        IncomingMode::Steal => Some(Mode::Steal),
        IncomingMode::Off => None,
    }
}

impl Listeners {
    /// Nothing is subscribed yet; a task that watches the program's listeners is started.
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let listeners = Arc::new(Self {
            parts,
            known: Mutex::default(),
            adding: tokio::sync::Mutex::default(),
            check: Notify::new(),
        });
        let watched = watch(listeners.clone());
        listeners.parts.tasks.spawn(listeners.parts.cancel.clone().run_until_cancelled_owned(watched));
        listeners
    }

    /// The program listens: subscribes the target's port. Errs with what listen(2) shall fail with.
    pub(crate) async fn listen(self: &Arc<Self>, listen: Listen) -> Result<(), Errno> {
        let _adding = self.adding.lock().await;
        {
            let mut known = self.known.lock().expect("no panic while held");
            known.bound.retain(|other| other.actual.port() != listen.actual.port());
            known.bound.push(listen);
        }
        let (decided, why) = rules::listen::decide(&self.parts.policy, listen.requested);
        let rules::listen::Listener::Subscribed { remote_port: port } = decided else {
            tracing::debug!(requested = %listen.requested, ?why, "listener stays private");
            return Ok(());
        };
        {
            let mut known = self.known.lock().expect("no panic while held");
            if let Some(subscription) = known.subscriptions.get_mut(&port) {
                // Once more, or by another process that has inherited or replaced the listener.
                subscription.local = listen.actual;
                return Ok(());
            }
        }
        self.subscribe(port, listen.actual).await
    }

    async fn subscribe(self: &Arc<Self>, port: u16, local: SocketAddr) -> Result<(), Errno> {
        let stolen = self.parts.mode == Mode::Steal;
        let spared = if stolen { self.parts.spared.on(port) } else { Probes::default() };
        let (filter, words) = self.parts.requests.as_ref().and_then(|requests| requests.on(port)).unzip();
        let filtered = filter.is_some();
        let subscribe = Subscribe { port, mode: self.parts.mode, spared, filter };
        let mut stream = self.parts.link.open(&StreamHead::Subscribe(subscribe)).map_err(|_| Errno(libc::ENETDOWN))?;
        let answer: Result<Subscribed, SubscribeError> = stream.read_message().await.map_err(Errno::from)?;
        match answer {
            Ok(Subscribed { means, target_listens }) => {
                if !target_listens {
                    self.parts.observer.tell(Event::Warning(format!(
                        "nothing listens on port {port} in the target right now: no traffic will reach you there until \
                         something does or clients connect to that port; if the program uses another port than the \
                         target, say so in feature.network.incoming.port_mapping"
                    )));
                }
                let cancel = self.parts.cancel.child_token();
                let mode = self.parts.mode;
                let seen = self.parts.seen.port(port, local, mode, words.clone());
                {
                    // Held, so that it is not over before it is in the list.
                    let mut known = self.known.lock().expect("no panic while held");
                    let kept = self.parts.tasks.spawn(keep(self.clone(), port, stream, cancel.clone()));
                    known.subscriptions.insert(port, Subscription { local, cancel, kept, _seen: seen });
                }
                self.parts.observer.tell(Event::Subscribed { port, local, mode, means, filter: words });
                Ok(())
            }
            Err(error) => {
                self.parts.observer.tell(Event::Warning(refusal(port, self.parts.mode, filtered, &error)));
                Err(Errno::EADDRINUSE)
            }
        }
    }

    /// Whether the program listens at this loopback address, and where that really is.
    pub(crate) fn own_listener(&self, asked: SocketAddr) -> Option<SocketAddr> {
        let known = self.known.lock().expect("no panic while held");
        let shown = |listen: &Listen| match listen.requested.port() {
            0 => listen.actual.port(), // left to the kernel
            port => port,
        };
        let listen = known.bound.iter().rev().find(|listen| shown(listen) == asked.port())?;
        Some(ports::dialable(listen.actual))
    }

    /// Address that the program asked for when it bound the listener at `actual`.
    pub(crate) fn requested(&self, actual: SocketAddr) -> Option<SocketAddr> {
        let known = self.known.lock().expect("no panic while held");
        let found = known.bound.iter().find(|listen| listen.actual.port() == actual.port())?;
        Some(found.requested).filter(|requested| requested.port() != 0)
    }

    /// A process has gone: its listeners may have, too.
    pub(crate) fn check_soon(&self) {
        self.check.notify_one();
    }

    /// Gives one connection that arrived at the target to the program.
    pub(crate) async fn deliver(self: Arc<Self>, incoming: Incoming, mut stream: Stream) {
        let local = {
            let known = self.known.lock().expect("no panic while held");
            known.subscriptions.get(&incoming.port).map(|subscription| subscription.local)
        };
        let connected = match local {
            Some(local) => self.connect_program(local, &incoming).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        let (program, _entry) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                tracing::debug!(port = incoming.port, %error, "nobody takes the connection");
                self.check_soon();
                if let Err(error) = stream.write_message(&Verdict::PassThrough).await {
                    tracing::debug!(%error, "cannot hand the connection back");
                }
                return;
            }
        };
        if stream.write_message(&Verdict::Accepted).await.is_err() {
            return; // the link is gone, and the program's side closes with it
        }
        self.parts.observer.tell(Event::Incoming { port: incoming.port, peer: incoming.peer, mode: incoming.mode });
        let _seen = self.parts.seen.request(incoming.port, incoming.peer, incoming.mode);
        match incoming.mode {
            Mode::Steal => relay::both_ways(program, stream).await,
            Mode::Mirror => relay::one_way(program, stream).await,
        }
    }

    async fn connect_program(
        &self,
        local: SocketAddr,
        incoming: &Incoming,
    ) -> io::Result<(TcpStream, Option<crate::names::Entry>)> {
        let names = Names { local: incoming.local, peer: incoming.peer };
        let destination = ports::dialable(local);
        if !matches!(destination.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
            // Bound to one address that has no loopback beside it: the program sees our own address as its peer.
            return Ok((TcpStream::connect(destination).await?, None));
        }
        let token = random_token();
        let entry = self.parts.book.enter(token, names);
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(token, 0).into())?;
        match socket.connect(destination).await {
            Ok(program) => {
                program.set_nodelay(true)?;
                Ok((program, Some(entry)))
            }
            // An IPv6-only listener.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && local.is_ipv6() => {
                Ok((TcpStream::connect((std::net::Ipv6Addr::LOCALHOST, local.port())).await?, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the subscriptions whose listeners have gone.
    async fn check_listeners(&self) {
        // Nothing is added meanwhile. A program tells of a listener once it listens, so that none which has just taken the
        // place of another one is missed; and who listens next finds that the agent has given the port back.
        let _adding = self.adding.lock().await;
        let gone: Vec<(u16, Subscription)> = {
            let listening: HashSet<u16> = ports::listeners().into_iter().map(|listener| listener.port).collect();
            let mut known = self.known.lock().expect("no panic while held");
            known.bound.retain(|listen| listening.contains(&listen.actual.port()));
            known.subscriptions.extract_if(|_, it| !listening.contains(&it.local.port())).collect()
        };
        for (port, subscription) in gone {
            tracing::debug!(port, "the program's listener has gone");
            subscription.cancel.cancel();
            // It fails only where the session ends.
            drop(subscription.kept.await);
        }
    }

    fn has_listeners(&self) -> bool {
        !self.known.lock().expect("no panic while held").bound.is_empty()
    }
}

/// Keeps a subscription's stream open until the listener goes or the agent ends it.
async fn keep(listeners: Arc<Listeners>, port: u16, mut stream: Stream, cancel: CancellationToken) {
    // The agent says nothing more: whatever comes is the end.
    let Some(ended) = cancel.run_until_cancelled(stream.read_encoded()).await else {
        // Who cancels has taken it from the list, or the session ends. Once the port is given back, the agent ends the stream,
        // too.
        let given_back = async {
            stream.shutdown().await?;
            stream.read_encoded().await
        };
        let given_back = timeout(GIVEN_BACK, given_back);
        if let Some(Err(_)) = listeners.parts.cancel.run_until_cancelled(given_back).await {
            tracing::debug!(port, "the agent does not say that it has given the port back");
        }
        return;
    };
    {
        let mut known = listeners.known.lock().expect("no panic while held");
        if cancel.is_cancelled() {
            return;
        }
        known.subscriptions.remove(&port);
    }
    let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
    listeners.parts.observer.tell(Event::Warning(format!("port {port} is no longer subscribed: {why}")));
}

/// Looks at the listeners when a process has gone or a connection found nobody. No polling: a listener that closes in
/// between costs nothing, because the next connection finds nobody and is handed back whole.
async fn watch(listeners: Arc<Listeners>) {
    loop {
        listeners.check.notified().await;
        tokio::time::sleep(CLOSING_PAUSE).await;
        if listeners.has_listeners() {
            listeners.check_listeners().await;
        }
    }
}

fn refusal(port: u16, mode: Mode, wants_some: bool, error: &SubscribeError) -> String {
    match (error, mode) {
        (SubscribeError::Taken { owner, filtered: true }, _) => format!(
            "port {port} of the target is already stolen by {owner}, who takes only some requests: with a filter of your own, \
             feature.network.incoming.http_filter, you can share it"
        ),
        (SubscribeError::Taken { owner, filtered: false }, _) => format!(
            "port {port} of the target is already stolen by {owner}{}: ask them to {}stop, or use \
             feature.network.incoming.mode = \"mirror\", which can be shared",
            if wants_some { ", who takes all requests" } else { "" },
            if wants_some { "set a feature.network.incoming.http_filter or to " } else { "" },
        ),
        (SubscribeError::OtherAgent, _) => format!(
            "port {port} of the target is already stolen by another agent in this pod, one of another developer; agents do not \
             share a port, not even with filters: ask them to stop, or use feature.network.incoming.mode = \"mirror\", which \
             can be shared"
        ),
        (SubscribeError::Filter(reason), _) => {
            format!("the agent does not take feature.network.incoming.http_filter for port {port}: {reason}")
        }
        (SubscribeError::Refused { attempts }, Mode::Steal) => format!(
            "the target's kernel lets the agent not take over port {port}: {}; \"mirror\" may still work",
            attempts.join("; ")
        ),
        (SubscribeError::Refused { attempts }, Mode::Mirror) => {
            format!("the target's kernel lets the agent not copy the traffic of port {port}: {}", attempts.join("; "))
        }
    }
}
