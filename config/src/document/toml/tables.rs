//! From headers and pairs to one tree: TOML may spread a table over a file.

use std::collections::HashMap;

use super::{Code, Key, Kind, Node, Problem, Span, Statement};
use crate::document::{Entry, MAX_PROBLEMS, Value};

/// The tree of a whole text of `length` bytes.
pub(super) fn tree(statements: Vec<Statement>, length: usize, problems: &mut Vec<Problem>) -> Node {
    let mut root = Table::new(Made::Header, Span::new(0, length));
    let mut header: Vec<Key> = Vec::new();
    let mut lost = false;
    for Statement { keys, span, kind } in statements {
        match kind {
            Kind::Pair(value) => {
                // What stands below a header that could not be placed has no place either.
                if let Some(table) = (!lost).then(|| root.walk(&header, span)).flatten() {
                    table.pair(&keys, value, span, problems);
                }
            }
            Kind::Table | Kind::Item => {
                lost = !root.open(&keys, span, matches!(kind, Kind::Item), problems);
                header = keys;
            }
        }
    }
    root.finish()
}

/// The value of an inline table.
pub(super) fn inline(pairs: Vec<Statement>, span: Span, problems: &mut Vec<Problem>) -> Node {
    let mut table = Table::new(Made::Inline, span);
    for Statement { keys, span, kind } in pairs {
        if let Kind::Pair(value) = kind {
            table.pair(&keys, value, span, problems);
        }
    }
    Node { span, ..table.finish() }
}

/// How a table came to be, which decides who may add to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// By a header of its own.
    Header,
    /// On the way to a header below it.
    Way,
    /// By a dotted key.
    Dotted,
    /// In braces.
    Inline,
}

struct Table {
    made: Made,
    span: Span,
    slots: Vec<Slot>,
    /// The first slot of each name.
    names: HashMap<String, usize>,
}

struct Slot {
    key: Key,
    span: Span,
    item: Item,
}

enum Item {
    Value(Node),
    Table(Table),
    Tables(Vec<Table>),
}

impl Table {
    fn new(made: Made, span: Span) -> Self {
        Self { made, span, slots: Vec::new(), names: HashMap::new() }
    }

    fn find(&mut self, name: &str) -> Option<&mut Slot> {
        self.names.get(name).and_then(|index| self.slots.get_mut(*index))
    }

    /// Adds a slot. A name that is there already is kept twice: whoever checks keys reports it.
    fn add(&mut self, key: Key, span: Span, item: Item) {
        self.names.entry(key.name.clone()).or_insert(self.slots.len());
        self.slots.push(Slot { key, span, item });
    }

    /// The table below `keys`, made on the way where it is missing and stretched to hold `span`; `None` if something
    /// else has one of the names.
    fn step(&mut self, key: &Key, made: Made, span: Span) -> Option<&mut Self> {
        if self.find(&key.name).is_none() {
            self.add(key.clone(), span, Item::Table(Self::new(made, Span::new(key.span.start, span.end))));
        }
        let slot = self.find(&key.name)?;
        if !matches!(slot.item, Item::Value(_)) {
            slot.span.end = slot.span.end.max(span.end);
        }
        match &mut slot.item {
            Item::Value(_) => None,
            Item::Table(table) => {
                table.span.end = table.span.end.max(span.end);
                Some(table)
            }
            Item::Tables(tables) => {
                let table = tables.last_mut()?;
                table.span.end = table.span.end.max(span.end);
                Some(table)
            }
        }
    }

    /// The table that a header has opened.
    fn walk(&mut self, header: &[Key], span: Span) -> Option<&mut Self> {
        let mut table = self;
        for key in header {
            table = table.step(key, Made::Way, span)?;
        }
        Some(table)
    }

    /// Opens the table of a header; whether it has a place.
    fn open(&mut self, keys: &[Key], span: Span, is_item: bool, problems: &mut Vec<Problem>) -> bool {
        let Some((last, way)) = keys.split_last() else { return false };
        let mut table = self;
        for key in way {
            let closed = |table: &Self| matches!(table.made, Made::Dotted | Made::Inline);
            match table.step(key, Made::Way, span) {
                Some(next) if !closed(next) => table = next,
                _ => {
                    push(problems, key, "already has a value, and no table can be below it");
                    return false;
                }
            }
        }
        let Some(slot) = table.find(&last.name) else {
            let new = Self::new(Made::Header, span);
            let item = if is_item { Item::Tables(vec![new]) } else { Item::Table(new) };
            table.add(last.clone(), span, item);
            return true;
        };
        if !matches!(slot.item, Item::Value(_)) {
            slot.span.end = slot.span.end.max(span.end);
        }
        match &mut slot.item {
            Item::Tables(tables) if is_item => {
                tables.push(Self::new(Made::Header, span));
                true
            }
            Item::Table(table) if !is_item && table.made != Made::Inline => {
                if table.made == Made::Way {
                    table.made = Made::Header;
                } else {
                    push(problems, last, "stands here twice");
                }
                table.span.end = table.span.end.max(span.end);
                true
            }
            Item::Value(_) | Item::Table(_) | Item::Tables(_) => {
                push(problems, last, "already has a value of another kind");
                false
            }
        }
    }

    /// Adds `keys = value`, all of it at `span`.
    fn pair(&mut self, keys: &[Key], value: Node, span: Span, problems: &mut Vec<Problem>) {
        let Some((last, way)) = keys.split_last() else { return };
        let mut table = self;
        for key in way {
            let whole = Span::new(key.span.start, span.end);
            match table.step(key, Made::Dotted, whole) {
                Some(next) if next.made == Made::Dotted => table = next,
                _ => {
                    push(problems, key, "is a table or value already, to which nothing can be added here");
                    return;
                }
            }
        }
        table.add(last.clone(), Span::new(last.span.start, span.end), Item::Value(value));
    }

    fn finish(self) -> Node {
        let entries = self.slots.into_iter().map(|Slot { key, span, item }| {
            let value = match item {
                Item::Value(node) => node,
                Item::Table(table) => table.finish(),
                Item::Tables(tables) => {
                    let items: Vec<_> = tables.into_iter().map(Self::finish).collect();
                    Node { value: Value::Array(items), span }
                }
            };
            Entry { key: key.name, key_span: key.span, span, value, implied: false }
        });
        Node { value: Value::Object(entries.collect()), span: self.span }
    }
}

fn push(problems: &mut Vec<Problem>, key: &Key, message: &str) {
    if problems.len() < MAX_PROBLEMS {
        let problem = Problem::new(Code::DuplicateKey, "", key.span, format!("`{}` {message}", key.name));
        problems.push(problem.help("delete one of them"));
    }
}
