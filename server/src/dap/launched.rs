//! A launch into a session, as the session tells its program from the other processes: by a variable in its environment.

use std::{
    ffi::OsStr,
    time::{SystemTime, UNIX_EPOCH},
};

use protocol::link::variable;
use session::Injection;

/// One launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launched {
    /// Unlike that of any other launch on this machine.
    pub(super) name: String,
    /// Processes of this name that are not the program's: a debug adapter has it where its environment is the program's.
    pub(super) before: u64,
}

impl Launched {
    /// One that has not begun.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self { name: format!("{:x}-{now:x}", std::process::id()), before: 0 }
    }

    /// What its program gets.
    pub(super) fn named(&self, mut injection: Injection) -> Injection {
        injection.set.insert(variable::LAUNCH.into(), self.name.clone().into());
        injection
    }
}

/// What processes of the session get that are not the program's.
pub(super) fn unnamed(mut injection: Injection) -> Injection {
    injection.set.remove(OsStr::new(variable::LAUNCH));
    injection
}
