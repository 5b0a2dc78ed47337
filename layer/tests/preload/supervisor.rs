//! A supervisor for tests: uname(2) of whoever is supervised is answered from here, everything else goes on.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
use seccomp::listener::{Listener, Waited};

/// What uname(2) fails with in a supervised program: by itself it never does.
pub(crate) const MARK: i32 = libc::EXDEV;

/// Answers until nobody is left who could call.
pub(crate) fn supervise(listener: OwnedFd) {
    let listener = Listener::from(listener);
    std::thread::spawn(move || {
        while listener.wait(None, None).is_ok_and(|waited| waited == Waited::Call) {
            let Ok(Some(call)) = listener.receive() else { continue };
            let answered = if call.number == libc::SYS_uname {
                listener.answer(call.id, Err(MARK))
            } else {
                listener.go_on(call.id)
            };
            // Whoever was killed meanwhile waits no more.
            drop(answered);
        }
    });
}

/// The next message on `connection`, and the descriptor beside it.
pub(crate) fn receive(connection: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut into = [IoSliceMut::new(buffer)];
    let mut beside = nix::cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<UnixAddr>(connection.as_raw_fd(), &mut into, Some(&mut beside), flags)?;
    let descriptor = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just made it for us.
    #[expect(unsafe_code, reason = "takes what came beside a message")]
    let descriptor = descriptor.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((received.bytes, descriptor))
}
