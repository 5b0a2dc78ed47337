//! A process that starts before its session is there: a debug adapter takes as long as the session does, and is needed as
//! late.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, PipeReader, PipeWriter},
    os::fd::AsFd as _,
    thread,
};

use protocol::link::{SECRET_LEN, ToLayer, ToSession, variable};
use seccomp::listener::{Listener, Waited};
use tokio::task::JoinSet;

use crate::{
    Injection,
    begin::runtime_directory,
    proxy::{Socket, Wire, refusal},
    random::{hex, random},
};

/// Supervises one process, and all that it starts, without a session: whatever they call goes on. A session then takes
/// charge ([`crate::Session::take_charge`]). Dropped before that, the processes are without a supervisor, and their
/// announced calls fail with `ENOSYS`: they are to be ended.
#[derive(Debug)]
pub struct Early {
    injection: Injection,
    /// One task; dropped, it does not go on waiting.
    come: JoinSet<io::Result<Come>>,
}

/// The process is there.
#[derive(Debug)]
struct Come {
    executable: Vec<u8>,
    /// Ends with the listener when `stop` is dropped; without it when the processes have ended.
    lets_go_on: thread::JoinHandle<Option<Listener>>,
    stop: PipeWriter,
}

impl Early {
    /// Waits for the process. The socket that it comes to is in the folder that a launch with this environment would have
    /// its own in.
    pub fn new(environment: &BTreeMap<OsString, OsString>) -> io::Result<Self> {
        let secret = random()?;
        let socket = Socket::new(&runtime_directory(environment), &hex(&random::<4>()?))?;
        let set = [(variable::SOCKET.into(), socket.path().into()), (variable::SECRET.into(), hex(&secret).into())];
        let injection = Injection { set: set.into(), unset: Vec::new() };
        let mut waits = JoinSet::new();
        waits.spawn(come(socket, secret));
        Ok(Self { injection, come: waits })
    }

    /// What the process is started with.
    pub fn injection(&self) -> &Injection {
        &self.injection
    }

    /// Who announces the calls, and what it first ran. Nothing is lost: calls that come meanwhile wait. Fails where no process
    /// has come, or none is left.
    pub(crate) async fn hand_over(mut self) -> io::Result<(Listener, Vec<u8>)> {
        let come = self.come.join_next().await.ok_or(io::ErrorKind::NotFound)?;
        let Come { executable, lets_go_on, stop } = come??;
        drop(stop);
        let listener = tokio::task::spawn_blocking(|| lets_go_on.join()).await?;
        let listener = listener.ok().flatten().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((listener, executable))
    }
}

/// Waits for the process that has the secret, and serves it from then on.
async fn come(socket: Socket, secret: [u8; SECRET_LEN]) -> io::Result<Come> {
    loop {
        let stream = socket.accept().await?;
        let mut wire = Wire::new(stream);
        let Ok(Some((ToSession::Hello { version, secret: its, .. }, None))) = wire.receive().await else { continue };
        if let Some(reason) = refusal(version, &its, &secret) {
            wire.send(&ToLayer::Refused(reason), None).await?;
            continue;
        }
        wire.send(&ToLayer::Welcome(None), None).await?;
        let Ok(Some((ToSession::Supervise { executable }, Some(listener)))) = wire.receive().await else { continue };
        let (stopped, stop) = io::pipe()?;
        let lets_go_on =
            thread::Builder::new().name("supervisor".to_owned()).spawn(move || let_go_on(listener.into(), &stopped))?;
        wire.send(&ToLayer::Supervised(Ok(())), None).await?;
        return Ok(Come { executable, lets_go_on, stop });
    }
}

/// Lets all calls go on, until the other end of `stopped` is closed.
fn let_go_on(listener: Listener, stopped: &PipeReader) -> Option<Listener> {
    // Kernels before 6.6 cannot; they are slower, not wrong.
    let _ = listener.wake_in_step();
    loop {
        match listener.wait(Some(stopped.as_fd()), None) {
            Ok(Waited::Woken) => return Some(listener),
            Ok(Waited::Ended) => return None,
            Ok(Waited::Call | Waited::Nothing) => {
                if let Ok(Some(call)) = listener.receive() {
                    // It may have been killed while it waited.
                    let _ = listener.go_on(call.id);
                }
            }
            Err(error) => {
                tracing::error!(%error, "what starts before its session cannot be listened to");
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{IoSlice, IoSliceMut, PipeReader},
        os::fd::{AsRawFd as _, OwnedFd},
        path::{Path, PathBuf},
    };

    use nix::sys::socket::{
        AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, recvmsg, sendmsg, socket,
    };
    use protocol::{PROTOCOL_VERSION, codec, link::secret_from_hex};

    use super::*;

    /// Sends one message, and a descriptor beside it; gives the answer.
    fn ask(socket: &OwnedFd, message: &ToSession, descriptor: Option<&PipeReader>) -> ToLayer {
        let bytes = codec::encode(message).expect("it is short");
        let descriptors: Vec<_> = descriptor.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let beside = if descriptors.is_empty() { &[][..] } else { &rights[..] };
        let fd = socket.as_raw_fd();
        sendmsg::<UnixAddr>(fd, &[IoSlice::new(&bytes)], beside, MsgFlags::empty(), None).expect("somebody listens");
        let mut answer = [0; 512];
        let len = {
            let mut into = [IoSliceMut::new(&mut answer)];
            recvmsg::<()>(fd, &mut into, None, MsgFlags::empty()).expect("it answers").bytes
        };
        codec::decode(&answer[..len]).expect("one answer")
    }

    fn connected(path: &Path) -> OwnedFd {
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
        connect(socket.as_raw_fd(), &UnixAddr::new(path).expect("it is short")).expect("it listens");
        socket
    }

    fn hello(secret: [u8; SECRET_LEN]) -> ToSession {
        ToSession::Hello { version: PROTOCOL_VERSION, secret, first: false, executable: b"/bin/debugger".to_vec() }
    }

    /// Without a session, in a folder of its own.
    fn early(folder: &Path) -> (Early, PathBuf, [u8; SECRET_LEN]) {
        let environment = BTreeMap::from([("XDG_RUNTIME_DIR".into(), folder.into())]);
        let early = Early::new(&environment).expect("the folder is ours");
        let value = |name: &str| early.injection().set[std::ffi::OsStr::new(name)].clone();
        let secret = value(variable::SECRET).into_string().ok().and_then(|text| secret_from_hex(&text));
        let path = value(variable::SOCKET).into();
        (early, path, secret.expect("it is hexadecimal"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_has_the_secret_is_let_go_on_until_a_session_takes_charge() {
        let folder = tempfile::tempdir().expect("a folder");
        let (early, path, secret) = early(folder.path());
        let (listener, _writer) = io::pipe().expect("a pipe");
        let come = tokio::task::spawn_blocking(move || {
            let stranger = connected(&path);
            assert!(matches!(ask(&stranger, &hello([0; SECRET_LEN]), None), ToLayer::Refused(_)));
            let debugger = connected(&path);
            assert!(matches!(ask(&debugger, &hello(secret), None), ToLayer::Welcome(None)));
            let supervise = ToSession::Supervise { executable: b"/bin/debugger".to_vec() };
            assert!(matches!(ask(&debugger, &supervise, Some(&listener)), ToLayer::Supervised(Ok(()))));
        });
        come.await.expect("it is answered");
        let (_listener, executable) = early.hand_over().await.expect("it has come");
        assert_eq!(executable, b"/bin/debugger");
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0, "nothing is left");
    }

    #[tokio::test]
    async fn a_process_that_does_not_come_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (early, path, _) = early(folder.path());
        assert!(path.exists());
        drop(early);
        while path.exists() {
            tokio::task::yield_now().await;
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn processes_that_have_ended_are_not_handed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let (early, path, secret) = early(folder.path());
        let (listener, writer) = io::pipe().expect("a pipe");
        drop(writer);
        let debugger = connected(&path);
        let come = tokio::task::spawn_blocking(move || {
            ask(&debugger, &hello(secret), None);
            ask(&debugger, &ToSession::Supervise { executable: Vec::new() }, Some(&listener))
        });
        come.await.expect("it is answered");
        let error = early.hand_over().await.expect_err("nobody is left");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
