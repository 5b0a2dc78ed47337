//! What the user is told once: a program meets something that will surprise its owner, and there is a key that changes it.

pub(crate) mod certificates;
pub(crate) mod skipped;
pub(crate) mod written;

use std::sync::OnceLock;

use protocol::{
    codec,
    file::{Stat, Which},
    operation::{Operation, decode_answer},
    policy::FilePolicy,
};
use rules::path::PathRules;

use crate::{descriptors, proxy::Proxy};

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
        self.rules.get_or_init(|| PathRules::new(policy))
    }
}

/// Whether the target has something at `path`; with `follow`, a link that it ends with leads on.
async fn target_has(proxy: &Proxy, path: &[u8], follow: bool) -> bool {
    let stat = Stat { file: Which::Path { path: path.to_owned(), follow } };
    let Ok(operation) = codec::encode(&Operation::from(stat)) else { return false };
    // In a box, since performing an operation may lead to advice itself.
    let Ok((answer, _)) = Box::pin(descriptors::perform(proxy, operation)).await else { return false };
    decode_answer::<Stat>(&answer).is_ok_and(|found| found.is_ok())
}
