//! Connections that the program opens and that leave from the target.

use std::net::SocketAddr;

use bincode::{Decode, Encode};

/// Head of a stream that carries one outgoing TCP connection, session to agent.
///
/// The agent's first message on the stream is `Result<Connected, Errno>` ([`crate::control`]); after `Ok` the stream
/// carries the connection's bytes, half-close included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Connect {
    /// Where to, as seen from the target's network namespace.
    pub destination: SocketAddr,
}

/// The target's kernel has established the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Connected {
    /// The connection's own address in the cluster: what getsockname(2) shall say.
    pub local: SocketAddr,
}
