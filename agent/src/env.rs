//! The target's environment and host name.

use std::os::{
    fd::AsRawFd as _,
    unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use nix::sys::utsname::uname;
use protocol::{
    Errno,
    env::{Environment, ROOT_LIMIT},
};

use crate::{files::blob::Blob, target::Target};

/// Reads the environment that the target's main process was started with. Its values go nowhere but to the session.
///
/// The host name is our own: an agent lives in the pod's UTS namespace.
pub(crate) fn read(target: &Target) -> Result<(Environment, Blob), Errno> {
    let entries = target.read("environ")?;
    let name = uname().map_err(|error| Errno(error as i32))?;
    let host_name = name.nodename().as_bytes().to_vec();
    let root = root(target).unwrap_or_else(|error| {
        tracing::debug!(%error, "the target's root directory cannot be listed");
        Vec::new()
    });
    Ok((Environment { host_name, root }, Blob::memory(entries)))
}

/// Names in the target's root directory; none when there are too many.
fn root(target: &Target) -> std::io::Result<Vec<Vec<u8>>> {
    let root = target.root().map_err(std::io::Error::from)?;
    let entries = std::fs::read_dir(format!("/proc/self/fd/{}", root.as_raw_fd()))?;
    let names = entries.take(ROOT_LIMIT + 1).map(|entry| Ok(entry?.file_name().into_vec()));
    let names: Vec<Vec<u8>> = names.collect::<std::io::Result<_>>()?;
    Ok(if names.len() > ROOT_LIMIT { Vec::new() } else { names })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Search;

    #[test]
    fn the_target_tells_its_name_and_what_its_root_directory_has() {
        let search = Search { pid: std::process::id(), container: None };
        let target = Target::find(search).expect("we exist");
        let (environment, _) = read(&target).expect("it is our own");
        assert!(!environment.host_name.is_empty());
        assert!(environment.root.contains(&b"proc".to_vec()), "{:?}", environment.root);
    }
}
