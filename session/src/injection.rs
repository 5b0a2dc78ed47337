//! What makes a program one of a session: the variables of its environment.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt, path::Path};

use config::feature::env::EnvChange;
use protocol::link::{SECRET_LEN, variable};

use crate::{Options, random::hex};

/// What whoever launches the program has to apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// Variables to set, `LD_PRELOAD` and the layer's own among them.
    pub set: BTreeMap<OsString, OsString>,
    /// Variables to remove from the local environment.
    pub unset: Vec<OsString>,
}

/// What a launch needs: the changes of the environment, the library, and the way to the session.
pub(crate) fn inject(change: EnvChange, options: &Options, socket: &Path, secret: &[u8; SECRET_LEN]) -> Injection {
    let EnvChange { mut set, unset } = change;
    set.insert(variable::SOCKET.into(), socket.into());
    set.insert(variable::SECRET.into(), hex(secret).into());
    // Ours comes last, as in files of the original: what the user preloads himself is found first.
    let preload = OsString::from("LD_PRELOAD");
    let mut libraries = options.environment.get(&preload).cloned().unwrap_or_default().into_vec();
    if !libraries.is_empty() {
        libraries.push(b':');
    }
    libraries.extend(options.layer.clone().into_os_string().into_vec());
    set.insert(preload, OsString::from_vec(libraries));
    Injection { set, unset }
}
