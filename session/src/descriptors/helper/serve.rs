//! The helper's loop: what the session says, what the kernel asks.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    rc::Rc,
};

use nix::sys::socket::{MsgFlags, recv, send};
use protocol::{Errno, file::Close};
use tokio::io::unix::AsyncFd;

use super::{Helper, caller::Incoming, device::Device, interrupts::Interrupts};
use crate::descriptors::registered;
use crate::descriptors::wire::{HEAD_LEN, Moment, PAYLOAD_LIMIT, PRIME_BIT, Primed, ToHelper, ToSession, head};

/// Bytes taken from the socket at once.
const CHUNK: usize = PAYLOAD_LIMIT + HEAD_LEN;

/// The session's frames, as they come in.
struct Inbox {
    socket: Rc<AsyncFd<OwnedFd>>,
    bytes: Vec<u8>,
    chunk: Vec<u8>,
    /// Blobs of announcements that are under way.
    primes: std::collections::HashMap<u32, Rc<Incoming>>,
}

/// Whether the session is still there.
#[derive(PartialEq, Eq)]
enum Peer {
    There,
    Gone,
}

/// Serves until the session or the mount goes.
pub(super) async fn serve(helper: &Rc<Helper>) -> io::Result<()> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    let outbox = registered(socket.try_clone()?)?;
    let socket = Rc::new(registered(socket)?);
    let writer = helper.clone();
    helper.tasks.spawn_local(async move {
        if let Err(error) = send_out(&writer, &outbox).await {
            tracing::debug!(%error, "the session does not listen");
        }
    });
    let mut inbox =
        Inbox { socket, bytes: Vec::new(), chunk: vec![0; CHUNK], primes: std::collections::HashMap::new() };
    let interrupts = Rc::new(Interrupts::default());
    let mut buffer = Device::buffer();
    loop {
        let asked = tokio::select! {
            biased;
            peer = inbox.wait(helper) => {
                if peer? == Peer::Gone {
                    return Ok(());
                }
                None
            }
            request = helper.device.next(&mut buffer) => match request? {
                Some(request) => Some(request),
                None => return Ok(()),
            },
        };
        let Some(request) = asked else { continue };
        // What the session announced before it asked the kernel is there already: it must be known first.
        if inbox.drain(helper)? == Peer::Gone {
            return Ok(());
        }
        helper.take_up(request, &interrupts);
    }
}

/// Sends what is queued for the session.
async fn send_out(helper: &Helper, socket: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let out = helper.caller.take_out();
        if out.is_empty() {
            helper.caller.work.notified().await;
            continue;
        }
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            let sent = send(socket.get_ref().as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL);
            match sent {
                Ok(len) => rest = &rest[len..],
                Err(nix::Error::EAGAIN) => socket.writable().await?.clear_ready(),
                Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Inbox {
    /// Waits for something from the session, and takes it in.
    async fn wait(&mut self, helper: &Rc<Helper>) -> io::Result<Peer> {
        let socket = self.socket.clone();
        let mut ready = socket.readable().await?;
        let peer = self.drain(helper)?;
        ready.clear_ready();
        Ok(peer)
    }

    /// Takes in everything that is there.
    fn drain(&mut self, helper: &Rc<Helper>) -> io::Result<Peer> {
        loop {
            let socket = self.socket.get_ref().as_raw_fd();
            match recv(socket, &mut self.chunk, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(nix::Error::ECONNRESET) => return Ok(Peer::Gone),
                Ok(len) => {
                    self.bytes.extend_from_slice(&self.chunk[..len]);
                    self.take_frames(helper)?;
                }
                Err(nix::Error::EAGAIN) => return Ok(Peer::There),
                Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn take_frames(&mut self, helper: &Rc<Helper>) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = bytes.as_slice();
        while let Some((start, behind)) = rest.split_first_chunk::<HEAD_LEN>() {
            let (kind, number, len) = head(start);
            if len > PAYLOAD_LIMIT {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame over the limit"));
            }
            let Some((payload, behind)) = behind.split_at_checked(len) else { break };
            let Some(kind) = ToHelper::from_byte(kind) else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an unknown kind"));
            };
            self.take(helper, kind, number, payload)?;
            rest = behind;
        }
        self.bytes = rest.to_vec();
        Ok(())
    }

    fn take(&mut self, helper: &Rc<Helper>, kind: ToHelper, number: u32, payload: &[u8]) -> io::Result<()> {
        let place =
            if number & PRIME_BIT == 0 { helper.caller.waiting(number) } else { self.primes.get(&number).cloned() };
        match kind {
            ToHelper::Answer => {
                if let Some(place) = place {
                    place.set_answer(payload);
                }
            }
            ToHelper::Remembered => {
                if let (Some(place), Some((asked, answer))) = (place, payload.split_first_chunk()) {
                    place.set_remembered(Moment::from_bytes(*asked), answer);
                }
            }
            ToHelper::Data => {
                if let Some(place) = place {
                    place.add(payload);
                }
            }
            ToHelper::End => {
                let errno = payload.first_chunk().map_or(libc::EIO, |bytes| i32::from_le_bytes(*bytes));
                let end = if errno == 0 { Ok(()) } else { Err(Errno(errno)) };
                if let Some(place) = place {
                    place.finish(end);
                }
                self.primes.remove(&number);
            }
            ToHelper::Prime => {
                let primed =
                    Primed::decode(payload).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                let primed = primed.ok_or(io::ErrorKind::InvalidData)?;
                let incoming = helper.primes.borrow_mut().add(number, primed);
                self.primes.insert(number, incoming);
            }
            ToHelper::Unprime => {
                let unused = helper.primes.borrow_mut().end(number);
                if let Some(handle) = unused.and_then(|prime| prime.handle()) {
                    helper.caller.tell(Close { handle });
                }
            }
            ToHelper::Returned => helper.lent.give_back(number),
            ToHelper::Settle => {
                let (helper, forget) = (helper.clone(), payload == [1]);
                helper.tasks.clone().spawn_local(async move {
                    let nodes = helper.tree.borrow().all();
                    for node in nodes {
                        node.writes.settle(&helper, &node).await;
                    }
                    if forget {
                        helper.forget_all_metadata();
                    }
                    helper.caller.send(ToSession::Settled, number, &[]);
                });
            }
        }
        Ok(())
    }
}
