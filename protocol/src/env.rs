//! The target's environment.

use bincode::{Decode, Encode};

/// Asks for the environment of the target's main process. environ(7).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReadEnvironment;

/// Names in a root directory that are told of: it has some twenty.
pub const ROOT_LIMIT: usize = 512;

/// Answer to [`ReadEnvironment`]: names and values as bytes, in the order in which the process has them.
///
/// It travels as the blob too, for environments over the message limit: entries `NAME=value`, each ended by NUL.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Environment {
    /// Host name of the pod (uname(2), `nodename`).
    pub host_name: Vec<u8>,
    /// Names in the root directory of the target's main process; none when they cannot be read, or are over
    /// [`ROOT_LIMIT`].
    pub root: Vec<Vec<u8>>,
}
