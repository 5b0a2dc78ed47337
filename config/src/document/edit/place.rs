//! Where a pointer leads in a tree.

use crate::document::{Document, Entry, Node, Span, Value, parts};

/// A node with the containers around it.
pub(super) struct Place<'a> {
    pub(super) node: &'a Node,
    /// From the root inwards: each container, and which of its entries or items leads on.
    pub(super) way: Vec<(&'a Node, usize)>,
}

impl<'a> Place<'a> {
    pub(super) fn find(document: &'a Document, pointer: &str) -> Option<Self> {
        Self::at(document, &parts(pointer).collect::<Vec<_>>())
    }

    pub(super) fn at(document: &'a Document, path: &[String]) -> Option<Self> {
        let mut place = Self { node: &document.root, way: Vec::new() };
        for part in path {
            let index = match &place.node.value {
                Value::Object(entries) => entries.iter().position(|entry| entry.key == *part)?,
                Value::Array(_) => part.parse().ok()?,
                _ => return None,
            };
            place = place.step(index)?;
        }
        Some(place)
    }

    /// The entry whose key stands at `span`.
    pub(super) fn of_key(document: &'a Document, span: Span) -> Option<Self> {
        fn search<'a>(place: &Place<'a>, span: Span) -> Option<Place<'a>> {
            let count = match &place.node.value {
                Value::Object(entries) => entries.len(),
                Value::Array(items) => items.len(),
                _ => return None,
            };
            (0..count).find_map(|index| {
                let inner = Place { node: place.node, way: place.way.clone() }.step(index)?;
                if inner.entry().is_some_and(|entry| entry.key_span == span) {
                    return Some(inner);
                }
                let holds = inner.node.span.start <= span.start && span.end <= inner.node.span.end;
                holds.then(|| search(&inner, span)).flatten()
            })
        }
        search(&Self { node: &document.root, way: Vec::new() }, span)
    }

    /// One level in. Nothing that stands elsewhere (behind an alias) or nowhere (implied).
    fn step(mut self, index: usize) -> Option<Self> {
        let outer = self.node;
        let (node, span) = match &outer.value {
            Value::Object(entries) => {
                let entry = entries.get(index).filter(|entry| !entry.implied)?;
                (&entry.value, entry.key_span)
            }
            Value::Array(items) => (items.get(index)?, items.get(index)?.span),
            _ => return None,
        };
        if span.start < outer.span.start || span.end > outer.span.end {
            return None;
        }
        self.way.push((outer, index));
        Some(Self { node, way: self.way })
    }

    pub(super) fn parent(&self) -> Option<&'a Node> {
        self.way.last().map(|(node, _)| *node)
    }

    /// The entry of which this is the value.
    pub(super) fn entry(&self) -> Option<&'a Entry> {
        let (parent, index) = self.way.last()?;
        match &parent.value {
            Value::Object(entries) => entries.get(*index),
            _ => None,
        }
    }

    /// The place of the container around.
    pub(super) fn outer(&self) -> Option<Self> {
        let (last, way) = self.way.split_last()?;
        Some(Self { node: last.0, way: way.to_vec() })
    }

    /// From the key or the value to the end of the value.
    pub(super) fn whole(&self) -> Span {
        let start = self.entry().map_or(self.node.span.start, |entry| entry.key_span.start);
        Span::new(start, self.node.span.end.max(start))
    }

    /// The same of all entries or items of the container around, as far as they stand in it.
    pub(super) fn siblings(&self) -> Vec<Span> {
        self.parent().map(members).unwrap_or_default()
    }
}

/// From key to end of value, of everything in a container that stands in its text.
pub(super) fn members(node: &Node) -> Vec<Span> {
    let spans: Vec<Span> = match &node.value {
        Value::Object(entries) => {
            let whole = |entry: &Entry| {
                let end = entry.value.span.end.max(entry.key_span.end);
                Span::new(entry.key_span.start, end)
            };
            entries.iter().filter(|entry| !entry.implied).map(whole).collect()
        }
        Value::Array(items) => items.iter().map(|item| item.span).collect(),
        _ => Vec::new(),
    };
    spans.into_iter().filter(|span| node.span.start <= span.start && span.end <= node.span.end).collect()
}
