//! Comments, by the key or item that they are about.

use std::collections::BTreeMap;

/// The comments of a document, each without its `#` or `//`.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// Above everything, and set apart from the first key.
    pub(super) head: Vec<String>,
    /// Below everything.
    pub(super) tail: Vec<String>,
    by_pointer: BTreeMap<String, About>,
}

#[derive(Debug, Default)]
struct About {
    before: Vec<String>,
    behind: Option<String>,
}

impl Comments {
    pub(super) fn add_before(&mut self, pointer: &str, comment: String) {
        self.by_pointer.entry(pointer.to_owned()).or_default().before.push(comment);
    }

    /// A second comment behind one value goes above it.
    pub(super) fn add_behind(&mut self, pointer: &str, comment: String) {
        let about = self.by_pointer.entry(pointer.to_owned()).or_default();
        match &about.behind {
            None => about.behind = Some(comment),
            Some(_) => about.before.push(comment),
        }
    }

    /// On the lines above it.
    pub(super) fn before(&self, pointer: &str) -> &[String] {
        self.by_pointer.get(pointer).map(|about| about.before.as_slice()).unwrap_or_default()
    }

    /// At the end of its first line.
    pub(super) fn behind(&self, pointer: &str) -> Option<&str> {
        self.by_pointer.get(pointer)?.behind.as_deref()
    }

    /// Whether something below `pointer` has a comment.
    pub(super) fn any_below(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.by_pointer.range(below.clone()..).next().is_some_and(|(key, _)| key.starts_with(&below))
    }
}
