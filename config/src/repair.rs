//! Fixes of the file, by pointer, in its own syntax.

use serde_json::Value as Json;

use crate::document::{Document, Span, edit};
use crate::problem::Edit;

/// Makes edits for the problems of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repair<'a> {
    pub(crate) document: &'a Document,
    pub(crate) text: &'a str,
}

impl Repair<'_> {
    /// Deletes a key or item.
    pub(crate) fn remove(&self, pointer: &str) -> Option<Vec<Edit>> {
        self.certain(edit::remove(self.document, self.text, pointer))
    }

    /// Deletes the key that stands at `key_span`.
    pub(crate) fn remove_key(&self, key_span: Span) -> Option<Vec<Edit>> {
        self.certain(edit::remove_key(self.document, self.text, key_span))
    }

    /// Gives a key another name.
    pub(crate) fn rename(&self, pointer: &str, key: &str) -> Option<Vec<Edit>> {
        self.certain(edit::rename(self.document, self.text, pointer, key))
    }

    /// Replaces a value.
    pub(crate) fn replace(&self, pointer: &str, value: &Json) -> Option<Vec<Edit>> {
        self.certain(edit::replace(self.document, self.text, pointer, value))
    }

    /// The part `at` of the text value at `span`; all of it where the text is not written as it is meant.
    pub(crate) fn part(&self, span: Span, value: &str, at: &std::ops::Range<usize>) -> Span {
        let written = self.text.get(span.start..span.end).unwrap_or_default();
        match written.find(value) {
            Some(start) => Span::new(span.start + start + at.start, span.start + start + at.end),
            None => span,
        }
    }

    /// Whether the bytes at `span` hold a comment or a template, which an edit that rewrites them would lose.
    ///
    /// Text that only looks like one counts too: then there is no fix, which is the safe side.
    pub(crate) fn holds_more(&self, span: Span) -> bool {
        let written = self.text.get(span.start..span.end).unwrap_or_default();
        ["//", "/*", "#", "{{", "{%"].iter().any(|mark| written.contains(mark))
    }

    /// No edit touches a template: what it makes is not known here.
    fn certain(&self, edits: Option<Vec<Edit>>) -> Option<Vec<Edit>> {
        edits.filter(|edits| {
            !edits.is_empty()
                && edits.iter().all(|edit| {
                    let old = self.text.get(edit.span.start..edit.span.end).unwrap_or("{{");
                    !old.contains("{{") && !old.contains("{%")
                })
        })
    }
}
