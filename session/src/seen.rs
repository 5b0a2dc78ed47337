//! What has passed in a session lately, for whoever wants to look: bounded, and a few instructions for what passes.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::{incoming::Mode, text::harmless_bytes};

use crate::{
    event::{State, Step},
    view,
};

/// Requests to remember, open ones included.
const REQUESTS: usize = 50;

/// Open connections to show; more are only counted.
const CONNECTIONS: usize = 500;

/// Files to remember: those that were opened last.
const FILES: usize = 200;

/// Answer times of pings to remember: five minutes', so that one in a hundred can be told from the slowest.
const PINGS: usize = 300;

/// A handle, cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    since: Instant,
    target: String,
    state: State,
    /// Debuggers that hold a program right now.
    standing: usize,
    ports: BTreeMap<u16, (SocketAddr, Mode, Option<Arc<str>>)>,
    /// The newest last.
    requests: VecDeque<Request>,
    connections: BTreeMap<u64, (SocketAddr, Instant)>,
    /// Open connections beyond the limit.
    uncounted: u64,
    /// The newest last.
    files: VecDeque<File>,
    pings: VecDeque<Duration>,
    /// Numbers requests and connections.
    last: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    port: u16,
    peer: SocketAddr,
    mode: Mode,
    since: Instant,
    open: bool,
}

#[derive(Debug)]
struct File {
    path: Vec<u8>,
    writes: bool,
    last: Instant,
    times: u64,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            target: String::new(),
            state: State::Starting,
            standing: 0,
            ports: BTreeMap::new(),
            requests: VecDeque::new(),
            connections: BTreeMap::new(),
            uncounted: 0,
            files: VecDeque::new(),
            pings: VecDeque::new(),
            last: 0,
        }
    }
}

/// Something that lasts until this is dropped.
#[derive(Debug)]
pub(crate) struct Passing {
    seen: Seen,
    what: What,
}

#[derive(Debug)]
enum What {
    Request(u64),
    /// Nothing for one that is only counted.
    Connection(Option<u64>),
    Port(u16),
    Standing,
}

impl Seen {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passing(&self, what: What) -> Passing {
        Passing { seen: self.clone(), what }
    }

    /// Where the session is, and that it has begun.
    pub(crate) fn step(&self, step: &Step) {
        if let Step::Ready { target, reused_agent: _ } = step {
            let mut known = self.known();
            known.target.clone_from(target);
            known.since = Instant::now();
        }
    }

    /// How the session does.
    pub(crate) fn state(&self, state: &State) {
        self.known().state.clone_from(state);
    }

    /// A port of the target is the program's, or what `filter` says of it.
    pub(crate) fn port(&self, port: u16, local: SocketAddr, mode: Mode, filter: Option<Arc<str>>) -> Passing {
        self.known().ports.insert(port, (local, mode, filter));
        self.passing(What::Port(port))
    }

    /// A connection that arrived at the target was given to the program.
    pub(crate) fn request(&self, port: u16, peer: SocketAddr, mode: Mode) -> Passing {
        let mut known = self.known();
        let number = known.next();
        push(&mut known.requests, REQUESTS, Request { number, port, peer, mode, since: Instant::now(), open: true });
        drop(known);
        self.passing(What::Request(number))
    }

    /// The program has connected to `remote`.
    pub(crate) fn connection(&self, remote: SocketAddr) -> Passing {
        let mut known = self.known();
        let number = if known.connections.len() < CONNECTIONS {
            let number = known.next();
            known.connections.insert(number, (remote, Instant::now()));
            Some(number)
        } else {
            known.uncounted += 1;
            None
        };
        drop(known);
        self.passing(What::Connection(number))
    }

    /// The program has opened a file of the target.
    pub(crate) fn file(&self, path: &[u8], writes: bool) {
        let mut known = self.known();
        let before = known.files.iter().rposition(|file| file.path == path);
        let before = before.and_then(|place| known.files.remove(place));
        let (wrote, times) = before.map_or((false, 0), |file| (file.writes, file.times));
        let file = File { path: path.to_owned(), writes: writes || wrote, last: Instant::now(), times: times + 1 };
        push(&mut known.files, FILES, file);
    }

    /// The agent has answered a ping after this time.
    pub(crate) fn ping(&self, answered_after: Duration) {
        push(&mut self.known().pings, PINGS, answered_after);
    }

    /// A debugger holds a program, until this is dropped.
    pub(crate) fn standing(&self) -> Passing {
        self.known().standing += 1;
        self.passing(What::Standing)
    }

    /// Fills in what of a view is known here.
    pub(crate) fn show(&self, view: &mut view::View) {
        let known = self.known();
        let ago = |since: &Instant| since.elapsed().as_secs();
        view.target.clone_from(&known.target);
        (view.state, view.reason) = view::state(&known.state);
        view.standing = known.standing > 0;
        view.seconds = ago(&known.since);
        let ports = known.ports.iter();
        view.ports = ports
            .map(|(port, (local, mode, filter))| view::Port {
                port: *port,
                local: *local,
                mode: mode.into(),
                filter: filter.as_deref().map(str::to_owned),
            })
            .collect();
        let requests = known.requests.iter().rev();
        view.requests = requests
            .map(|Request { number: _, port, peer, mode, since, open }| view::Request {
                port: *port,
                peer: *peer,
                mode: mode.into(),
                seconds_ago: ago(since),
                open: *open,
            })
            .collect();
        let connections = known.connections.values().rev();
        view.connections = connections
            .map(|(remote, since)| view::Connection { remote: remote.to_string(), seconds: ago(since) })
            .collect();
        view.more_connections = known.uncounted;
        let files = known.files.iter().rev();
        view.files = files
            .map(|File { path, writes, last, times }| view::File {
                path: harmless_bytes(path),
                writes: *writes,
                seconds_ago: ago(last),
                times: *times,
            })
            .collect();
        view.latency = view::Latency::of(known.pings.iter().copied());
    }
}

impl Known {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let mut known = self.seen.known();
        match self.what {
            What::Request(number) => {
                if let Some(request) = known.requests.iter_mut().rfind(|request| request.number == number) {
                    request.open = false;
                }
            }
            What::Connection(Some(number)) => drop(known.connections.remove(&number)),
            What::Connection(None) => known.uncounted = known.uncounted.saturating_sub(1),
            What::Port(port) => drop(known.ports.remove(&port)),
            What::Standing => known.standing = known.standing.saturating_sub(1),
        }
    }
}

/// Appends to what has at most `limit` entries; the oldest goes.
fn push<T>(queue: &mut VecDeque<T>, limit: usize, entry: T) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(entry);
}

#[cfg(test)]
mod tests;
