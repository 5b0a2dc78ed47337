//! Why there is no session: the one error of a start.

use std::io;

use crate::{Refused, cluster, keys, start, target};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration asks for what is not there.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nobody to stand in for.
    #[error(
        "no target: say whom the program stands in for, with `--target deploy/NAME` or `target` in mirrord.json; \
         `mirrord targets` lists what there is; running without a target is not built yet"
    )]
    NoTarget,
    /// The cluster is not reached.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// The target cannot be stood in for.
    #[error(transparent)]
    Target(#[from] target::TargetError),
    /// The agent does not start.
    #[error(transparent)]
    Start(#[from] start::StartError),
    /// This machine's key pair cannot be used.
    #[error(transparent)]
    Keys(#[from] keys::KeysError),
    /// Something on this machine.
    #[error("{what}: {source}")]
    Local {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Somebody pressed Ctrl-C.
    #[error("stopped before the session was ready")]
    Cancelled,
}

/// Says `what` failed on this machine.
pub(crate) fn local(what: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Local { what: what.to_owned(), source }
}
