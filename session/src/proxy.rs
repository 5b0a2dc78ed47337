//! The session's end of the layers' socket: one task per connection, one request at a time on each.

use std::{
    collections::HashSet,
    fs, io,
    io::{IoSlice, IoSliceMut},
    net::SocketAddr,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::PermissionsExt,
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use link::Link;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, listen,
    recvmsg, sendmsg, socket,
};
use protocol::{
    Errno, PROTOCOL_VERSION,
    codec::{self, MESSAGE_LIMIT},
    link::{LoopbackRoute, SECRET_LEN, ToLayer, ToSession},
    policy::Policy,
};
use tokio::{
    io::Interest,
    net::{UnixListener, UnixStream},
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    descriptors::{self, Copies, Files},
    environment::Handed,
    event::{Event, Observer},
    hold::Hold,
    incoming::Listeners,
    names::AddressBook,
    nameservers::NameServers,
    outgoing, ports,
    programs::Programs,
    supervisor,
};

/// Connections that may wait to be accepted: a program may start many threads and children at once.
const BACKLOG: i32 = 1024;

/// What every connection's task works with.
pub(crate) struct Proxy {
    pub(crate) link: Link,
    pub(crate) policy: Policy,
    pub(crate) secret: [u8; SECRET_LEN],
    /// For processes that import it themselves.
    pub(crate) environment: Handed,
    pub(crate) hold: Option<Arc<Hold>>,
    pub(crate) book: AddressBook,
    pub(crate) name_servers: Arc<NameServers>,
    /// Sockets of supervised programs.
    pub(crate) sockets: supervisor::Sockets,
    /// Nothing when incoming traffic is left alone.
    pub(crate) listeners: Option<Arc<Listeners>>,
    /// The mount of the target's files; nothing where there is none, or where nothing is remote.
    pub(crate) files: Option<Files>,
    /// Files that are copies, where there is no mount.
    pub(crate) copies: Copies,
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

/// The socket and its directory; both are removed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    directory: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// Makes a `SOCK_SEQPACKET` socket, mode 0600, in a fresh directory, mode 0700, under `parent`.
    pub(crate) fn new(parent: &Path, name: &str) -> io::Result<Self> {
        let directory = parent.join(format!("mirrord-{name}"));
        fs::DirBuilder::new().create(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        let path = directory.join("layer.sock");
        let made = (|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
            bind(socket.as_raw_fd(), &UnixAddr::new(&path)?)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            listen(&socket, Backlog::new(BACKLOG)?)?;
            // Only accept(2) and readiness are used of the listener: its socket type does not matter to it.
            UnixListener::from_std(socket.into())
        })();
        match made {
            Ok(listener) => Ok(Self { directory, listener }),
            Err(error) => {
                drop(fs::remove_dir_all(&directory)); // the first error is the one that matters
                Err(error)
            }
        }
    }

    /// Path for the layers.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("layer.sock")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(directory = %self.directory.display(), %error, "cannot remove the session's directory");
        }
    }
}

/// Accepts layers until cancelled.
pub(crate) async fn serve(proxy: Arc<Proxy>, socket: Socket) {
    let own_uid = nix::unistd::getuid().as_raw();
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => {
                if stream.peer_cred().is_ok_and(|peer| peer.uid() == own_uid) {
                    let served = Connection { proxy: proxy.clone(), stream, buffer: vec![0; MESSAGE_LIMIT] }.serve();
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

struct Connection {
    proxy: Arc<Proxy>,
    stream: UnixStream,
    /// Takes one message at a time.
    buffer: Vec<u8>,
}

impl Connection {
    async fn serve(mut self) {
        match self.greet().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::debug!(%error, "a layer did not greet"),
        }
        let _attached = Attached::new(&self.proxy.attached);
        loop {
            match self.receive().await {
                Ok(Some((message, descriptor))) => {
                    if let Err(error) = self.answer(message, descriptor).await {
                        tracing::debug!(%error, "a layer was not answered");
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "a layer's message was not understood");
                    break;
                }
            }
        }
        if let Some(listeners) = &self.proxy.listeners {
            listeners.check_soon();
        }
    }

    /// The first message: whether it is one of ours.
    async fn greet(&mut self) -> io::Result<bool> {
        let Some((ToSession::Hello { version, secret, first, executable }, None)) = self.receive().await? else {
            return Ok(false);
        };
        // Equal length, constant time: the secret does not leak by timing.
        let same = secret.iter().zip(self.proxy.secret).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
        if !same || version != PROTOCOL_VERSION {
            let reason = if same {
                format!("the layer speaks protocol {version}, the session {PROTOCOL_VERSION}: mixed installations?")
            } else {
                "the session's secret is wrong: the environment of another session?".to_owned()
            };
            self.proxy.observer.tell(Event::Warning(reason.clone()));
            self.send(&ToLayer::Refused(reason), None).await?;
            return Ok(false);
        }
        if first {
            tracing::debug!(executable = %String::from_utf8_lossy(&executable).escape_debug(), "a layer reported in");
            self.proxy.reported.send_modify(|count| *count += 1);
            if let Some(pid) = self.stream.peer_cred().ok().and_then(|peer| peer.pid()) {
                self.proxy.programs.add(pid.unsigned_abs());
            }
        }
        let policy = first.then(|| Box::new(self.proxy.policy.clone()));
        self.send(&ToLayer::Welcome(policy), None).await?;
        Ok(true)
    }

    async fn answer(&self, message: ToSession, descriptor: Option<OwnedFd>) -> io::Result<()> {
        let proxy = &self.proxy;
        match message {
            ToSession::Hello { .. } => Err(io::Error::new(io::ErrorKind::InvalidData, "a second greeting")),
            ToSession::Operation(operation) => {
                let (answer, blob) = match descriptors::perform(proxy, operation).await {
                    Ok(answered) => answered,
                    Err(error) => {
                        tracing::debug!(%error, "operation failed on the way");
                        (encode(&Err::<(), Errno>(Errno::EIO))?, None)
                    }
                };
                self.send(&ToLayer::Answer(answer), blob.as_ref().map(AsFd::as_fd)).await
            }
            ToSession::Open(open) => match descriptors::open(proxy, &open).await {
                Ok((opened, lent)) => self.send(&ToLayer::Opened(Ok(opened)), Some(lent.as_fd())).await,
                Err(errno) => self.send(&ToLayer::Opened(Err(errno)), None).await,
            },
            ToSession::Environment => {
                self.send(&ToLayer::Environment, Some(proxy.environment.descriptor()?.as_fd())).await
            }
            ToSession::Supervise { executable } => {
                let supervised = match descriptor {
                    Some(listener) => supervisor::supervise(proxy, listener, &executable),
                    None => Err(Errno(libc::EBADF)),
                };
                self.send(&ToLayer::Supervised(supervised), None).await
            }
            ToSession::Connect(held) => {
                let Some(hold) = proxy.hold.clone() else { return Ok(()) };
                let carried = outgoing::carry(held, proxy.link.clone(), hold, proxy.book.clone(), |_| {});
                proxy.tasks.spawn(proxy.cancel.clone().run_until_cancelled_owned(carried));
                Ok(())
            }
            ToSession::Loopback(address) => {
                let route = proxy.loopback(address).await;
                self.send(&ToLayer::Loopback(route), None).await
            }
            ToSession::Listen(listen) => {
                let heard = match &proxy.listeners {
                    Some(listeners) => listeners.listen(listen).await,
                    None => Ok(()),
                };
                self.send(&ToLayer::Listening(heard), None).await
            }
            ToSession::Names { peer } => self.send(&ToLayer::Names(proxy.book.look_up(*peer.ip())), None).await,
            ToSession::Bound(actual) => {
                let requested = proxy.listeners.as_ref().and_then(|listeners| listeners.requested(actual));
                self.send(&ToLayer::Bound(requested), None).await
            }
            ToSession::Synchronise { copy, lasting } => {
                let synchronised = proxy.copies.synchronise(copy, lasting).await;
                self.send(&ToLayer::Synchronised(synchronised), None).await
            }
            ToSession::NameServer(server) => {
                self.send(&ToLayer::NameServer(proxy.name_servers.stand_in(server)), None).await
            }
        }
    }

    /// The next message, and the descriptor beside it; nothing at the end.
    async fn receive(&mut self) -> io::Result<Option<(ToSession, Option<OwnedFd>)>> {
        let Self { stream, buffer, .. } = self;
        let (len, descriptor) = stream
            .async_io(Interest::READABLE, || {
                let mut into = [IoSliceMut::new(buffer)];
                let mut beside = nix::cmsg_space!([RawFd; 1]);
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
                let received = recvmsg::<()>(stream.as_raw_fd(), &mut into, Some(&mut beside), flags)?;
                let descriptor = received.cmsgs()?.find_map(|message| match message {
                    ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
                    _ => None,
                });
                // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
                #[expect(unsafe_code, reason = "takes what came beside a message")]
                let descriptor = descriptor.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
                if received.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "message over the limit"));
                }
                Ok((received.bytes, descriptor))
            })
            .await?;
        if len == 0 {
            return Ok(None);
        }
        let message = codec::decode(&self.buffer[..len]);
        message
            .map(|message| Some((message, descriptor)))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Sends one message, and a descriptor beside it.
    async fn send(&self, message: &ToLayer, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let bytes = encode(message)?;
        let descriptors: Vec<_> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
        self.stream
            .async_io(Interest::WRITABLE, || {
                let from = [IoSlice::new(&bytes)];
                let rights = [ControlMessage::ScmRights(&descriptors)];
                let beside = if descriptors.is_empty() { &[][..] } else { &rights[..] };
                let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                sendmsg::<UnixAddr>(self.stream.as_raw_fd(), &from, beside, flags, None)?;
                Ok(())
            })
            .await
    }
}

pub(crate) fn encode<T: codec::Encode>(message: &T) -> io::Result<Vec<u8>> {
    codec::encode(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}
