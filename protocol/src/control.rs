//! Session and agent: who they are to each other, and what a stream is for.
//!
//! After TLS both sides send their `Hello` frame at once and the session sends its first requests behind it: nobody
//! waits for a greeting. A message on a stream is its length (4 bytes, little endian, at most
//! [`crate::codec::MESSAGE_LIMIT`]) and its encoding.

use bincode::{Decode, Encode};

use crate::{incoming::Incoming, incoming::Subscribe, outgoing::Connect};

/// The session's first frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// The session's [`crate::PROTOCOL_VERSION`].
    pub version: u32,
    /// Who it is, for others whom it gets in the way of: `user@host`.
    pub client: String,
    /// The agent gives the session up when it hears nothing for this long, in milliseconds.
    pub lease_ms: u32,
    /// A session that was cut off and comes back. Nothing is resumed yet: the agent answers `resumed: false`.
    pub resume: Option<Resume>,
}

/// Names a session that existed before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Resume {
    /// [`Welcome::session`] of the connection that was cut.
    pub session: u64,
}

/// The agent's first frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The agent's [`crate::PROTOCOL_VERSION`].
    pub version: u32,
    /// Number of this session at this agent; never 0.
    pub session: u64,
    /// Whether a [`Resume`] was honoured.
    pub resumed: bool,
}

/// What a stream is for; payload of an `Open` frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum StreamHead {
    /// Session to agent: an encoded [`crate::operation::Operation`], which the session has not opened.
    Operation(Vec<u8>),
    /// Session to agent: an outgoing connection.
    Connect(Connect),
    /// Session to agent: keep a port subscribed.
    Subscribe(Subscribe),
    /// Agent to session: a connection that arrived at a subscribed port.
    Incoming(Incoming),
}
