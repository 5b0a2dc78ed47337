//! What the user is told once: a program meets something that will surprise its owner, and there is a key that changes it.

pub(crate) mod certificates;
pub(crate) mod skipped;
pub(crate) mod written;

use std::sync::OnceLock;

use protocol::policy::FilePolicy;
use rules::path::PathRules;

/// What the user has been told so far.
#[derive(Debug, Default)]
pub(crate) struct Advice {
    certificates: certificates::Certificates,
    skipped: skipped::Skipped,
    written: written::Told,
    rules: OnceLock<PathRules>,
}

impl Advice {
    /// The session's rules for paths; those of a process also know its executable, which no advice is about.
    fn rules(&self, policy: &FilePolicy) -> &PathRules {
        self.rules.get_or_init(|| PathRules::new(policy, b""))
    }
}
