//! TOML with a section for each table, with comments.

use super::{Comments, Entry, Node, Syntax, Value, WIDTH, is_null, key, one_line};
use crate::document::join;

pub(super) fn document(node: &Node, comments: &Comments) -> String {
    let mut printer = Printer { text: lines(&comments.head), comments };
    if !printer.text.is_empty() {
        printer.text.push('\n');
    }
    if let Value::Object(entries) = &node.value {
        printer.table(&[], "", entries);
    }
    printer.text + &lines(&comments.tail)
}

/// The section of `node`, which stands at `path`.
pub(super) fn section(path: &[String], node: &Node) -> String {
    let comments = Comments::default();
    let mut printer = Printer { text: String::new(), comments: &comments };
    if let Value::Object(entries) = &node.value {
        printer.headed(path, "", entries, false);
    }
    printer.text.trim_start().to_owned()
}

struct Printer<'a> {
    text: String,
    comments: &'a Comments,
}

impl Printer<'_> {
    fn table(&mut self, path: &[String], pointer: &str, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| !is_section(&entry.value) && !is_null(&entry.value)) {
            let inner = join(pointer, &entry.key);
            self.text += &lines(self.comments.before(&inner));
            let value = self.value(&entry.value, &inner);
            self.text.extend([key(Syntax::Toml, &entry.key).as_str(), " = ", value.as_str()]);
            self.end_line(&inner);
        }
        for entry in entries.iter().filter(|entry| is_section(&entry.value)) {
            let inner = join(pointer, &entry.key);
            let path: Vec<_> = path.iter().cloned().chain([entry.key.clone()]).collect();
            match &entry.value.value {
                Value::Object(entries) => self.headed(&path, &inner, entries, false),
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        if let Value::Object(entries) = &item.value {
                            let inner = if index == 0 { inner.clone() } else { join(&inner, &index.to_string()) };
                            self.headed(&path, &inner, entries, true);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn headed(&mut self, path: &[String], pointer: &str, entries: &[Entry], is_item: bool) {
        let has_own = entries.iter().any(|entry| !is_section(&entry.value) && !is_null(&entry.value));
        let has_below = entries.iter().any(|entry| is_section(&entry.value));
        let comments = self.comments.before(pointer);
        if is_item || has_own || !has_below || !comments.is_empty() || self.comments.behind(pointer).is_some() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text += &lines(comments);
            let keys: Vec<_> = path.iter().map(|part| key(Syntax::Toml, part)).collect();
            let keys = keys.join(".");
            let (open, close) = if is_item { ("[[", "]]") } else { ("[", "]") };
            self.text.extend([open, keys.as_str(), close]);
            self.end_line(pointer);
        }
        self.table(path, pointer, entries);
    }

    /// A value that is no section; a long list goes over several lines.
    fn value(&self, node: &Node, pointer: &str) -> String {
        let line = one_line(Syntax::Toml, node);
        match &node.value {
            Value::Array(items) if line.len() > WIDTH || self.comments.any_below(pointer) => {
                let mut text = "[\n".to_owned();
                for (index, item) in items.iter().enumerate().filter(|(_, item)| !is_null(item)) {
                    let inner = join(pointer, &index.to_string());
                    for comment in self.comments.before(&inner) {
                        text.extend(["  #", comment, "\n"]);
                    }
                    text.extend(["  ", one_line(Syntax::Toml, item).as_str(), ","]);
                    if let Some(comment) = self.comments.behind(&inner) {
                        text.extend([" #", comment]);
                    }
                    text.push('\n');
                }
                text + "]"
            }
            _ => line,
        }
    }

    fn end_line(&mut self, pointer: &str) {
        if let Some(comment) = self.comments.behind(pointer) {
            self.text.extend([" #", comment]);
        }
        self.text.push('\n');
    }
}

/// Whether a value gets headers of its own: a table, or a list of nothing but tables.
fn is_section(node: &Node) -> bool {
    match &node.value {
        Value::Object(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Object(_))),
        _ => false,
    }
}

fn lines(comments: &[String]) -> String {
    comments.iter().flat_map(|comment| ["#", comment.as_str(), "\n"]).collect()
}
