//! Who gets the connections of a subscribed port.

use std::{net::SocketAddr, sync::Arc};

use link::Link;
use protocol::{
    control::StreamHead,
    incoming::{Incoming, Mode, Probes},
};
use tokio_util::sync::CancellationToken;

use super::filter::Filter;

/// A session's interest in a port.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    /// How the session introduced itself.
    pub(crate) client: Arc<str>,
    /// Where connections are sent.
    pub(crate) link: Link,
    /// Cancelled when the session is over.
    pub(crate) ended: CancellationToken,
    /// Probes of the kubelet that stay with the target.
    pub(crate) spared: Probes,
    /// Which requests it wants; `None`: every connection.
    pub(crate) filter: Option<Arc<Filter>>,
}

impl Subscriber {
    /// Opens a stream for a connection that arrived, or for those of its requests that the filter picks.
    pub(crate) fn open(&self, mode: Mode, peer: SocketAddr, local: SocketAddr) -> Result<link::Stream, link::Closed> {
        let filtered = self.filter.is_some();
        self.link.open(&StreamHead::Incoming(Incoming { port: local.port(), mode, peer, local, filtered }))
    }
}
