//! What the user must read at once: single lines on standard error, that begin with `mirrord:`.

use std::fmt::{Arguments, Display};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

/// Writes a line. Callers pass data from the target through [`printable`].
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

    /// True at the first call only.
    pub(crate) fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// Bytes from elsewhere, without anything that a terminal would obey.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .flat_map(|char| {
            let harmful = char.is_control() || matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            let shown = if harmful { '\u{FFFD}' } else { char };
            std::iter::once(shown)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_obey_nothing() {
        assert_eq!(printable(b"a\x1b[31m\n\xff\xc2\x9bz"), "a\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD}z");
    }
}
