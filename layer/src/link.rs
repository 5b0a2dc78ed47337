//! Calls to the session: one at a time on each connection, on as many connections as there are calls at a time.
//!
//! Programs do things to descriptors: they fork, vfork, close everything, reuse numbers. So connections carry
//! high numbers, each is checked before use, and what is lost is opened anew.

mod pool;

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use protocol::link::{SECRET_LEN, ToLayer, ToSession};
use protocol::operation::{self, Request};
use protocol::policy::Policy;
use protocol::{Errno, PROTOCOL_VERSION, codec};

use self::pool::Pool;
use crate::sys::{signals, socket};
use crate::{notice, scope, sys};

/// Longest wait for one answer, in seconds. The session answers or refuses every call well before that, an agent being
/// replaced included; it guards against a session that is stopped, and against nothing else.
const ANSWER_LIMIT_SECONDS: i64 = 120;

/// Lowest number that connections are moved to: above what programs count on, below `FD_SETSIZE`.
const LOWEST_NUMBER: i32 = 900;

/// Numbers left free below a limit (`RLIMIT_NOFILE`) that is too low for [`LOWEST_NUMBER`].
const NUMBERS_FROM_TOP: u64 = 32;

/// The way to the session.
pub(crate) struct Link {
    socket: CString,
    /// Encoded `Hello`s, made ahead: after fork(2) nothing may be allocated.
    first_hello: Vec<u8>,
    further_hello: Vec<u8>,
    pool: Pool,
    /// The process that the pool belongs to. A vfork(2)ed child shares our memory, but not our descriptors.
    owner: AtomicI32,
    gone: notice::Once,
}

/// Why a process cannot attach.
pub(crate) enum AttachError {
    /// There is no session, or it does not answer.
    Unreachable(Errno),
    /// The session does not want us; its own words.
    Refused(String),
    /// It answered something else.
    Malformed,
}

impl Link {
    /// Connects, and asks for the policy.
    pub(crate) fn attach(
        socket: CString,
        secret: [u8; SECRET_LEN],
        executable: &[u8],
    ) -> Result<(Self, Policy), AttachError> {
        let hello = |first| {
            let hello = ToSession::Hello { version: PROTOCOL_VERSION, secret, first, executable: executable.to_vec() };
            codec::encode(&hello).map_err(|_| AttachError::Malformed)
        };
        let link = Self {
            socket,
            first_hello: hello(true)?,
            further_hello: hello(false)?,
            pool: Pool::default(),
            owner: AtomicI32::new(sys::process_id()),
            gone: notice::Once::default(),
        };
        let connection = link.greet(&link.first_hello).map_err(AttachError::Unreachable)?;
        let policy = match receive(&connection, true) {
            Ok((ToLayer::Welcome(Some(policy)), _)) => *policy,
            Ok((ToLayer::Refused(reason), _)) => return Err(AttachError::Refused(reason)),
            Ok(_) => return Err(AttachError::Malformed),
            Err(errno) => return Err(AttachError::Unreachable(errno)),
        };
        link.pool.put(connection);
        Ok((link, policy))
    }

    /// Path of the session's socket.
    pub(crate) fn socket(&self) -> &[u8] {
        self.socket.to_bytes()
    }

    /// Sends `message` and waits for its answer.
    ///
    /// The descriptor beside it, if any, is closed on exec when `close_on_exec`. Fails with `EIO`, and tells the user
    /// once, when the session has gone.
    pub(crate) fn call(&self, message: &ToSession, close_on_exec: bool) -> Result<(ToLayer, Option<OwnedFd>), Errno> {
        signals::hold();
        let connection = self.send(message)?;
        wait(&connection).map_err(|errno| self.lost(errno))?;
        let answer = receive(&connection, close_on_exec).map_err(|errno| self.lost(errno))?;
        self.give_back(connection);
        Ok(answer)
    }

    /// Sends a message that is not answered.
    pub(crate) fn tell(&self, message: &ToSession) -> Result<(), Errno> {
        let connection = self.send(message)?;
        self.give_back(connection);
        Ok(())
    }

    /// Has the agent perform `request`. The outer error is the link's, the inner one the operation's own.
    pub(crate) fn perform<R: Request>(&self, request: R) -> Result<R::Reply, Errno> {
        self.perform_with_descriptor(request, true).map(|(reply, _)| reply)
    }

    /// As [`Link::perform`], with the descriptor of the answer's blob.
    pub(crate) fn perform_with_descriptor<R: Request>(
        &self,
        request: R,
        close_on_exec: bool,
    ) -> Result<(R::Reply, Option<OwnedFd>), Errno> {
        let operation: operation::Operation = request.into();
        let operation = codec::encode(&operation).map_err(|_| Errno(libc::ENAMETOOLONG))?;
        match self.call(&ToSession::Operation(operation), close_on_exec)? {
            (ToLayer::Answer(answer), descriptor) => {
                let reply = operation::decode_answer::<R>(&answer).map_err(|_| Errno::EIO)??;
                Ok((reply, descriptor))
            }
            _ => Err(Errno::EIO),
        }
    }

    /// In the child of fork(2): leaves the parent's connections alone and tells the session of the new process, without
    /// waiting for its answer: the first call does. Allocates nothing.
    pub(crate) fn forked(&self) {
        self.pool.forget();
        self.owner.store(sys::process_id(), Ordering::Relaxed);
        if let Ok(connection) = self.greet(&self.first_hello) {
            self.pool.put_unanswered(connection);
        }
    }

    /// Sends `message` on a kept connection, or on a fresh one.
    fn send(&self, message: &ToSession) -> Result<OwnedFd, Errno> {
        let message = codec::encode(message).map_err(|_| Errno::EINVAL)?;
        if self.is_own_process() {
            while let Some(kept) = self.take() {
                if socket::send(kept.as_fd(), &message).is_ok() {
                    return Ok(kept);
                }
            }
        }
        let fresh = self.connect().map_err(|errno| self.lost(errno))?;
        socket::send(fresh.as_fd(), &message).map_err(|errno| self.lost(errno))?;
        Ok(fresh)
    }

    fn take(&self) -> Option<OwnedFd> {
        if let Some(kept) = self.pool.take() {
            return Some(kept);
        }
        let greeted = self.pool.take_unanswered()?;
        matches!(receive(&greeted, true), Ok((ToLayer::Welcome(_), _))).then_some(greeted)
    }

    fn give_back(&self, connection: OwnedFd) {
        if self.is_own_process() {
            self.pool.put(connection);
        }
    }

    /// False in a child of vfork(2), which shares our memory.
    pub(crate) fn is_own_process(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == sys::process_id()
    }

    /// A further connection, ready for calls.
    fn connect(&self) -> Result<OwnedFd, Errno> {
        let connection = self.greet(&self.further_hello)?;
        match receive(&connection, true)? {
            (ToLayer::Welcome(_), _) => Ok(connection),
            _ => Err(Errno::ECONNREFUSED),
        }
    }

    /// A connection for the calling process alone, which may be a child of vfork(2). Allocates nothing.
    pub(crate) fn connect_anew(&self) -> Result<OwnedFd, Errno> {
        let connection = self.greet(&self.further_hello)?;
        let mut answer = [0; 64];
        let len = socket::receive_into(connection.as_fd(), &mut answer)?;
        match codec::decode(&answer[..len]) {
            Ok(ToLayer::Welcome(None)) => Ok(connection),
            _ => Err(Errno(libc::ECONNREFUSED)),
        }
    }

    /// A connection on which `hello` has been sent.
    fn greet(&self, hello: &[u8]) -> Result<OwnedFd, Errno> {
        let connection = socket::connect_unix(&self.socket)?;
        let highest = sys::descriptor_limit().saturating_sub(NUMBERS_FROM_TOP);
        let lowest = i32::try_from(highest).map_or(LOWEST_NUMBER, |top| top.min(LOWEST_NUMBER));
        // A number in the program's own range is better than no connection.
        let connection = sys::duplicate_above(connection.as_fd(), lowest).unwrap_or(connection);
        socket::set_time_limit(connection.as_raw_fd(), ANSWER_LIMIT_SECONDS)?;
        socket::send(connection.as_fd(), hello)?;
        Ok(connection)
    }

    fn lost(&self, errno: Errno) -> Errno {
        self.gone.say(format_args!(
            "the session does not answer ({errno}); remote files, names and connections fail from now on"
        ));
        Errno::EIO
    }
}

/// Waits for an answer, outside: a handler that runs meanwhile calls as the program does. It has connections of its own.
fn wait(connection: &OwnedFd) -> Result<(), Errno> {
    loop {
        match scope::outside(|| signals::wait(connection.as_fd(), ANSWER_LIMIT_SECONDS)) {
            Err(Errno(libc::EINTR)) => {}
            waited => return waited,
        }
    }
}

fn receive(connection: &OwnedFd, close_on_exec: bool) -> Result<(ToLayer, Option<OwnedFd>), Errno> {
    let len = socket::next_len(connection.as_fd())?;
    if len == 0 || len > codec::MESSAGE_LIMIT {
        return Err(Errno::ECONNRESET);
    }
    let (message, descriptor) = socket::receive(connection.as_fd(), len, close_on_exec)?;
    let message = codec::decode(&message).map_err(|_| Errno(libc::EPROTO))?;
    Ok((message, descriptor))
}
