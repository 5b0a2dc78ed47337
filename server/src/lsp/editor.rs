//! The editor's process, which may die without a word.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::shared::Shared;

/// How often we look whether the editor still runs, after an editor whose pipe somebody else keeps open.
const PAUSE: Duration = Duration::from_secs(2);

/// Waits until the process that `initialize` names is gone.
pub(super) async fn gone(shared: &Shared) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Some(process) = shared.agreement().process
            && kill(Pid::from_raw(process), None) == Err(Errno::ESRCH)
        {
            return;
        }
    }
}
