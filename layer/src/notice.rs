//! What the user must read at once: single lines on standard error, that begin with `mirrord:`.

use std::fmt::{Arguments, Display};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use protocol::text::harmless_bytes as printable;

use crate::sys;

/// Writes a line. Callers pass bytes from elsewhere through [`printable`].
pub(crate) fn always(text: impl Display) {
    let line = format!("mirrord: {text}\n");
    sys::write_stderr(line.as_bytes());
    tracing::warn!("{text}");
}

/// A line that one process writes once.
#[derive(Debug, Default)]
pub(crate) struct Once(AtomicBool);

impl Once {
    /// Writes the line unless it has been written.
    pub(crate) fn say(&self, text: Arguments<'_>) {
        if self.is_first() {
            always(text);
        }
    }

    /// Whether that call has been.
    pub(crate) fn was_first(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// True at the first call only.
    pub(crate) fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}
