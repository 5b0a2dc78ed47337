//! A file that is not where the program's kernel would look: the target's, or the one that a mapping leads to.

use std::sync::Arc;

use protocol::{
    Errno, codec,
    file::{Open, PathBytes, Which},
    operation::{Operation, Request, decode_answer},
};

use super::here::{self, Here};
use crate::{
    descriptors::{self, Lent},
    proxy::Proxy,
};

/// Which machine's file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The target's.
    Target,
    /// This machine's, at another path than the program's.
    Here,
}

/// A path, and whose.
#[derive(Clone)]
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
    pub(super) async fn open(&self, flags: i32, mode: u32) -> Result<Lent, Errno> {
        let path = self.path.clone();
        match self.side {
            Side::Here => here::run(move || here::open(&Open { path, flags, mode }).map(Lent::from)).await,
            Side::Target => {
                let request = Open { path, flags: travelling(flags), mode };
                descriptors::open_itself(&self.proxy, &request).await
            }
        }
    }
}

/// Flags of open(2) by their numbers on x86-64. `asm/fcntl.h`
fn travelling(flags: i32) -> i32 {
    const OTHERS: &[(i32, i32)] = &[
        (libc::O_DIRECT, 0o40_000),
        (libc::O_DIRECTORY, 0o200_000),
        (libc::O_NOFOLLOW, 0o400_000),
        (if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 }, 0o100_000), // O_LARGEFILE
    ];
    let same = flags & !OTHERS.iter().fold(0, |all, (here, _)| all | here);
    OTHERS.iter().filter(|(here, _)| flags & here != 0).fold(same, |sum, (_, there)| sum | there)
}
