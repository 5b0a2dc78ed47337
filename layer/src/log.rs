//! The layer's log: a `tracing` subscriber of its own that appends lines to one file.
//!
//! The file is opened for each line: a program that closes all descriptors, or reuses their numbers, cannot make us
//! write into something of its own.

use std::ffi::CString;
use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::scope::Scope;
use crate::sys;

/// Finest level that is written: decisions that lead away from this machine, but not those that stay.
const LEVEL: LevelFilter = LevelFilter::DEBUG;

/// Sends what is traced to the file at `path`.
pub(crate) fn start(path: CString) {
    // It fails only if a subscriber is there already, which this function alone sets.
    let _ = tracing::subscriber::set_global_default(File { path });
}

struct File {
    path: CString,
}

impl Subscriber for File {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LEVEL
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LEVEL)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // The layer opens no spans: its lines are single events.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = format!("{} [{}]", event.metadata().level(), sys::process_id());
        event.record(&mut Fields(&mut line));
        line.push('\n');
        // Also used while no hook runs (after fork): the file is opened by the real open(2) in any case.
        let _scope = Scope::enter();
        // A log that cannot be written is not worth the program's life.
        let _ = sys::append(&self.path, line.as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Writes ` message` and ` name=value` behind what is there.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, " {value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
