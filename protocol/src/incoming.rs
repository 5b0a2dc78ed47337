//! Connections that arrive at the target and concern the local program.

pub mod filter;

use std::net::SocketAddr;

use bincode::{Decode, Encode};

pub use filter::Filter;

/// How traffic that arrives at the target reaches the local program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Mode {
    /// The program gets a copy, its answers are dropped, the target serves as before.
    Mirror,
    /// The program answers instead of the target.
    Steal,
}

/// Head of a stream, session to agent, that keeps one port subscribed for as long as the stream is open.
///
/// The agent's first and only message is `Result<Subscribed, SubscribeError>`. Either side finishing the stream ends
/// the subscription; traffic flows to the target again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Subscribe {
    /// TCP port in the target's network namespace.
    pub port: u16,
    /// Copy or take over.
    pub mode: Mode,
    /// Probes of the kubelet that stay with the target even when stealing.
    pub spared: Probes,
    /// Only these HTTP requests are taken over, each by itself; everything else stays with the target. Several sessions may
    /// filter one port: the oldest whose filter matches gets the request. Not with [`Mode::Mirror`].
    pub filter: Option<Filter>,
}

/// Which probes of the kubelet a port may get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Probes {
    /// Any: HTTP requests of the kubelet (User-Agent `kube-probe/…`), connections that end without a byte, and those that
    /// the target's own container makes.
    pub any: bool,
    /// Calls of gRPC's health service by the kubelet. Connections of HTTP/2 are looked into, request by request.
    pub grpc: bool,
    /// HTTPS requests of the kubelet: connections of TLS that name no server (SNI), since it goes to an address.
    pub https: bool,
}

/// The subscription is in force.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Subscribed {
    /// How the agent gets at the traffic.
    pub means: Means,
    /// Whether a process of the target listens on the port right now.
    pub target_listens: bool,
}

/// The kernel facility behind a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Means {
    /// A BPF `sk_lookup` link; dies with the agent's file descriptor.
    SkLookup,
    /// An nftables table owned by the agent's netlink socket; dies with it.
    Nftables,
    /// An `AF_PACKET` socket; the target's traffic is not touched.
    Capture,
}

/// Why a port cannot be subscribed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SubscribeError {
    /// Another session steals it, and one of the two has no filter.
    Taken {
        /// The other session's [`crate::control::Hello::client`] (`user@host`).
        owner: String,
        /// Whether the other one filters: it is this session that wants all requests.
        filtered: bool,
    },
    /// Another agent in the target's network namespace steals it; agents do not share ports.
    OtherAgent,
    /// The filter does not compile, or asks for what this agent does not do; the reason.
    Filter(String),
    /// The kernel refused each means that was tried; one line per means, with its errno.
    Refused {
        /// What was tried and what the kernel said.
        attempts: Vec<String>,
    },
}

/// Head of a stream that carries one connection that arrived at the target, agent to session.
///
/// Bytes of the client follow at once. The session's first message is [`Verdict`]; after `Accepted` the stream
/// carries what the program answers (when stealing; a mirrored connection carries nothing back).
///
/// Of a filtered connection only the requests that match follow, after the verdict, in the HTTP version of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Incoming {
    /// Subscribed port that it arrived at.
    pub port: u16,
    /// How it was got.
    pub mode: Mode,
    /// The client that connected.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// Whether it carries only the requests that matched the filter.
    pub filtered: bool,
}

/// What the session says of an [`Incoming`] connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Verdict {
    /// The program has accepted it.
    Accepted,
    /// Nobody listens here any more: hand it to the original program, with all bytes that were read so far.
    PassThrough,
}

/// Bytes of a stolen connection that the agent keeps until the verdict, so that nothing is lost on `PassThrough`.
/// It stops reading from the client beyond that.
pub const REPLAY_LIMIT: usize = 64 * 1024;
