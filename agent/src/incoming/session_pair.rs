//! For tests: both ends of a session, over memory.

use link::{Accept, Link, Role};
use protocol::incoming::Probes;
use tokio_util::sync::CancellationToken;

use super::Subscriber;

/// A session and the link that its program's side holds.
pub(super) struct Session {
    pub(super) subscriber: Subscriber,
    pub(super) program: Link,
    pub(super) arriving: Accept,
}

/// A session that introduced itself with `name`.
pub(super) fn session(name: &str) -> Session {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (link, _) = Link::start(ours, Role::Agent, vec![]);
    let (program, arriving) = Link::start(theirs, Role::Session, vec![]);
    let subscriber = Subscriber {
        client: name.into(),
        link,
        ended: CancellationToken::new(),
        spared: Probes::default(),
        filter: None,
    };
    Session { subscriber, program, arriving }
}
