//! What programs write on this machine while they read the target's: the default mode `read` means that, and surprises
//! whoever looks for it afterwards. The user is told once.

use std::sync::atomic::{AtomicBool, Ordering};

use protocol::text::harmless_bytes;

use crate::{event::Event, proxy::Proxy};

/// Whether the user has been told.
#[derive(Debug, Default)]
pub(crate) struct Told(AtomicBool);

/// A program writes to `path` on this machine.
pub(crate) fn here(proxy: &Proxy, path: &[u8]) {
    let told = &proxy.advice.written.0;
    if told.load(Ordering::Relaxed) {
        return;
    }
    let Some(why) = proxy.advice.rules(&proxy.policy.files).written_here(path) else { return };
    if !told.swap(true, Ordering::Relaxed) {
        let path = harmless_bytes(path);
        proxy.observer.tell(Event::Info(format!(
            "{path} is written on this machine, while the pod's is read ({why}); to write in the pod, set \
             `feature.fs.mode` to `write`, or name the path in `feature.fs.read_write`"
        )));
    }
}
