//! YAML 1.2 with the core schema: the events of a real parser become a tree with byte spans.
//!
//! That parser stops at the first mistake. Then the tree is one of [`tolerant`], which reads by lines and indentation.

mod offsets;
mod place;
mod scalar;
mod tolerant;

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::template::Masked;
use super::{Entry, MAX_DEPTH, MAX_PROBLEMS, Node, Span, Value};
use crate::problem::{Code, Problem};
use offsets::Offsets;
use place::{indenting_tab, item_placed, placed};
pub(super) use scalar::is_plain_text;

/// Most values that aliases may add. An alias of an alias of an alias multiplies; no configuration needs many.
const MAX_ALIASED: usize = 10_000;

/// The tree of a text and its syntax problems.
pub(super) fn parse(masked: &Masked<'_>) -> (Node, Vec<Problem>) {
    let text = &*masked.text;
    // The byte order mark, which the parser does not count.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let offsets = Offsets::new(&text[mark..], mark);
    let mut builder = Builder {
        masked,
        offsets: &offsets,
        open: Vec::new(),
        anchors: HashMap::new(),
        aliased: 0,
        root: None,
        documents: 0,
        problems: Vec::new(),
    };
    match builder.run(&text[mark..]) {
        Ok(()) => {
            let end = Span::new(text.len(), text.len());
            let root = builder.root.take().unwrap_or_else(|| {
                let problem = Problem::new(Code::Syntax, "", end, "the file is empty");
                builder.problems.push(problem.help("write at least {}"));
                Node { value: Value::Broken, span: end }
            });
            (root, builder.problems)
        }
        Err(problem) => {
            builder.problems.push(problem);
            (tolerant::parse(masked), builder.problems)
        }
    }
}

struct Builder<'a> {
    masked: &'a Masked<'a>,
    offsets: &'a Offsets<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    root: Option<Node>,
    documents: usize,
    problems: Vec<Problem>,
}

/// A container that has begun.
struct Open {
    anchor: usize,
    start: usize,
    is_flow: bool,
    content: Content,
}

enum Content {
    Items(Vec<Node>),
    Entries {
        entries: Vec<Entry>,
        /// The key whose value comes next.
        key: Option<Key>,
        /// What `<<` brings in; keys beside it win.
        merged: Vec<Node>,
    },
}

struct Key {
    name: String,
    span: Span,
    is_merge: bool,
}

impl Builder<'_> {
    /// Reads all events; fails where the text cannot be understood any further.
    fn run(&mut self, text: &str) -> Result<(), Problem> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.scan_problem(&error))?;
            let span = self.offsets.span(span);
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    self.documents += 1;
                    if self.documents > 1 {
                        let problem = Problem::new(Code::Syntax, "", span, "a second document begins here");
                        self.problem(problem.help("a configuration is one document: delete the rest from the `---`"));
                        break;
                    }
                }
                Event::Alias(id) => {
                    let node = self.alias(id, span)?;
                    self.value(node);
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let node = self.scalar(&text, style, tag.as_deref(), span);
                    self.anchored(anchor, &node);
                    self.value(node);
                }
                Event::SequenceStart(anchor, tag) => {
                    self.container(tag.as_deref(), "seq", span);
                    self.begin(anchor, span, Content::Items(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.container(tag.as_deref(), "map", span);
                    let content = Content::Entries { entries: Vec::new(), key: None, merged: Vec::new() };
                    self.begin(anchor, span, content)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(span),
            }
        }
        Ok(())
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn scan_problem(&self, error: &ScanError) -> Problem {
        let text = &*self.masked.text;
        let at = self.offsets.byte(error.marker().index());
        if let Some(tab) = indenting_tab(text, at) {
            let problem = Problem::new(Code::Syntax, "", Span::new(tab, tab + 1), "a tab in the indentation");
            return problem.help("YAML indents by spaces: replace each tab by two");
        }
        if error.info() == "simple key expect ':'" {
            let end = text[..at].trim_end().len();
            let line = &text[..end];
            let start = end - line[line.rfind('\n').map_or(0, |newline| newline + 1)..].trim_start().len();
            let problem = Problem::new(Code::Syntax, "", Span::new(start, end), "a `:` is missing after this key");
            return problem.help("write key: value");
        }
        let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
        let problem = Problem::new(Code::Syntax, "", Span::new(at, end), format!("this is not YAML: {}", error.info()));
        problem.help("the mistake may stand a line earlier: look at indentation, quotes and colons")
    }

    fn begin(&mut self, anchor: usize, span: Span, content: Content) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            let problem = Problem::new(Code::Syntax, "", span, "nested too deeply");
            return Err(problem.help("no configuration needs more than ten levels"));
        }
        let is_flow = self.masked.text[span.start..].starts_with(['[', '{']);
        self.open.push(Open { anchor, start: span.start, is_flow, content });
        Ok(())
    }

    fn end(&mut self, span: Span) {
        let Some(Open { anchor, start, is_flow, content }) = self.open.pop() else { return };
        let mut start = start;
        let (value, last) = match content {
            Content::Items(items) => {
                let last = items.last().map(|item| item.span.end);
                if let Some(first) = items.first().filter(|_| !is_flow) {
                    start = self.masked.text[..first.span.start].rfind('-').unwrap_or(start);
                }
                (Value::Array(items), last)
            }
            Content::Entries { mut entries, merged, .. } => {
                let last = entries.last().map(|entry| entry.span.end);
                if !merged.is_empty() {
                    let mut known: HashSet<_> = entries.iter().map(|entry| entry.key.clone()).collect();
                    let others = merged.into_iter().filter_map(entries_of).flatten();
                    entries.extend(others.filter(|entry| known.insert(entry.key.clone())));
                }
                (Value::Object(entries), last)
            }
        };
        let end = if is_flow { span.end } else { last.unwrap_or(span.end) };
        let node = Node { value, span: Span::new(start, end.max(start)) };
        self.anchored(anchor, &node);
        self.value(node);
    }

    fn anchored(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Problem> {
        let node = self.anchors.get(&id).cloned().unwrap_or(Node { value: Value::Broken, span });
        self.aliased += size(&node);
        if self.aliased > MAX_ALIASED {
            let problem = Problem::new(Code::Syntax, "", span, "the aliases of this file stand for too many values");
            return Err(problem.help("write the values themselves"));
        }
        Ok(Node { span, ..node })
    }

    /// Puts a finished node where it belongs.
    fn value(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.content {
            Content::Items(items) => {
                let before = items.last().map_or(open.start, |item| item.span.end);
                items.push(item_placed(node, before, &self.masked.text));
            }
            Content::Entries { entries, key, merged } => match key.take() {
                None => {
                    let (name, problem) = key_name(&node, self.masked);
                    let written = &self.masked.text[node.span.start..node.span.end];
                    *key = Some(Key { is_merge: written == "<<", name, span: node.span });
                    if let Some(problem) = problem {
                        self.problem(problem);
                    }
                }
                Some(Key { is_merge: true, span, .. }) => {
                    let problem = merge(node, merged).then_some(());
                    if problem.is_none() {
                        let problem = Problem::new(Code::WrongType, "", span, "`<<` takes a mapping or a list of them");
                        self.problem(problem.help("name an anchor of a mapping: <<: *name"));
                    }
                }
                Some(Key { name, span, .. }) => {
                    let value = placed(node, span, &self.masked.text);
                    let span_all = Span::new(span.start, value.span.end.max(span.end));
                    entries.push(Entry { key: name, key_span: span, span: span_all, value, implied: false });
                }
            },
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let span = scalar::span(&self.masked.text, span, style);
        if let Some(template) = self.masked.template(span) {
            return Node { value: Value::Template(template), span };
        }
        let kind = tag.and_then(|tag| self.tag(tag, span));
        let value = match kind.as_deref() {
            None if style == ScalarStyle::Plain => scalar::plain(text),
            None | Some("str") => Value::String(text.to_owned()),
            Some(kind) => {
                let value = scalar::plain(text);
                let fits = match (&value, kind) {
                    (Value::Null, "null") | (Value::Bool(_), "bool") | (Value::Number(_), "float") => true,
                    (Value::Number(number), "int") => !number.is_f64(),
                    _ => false,
                };
                if !fits {
                    let problem = Problem::new(Code::WrongType, "", span, format!("`{text}` is no !!{kind}"));
                    self.problem(problem.help("delete the tag"));
                }
                value
            }
        };
        Node { value, span }
    }

    /// The type that a tag of the core schema names; any other is a problem.
    fn tag(&mut self, tag: &Tag, span: Span) -> Option<String> {
        let core = ["str", "int", "float", "bool", "null", "seq", "map"];
        if tag.handle == "!" && tag.suffix.is_empty() {
            return Some("str".to_owned());
        }
        if tag.is_yaml_core_schema() && core.contains(&tag.suffix.as_str()) {
            return Some(tag.suffix.clone());
        }
        let problem = Problem::new(Code::Syntax, "", span, format!("the tag `{tag}` means nothing here"));
        self.problem(problem.help("delete it"));
        None
    }

    fn container(&mut self, tag: Option<&Tag>, expected: &str, span: Span) {
        if let Some(kind) = tag.and_then(|tag| self.tag(tag, span)).filter(|kind| kind != expected) {
            self.problem(
                Problem::new(Code::WrongType, "", span, format!("this is no !!{kind}")).help("delete the tag"),
            );
        }
    }
}

/// The name that a key stands for, and what is wrong with it.
fn key_name(node: &Node, masked: &Masked<'_>) -> (String, Option<Problem>) {
    match &node.value {
        Value::String(name) | Value::Template(name) => (name.clone(), None),
        Value::Object(_) | Value::Array(_) | Value::Broken => {
            let problem = Problem::new(Code::WrongType, "", node.span, "a key is text");
            (String::new(), Some(problem.help("a key with brackets stands in quotes")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let written = &masked.text[node.span.start..node.span.end];
            let problem = Problem::new(Code::WrongType, "", node.span, format!("the key `{written}` is not text"));
            (written.to_owned(), Some(problem.help(format!("write \"{written}\""))))
        }
    }
}

/// Adds what `<<` names; whether it can be merged.
fn merge(node: Node, merged: &mut Vec<Node>) -> bool {
    match node.value {
        Value::Object(_) => {
            merged.push(node);
            true
        }
        Value::Array(items) if items.iter().all(|item| matches!(item.value, Value::Object(_))) => {
            merged.extend(items);
            true
        }
        _ => false,
    }
}

fn entries_of(node: Node) -> Option<Vec<Entry>> {
    match node.value {
        Value::Object(entries) => Some(entries),
        _ => None,
    }
}

/// How many values `node` has, itself included.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        _ => 0,
    }
}
