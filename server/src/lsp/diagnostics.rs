//! What is wrong with a document.

use config::{Overrides, Problem, Source};

/// The problems of a document that is being edited: variables and flags of a later launch are not known, a target may
/// still be picked.
pub fn problems(name: &str, text: &str) -> Vec<Problem> {
    let overrides = Overrides { target_pending: true, ..Overrides::default() };
    config::load(Some(Source { name, text }), &overrides).problems
}
