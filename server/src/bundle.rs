//! Where our own files lie: the layer and, for the demo, the agent.

use std::{env, path::PathBuf};

/// Why one of our files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The user names a file that does not exist.
    #[error("{variable} names {path}, which is not a file")]
    Named {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// It is not where it belongs.
    #[error("{name} is missing: it belongs next to this program, in {folder}; or name it with {variable}")]
    Missing {
        /// The file's name.
        name: &'static str,
        /// Where it was looked for.
        folder: PathBuf,
        /// Variable that may name it.
        variable: &'static str,
    },
}

/// Name of the library.
pub(crate) const LAYER: &str = "libmirrord_layer.so";

/// The library that is loaded into the user's program: `MIRRORD_LAYER_FILE`, else next to this executable.
pub(crate) fn layer() -> Result<PathBuf, BundleError> {
    find(LAYER, "MIRRORD_LAYER_FILE")
}

/// The agent for pods on this machine: `MIRRORD_AGENT_FILE`, else next to this executable.
pub(crate) fn agent() -> Result<PathBuf, BundleError> {
    find("mirrord-agent", "MIRRORD_AGENT_FILE")
}

/// Our own program, which sessions start as a helper; the kernel's name for it where it cannot be told.
pub(crate) fn helper() -> PathBuf {
    env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into())
}

/// The manual of the configuration, if it was installed next to this executable.
pub(crate) fn manual() -> Option<PathBuf> {
    Some(folder().join("configuration.md")).filter(|path| path.is_file())
}

/// Where this executable lies; empty where the system does not tell.
fn folder() -> PathBuf {
    let executable = env::current_exe().ok().and_then(|exe| exe.canonicalize().ok());
    executable.and_then(|exe| exe.parent().map(PathBuf::from)).unwrap_or_default()
}

fn find(name: &'static str, variable: &'static str) -> Result<PathBuf, BundleError> {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) {
        // Absolute, because the program may run in another directory.
        return match path.canonicalize() {
            Ok(path) if path.is_file() => Ok(path),
            _ => Err(BundleError::Named { variable, path }),
        };
    }
    let folder = folder();
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(BundleError::Missing { name, folder, variable }) }
}
