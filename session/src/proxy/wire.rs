//! Messages of a layer's socket, and the descriptors beside them.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use protocol::{
    PROTOCOL_VERSION,
    codec::{self, MESSAGE_LIMIT},
    link::{SECRET_LEN, ToLayer, ToSession},
};
use tokio::{io::Interest, net::UnixStream};

use super::encode;

/// The session's end of a layer's connection.
pub(crate) struct Wire {
    stream: UnixStream,
    /// Takes one message at a time.
    buffer: Vec<u8>,
}

/// Why a layer that greets so is refused; nothing for one of ours.
pub(crate) fn refusal(version: u32, secret: &[u8; SECRET_LEN], ours: &[u8; SECRET_LEN]) -> Option<String> {
    // Equal length, constant time: the secret does not leak by timing.
    let same = secret.iter().zip(ours).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
    if !same {
        Some("the session's secret is wrong: the environment of another session?".to_owned())
    } else if version != PROTOCOL_VERSION {
        Some(format!("the layer speaks protocol {version}, the session {PROTOCOL_VERSION}: mixed installations?"))
    } else {
        None
    }
}

impl Wire {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: vec![0; MESSAGE_LIMIT] }
    }

    /// The process at the other end.
    pub(crate) fn peer(&self) -> Option<u32> {
        self.stream.peer_cred().ok().and_then(|peer| peer.pid()).map(i32::unsigned_abs)
    }

    /// The next message, and the descriptor beside it; nothing at the end.
    pub(crate) async fn receive(&mut self) -> io::Result<Option<(ToSession, Option<OwnedFd>)>> {
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
    pub(crate) async fn send(&self, message: &ToLayer, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
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
