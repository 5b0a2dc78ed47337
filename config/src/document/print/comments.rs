//! Comments, by the key or item that they are about.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::document::template::Masked;
use crate::document::{Node, Span, Syntax, Value, join};

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
    fn add_before(&mut self, pointer: &str, comment: String) {
        self.by_pointer.entry(pointer.to_owned()).or_default().before.push(comment);
    }

    /// A second comment behind one value goes above it.
    fn add_behind(&mut self, pointer: &str, comment: String) {
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

/// A comment in a text.
pub(super) struct Comment {
    /// With its marks.
    pub(super) span: Span,
    /// Its lines without marks.
    lines: Vec<String>,
}

/// The comments of a document, which stand between keys and scalars.
pub(super) fn find(syntax: Syntax, masked: &Masked<'_>, root: &Node) -> Vec<Comment> {
    let leaves = leaves(root);
    let text = &*masked.text;
    let mut comments = Vec::new();
    let mut at = 0;
    for end in leaves.iter().map(|leaf| leaf.span).chain([Span::new(text.len(), text.len())]) {
        while at < end.start {
            let gap = &text[at..end.start];
            let Some((start, length, lines)) = first(syntax, text, at, gap, &masked.raw) else { break };
            comments.push(Comment { span: Span::new(start, start + length), lines });
            at = start + length;
        }
        at = at.max(end.end);
    }
    comments
}

/// The first comment that begins in `gap`, which stands at `at`.
fn first(syntax: Syntax, text: &str, at: usize, gap: &str, raw: &str) -> Option<(usize, usize, Vec<String>)> {
    let marks: &[&str] = if syntax == Syntax::Json { &["//", "/*"] } else { &["#"] };
    // Keys of headers are in the tree once, whatever header names them again.
    let shown = if syntax == Syntax::Toml { Cow::Owned(without_quoted(gap)) } else { Cow::Borrowed(gap) };
    let (found, mark) = marks.iter().filter_map(|mark| Some((shown.find(mark)?, *mark))).min()?;
    let start = at + found;
    let length = match mark {
        "/*" => text[start..].find("*/").map_or(text.len() - start, |length| length + 2),
        _ => text[start..].find(['\n', '\r']).unwrap_or(text.len() - start),
    };
    let inside = &raw[start + mark.len()..start + length];
    let inside = if mark == "/*" { inside.strip_suffix("*/").unwrap_or(inside) } else { inside };
    let lines = inside.lines().map(|line| {
        let line = if mark == "/*" { line.trim_start().trim_start_matches('*') } else { line };
        let line = line.trim_end();
        if mark == "/*" && !line.is_empty() { format!(" {}", line.trim()) } else { line.to_owned() }
    });
    Some((start, length, lines.filter(|line| mark == "//" || mark == "#" || !line.is_empty()).collect()))
}

/// `text` with what stands in quotes filled up, up to its first comment.
fn without_quoted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut quote = None;
    let mut escaped = false;
    for byte in &mut bytes {
        match quote {
            None if *byte == b'#' => break,
            None if matches!(*byte, b'"' | b'\'') => quote = Some(*byte),
            None => {}
            Some(_) if *byte == b'\n' => quote = None,
            Some(open) => {
                if *byte == open && !escaped {
                    quote = None;
                }
                escaped = *byte == b'\\' && open == b'"' && !escaped;
                *byte = b'x';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A key or scalar.
struct Leaf {
    span: Span,
    pointer: String,
}

fn collect(node: &Node, pointer: &str, leaves: &mut Vec<Leaf>) {
    match &node.value {
        Value::Object(entries) => {
            for entry in entries.iter().filter(|entry| !entry.implied) {
                let inner = join(pointer, &entry.key);
                leaves.push(Leaf { span: entry.key_span, pointer: inner.clone() });
                collect(&entry.value, &inner, leaves);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &join(pointer, &index.to_string()), leaves);
            }
        }
        _ => leaves.push(Leaf { span: node.span, pointer: pointer.to_owned() }),
    }
}

fn leaves(root: &Node) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(root, "", &mut leaves);
    leaves.sort_by_key(|leaf| leaf.span.start);
    leaves
}

/// Finds out what comments are about.
pub(super) fn placed(found: &[Comment], root: &Node, text: &str) -> Comments {
    let leaves = leaves(root);
    let mut comments = Comments::default();
    for comment in found {
        place(comment, &leaves, text, &mut comments);
    }
    comments
}

/// On a line of its own a comment is about what follows, behind something about that.
fn place(comment: &Comment, leaves: &[Leaf], text: &str, comments: &mut Comments) {
    let after = leaves.partition_point(|leaf| leaf.span.start < comment.span.start);
    let line = text[..comment.span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let last = after.checked_sub(1).map(|index| &leaves[index]).filter(|leaf| leaf.span.end > line);
    let lines = comment.lines.iter().cloned();
    if let (Some(leaf), [line]) = (last, comment.lines.as_slice()) {
        comments.add_behind(&leaf.pointer, line.clone());
        return;
    }
    let Some(next) = leaves.get(after) else {
        comments.tail.extend(lines);
        return;
    };
    let gap = text.get(comment.span.end..next.span.start).unwrap_or_default();
    let is_apart = gap.contains("\n\n") || gap.contains("\n\r\n") || gap.contains('{');
    if after == 0 && is_apart {
        comments.head.extend(lines);
    } else {
        lines.for_each(|line| comments.add_before(&next.pointer, line));
    }
}
