//! Layer and session: one request at a time on each `SOCK_SEQPACKET` connection; a layer keeps a few of them.
//!
//! The first message on every connection is [`ToSession::Hello`]. Unless its comment says otherwise, each message is
//! answered by exactly one [`ToLayer`]. A descriptor travels beside an answer as `SCM_RIGHTS` (unix(7)).

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use bincode::{Decode, Encode};

use crate::{
    Errno, codec,
    file::{Metadata, Open},
    policy::Policy,
};

/// Bytes of the secret that every layer must show. It reaches the layer in the environment of its own user's process.
pub const SECRET_LEN: usize = 16;

/// Reads a secret from its variable's value: lower- or upper-case hexadecimal.
pub fn secret_from_hex(text: &str) -> Option<[u8; SECRET_LEN]> {
    if text.len() != 2 * SECRET_LEN || !text.is_ascii() {
        return None;
    }
    let mut secret = [0; SECRET_LEN];
    for (index, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(secret)
}

/// Names of the environment variables that the launcher sets for the layer.
pub mod variable {
    /// Path of the session's socket, mode 0600 in a directory of mode 0700.
    pub const SOCKET: &str = "MIRRORD_SESSION_SOCKET";
    /// The secret in lower-case hexadecimal.
    pub const SECRET: &str = "MIRRORD_SESSION_SECRET";
    /// File that the layer's log is appended to; without it the layer logs nothing but errors, to standard error.
    pub const LOG_PATH: &str = "MIRRORD_LAYER_LOG_PATH";
    /// Set by hand, to find out who loads the layer: a process that does so ends at once.
    pub const DONT_LOAD: &str = "MIRRORD_DONT_LOAD";
    /// Name of a launch, set by debug sessions: among the processes of a session, it tells those of one launch.
    pub const LAUNCH: &str = "MIRRORD_LAUNCH";
    /// Set by the layer, not by the launcher: a process has imported the pod's environment, and its children have it from
    /// there.
    pub const IMPORTED: &str = "MIRRORD_REMOTE_ENV_FETCHED";
}

/// What a layer says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToSession {
    /// First message of a connection. Answered by [`ToLayer::Welcome`].
    Hello {
        /// The layer's [`crate::PROTOCOL_VERSION`].
        version: u32,
        /// The session's secret.
        secret: [u8; SECRET_LEN],
        /// Whether this process has started (or was forked) and wants the policy; false for further connections.
        first: bool,
        /// Path of the process's executable (`/proc/self/exe`).
        executable: Vec<u8>,
    },
    /// An encoded [`crate::operation::Operation`]. Answered by [`ToLayer::Answer`].
    Operation(Vec<u8>),
    /// The program opens a file of the target. Answered by [`ToLayer::Opened`].
    Open(Open),
    /// The environment that the program shall have, asked for when it is imported by the process itself. Answered by
    /// [`ToLayer::Environment`].
    Environment,
    /// A process that the layer cannot live in is about to start; the listener of its seccomp filter travels with this
    /// message. Answered by [`ToLayer::Supervised`].
    Supervise {
        /// Path of the executable, as the kernel will resolve it.
        executable: Vec<u8>,
    },
    /// The program connects a TCP socket to a remote address. **Not answered**: the socket itself tells the program.
    Connect(HeldConnect),
    /// Whether a TCP connection to this loopback address shall leave this machine. Answered by [`ToLayer::Loopback`].
    Loopback(SocketAddr),
    /// The program listens. Answered by [`ToLayer::Listening`].
    Listen(Listen),
    /// Addresses that a connected or accepted socket shall show. Answered by [`ToLayer::Names`].
    Names {
        /// The kernel's peer address of the socket, IPv4 even when mapped into IPv6.
        peer: SocketAddrV4,
    },
    /// Address that the program asked for when it bound the listener that is really at this address.
    /// Answered by [`ToLayer::Bound`].
    Bound(SocketAddr),
    /// The program sends a datagram to this address, a name server's most likely. Answered by [`ToLayer::NameServer`].
    NameServer(SocketAddr),
    /// What was written to a copy shall reach the target, as at fsync(2), close(2) and fstat(2). Answered by
    /// [`ToLayer::Synchronised`].
    Synchronise {
        /// Inode number of the copy's memfd.
        copy: u64,
        /// Whether it shall reach the target's disk, too.
        lasting: bool,
    },
    /// The program writes to this path of this machine, and would read the target's. **Not answered**: the user is told.
    WrittenHere(Vec<u8>),
}

/// [`ToSession::Supervise`], encoded into `buffer` without allocating: it is sent between fork and exec.
///
/// Fails when the path does not fit.
pub fn encode_supervise<'b>(executable: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], codec::EncodeError> {
    /// Place of the variant.
    const SUPERVISE: u32 = 4;
    codec::encode_into((SUPERVISE, executable), buffer)
}

/// A connect(2) that stays in progress until the cluster has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldConnect {
    /// The random loopback address that the program's socket connects to, 127.1.0.0 to 127.255.255.254.
    pub token: Ipv4Addr,
    /// The program's socket's own address.
    pub program: SocketAddrV4,
    /// Where the program wants to.
    pub destination: SocketAddr,
    /// The message comes before the program's own SYN (blocking connect): the session may have to try again shortly.
    pub early: bool,
}

/// A socket of the program that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listen {
    /// Address that the program asked for.
    pub requested: SocketAddr,
    /// Address that it really has.
    pub actual: SocketAddr,
}

/// What the session answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToLayer {
    /// Answer to `Hello`; the policy is there when it was a first one.
    Welcome(Option<Box<Policy>>),
    /// The `Hello` was not accepted: other version, wrong secret. The reason is for the user.
    Refused(String),
    /// Answer to `Operation`: encoded `Result<Reply, Errno>`; if the operation has a blob, a read-only descriptor of a
    /// memfd that holds it travels with this message.
    Answer(Vec<u8>),
    /// Answer to `Open`; a descriptor of the file travels with this message.
    Opened(Result<OpenedFile, Errno>),
    /// Answer to `Environment`; a descriptor of a memfd travels with this message. It holds entries that each end with
    /// NUL: `NAME=value` sets a variable, `NAME` removes one.
    Environment,
    /// Answer to `Supervise`: the process may start, or may not.
    Supervised(Result<(), Errno>),
    /// Answer to `Loopback`.
    Loopback(LoopbackRoute),
    /// Answer to `Listen`. `Err` is what listen(2) shall fail with.
    Listening(Result<(), Errno>),
    /// Answer to `Names`: nothing when the session does not know the socket (it is an ordinary local one).
    Names(Option<Names>),
    /// Answer to `Bound`: nothing when the session does not know the listener.
    Bound(Option<SocketAddr>),
    /// Answer to `NameServer`: where datagrams go instead, an address that [`ToSession::Names`] translates back; nothing
    /// when they go where the program says.
    NameServer(Option<SocketAddrV4>),
    /// Answer to `Synchronise`: the file as it is in the target now, or why it does not have what was written; nothing
    /// when the session does not know the copy.
    Synchronised(Result<Option<Metadata>, Errno>),
}

/// A file that the program has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenedFile {
    /// The file as it was when it was opened.
    pub metadata: Metadata,
    /// Whether the descriptor is a private copy in memory (a memfd) rather than the file itself.
    pub copy: bool,
}

/// Where a connection to a loopback address goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LoopbackRoute {
    /// To this machine, at this address: the program's own listener may really be elsewhere.
    Local(SocketAddr),
    /// To the pod's loopback.
    Remote,
}

/// Addresses that a program shall see on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Names {
    /// For getsockname(2).
    pub local: SocketAddr,
    /// For getpeername(2) and accept(2).
    pub peer: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hexadecimal_and_of_one_length() {
        assert_eq!(secret_from_hex("000102030405060708090a0b0c0d0eff").map(|secret| secret[15]), Some(255));
        assert_eq!(secret_from_hex("00"), None);
        assert_eq!(secret_from_hex(&"zz".repeat(16)), None);
        assert_eq!(secret_from_hex(&"é".repeat(16)), None);
    }

    #[test]
    fn a_lent_path_is_encoded_as_an_owned_one() {
        let executable = [b'x'; 300];
        let mut buffer = [0; 400];
        let lent = encode_supervise(&executable, &mut buffer).expect("it fits");
        let owned = ToSession::Supervise { executable: executable.to_vec() };
        assert_eq!(lent, codec::encode(&owned).expect("it fits"));
        assert!(encode_supervise(&executable, &mut [0; 300]).is_err());
    }
}
