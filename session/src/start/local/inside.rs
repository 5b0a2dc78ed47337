//! What runs inside the pod, or on the way into it: one single-threaded process per role.

use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Command, ExitCode, Stdio},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{dup2_stderr, dup2_stdin, getgid, getuid},
};

use super::{HIDDEN_COMMAND, init, report::Report, services};

/// A step that the kernel refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) step: &'static str,
    pub(super) errno: Errno,
}

/// Names the step of an attempt.
pub(super) trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, Refused>;
}

impl<T> Step<T> for nix::Result<T> {
    fn step(self, step: &'static str) -> Result<T, Refused> {
        self.map_err(|errno| Refused { step, errno })
    }
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: &'static str) -> Result<T, Refused> {
        self.map_err(|error| Refused { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) })
    }
}

/// Plays the role that `arguments` name: those behind [`HIDDEN_COMMAND`]. To be called before any thread exists.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let role = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    let played = match (role.to_str(), rest.as_slice()) {
        (Some("unshare"), [agent, client_key]) => enter(agent, client_key),
        (Some("init"), [agent, client_key]) => init::run(agent, client_key),
        (Some("web"), []) => services::web(),
        (Some("backend"), []) => services::backend(),
        _ => return ExitCode::from(2),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused { step, errno }) => {
            Report::Refused { step: step.to_owned(), errno: errno as i32 }.send();
            ExitCode::from(3)
        }
    }
}

/// The sockets that every process on the way to init gets as its standard streams.
pub(super) struct Sockets {
    /// Where the agent shall listen; standard input.
    pub(super) agent: OwnedFd,
    /// Reports and log lines out, orders in; standard output.
    pub(super) control: OwnedFd,
    /// Where the gateway shall listen; standard error.
    pub(super) gateway: OwnedFd,
}

impl Sockets {
    /// Takes them off the standard streams; what is written to standard error from now on becomes log lines.
    pub(super) fn take() -> Result<Self, Refused> {
        let agent = io::stdin().as_fd().try_clone_to_owned().step("inherited sockets")?;
        let control = io::stdout().as_fd().try_clone_to_owned().step("inherited sockets")?;
        let gateway = io::stderr().as_fd().try_clone_to_owned().step("inherited sockets")?;
        dup2_stdin(fs::File::open("/dev/null").step("/dev/null")?).step("inherited sockets")?;
        dup2_stderr(&control).step("inherited sockets")?;
        Ok(Self { agent, control, gateway })
    }
}

/// Leaves the host's namespaces and starts init in the new ones.
fn enter(agent: &OsString, client_key: &OsString) -> Result<(), Refused> {
    let sockets = Sockets::take()?;
    let (uid, gid) = (getuid(), getgid());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWPID,
    )
    .step("unshare")?;
    // Without this an unprivileged user may not write gid_map. user_namespaces(7).
    fs::write("/proc/self/setgroups", "deny").step("setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).step("uid_map")?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).step("gid_map")?;
    let status = Command::new("/proc/self/exe")
        .arg0("demo-pod-init")
        .args([HIDDEN_COMMAND, "init"])
        .args([agent, client_key])
        .stdin(Stdio::from(sockets.agent))
        .stdout(Stdio::from(sockets.control))
        .stderr(Stdio::from(sockets.gateway))
        .status()
        .step("first process")?;
    tracing::debug!("init: {status}");
    Ok(())
}
