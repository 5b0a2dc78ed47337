//! Programs with resolvers of their own: what they send to the target's name servers goes to us, and we have it sent
//! from there.
//!
//! ```text
//! program ── UDP ── token:port, one for each name server ── Query ── agent ── UDP ── name server
//! ```
//!
//! The token is an address of ours on loopback that the address book translates back, so the program sees the name
//! server as its peer.

mod question;

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex},
    time::Duration,
};

use link::Link;
use protocol::{
    Errno, codec,
    control::StreamHead,
    dns::{QUERY_LIMIT, Query, QueryAnswer},
    link::Names,
    operation::Operation,
    policy::Filter,
};
use rules::name::Resolver;
use tokio::{net::UdpSocket, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::question::Question;
use crate::names::{AddressBook, Entry, random_token};

/// Port of name servers.
const PORT: u16 = 53;

/// Name servers that are stood in for at most: a resolv.conf names three.
const SERVER_LIMIT: usize = 64;

/// Questions under way at once; programs repeat what is dropped beyond that.
const QUESTION_LIMIT: usize = 256;

/// How long this machine's own name server may take for a name that the user keeps local.
const LOCAL_LIMIT: Duration = Duration::from_secs(5);

/// What standing in needs.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) book: AddressBook,
    /// Names are resolved at the target at all.
    pub(crate) enabled: bool,
    /// Splits names.
    pub(crate) filter: Option<Filter>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

/// The name servers that programs have asked so far.
pub(crate) struct NameServers {
    parts: Parts,
    known: Mutex<HashMap<SocketAddr, StandIn>>,
    questions: Semaphore,
}

struct StandIn {
    address: SocketAddrV4,
    _entry: Entry,
}

impl NameServers {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts, known: Mutex::default(), questions: Semaphore::new(QUESTION_LIMIT) })
    }

    /// Whether datagrams to `server`, in plain form, are for us.
    pub(crate) fn is_meant(&self, server: SocketAddr) -> bool {
        let ip = server.ip();
        self.parts.enabled && server.port() == PORT && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
    }

    /// The address to send to instead. In an asynchronous context only.
    ///
    /// Nothing: leave it as it is.
    pub(crate) fn stand_in(self: &Arc<Self>, server: SocketAddr) -> Option<SocketAddrV4> {
        if !self.is_meant(server) {
            return None;
        }
        let mut known = self.known.lock().expect("no panic while held");
        if let Some(stand_in) = known.get(&server) {
            return Some(stand_in.address);
        }
        if known.len() >= SERVER_LIMIT {
            tracing::warn!(%server, "too many name servers: this one is asked from here");
            return None;
        }
        let (socket, address) = listen().inspect_err(|error| tracing::warn!(%error, "a port for DNS")).ok()?;
        let names = Names { local: (Ipv4Addr::UNSPECIFIED, 0).into(), peer: server };
        let entry = self.parts.book.enter(*address.ip(), names);
        tracing::debug!(%server, %address, "questions to a name server go to the target");
        known.insert(server, StandIn { address, _entry: entry });
        let served = self.clone().serve(server, socket);
        self.parts.tasks.spawn(self.parts.cancel.clone().run_until_cancelled_owned(served));
        Some(address)
    }

    async fn serve(self: Arc<Self>, server: SocketAddr, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut buffer = vec![0; QUERY_LIMIT + 1];
        loop {
            let (len, from) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => {
                    // A program that has closed its socket before the answer came.
                    tracing::debug!(%error, "a DNS socket");
                    continue;
                }
            };
            let message = buffer[..len].to_vec();
            if len > QUERY_LIMIT || !is_sent_by_our_user(from) {
                tracing::debug!(%from, len, "a datagram that is none of ours is dropped");
                continue;
            }
            let (servers, socket) = (self.clone(), socket.clone());
            let answered = async move {
                let Ok(_permit) = servers.questions.try_acquire() else {
                    return tracing::debug!("too many questions at once: one is dropped");
                };
                if let Some(answer) = servers.answer(server, message).await
                    && let Err(error) = socket.send_to(&answer, from).await
                {
                    tracing::debug!(%error, "an answer was not taken");
                }
            };
            self.parts.tasks.spawn(self.parts.cancel.clone().run_until_cancelled_owned(answered));
        }
    }

    /// The answer; nothing when none came, as with a real server that is silent.
    async fn answer(&self, server: SocketAddr, message: Vec<u8>) -> Option<Vec<u8>> {
        let question = Question::read(&message)?;
        let (resolver, why) = rules::name::decide(true, self.parts.filter.as_ref(), question.name.as_bytes());
        tracing::debug!(name = %question.name.escape_debug(), ?resolver, %why, "a question");
        let failure = question.failure(&message);
        let answered = match resolver {
            Resolver::Local if !question.is_numeric() => ask_here(&message).await.map_err(Errno::from),
            _ => ask(&self.parts.link, &Query { server, message }).await,
        };
        match answered {
            Ok(answer) => Some(answer),
            Err(Errno::ETIMEDOUT) => None,
            Err(errno) => {
                tracing::debug!(%server, errno = errno.0, "a question could not be asked");
                Some(failure)
            }
        }
    }
}

/// Has the agent ask.
async fn ask(link: &Link, query: &Query) -> Result<Vec<u8>, Errno> {
    let operation = codec::encode(&Operation::from(query.clone())).map_err(|_| Errno(libc::EMSGSIZE))?;
    let mut stream = link.open(&StreamHead::Operation(operation)).map_err(|_| Errno(libc::ENETDOWN))?;
    let answer: Result<QueryAnswer, Errno> = stream.read_message().await.map_err(Errno::from)?;
    answer.map(|answer| answer.message)
}

/// Asks this machine's own name server.
async fn ask_here(message: &[u8]) -> io::Result<Vec<u8>> {
    let text = fs::read_to_string("/etc/resolv.conf")?;
    let server = text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    });
    let server = server.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect((server, PORT)).await?;
    socket.send(message).await?;
    let mut answer = vec![0; QUERY_LIMIT];
    let received = async {
        loop {
            let len = socket.recv(&mut answer).await?;
            if len >= 2 && answer[..2] == message[..2] {
                return Ok::<_, io::Error>(len);
            }
        }
    };
    let len = tokio::time::timeout(LOCAL_LIMIT, received)
        .await
        .map_err(|_| io::Error::from_raw_os_error(libc::ETIMEDOUT))??;
    answer.truncate(len);
    Ok(answer)
}

/// A socket at a fresh token.
fn listen() -> io::Result<(UdpSocket, SocketAddrV4)> {
    let token = random_token();
    let socket = std::net::UdpSocket::bind((token, 0))?;
    socket.set_nonblocking(true)?;
    let port = socket.local_addr()?.port();
    Ok((UdpSocket::from_std(socket)?, SocketAddrV4::new(token, port)))
}

/// Whether the socket behind a loopback address belongs to our own user: nobody else may ask the cluster through us.
/// proc_net(5)
fn is_sent_by_our_user(from: SocketAddr) -> bool {
    let own = nix::unistd::getuid().as_raw();
    ["/proc/net/udp", "/proc/net/udp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .any(|table| table.lines().skip(1).any(|line| owner(line) == Some((from.port(), own))))
}

/// Port and user of one line of the table: `sl local_address rem_address st queues tr:when retrnsmt uid …`.
fn owner(line: &str) -> Option<(u16, u32)> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, fields.nth(5)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_our_own_users_sockets_are_served() {
        let ours = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        let from = ours.local_addr().expect("bound");
        assert!(is_sent_by_our_user(from));
        drop(ours);
        assert!(!is_sent_by_our_user(from));
        let line =
            "  117: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 17 2 0 0";
        assert_eq!(owner(line), Some((53, 101)));
        assert_eq!(owner("sl local_address"), None);
    }
}
