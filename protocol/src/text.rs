//! Text from elsewhere, made harmless for whoever reads it: the one place that knows what terminals and editors obey.
//!
//! Names of files, values of variables, answers of servers and states of pods may be anybody's.

/// `text` as one line: with everything spelled out that a terminal might obey, or that shows text in another order than it
/// has. Tabs stay.
pub fn harmless(text: &str) -> String {
    spelled_out(text, |character| character == '\t')
}

/// As [`harmless`], for text of several lines.
pub fn harmless_lines(text: &str) -> String {
    spelled_out(text, |character| matches!(character, '\t' | '\n'))
}

/// As [`harmless`], for bytes.
pub fn harmless_bytes(bytes: &[u8]) -> String {
    harmless(&String::from_utf8_lossy(bytes))
}

fn spelled_out(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) && !stays(character) {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// Control characters (C0, DEL and C1), what ends lines without being one of them, and what turns the direction of
/// writing.
fn is_obeyed(character: char) -> bool {
    let turns =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_survives() {
        let text = "a\x1b[31mb\u{9b}2J\r\u{7f}\u{202e}\u{2028}ü\t\n.";
        let expected = r"a\u{1b}[31mb\u{9b}2J\r\u{7f}\u{202e}\u{2028}ü	";
        assert_eq!(harmless(text), format!(r"{expected}\n."));
        assert_eq!(harmless_lines(text), format!("{expected}\n."));
        assert_eq!(harmless_bytes(b"a\xff\x1b\xc2\x9bz"), "a\u{fffd}\\u{1b}\\u{9b}z");
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        let text = "ordinary `text`, \"quoted\" \\ and ünïcode 😀";
        assert_eq!(harmless(text), text);
        assert_eq!(harmless(&harmless("\x1b")), harmless("\x1b"));
    }
}
