//! A layer's connection: its greeting, then one answer to each request.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use protocol::{
    Errno,
    link::{ToLayer, ToSession},
};
use tokio::net::UnixStream;

use super::{
    Attached, Proxy, encode,
    wire::{Wire, refusal},
};
use crate::{advice, descriptors, event::Event, outgoing, supervisor};

/// One connection of a layer.
pub(super) struct Connection {
    proxy: Arc<Proxy>,
    wire: Wire,
}

impl Connection {
    pub(super) fn new(proxy: Arc<Proxy>, stream: UnixStream) -> Self {
        Self { proxy, wire: Wire::new(stream) }
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
            match self.wire.receive().await {
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
        let Some((ToSession::Hello { version, secret, first, executable }, None)) = self.wire.receive().await? else {
            return Ok(false);
        };
        if let Some(reason) = refusal(version, &secret, &self.proxy.secret) {
            self.proxy.observer.tell(Event::Warning(reason.clone()));
            self.wire.send(&ToLayer::Refused(reason), None).await?;
            return Ok(false);
        }
        if first {
            tracing::debug!(executable = %String::from_utf8_lossy(&executable).escape_debug(), "a layer reported in");
            self.proxy.reported.send_modify(|count| *count += 1);
            if let Some(pid) = self.wire.peer() {
                self.proxy.programs.add(pid);
                advice::skipped::started(&self.proxy, pid, &executable).await;
            }
        }
        let policy = first.then(|| Box::new(self.proxy.policy.clone()));
        self.wire.send(&ToLayer::Welcome(policy), None).await?;
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
                self.wire.send(&ToLayer::Answer(answer), blob.as_ref().map(AsFd::as_fd)).await
            }
            ToSession::Open(open) => match descriptors::open(proxy, &open).await {
                Ok((opened, lent)) => self.wire.send(&ToLayer::Opened(Ok(opened)), Some(lent.as_fd())).await,
                Err(errno) => self.wire.send(&ToLayer::Opened(Err(errno)), None).await,
            },
            ToSession::Environment => {
                self.wire.send(&ToLayer::Environment, Some(proxy.environment.descriptor()?.as_fd())).await
            }
            ToSession::Supervise { executable } => {
                let supervised = match descriptor {
                    Some(listener) => supervisor::supervise(proxy, listener.into(), &executable),
                    None => Err(Errno(libc::EBADF)),
                };
                self.wire.send(&ToLayer::Supervised(supervised), None).await
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
                self.wire.send(&ToLayer::Loopback(route), None).await
            }
            ToSession::Listen(listen) => {
                let heard = match &proxy.listeners {
                    Some(listeners) => listeners.listen(listen).await,
                    None => Ok(()),
                };
                self.wire.send(&ToLayer::Listening(heard), None).await
            }
            ToSession::Names { peer } => self.wire.send(&ToLayer::Names(proxy.book.look_up(*peer.ip())), None).await,
            ToSession::Bound(actual) => {
                let requested = proxy.listeners.as_ref().and_then(|listeners| listeners.requested(actual));
                self.wire.send(&ToLayer::Bound(requested), None).await
            }
            ToSession::Synchronise { copy, lasting } => {
                let synchronised = proxy.copies.synchronise(copy, lasting).await;
                self.wire.send(&ToLayer::Synchronised(synchronised), None).await
            }
            ToSession::NameServer(server) => {
                self.wire.send(&ToLayer::NameServer(proxy.name_servers.stand_in(server)), None).await
            }
        }
    }
}
