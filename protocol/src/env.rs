//! The target's environment.

use bincode::{Decode, Encode};

/// Asks for the environment of the target's main process. environ(7).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReadEnvironment;

/// Answer to [`ReadEnvironment`]: names and values as bytes, in the order in which the process has them.
///
/// It travels as the blob too, for environments over the message limit: entries `NAME=value`, each ended by NUL.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Environment {
    /// Host name of the pod (uname(2), `nodename`).
    pub host_name: Vec<u8>,
}
