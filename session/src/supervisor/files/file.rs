//! A file that is not where the program's kernel would look: the target's, or the one that a mapping leads to.

use std::{os::fd::OwnedFd, sync::Arc};

use protocol::{
    Errno, codec,
    file::{Open, PathBytes, Which},
    operation::{Operation, Request, decode_answer},
};

use super::here::{self, Here};
use crate::{descriptors, proxy::Proxy};

/// Which machine's file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The target's.
    Target,
    /// This machine's, at another path than the program's.
    Here,
}

/// A path, and whose.
pub(super) struct File {
    pub(super) proxy: Arc<Proxy>,
    pub(super) side: Side,
    /// Absolute.
    pub(super) path: PathBytes,
}

impl File {
    /// The file for an operation.
    pub(super) fn which(&self, follow: bool) -> Which {
        Which::Path { path: self.path.clone(), follow }
    }

    /// Performs an operation on the file's side.
    pub(super) async fn perform<R>(&self, request: R) -> Result<R::Reply, Errno>
    where
        R: Request + Here + Send + 'static,
        R::Reply: Send,
    {
        match self.side {
            Side::Here => here::run(move || request.here()).await,
            Side::Target => {
                let operation: Operation = request.into();
                let name = operation.name();
                let operation = codec::encode(&operation).map_err(|_| Errno(libc::ENAMETOOLONG))?;
                let (answer, _) = descriptors::perform(&self.proxy, operation).await.map_err(|error| {
                    tracing::debug!(%error, name, "operation failed on the way");
                    Errno::EIO
                })?;
                decode_answer::<R>(&answer).map_err(|error| {
                    tracing::warn!(%error, name, "the agent's answer was not understood");
                    Errno::EIO
                })?
            }
        }
    }

    /// Opens it; the descriptor is closed on exec here.
    pub(super) async fn open(&self, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
        let request = Open { path: self.path.clone(), flags, mode };
        match self.side {
            Side::Here => here::run(move || here::open(&request)).await,
            Side::Target => descriptors::open(&self.proxy, &request).await.map(|(_, descriptor)| descriptor),
        }
    }
}
