//! The one place that writes to the user's terminal. What came from elsewhere is made harmless to it first.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
};

pub(crate) use protocol::text::harmless;

/// Writes `text` to standard output, which belongs to the command's result. A closed pipe is not our mistake.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // `mirrord ls | head -1` closes early on purpose; there is nobody to tell.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a line to standard output.
pub(crate) fn print_line(line: &str) {
    print(&format!("{line}\n"));
}

/// Whether standard output is a terminal whose user has nothing against colours (<https://no-color.org>).
pub(crate) fn stdout_takes_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    std::io::stdout().is_terminal() && !refused && !dumb
}

/// Writes lines to standard error, each behind `mirrord: `, in one piece.
pub(crate) fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Standard error is where the failure to write to standard error would go.
    let _ = stderr.write_all(prefixed(text).as_bytes());
}

/// Writes a line to standard error as it is: for lines whose beginning means something to a terminal or an editor.
pub(crate) fn say_raw(line: &str) {
    // As above.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says what stops us.
pub(crate) fn say_error(text: &str) {
    say(&format!("error: {text}"));
}

/// Each line of `text` made harmless, behind `mirrord: `.
pub(crate) fn prefixed(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        writeln!(all, "mirrord: {}", harmless(line)).expect("a String takes everything");
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_survives_in_a_line() {
        assert_eq!(prefixed("one\ntwo\x07"), "mirrord: one\nmirrord: two\\u{7}\n");
    }
}
