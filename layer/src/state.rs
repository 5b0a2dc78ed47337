//! The layer of this process: what it was told at start-up, and whether it does anything.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use protocol::policy::Policy;
use rules::path::PathRules;

use crate::{inherit::Inheritance, link::Link, notice, sys};

/// Everything that hooks ask.
pub(crate) struct Layer {
    pub(crate) link: Link,
    pub(crate) policy: Policy,
    pub(crate) paths: PathRules,
    /// This machine's root folder, where it can be looked at.
    pub(crate) root: Option<sys::Known>,
    /// What descendants need in their environment.
    pub(crate) inheritance: Inheritance,
    /// On the skip list: attached, so that the session waits for it, but its calls are its own.
    pub(crate) skipped: bool,
    /// Whether this process is supervised as well, for what does not pass through libc; so are all that descend from it.
    pub(crate) strict: bool,
    /// State of the generator of tokens (`hold`).
    pub(crate) tokens: AtomicU64,
    pub(crate) notices: Notices,
}

/// Lines that are said once.
#[derive(Default)]
pub(crate) struct Notices {
    pub(crate) closed: notice::Once,
    pub(crate) copied_folder: notice::Once,
    pub(crate) copy: notice::Once,
    pub(crate) copy_lock: notice::Once,
    pub(crate) watch: notice::Once,
    pub(crate) walk: notice::Once,
    pub(crate) udp: notice::Once,
    pub(crate) written_here: notice::Once,
    pub(crate) no_route: notice::Once,
    pub(crate) plain_relay: notice::Once,
    pub(crate) uninjected: notice::Once,
    pub(crate) outside: notice::Once,
}

static LAYER: OnceLock<Layer> = OnceLock::new();

/// Makes `layer` the process's layer; once, from the constructor.
pub(crate) fn set(layer: Layer) {
    // The constructor runs once; a second layer could not be.
    let _ = LAYER.set(layer);
}

/// The layer, unless this process runs without us.
pub(crate) fn active() -> Option<&'static Layer> {
    LAYER.get().filter(|layer| !layer.skipped)
}

/// The layer, also of a skipped process.
pub(crate) fn attached() -> Option<&'static Layer> {
    LAYER.get()
}
