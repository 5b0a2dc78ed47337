//! What a caret stands on: a key or a value, of which place of the language.

use config::document::{Document, Entry, Node, Span, Value, join};

/// Where a caret stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Cursor {
    /// Where nothing is written yet.
    Empty,
    /// On a key, or where one may come.
    Key {
        /// Pointer of the object around it.
        object: String,
        /// The other keys of the object.
        present: Vec<String>,
        /// What an inserted key replaces; empty where nothing is.
        replace: Span,
        /// Whether a colon follows already.
        has_value: bool,
        /// Where a comma is missing, behind the key before.
        comma_at: Option<usize>,
        /// Whether a comma is needed, before the key behind.
        comma_after: bool,
    },
    /// On a scalar value, or where a value may come.
    Value {
        /// Its pointer.
        pointer: String,
        /// What an inserted value replaces; empty where nothing is.
        replace: Span,
        /// The siblings that are text, by key: the rest of a target, for example.
        siblings: Vec<(String, String)>,
        /// The document's own choice of a cluster and a namespace.
        cluster: Cluster,
    },
}

/// What a document says about where to look for live values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `target.namespace`
    pub namespace: Option<String>,
    /// `kube_context`
    pub context: Option<String>,
    /// `kubeconfig`
    pub kubeconfig: Option<String>,
}

/// What stands at `offset`; `None` where nothing can be written.
pub fn locate(document: &Document, text: &str, offset: usize) -> Option<Cursor> {
    if document.root.value == Value::Broken && text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Some(Cursor::Empty);
    }
    let cluster = Cluster {
        namespace: text_at(&document.root, &["target", "namespace"]),
        context: text_at(&document.root, &["kube_context"]),
        kubeconfig: text_at(&document.root, &["kubeconfig"]),
    };
    Finder { text, offset, cluster }.node(&document.root, String::new(), &[])
}

struct Finder<'a> {
    text: &'a str,
    offset: usize,
    cluster: Cluster,
}

impl Finder<'_> {
    /// The caret inside `node`, which stands at `pointer` among `siblings`.
    fn node(&self, node: &Node, pointer: String, siblings: &[Entry]) -> Option<Cursor> {
        match &node.value {
            Value::Object(entries) if self.is_inside(node.span, '}') => self.object(entries, pointer),
            Value::Array(items) if self.is_inside(node.span, ']') => {
                let hit = items.iter().enumerate().find(|(_, item)| item.span.touches(self.offset));
                match hit {
                    Some((index, item)) => self.node(item, join(&pointer, &index.to_string()), &[]),
                    None => Some(self.value(join(&pointer, "0"), Span::new(self.offset, self.offset), &[])),
                }
            }
            Value::Object(_) | Value::Array(_) => None,
            Value::String(_) if !self.is_in_text(node.span) => None,
            _ => Some(self.value(pointer, node.span, siblings)),
        }
    }

    fn value(&self, pointer: String, replace: Span, siblings: &[Entry]) -> Cursor {
        let siblings = siblings.iter().filter_map(|entry| match &entry.value.value {
            Value::String(text) => Some((entry.key.clone(), text.clone())),
            _ => None,
        });
        Cursor::Value { pointer, replace, siblings: siblings.collect(), cluster: self.cluster.clone() }
    }

    fn object(&self, entries: &[Entry], pointer: String) -> Option<Cursor> {
        for entry in entries {
            if self.is_in_text(entry.key_span) {
                return Some(self.key(entries, Some(entry), pointer));
            }
            if entry.value.span.touches(self.offset) && entry.value.span.start < entry.value.span.end {
                return self.node(&entry.value, join(&pointer, &entry.key), entries);
            }
            let after_colon = entry.value.span.end;
            let is_missing = entry.value.value == Value::Broken && self.text[..after_colon].ends_with(':');
            if is_missing && after_colon <= self.offset && self.text[after_colon..self.offset].trim().is_empty() {
                let replace = Span::new(self.offset, self.offset);
                return Some(self.value(join(&pointer, &entry.key), replace, entries));
            }
        }
        let within = |entry: &Entry| entry.key_span.start < self.offset && self.offset <= entry.value.span.end;
        (!entries.iter().any(within)).then(|| self.key(entries, None, pointer))
    }

    fn key(&self, entries: &[Entry], current: Option<&Entry>, object: String) -> Cursor {
        let others = entries.iter().filter(|entry| current.is_none_or(|current| entry.key_span != current.key_span));
        let replace = current.map_or(Span::new(self.offset, self.offset), |entry| entry.key_span);
        let has_value = self.text[replace.end..].trim_start().starts_with(':');
        let ends_with_comma = |entry: &Entry| self.text[..entry.span.end].ends_with(',');
        let before = others.clone().rfind(|entry| entry.span.end <= replace.start);
        let is_last = others.clone().all(|entry| entry.span.start < replace.start);
        Cursor::Key {
            object,
            present: others.map(|entry| entry.key.clone()).collect(),
            replace,
            has_value,
            comma_at: before.filter(|entry| !ends_with_comma(entry)).map(|entry| entry.span.end),
            comma_after: !has_value && !is_last && !current.is_some_and(ends_with_comma),
        }
    }

    /// Whether the caret is between the brackets of a container, whose closing one may be missing.
    fn is_inside(&self, span: Span, close: char) -> bool {
        let closed = self.text[span.start..span.end].ends_with(close);
        span.start < self.offset && if closed { self.offset < span.end } else { self.offset <= span.end }
    }

    /// Whether the caret is in a text or word, behind its first character; the closing quote may be missing.
    fn is_in_text(&self, span: Span) -> bool {
        let written = &self.text[span.start..span.end];
        let closed = written.len() > 1 && written.starts_with(['"', '\'']) && written.ends_with(['"', '\'']);
        span.start < self.offset && if closed { self.offset < span.end } else { self.offset <= span.end }
    }
}

fn text_at(root: &Node, path: &[&str]) -> Option<String> {
    let mut node = root;
    for part in path {
        let Value::Object(entries) = &node.value else { return None };
        node = &entries.iter().find(|entry| entry.key == *part)?.value;
    }
    match &node.value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}
