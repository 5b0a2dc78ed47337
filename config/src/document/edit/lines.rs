//! Lines of a text.

/// Where the line of `at` begins, behind a byte order mark.
pub(super) fn start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    if start == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8().min(at) } else { start }
}

/// Where the line of `at` ends, without its line end.
pub(super) fn end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    if end > at && text[..end].ends_with('\r') { end - 1 } else { end }
}

/// Where the line after that of `at` begins.
pub(super) fn next(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

/// Where the line before that which begins at `start` begins.
pub(super) fn previous(text: &str, start: usize) -> Option<usize> {
    let before = text[..start].strip_suffix('\n')?;
    Some(self::start(text, before.len()))
}

/// The indentation of the line of `at`.
pub(super) fn indent(text: &str, at: usize) -> usize {
    let line = &text[start(text, at)..];
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// How far `at` is from the beginning of its line, in characters.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[start(text, at)..at].chars().count()
}

/// Whether nothing but space stands before `at` on its line.
pub(super) fn begins(text: &str, at: usize) -> bool {
    text[start(text, at)..at].trim().is_empty()
}

/// `new`, with the line ends that `text` has.
pub(super) fn with_ends_of(text: &str, new: &str) -> String {
    if text.contains("\r\n") { new.replace('\n', "\r\n") } else { new.to_owned() }
}
