//! A layer's connection: its greeting, then one answer to each request.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    sync::Arc,
};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use protocol::{
    Errno, PROTOCOL_VERSION,
    codec::{self, MESSAGE_LIMIT},
    link::{ToLayer, ToSession},
};
use tokio::{io::Interest, net::UnixStream};

use super::{Attached, Proxy, encode};
use crate::{advice, descriptors, event::Event, outgoing, supervisor};

/// One connection of a layer.
pub(super) struct Connection {
    proxy: Arc<Proxy>,
    stream: UnixStream,
    /// Takes one message at a time.
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn new(proxy: Arc<Proxy>, stream: UnixStream) -> Self {
        Self { proxy, stream, buffer: vec![0; MESSAGE_LIMIT] }
    }

    /// Answers until the layer goes.
    pub(super) async fn serve(mut self) {
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
                advice::skipped::started(&self.proxy, pid.unsigned_abs(), &executable).await;
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
            ToSession::WrittenHere(path) => {
                advice::written::here(proxy, &path);
                Ok(())
            }
            ToSession::Connect(held) => {
                let Some(hold) = proxy.hold.clone() else { return Ok(()) };
                let carried = outgoing::carry(held, outgoing::Ways::of(proxy, hold), |_| {});
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
