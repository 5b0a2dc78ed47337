//! The caret in YAML: lines whose indentation says what belongs to what.

use config::document::{Span, Syntax, join};

use super::flow::{Flow, Walk, quoted, unquote};
use super::{Cursor, Key, Layout, Place, Room};

/// What stands at `offset` in a text that is not empty.
pub(super) fn locate(text: &str, start: usize, offset: usize) -> Option<Cursor> {
    let mut outline = Outline { text, offset, levels: Vec::new(), scalar: None };
    let mut at = start;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        match outline.line(at, end) {
            Step::Caret(cursor) => return cursor,
            Step::Next(next) => at = next.max(end + 1),
        }
    }
    // The caret is behind the last line break.
    match outline.line(text.len(), text.len()) {
        Step::Caret(cursor) => cursor,
        Step::Next(_) => None,
    }
}

enum Step {
    Caret(Option<Cursor>),
    Next(usize),
}

/// A mapping or list that is open at some line.
#[derive(Clone, Debug)]
struct Level {
    column: usize,
    is_list: bool,
    /// Pointer of the mapping or list.
    pointer: String,
    /// The key, or the index, that was last.
    part: String,
    /// Whether its value is still to come, in further lines.
    pending: bool,
}

impl Level {
    fn inner(&self) -> String {
        join(&self.pointer, &self.part)
    }
}

struct Outline<'a> {
    text: &'a str,
    offset: usize,
    levels: Vec<Level>,
    /// Inside a `|` or `>` text: the column of its key.
    scalar: Option<usize>,
}

impl Outline<'_> {
    /// Takes in the line `start..end`.
    fn line(&mut self, start: usize, end: usize) -> Step {
        let line = self.text[start..end].trim_end_matches('\r');
        let end = start + line.len();
        let content = line.trim_start_matches(' ');
        let margin = line.len() - content.len();
        let has_caret = start <= self.offset && self.offset <= end;
        if content.trim().is_empty() {
            return if has_caret { Step::Caret(self.on_blank(start, self.offset - start)) } else { Step::Next(end) };
        }
        match self.scalar {
            Some(column) if margin > column => {
                return if has_caret { Step::Caret(None) } else { Step::Next(end) };
            }
            _ => self.scalar = None,
        }
        if content.starts_with('#') || content.starts_with('%') {
            return if has_caret { Step::Caret(None) } else { Step::Next(end) };
        }
        if margin == 0 && (content.starts_with("---") || content.starts_with("...")) {
            self.levels.clear();
            return if has_caret { Step::Caret(None) } else { Step::Next(end) };
        }
        if has_caret && self.offset < start + margin {
            return Step::Caret(None);
        }
        let line = Line { start, margin, end, has_caret };
        self.node(line, start + margin)
    }

    /// Takes in the node that begins at byte `at` of a line.
    fn node(&mut self, line: Line, at: usize) -> Step {
        let column = at - line.start;
        let rest = &self.text[at..line.end];
        if rest == "-" || rest.starts_with("- ") {
            self.item(column);
            let inner = at + 1 + (rest.len() - 1 - rest[1..].trim_start_matches(' ').len());
            if line.has_caret && self.offset <= at {
                return Step::Caret(None);
            }
            if self.text[inner..line.end].trim().is_empty() || self.text[inner..line.end].starts_with('#') {
                let behind = self.offset > at + 1 && self.offset <= inner.max(at + 2);
                return match (line.has_caret, self.levels.last()) {
                    (true, Some(level)) if behind => {
                        let column = self.offset - line.start;
                        Step::Caret(Some(self.place(level.inner(), self.here(), column, line.margin, Room::Node)))
                    }
                    (true, _) => Step::Caret(None),
                    (false, _) => Step::Next(line.end),
                };
            }
            if line.has_caret && self.offset < inner {
                return Step::Caret(None);
            }
            if let Some(level) = self.levels.last_mut() {
                level.pending = false;
            }
            return self.node(line, inner);
        }
        match key_length(rest) {
            Some(length) => self.entry(line, at, length),
            None => self.scalar(line, at),
        }
    }

    /// A dash at `column`.
    fn item(&mut self, column: usize) {
        self.levels.retain(|level| level.column <= column);
        match self.levels.last_mut() {
            Some(level) if level.is_list && level.column == column => {
                let index = level.part.parse::<usize>().unwrap_or(0) + 1;
                level.part = index.to_string();
                level.pending = true;
            }
            above => {
                let pointer = above.map(|level| level.inner()).unwrap_or_default();
                self.levels.push(Level { column, is_list: true, pointer, part: "0".to_owned(), pending: true });
            }
        }
    }

    /// A key of `length` bytes at byte `at`.
    fn entry(&mut self, line: Line, at: usize, length: usize) -> Step {
        let column = at - line.start;
        let span = Span::new(at, at + length);
        let object = self.mapping(column);
        if line.has_caret && self.offset <= span.end {
            let layout = Layout::Yaml { column, margin: line.margin, room: Room::Node };
            return Step::Caret(Some(key(object, span, layout, true)));
        }
        let name = unquote(&self.text[at..span.end], Syntax::Yaml);
        let colon = span.end + self.text[span.end..line.end].find(':').unwrap_or(0);
        let after = colon + 1;
        let rest = &self.text[after..line.end];
        let value = after + (rest.len() - rest.trim_start().len());
        let written = &self.text[value..line.end];
        let pointer = join(&object, &name);
        let is_empty = written.is_empty() || written.starts_with('#');
        if let Some(level) = self.levels.last_mut() {
            level.part.clone_from(&name);
            level.pending = is_empty;
        }
        if line.has_caret && self.offset <= colon {
            return Step::Caret(None);
        }
        if is_empty {
            let room = if self.offset == after { Room::AfterColon } else { Room::Line };
            let in_comment = !written.is_empty() && self.offset >= value;
            let place = || self.place(pointer, self.here(), column, line.margin, room);
            let is_below = || self.below(at).is_some_and(|(below, item)| below > column || item && below == column);
            if !line.has_caret {
                return Step::Next(line.end);
            }
            return Step::Caret((!in_comment && !is_below()).then(place));
        }
        if line.has_caret && self.offset < value {
            return Step::Caret(None);
        }
        if written.starts_with(['|', '>']) {
            self.scalar = Some(column);
            return if line.has_caret { Step::Caret(None) } else { Step::Next(line.end) };
        }
        self.value(line, value, pointer, column, Room::Line)
    }

    /// A value in the line of its key or dash.
    fn value(&self, line: Line, at: usize, pointer: String, column: usize, room: Room) -> Step {
        let written = &self.text[at..line.end];
        if written.starts_with(['{', '[']) && !written.starts_with("{{") && !written.starts_with("{%") {
            let flow = Flow { text: self.text, syntax: Syntax::Yaml, offset: self.offset, margin: Some(line.margin) };
            return match flow.walk(at, &pointer) {
                Walk::Caret(cursor) => Step::Caret(cursor),
                Walk::End(end) if line.has_caret && self.offset <= line.end && end <= line.end => Step::Caret(None),
                Walk::End(end) => {
                    let end_of_line = self.text[end..].find('\n').map_or(self.text.len(), |length| end + length);
                    if self.offset <= end_of_line { Step::Caret(None) } else { Step::Next(end_of_line) }
                }
            };
        }
        if !line.has_caret {
            return Step::Next(line.end);
        }
        let span = Span::new(at, at + scalar_length(written));
        Step::Caret((self.offset <= span.end).then(|| self.place(pointer, span, column, line.margin, room)))
    }

    /// A text without a colon: a half-typed key, or a value in a line of its own.
    fn scalar(&mut self, line: Line, at: usize) -> Step {
        let column = at - line.start;
        let fresh = at == line.start + line.margin;
        if fresh {
            self.levels.retain(|level| level.column < column || (level.column == column && !level.is_list));
        }
        match self.levels.last() {
            // A sibling of the keys above.
            Some(level) if fresh && level.column == column && line.has_caret => {
                let span = Span::new(at, at + scalar_length(&self.text[at..line.end]));
                let layout = Layout::Yaml { column, margin: line.margin, room: Room::Node };
                Step::Caret((self.offset <= span.end).then(|| key(level.pointer.clone(), span, layout, false)))
            }
            Some(level) => self.value(line, at, level.inner(), column, Room::Node),
            None => self.value(line, at, String::new(), column, Room::Node),
        }
    }

    /// Pointer of the mapping whose keys begin at `column`; it becomes the innermost level.
    fn mapping(&mut self, column: usize) -> String {
        self.levels.retain(|level| level.column < column || (level.column == column && !level.is_list));
        match self.levels.last() {
            Some(level) if level.column == column && !level.is_list => level.pointer.clone(),
            above => {
                let pointer = above.map(Level::inner).unwrap_or_default();
                let level =
                    Level { column, is_list: false, pointer: pointer.clone(), part: String::new(), pending: true };
                self.levels.push(level);
                pointer
            }
        }
    }

    /// The caret in a blank line that begins at `start`, `column` bytes into it.
    fn on_blank(&self, start: usize, column: usize) -> Option<Cursor> {
        let next = self.below(start);
        let (next_column, next_is_item) = next.unwrap_or_default();
        if self.scalar.is_some_and(|above| column > above) {
            return None;
        }
        let mut levels = &self.levels[..];
        while let [above @ .., last] = levels
            && last.column > column
        {
            levels = above;
        }
        let popped = levels.len() < self.levels.len();
        let margin = column;
        let Some(level) = levels.last() else {
            let layout = Layout::Yaml { column, margin, room: Room::Node };
            return (next_column == column || next.is_none()).then(|| key(String::new(), self.here(), layout, false));
        };
        if level.column < column {
            let fits = next_column <= level.column || next_column == column;
            let is_open = level.pending && !level.is_list && !popped;
            return (fits && is_open && !next_is_item)
                .then(|| self.place(level.inner(), self.here(), column, margin, Room::Node));
        }
        // What stands below must not become a child of something new.
        if next_column > column {
            return None;
        }
        let above = levels.len().checked_sub(2).map(|index| &levels[index]);
        if level.is_list {
            return match above {
                // A list as far to the left as its key: another key is likelier.
                Some(above) if above.column == column && !next_is_item => {
                    let layout = Layout::Yaml { column, margin, room: Room::Node };
                    Some(key(above.pointer.clone(), self.here(), layout, false))
                }
                _ => {
                    let index = level.part.parse::<usize>().unwrap_or(0) + 1;
                    let pointer = join(&level.pointer, &index.to_string());
                    Some(self.place(pointer, self.here(), column, margin, Room::Item))
                }
            };
        }
        let layout = Layout::Yaml { column, margin, room: Room::Node };
        (!next_is_item || next_column < column).then(|| key(level.pointer.clone(), self.here(), layout, false))
    }

    /// Column of the first content below the line of byte `at`, and whether it is an item of a list.
    fn below(&self, at: usize) -> Option<(usize, bool)> {
        let lines = self.text[at..].lines().skip(1).map(|line| (line, line.trim_start_matches(' ')));
        let mut content = lines.filter(|(_, content)| !content.trim().is_empty() && !content.starts_with('#'));
        let (line, content) = content.next()?;
        Some((line.len() - content.len(), content.starts_with("- ") || content.trim_end() == "-"))
    }

    fn here(&self) -> Span {
        Span::new(self.offset, self.offset)
    }

    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    fn place(&self, pointer: String, replace: Span, column: usize, margin: usize, room: Room) -> Cursor {
        let layout = Layout::Yaml { column, margin, room };
        let (present, comma_at, comma_after) = (Vec::new(), None, false);
        Cursor::Value(Place { pointer, replace, layout, present, comma_at, comma_after })
    }
}

#[derive(Clone, Copy)]
struct Line {
    start: usize,
    /// Spaces at its begin.
    margin: usize,
    end: usize,
    has_caret: bool,
}

fn key(object: String, replace: Span, layout: Layout, has_value: bool) -> Cursor {
    let present = Vec::new();
    Cursor::Key(Key { object, present, replace, layout, has_value, comma_at: None, comma_after: false })
}

/// Bytes of the key that `rest` begins with, if it is one: a colon and a space or nothing come behind it.
fn key_length(rest: &str) -> Option<usize> {
    if rest.starts_with(['{', '[', '#', '|', '>']) {
        return None;
    }
    if rest.starts_with(['"', '\'']) {
        let (length, closed) = quoted(rest, Syntax::Yaml);
        let after = rest[length..].trim_start();
        return (closed && (after == ":" || after.starts_with(": "))).then_some(length);
    }
    let mut previous = ' ';
    for (at, c) in rest.char_indices() {
        if c == '#' && previous.is_whitespace() {
            return None;
        }
        if c == ':' && rest[at + 1..].chars().next().is_none_or(char::is_whitespace) {
            let length = rest[..at].trim_end().len();
            return (length > 0).then_some(length);
        }
        previous = c;
    }
    None
}

/// Bytes of the scalar that `rest` begins with, without a comment.
fn scalar_length(rest: &str) -> usize {
    if rest.starts_with(['"', '\'']) {
        return quoted(rest, Syntax::Yaml).0;
    }
    let comment = rest.find(" #").unwrap_or(rest.len());
    rest[..comment].trim_end().len()
}
