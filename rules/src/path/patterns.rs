//! The user's patterns, compiled when the first question comes.

use std::sync::OnceLock;

use protocol::policy::FilePolicy;
use regex::bytes::{Regex, RegexBuilder};

use crate::explain::List;

/// The rewrites, and the four lists in the order in which they are asked.
#[derive(Debug)]
pub(super) struct Patterns {
    /// Pattern and replacement.
    rewrites: Vec<(String, String)>,
    lists: Vec<(List, usize, String)>,
    compiled: OnceLock<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    rewrites: Vec<(usize, Regex, String)>,
    lists: Vec<(List, usize, Regex)>,
}

impl Patterns {
    pub(super) fn new(policy: &FilePolicy) -> Self {
        let lists = [
            (List::NotFound, &policy.not_found),
            (List::ReadWrite, &policy.read_write),
            (List::ReadOnly, &policy.read_only),
            (List::Local, &policy.local),
        ];
        let lists = lists
            .into_iter()
            .flat_map(|(list, patterns)| {
                let numbered = patterns.iter().enumerate();
                numbered.map(move |(index, pattern)| (list, index, pattern.clone()))
            })
            .collect();
        Self { rewrites: policy.mapping.clone(), lists, compiled: OnceLock::new() }
    }

    /// The first pattern of a list that matches somewhere in `path`.
    pub(super) fn first_match(&self, path: &[u8]) -> Option<(List, usize)> {
        if self.lists.is_empty() {
            return None;
        }
        let mut lists = self.compiled().lists.iter();
        lists.find(|(_, _, regex)| regex.is_match(path)).map(|(list, index, _)| (*list, *index))
    }

    /// `path` with the match of the first rewrite that matches replaced, and the rewrite's place in the mapping.
    pub(super) fn rewrite(&self, path: &[u8]) -> Option<(usize, Vec<u8>)> {
        if self.rewrites.is_empty() {
            return None;
        }
        self.compiled().rewrites.iter().find_map(|(index, regex, replacement)| {
            // Most paths are not rewritten, and finding groups costs more than finding out.
            let captures = regex.is_match(path).then(|| regex.captures(path)).flatten()?;
            let matched = captures.get(0)?;
            let mut rewritten = path[..matched.start()].to_vec();
            captures.expand(replacement.as_bytes(), &mut rewritten);
            rewritten.extend(&path[matched.end()..]);
            Some((*index, rewritten))
        })
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let rewrites = self.rewrites.iter().enumerate();
            let lists = self.lists.iter();
            Compiled {
                rewrites: rewrites
                    .filter_map(|(index, (pattern, text))| Some((index, compile(pattern).ok()?, text.clone())))
                    .collect(),
                lists: lists.filter_map(|(list, index, source)| Some((*list, *index, compile(source).ok()?))).collect(),
            }
        })
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let rewrites = self.rewrites.iter().filter_map(|(pattern, _)| {
            let fault = compile(pattern).err()?;
            Some(format!("feature.fs.mapping, `{pattern}`: {fault}"))
        });
        let lists = self.lists.iter().filter_map(|(list, index, source)| {
            let fault = compile(source).err()?;
            Some(format!("feature.fs.{}[{index}]: {fault}", list.key()))
        });
        rewrites.chain(lists).collect()
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
