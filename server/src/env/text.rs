//! The comparison for people: one line for each variable, or a few where values are shown that need the room.

use std::{ffi::OsStr, fmt::Write as _, io::IsTerminal};

use config::feature::env::{
    Origin, Variable,
    account::{Entry, Source},
};

use super::{Change, Report, differs, is_left_out, reason};
use crate::terminal;

/// Columns where nobody says how many there are: a pipe, a file.
const COLUMNS: usize = 100;

/// Columns that a reason needs at least; narrower terminals break lines themselves.
const NARROWEST: usize = 24;

/// Widest column of names; longer names have a line of their own.
const NAME_LIMIT: usize = 36;

/// Addresses of services that are not listed one by one any more.
const MANY: usize = 8;

/// What stands for a value: the same for every value.
const HIDDEN: &str = "***";

/// What stands for no value.
const NONE: &str = "-";

/// What the terminal is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) columns: usize,
    pub(super) colour: bool,
}

impl Style {
    pub(super) fn of_stdout() -> Self {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let size = size.filter(|_| std::io::stdout().is_terminal());
        let columns = size.map_or(COLUMNS, |(terminal_size::Width(columns), _)| usize::from(columns));
        Self { columns, colour: terminal::stdout_takes_colour() }
    }
}

/// One variable, ready to be shown.
struct Row {
    name: String,
    change: Change,
    left_out: bool,
    /// Here, in the pod, for the program.
    values: [String; 3],
    reason: String,
}

const TITLES: [&str; 3] = ["LOCAL", "POD", "PROGRAM"];

/// The whole comparison.
pub(super) fn of(report: &Report<'_>, style: Style) -> String {
    let entries = report.account.iter().filter(|(_, entry)| report.all || differs(entry));
    let (mut services, mut entries): (Vec<_>, Vec<_>) =
        entries.partition(|(name, entry)| !report.all && is_address(name, entry));
    if services.len() < MANY {
        entries.append(&mut services);
        entries.sort_by_key(|(name, _)| *name);
    }
    let mut rows: Vec<Row> = entries.into_iter().map(|(name, entry)| row(report, name, entry)).collect();
    // What happens to the program first; names are in order already.
    rows.sort_by_key(|row| row.change == Change::Kept);
    let mut text = String::new();
    if !rows.is_empty() {
        let widths = widths(&rows);
        let values: usize = widths[1..].iter().map(|width| width + 2).sum();
        let in_columns = 2 + widths[0] + 2 + values + NARROWEST <= style.columns;
        for line in if in_columns { table(&rows, widths, style) } else { blocks(&rows, style) } {
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
    }
    if let [(first, _), .., (last, _)] = &services[..] {
        let (first, last) = (harmless(first), harmless(last));
        let line =
            format!("+ {} addresses of services by Kubernetes, {first} to {last}; --all lists them", services.len());
        text.push_str(&wrapped(&line, style.columns).join("\n"));
        text.push_str("\n\n");
    }
    for line in wrapped(&summary(report), style.columns) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Whether it is one of the many that Kubernetes gives to every container and that nobody has here.
fn is_address(name: &OsStr, entry: &Entry) -> bool {
    let is_kubernetes = |variable: &Variable| variable.origin == Origin::Kubernetes && name != "HOSTNAME";
    entry.source == Source::Remote
        && Change::of(entry) == Change::Added
        && entry.remote.as_ref().is_some_and(is_kubernetes)
}

fn row(report: &Report<'_>, name: &OsStr, entry: &Entry) -> Row {
    let value = |value: Option<&OsStr>| match value {
        None => NONE.to_owned(),
        Some(_) if !report.show => HIDDEN.to_owned(),
        Some(value) if value.is_empty() => "\"\"".to_owned(),
        Some(value) => harmless(value),
    };
    let remote = entry.remote.as_ref().map(|variable| variable.value.as_os_str());
    Row {
        name: harmless(name),
        change: Change::of(entry),
        left_out: is_left_out(entry),
        values: [value(entry.local.as_deref()), value(remote), value(entry.effective.as_deref())],
        reason: terminal::harmless(&reason::of(report.env, entry)),
    }
}

/// Bytes that are no text as `\xff`; nothing that a terminal obeys.
fn harmless(text: &OsStr) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    text.as_bytes().utf8_chunks().fold(String::new(), |mut all, chunk| {
        all.push_str(&terminal::harmless(chunk.valid()).replace('\t', "\\t"));
        for byte in chunk.invalid() {
            write!(all, "\\x{byte:02x}").expect("a String takes everything");
        }
        all
    })
}

/// Of names and the three values.
fn widths(rows: &[Row]) -> [usize; 4] {
    let names = rows.iter().map(|row| columns(&row.name)).filter(|width| *width <= NAME_LIMIT).max();
    let value = |index: usize| {
        let widest = rows.iter().map(|row| columns(&row.values[index])).max().unwrap_or(0);
        widest.max(TITLES[index].len())
    };
    [names.unwrap_or(0).max("NAME".len()), value(0), value(1), value(2)]
}

/// Columns of a text: near enough for names and values, which are mostly ASCII.
fn columns(text: &str) -> usize {
    text.chars().count()
}

fn table(rows: &[Row], widths: [usize; 4], style: Style) -> Vec<String> {
    let [name_width, local, pod, program] = widths;
    let indent = 2 + name_width + 2 + local + 2 + pod + 2 + program + 2;
    let line = |name: &str, values: [&str; 3]| {
        let [first, second, third] = values;
        format!("{name:<name_width$}  {first:<local$}  {second:<pod$}  {third:<program$}")
    };
    let mut lines = vec![format!("  {}  FROM", line("NAME", TITLES))];
    for row in rows {
        let [first, second, third] = &row.values;
        let mut reasons = wrapped(&row.reason, style.columns.saturating_sub(indent)).into_iter();
        let mut name = row.name.as_str();
        if columns(name) > name_width {
            lines.push(painted(row, &format!("{} {name}", mark(row)), style));
            name = "";
        }
        let start = if name.is_empty() { " " } else { mark(row) };
        let values = line(name, [first, second, third]);
        lines.push(painted(row, &format!("{start} {values}  {}", reasons.next().unwrap_or_default()), style));
        lines.extend(reasons.map(|more| painted(row, &format!("{:indent$}{more}", ""), style)));
    }
    lines
}

/// Values below one another; long ones are the terminal's to break, so that they can be copied.
fn blocks(rows: &[Row], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        lines.push(painted(row, &format!("{} {}", mark(row), row.name), style));
        for (title, value) in TITLES.iter().zip(&row.values) {
            lines.push(painted(row, &format!("    {:<9}{value}", title.to_lowercase()), style));
        }
        let mut title = "from";
        for part in wrapped(&row.reason, style.columns.saturating_sub(13)) {
            lines.push(painted(row, &format!("    {title:<9}{part}"), style));
            title = "";
        }
    }
    lines
}

fn mark(row: &Row) -> &'static str {
    match row.change {
        Change::Added => "+",
        Change::Changed => "~",
        Change::Removed => "-",
        Change::Kept => " ",
    }
}

fn painted(row: &Row, line: &str, style: Style) -> String {
    let line = line.trim_end();
    let code = match row.change {
        Change::Added => "32",
        Change::Changed => "33",
        Change::Removed => "31",
        Change::Kept if row.left_out => "2",
        Change::Kept => return line.to_owned(),
    };
    if style.colour { format!("\x1b[{code}m{line}\x1b[0m") } else { line.to_owned() }
}

/// `text` in lines of at most `columns`, broken at spaces; a longer word stays whole.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("it begins with one");
        if line.is_empty() {
            line.push_str(word);
        } else if self::columns(line) + 1 + self::columns(word) <= columns.max(NARROWEST) {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn summary(report: &Report<'_>) -> String {
    let count = |fits: &dyn Fn(&Entry) -> bool| report.account.values().filter(|&entry| fits(entry)).count();
    let pod = count(&|entry| entry.source == Source::Remote);
    let own = count(&|entry| matches!(entry.source, Source::File | Source::Mapping(_) | Source::Override));
    let left_out = count(&|entry| is_left_out(entry) && differs(entry));
    let removed = count(&|entry| Change::of(entry) == Change::Removed);
    let hint = if report.show { "" } else { "; --show shows values" };
    format!(
        "{pod} {} the pod, {own} by the configuration, {removed} removed, {left_out} of the pod's left out{hint}",
        if pod == 1 { "variable comes from" } else { "variables come from" }
    )
}
