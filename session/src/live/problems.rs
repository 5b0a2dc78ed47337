//! What is wrong with a configuration in view of the cluster.

use config::{Document, Loaded, Problem};

use super::View;

/// Mistakes that only a look at the cluster finds, in the order of the text. Silent about what is not known for sure.
pub fn problems(_document: &Document, _loaded: &Loaded, _view: &View) -> Vec<Problem> {
    Vec::new()
}
