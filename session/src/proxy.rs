//! The session's end of the layers' socket: one task per connection, one request at a time on each.

mod connection;
mod socket;
mod wire;

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use link::Link;
use protocol::{
    codec,
    link::{LoopbackRoute, SECRET_LEN},
    policy::Policy,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::Connection;
pub(crate) use self::{
    socket::{FOLDER_PREFIX, Socket},
    wire::{Wire, refusal},
};
use crate::{
    advice::Advice,
    descriptors::{Copies, Files},
    environment::Handed,
    event::Observer,
    hold::Hold,
    incoming::Listeners,
    names::AddressBook,
    nameservers::NameServers,
    ports,
    programs::Programs,
    seen::Seen,
    supervisor,
};

/// What every connection's task works with.
pub(crate) struct Proxy {
    pub(crate) link: Link,
    pub(crate) policy: Policy,
    pub(crate) secret: [u8; SECRET_LEN],
    /// For processes that import it themselves.
    pub(crate) environment: Handed,
    pub(crate) hold: Option<Arc<Hold>>,
    pub(crate) book: AddressBook,
    pub(crate) seen: Seen,
    pub(crate) name_servers: Arc<NameServers>,
    /// Sockets of supervised programs.
    pub(crate) sockets: supervisor::Sockets,
    /// Nothing when incoming traffic is left alone.
    pub(crate) listeners: Option<Arc<Listeners>>,
    /// The mount of the target's files; nothing where there is none, or where nothing is remote.
    pub(crate) files: Option<Files>,
    /// Files that are copies, where there is no mount.
    pub(crate) copies: Copies,
    /// What the user has been told once.
    pub(crate) advice: Advice,
    pub(crate) observer: Observer,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
    /// How many processes have said hello.
    pub(crate) reported: watch::Sender<u64>,
    /// Open connections of layers: 0 when no process is there.
    pub(crate) attached: watch::Sender<usize>,
    /// The processes themselves.
    pub(crate) programs: Programs,
    /// Roots of process trees whose loopback ports stay local: debug adapters.
    pub(crate) debuggers: Mutex<Vec<u32>>,
}

impl Proxy {
    /// Where a connection to a loopback address goes.
    pub(crate) async fn loopback(&self, address: SocketAddr) -> LoopbackRoute {
        if let Some(actual) = self.listeners.as_ref().and_then(|listeners| listeners.own_listener(address)) {
            return LoopbackRoute::Local(actual);
        }
        let debuggers = self.debuggers.lock().expect("no panic while held").clone();
        if debuggers.is_empty() {
            return LoopbackRoute::Remote;
        }
        // Reading procfs blocks; a failure to look is a failure to find.
        let ports = tokio::task::spawn_blocking(move || ports::ports_of_trees(&debuggers)).await;
        let ports: HashSet<u16> = ports.unwrap_or_default();
        if ports.contains(&address.port()) { LoopbackRoute::Local(address) } else { LoopbackRoute::Remote }
    }
}

/// Accepts layers until cancelled.
pub(crate) async fn serve(proxy: Arc<Proxy>, socket: Socket) {
    let own_uid = nix::unistd::getuid().as_raw();
    loop {
        match socket.accept().await {
            Ok(stream) => {
                if stream.peer_cred().is_ok_and(|peer| peer.uid() == own_uid) {
                    let served = Connection::new(proxy.clone(), stream).serve();
                    let served = proxy.cancel.clone().run_until_cancelled_owned(served);
                    proxy.tasks.spawn(served);
                }
            }
            // Out of descriptors, most likely: give others time to close some.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a layer");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// Counts a connection for as long as it lives, however it ends.
pub(crate) struct Attached(watch::Sender<usize>);

impl Attached {
    pub(crate) fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

pub(crate) fn encode<T: codec::Encode>(message: &T) -> io::Result<Vec<u8>> {
    codec::encode(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}
