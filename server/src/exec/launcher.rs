//! Our own program in the place of another that no library can be loaded into: it puts itself under the filter, hands
//! the listener to the session, and becomes that program.
//!
//! It runs before the runtime of Rust has touched anything: the program shall find signals and standard streams as
//! whoever started it has left them.
#![expect(unsafe_code, reason = "registers a constructor, and calls execv(3)")]

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::PathBuf,
    ptr,
};

use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket,
        sockopt::ReceiveTimeout,
    },
    time::{TimeVal, TimeValLike as _},
};
use protocol::{
    Errno, PROTOCOL_VERSION, codec,
    link::{ToLayer, ToSession, encode_supervise, secret_from_hex, variable},
    policy::{LAUNCH_COMMAND, PREFIX_COMMAND},
};
use seccomp::handover::{HandoverError, hand_over};

use super::prefix;
use crate::{exit, terminal};

/// The session answers at once; this guards against one that is stopped.
const ANSWER_LIMIT_SECONDS: i64 = 120;

/// Room for a request: a path has at most 4096 bytes.
const REQUEST_LIMIT: usize = 8 * 1024;

/// Why the program was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    #[error("its path or arguments are missing")]
    Arguments,
    #[error("{name} is missing or malformed: it is started by mirrord only")]
    Variable { name: &'static str },
    #[error("no session answers at {}: {error}; it has probably ended", .path.display())]
    Unreachable { path: PathBuf, error: io::Error },
    #[error("the session refused it: {0}")]
    Refused(String),
    #[error("{}", seccomp::filter::explain(.0))]
    Filter(io::Error),
    #[error("the session did not take charge of it: {0}")]
    NotSupervised(io::Error),
    #[error("it cannot be run: {0}")]
    Exec(io::Error),
}

/// Runs when the loader has set up this program, before its own start.
#[unsafe(link_section = ".init_array")]
#[used]
static START: extern "C" fn() = {
    extern "C" fn start() {
        let mut arguments = env::args_os().skip(1);
        match arguments.next() {
            Some(first) if first == LAUNCH_COMMAND => launch(arguments),
            Some(first) if first == PREFIX_COMMAND => prefix::launch(arguments.collect()),
            _ => {}
        }
    }
    start
};

/// Becomes the program, or ends with the reason.
fn launch(mut arguments: impl Iterator<Item = OsString>) -> ! {
    let path = arguments.next().unwrap_or_default();
    let Err(error) = become_supervised(&path, arguments.collect());
    give_up(&format!("{} was not started: {error}", path.display()), error.exit_code())
}

impl LaunchError {
    /// The exit code that shells give in such a case.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Exec(error) if error.kind() == io::ErrorKind::NotFound => exit::NOT_FOUND,
            _ => exit::CANNOT_RUN,
        }
    }
}

/// Ends the process before its own start.
pub(super) fn give_up(why: &str, code: u8) -> ! {
    terminal::say_error(why);
    // SAFETY: has no preconditions; nothing of ours waits to be cleaned up.
    unsafe { libc::_exit(code.into()) }
}

/// Becomes the program at `path`, with the environment that is there.
pub(super) fn become_it(path: &OsStr, arguments: Vec<OsString>) -> Result<Infallible, LaunchError> {
    let terminated = |text: &[u8]| CString::new(text).map_err(|_| LaunchError::Arguments);
    let program = terminated(path.as_bytes())?;
    let arguments: Vec<CString> =
        arguments.into_iter().map(|word| terminated(&word.into_vec())).collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = arguments.iter().map(|word| word.as_ptr()).collect();
    pointers.push(ptr::null());
    // SAFETY: both end as execv(3) demands, and live on.
    unsafe { libc::execv(program.as_ptr(), pointers.as_ptr()) };
    Err(LaunchError::Exec(io::Error::last_os_error()))
}

/// The same for a program that no library can be loaded into: the kernel announces its calls to the session.
pub(super) fn become_supervised(path: &OsStr, arguments: Vec<OsString>) -> Result<Infallible, LaunchError> {
    if arguments.is_empty() {
        return Err(LaunchError::Arguments);
    }
    let connection = greet(path)?;
    let mut request = [0; REQUEST_LIMIT];
    let request = encode_supervise(path.as_bytes(), &mut request).map_err(|_| LaunchError::Arguments)?;
    let mut answer = [0; 64];
    let len = hand_over(connection.as_fd(), request, &mut answer).map_err(|error| match error {
        HandoverError::Filter(error) => LaunchError::Filter(error),
        HandoverError::Supervisor(error) => LaunchError::NotSupervised(error),
    })?;
    match codec::decode(&answer[..len]) {
        Ok(ToLayer::Supervised(Ok(()))) => {}
        Ok(ToLayer::Supervised(Err(Errno(errno)))) => {
            return Err(LaunchError::NotSupervised(io::Error::from_raw_os_error(errno)));
        }
        _ => return Err(LaunchError::NotSupervised(io::Error::from_raw_os_error(libc::EPROTO))),
    }
    become_it(path, arguments)
}

/// A connection to the session on which `Hello` has been answered.
fn greet(executable: &OsStr) -> Result<OwnedFd, LaunchError> {
    let path = env::var_os(variable::SOCKET).map(PathBuf::from);
    let path = path.ok_or(LaunchError::Variable { name: variable::SOCKET })?;
    let secret = env::var(variable::SECRET).ok().and_then(|text| secret_from_hex(&text));
    let secret = secret.ok_or(LaunchError::Variable { name: variable::SECRET })?;
    let executable = executable.as_bytes().to_vec();
    let hello = ToSession::Hello { version: PROTOCOL_VERSION, secret, first: false, executable };
    let hello = codec::encode(&hello).map_err(|_| LaunchError::Arguments)?;
    let greeted = (|| {
        let connection = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&connection, ReceiveTimeout, &TimeVal::seconds(ANSWER_LIMIT_SECONDS))?;
        connect(connection.as_raw_fd(), &UnixAddr::new(&path)?)?;
        send(connection.as_raw_fd(), &hello, MsgFlags::MSG_NOSIGNAL)?;
        let mut answer = vec![0; codec::MESSAGE_LIMIT];
        let len = recv(connection.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        answer.truncate(len);
        Ok::<_, nix::Error>((connection, answer))
    })();
    let (connection, answer) = greeted.map_err(|error| LaunchError::Unreachable { path, error: error.into() })?;
    match codec::decode(&answer) {
        Ok(ToLayer::Welcome(_)) => Ok(connection),
        Ok(ToLayer::Refused(reason)) => Err(LaunchError::Refused(reason)),
        _ => Err(LaunchError::Refused("it answered in an unknown language".to_owned())),
    }
}
