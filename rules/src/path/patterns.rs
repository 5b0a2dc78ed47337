//! The user's patterns, compiled when the first question comes.

use std::sync::OnceLock;

use protocol::policy::FilePolicy;
use regex::bytes::{Regex, RegexBuilder};

use crate::explain::List;

/// The four lists in the order in which they are asked.
#[derive(Debug)]
pub(super) struct Patterns {
    sources: Vec<(List, usize, String)>,
    compiled: OnceLock<Vec<(List, usize, Regex)>>,
}

impl Patterns {
    pub(super) fn new(policy: &FilePolicy) -> Self {
        let lists = [
            (List::NotFound, &policy.not_found),
            (List::ReadWrite, &policy.read_write),
            (List::ReadOnly, &policy.read_only),
            (List::Local, &policy.local),
        ];
        let sources = lists
            .into_iter()
            .flat_map(|(list, patterns)| {
                let numbered = patterns.iter().enumerate();
                numbered.map(move |(index, pattern)| (list, index, pattern.clone()))
            })
            .collect();
        Self { sources, compiled: OnceLock::new() }
    }

    /// The first pattern that matches somewhere in `path`.
    pub(super) fn first_match(&self, path: &[u8]) -> Option<(List, usize)> {
        if self.sources.is_empty() {
            return None;
        }
        self.compiled
            .get_or_init(|| {
                let compiled = self.sources.iter();
                compiled.filter_map(|(list, index, source)| Some((*list, *index, compile(source).ok()?))).collect()
            })
            .iter()
            .find(|(_, _, regex)| regex.is_match(path))
            .map(|(list, index, _)| (*list, *index))
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let sources = self.sources.iter();
        sources
            .filter_map(|(list, index, source)| {
                let fault = compile(source).err()?;
                Some(format!("feature.fs.{}[{index}]: {fault}", list.key()))
            })
            .collect()
    }
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).case_insensitive(true).build()
}

#[cfg(test)]
impl Patterns {
    pub(super) fn is_compiled(&self) -> bool {
        self.compiled.get().is_some()
    }
}
