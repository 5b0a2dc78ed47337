//! From a byte stream that leads to an agent to a link that works: TLS, greetings, and the first request behind them.

use std::io;

use link::{Accept, Identity, Link, PublicKey, Role, Stream, tls};
use protocol::{
    PROTOCOL_VERSION, codec,
    control::{Hello, StreamHead, Welcome},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{environment, keeper::LEASE};

/// A link whose agent has greeted.
pub(crate) struct Connected {
    pub(crate) link: Link,
    pub(crate) accept: Accept,
    /// The agent's answer to [`environment::request`], on its way.
    pub(crate) environment: Stream,
}

/// Connects over `io`. One round trip for TLS; the greeting and the first request travel with its last message.
///
/// Gives the agent's key, too: the caller compares it with what it learns on another way.
pub(crate) async fn connect<IO>(
    io: IO,
    identity: &Identity,
    pinned: Option<&PublicKey>,
) -> io::Result<(Connected, PublicKey)>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, key) = tls::connect(io, identity, pinned).await.map_err(into_io)?;
    let hello = Hello {
        version: PROTOCOL_VERSION,
        client: whoami(),
        lease_ms: u32::try_from(LEASE.as_millis()).expect("seconds"),
        resume: None,
    };
    let hello = codec::encode(&hello).map_err(io::Error::other)?;
    let (link, mut accept) = Link::start(stream, Role::Session, hello);
    let request = StreamHead::Operation(environment::request());
    let environment = link.open(&request).map_err(io::Error::other)?;
    // In TLS 1.3 our side is done before the agent has judged our key: its greeting is the proof.
    let welcome = accept.peer_hello().await.map_err(io::Error::other)?;
    let Welcome { version, session, resumed: _ } = codec::decode(&welcome).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("the agent's greeting is not understood: {error}"))
    })?;
    if version != PROTOCOL_VERSION {
        let text = format!("the agent speaks protocol {version}, this program {PROTOCOL_VERSION}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    tracing::debug!(session, agent = %key, "linked");
    Ok((Connected { link, accept, environment }, key))
}

fn into_io(error: tls::Error) -> io::Error {
    match error {
        tls::Error::Handshake(error) => error,
        tls::Error::Timeout => io::Error::new(io::ErrorKind::TimedOut, error),
        tls::Error::Configuration(_) => io::Error::other(error),
    }
}

/// `user@host`, for people whom this session gets in the way of.
pub(crate) fn whoami() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok());
    format!("{}@{}", user.as_deref().unwrap_or("somebody"), host.as_deref().unwrap_or("somewhere"))
}
