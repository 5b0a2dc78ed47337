//! The environment in the form in which processes that import it themselves get it: a memfd of entries that end with NUL.

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use config::feature::env::EnvChange;
use nix::{
    fcntl::{OFlag, open},
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::Mode,
    },
};

/// What is handed to processes.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Handed(Vec<u8>);

impl Handed {
    /// `NAME=value` for what is set, `NAME` for what is removed.
    pub(crate) fn new(change: &EnvChange) -> Self {
        let EnvChange { set, unset } = change;
        let mut bytes = Vec::new();
        for name in unset {
            bytes.extend(name.as_bytes());
            bytes.push(0);
        }
        for (name, value) in set {
            bytes.extend(name.as_bytes());
            bytes.push(b'=');
            bytes.extend(value.as_bytes());
            bytes.push(0);
        }
        Self(bytes)
    }

    /// A descriptor to read it from.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        let memfd = memfd_create(c"mirrord-environment", MFdFlags::MFD_CLOEXEC)?;
        let mut rest = &self.0[..];
        while !rest.is_empty() {
            let written = nix::unistd::write(&memfd, rest)?;
            rest = &rest[written..];
        }
        // Opened anew: with an offset of its own, at 0, and for reading only.
        let path = format!("/proc/self/fd/{}", memfd.as_raw_fd());
        Ok(open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_goes_and_what_comes() {
        let set = [("A".into(), "1=2".into()), ("B".into(), "".into())].into();
        let handed = Handed::new(&EnvChange { set, unset: vec!["GONE".into()] });
        let mut read = Vec::new();
        std::fs::File::from(handed.descriptor().expect("a memfd")).read_to_end(&mut read).expect("readable");
        assert_eq!(read, b"GONE\0A=1=2\0B=\0");
    }
}
