//! Why there is no pod on this machine, and what its owner can do.

use std::{io, path::PathBuf};

use link::IdentityError;
use nix::errno::Errno;

use super::START_LIMIT;

/// Why there is no pod.
#[derive(Debug, thiserror::Error)]
pub enum LocalPodError {
    /// The kernel refused a step: this machine, or this container, does not let users make namespaces.
    #[error("no pod can be made on this machine: {step}: {errno}; {}", likely_cause(.step, *.errno))]
    Unavailable {
        /// What was attempted: `unshare`, `uid_map`, `address on lo`…
        step: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// Something else inside went wrong; `reason` is the last thing that was said.
    #[error("the pod did not start: {reason}")]
    Failed {
        /// The last words from inside.
        reason: String,
    },
    /// The agent cannot be started.
    #[error("cannot start the agent {path}: {source}")]
    Agent {
        /// Its executable.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Our own executable cannot be started.
    #[error("cannot start {path}: {source}")]
    Launch {
        /// The executable.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sockets that lead into the pod cannot be made.
    #[error("cannot make the sockets of the pod: {0}")]
    Sockets(#[source] io::Error),
    /// No key pair for the link.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It took too long.
    #[error("the pod did not start within {} s", START_LIMIT.as_secs())]
    Timeout,
}

/// Which restriction of a machine explains that `step` failed with `errno`, and what can be done.
fn likely_cause(step: &str, errno: Errno) -> &'static str {
    match (step, errno) {
        ("unshare", Errno::ENOSPC | Errno::EUSERS) => {
            "the limit of namespaces is reached: see /proc/sys/user/max_user_namespaces"
        }
        ("unshare", Errno::EPERM | Errno::ENOSYS | Errno::EINVAL) => {
            "unprivileged user namespaces are switched off, or this runs in a chroot or in a container whose seccomp \
             profile forbids them (docker: --security-opt seccomp=unconfined)"
        }
        ("uid_map" | "gid_map" | "address on lo" | "mount propagation" | "root", Errno::EPERM | Errno::EACCES) => {
            "a security module takes the rights inside new user namespaces away (Ubuntu: \
             kernel.apparmor_restrict_unprivileged_userns=1)"
        }
        _ => "the kernel does not say more",
    }
}
