//! The target's environment and host name.

use std::os::unix::ffi::OsStrExt;

use nix::sys::utsname::uname;
use protocol::{Errno, env::Environment};

use crate::{files::blob::Blob, target::Target};

/// Reads the environment that the target's main process was started with. Its values go nowhere but to the session.
///
/// The host name is our own: an agent lives in the pod's UTS namespace.
pub(crate) fn read(target: &Target) -> Result<(Environment, Blob), Errno> {
    let entries = target.read("environ")?;
    let name = uname().map_err(|error| Errno(error as i32))?;
    let host_name = name.nodename().as_bytes().to_vec();
    Ok((Environment { host_name }, Blob::memory(entries)))
}
