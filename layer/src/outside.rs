//! Servers that ran before the session: tmux, pm2 or Emacs hand their work to one of their own kind that is there already,
//! which has nothing of the pod. The user is told.

use std::os::fd::RawFd;

use crate::notice::printable;
use crate::state::Layer;
use crate::sys;

/// The layer's name among a process's mappings, in whichever folder it is.
const LIBRARY: &[u8] = b"/libmirrord_layer.so";

/// The program has connected `fd` on this machine.
pub(crate) fn connected(layer: &Layer, fd: RawFd) {
    let Some(peer) = sys::socket::peer_process(fd).filter(|peer| *peer != sys::process_id()) else { return };
    let Ok(own) = sys::read_link(c"/proc/self/exe") else { return };
    // Another user's cannot be looked at: it is no server of this user's programs.
    let is_own_kind = std::fs::read_link(format!("/proc/{peer}/exe"))
        .is_ok_and(|executable| std::os::unix::ffi::OsStrExt::as_bytes(executable.as_os_str()) == own);
    if !is_own_kind || has_layer(peer) {
        return;
    }
    layer.notices.outside.say(format_args!(
        "{} has connected to process {peer}, which runs the same program outside of this session: what it does for it is \
         done on this machine, without the pod. To have it in the pod, end it first, or have another one started",
        printable(&own)
    ));
}

/// Whether a process is in a session.
fn has_layer(process: libc::pid_t) -> bool {
    // One that has ended in this moment does nothing any more.
    let Ok(mappings) = std::fs::read(format!("/proc/{process}/maps")) else { return true };
    mappings.windows(LIBRARY.len()).any(|part| part == LIBRARY)
}
