//! Edits of an open document, as editors describe them.

use tower_lsp::lsp_types::TextDocumentContentChangeEvent;

use super::convert::{Encoding, Lines};

/// Applies `changes` one after the other: each describes the text that the one before it left.
pub(super) fn apply(text: &mut String, changes: Vec<TextDocumentContentChangeEvent>, encoding: Encoding) {
    for change in changes {
        match change.range {
            Some(range) => {
                let lines = Lines::new(text, encoding);
                let start = lines.offset(range.start);
                // A range that ends before it begins is a mistake of the editor; what it inserts still counts.
                let end = lines.offset(range.end).max(start);
                text.replace_range(start..end, &change.text);
            }
            None => *text = change.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_lsp::lsp_types::{Position, Range};

    use super::*;

    /// A text as an editor has it: lines of characters, without a notion of bytes.
    #[derive(Clone, Debug, PartialEq)]
    struct Model(Vec<Vec<char>>);

    impl Model {
        fn new(text: &str) -> Self {
            Self(text.split('\n').map(|line| line.chars().collect()).collect())
        }

        fn text(&self) -> String {
            self.0.iter().map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join("\n")
        }

        /// Replaces what is between two carets, each a line and a number of characters.
        fn replace(&mut self, (start_line, start): (usize, usize), (end_line, end): (usize, usize), new: &str) {
            let mut text: String = self.0[start_line][..start].iter().collect();
            text.push_str(new);
            text.extend(&self.0[end_line][end..]);
            let lines = Self::new(&text).0;
            self.0.splice(start_line..=end_line, lines);
        }

        fn position(&self, (line, column): (usize, usize), encoding: Encoding) -> Position {
            let width = |c: &char| match encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
            };
            let column: usize = self.0[line][..column].iter().map(width).sum();
            Position::new(u32::try_from(line).expect("few"), u32::try_from(column).expect("few"))
        }
    }

    /// Random numbers that are the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits") % sides
        }
    }

    #[test]
    fn no_edit_is_lost_whatever_is_edited() {
        const PIECES: [&str; 9] =
            ["", "x", "é", "😀\u{1f468}\u{200d}", "\n", "a\nb\n", "{\"key\": \"v\"}", "\t", "\n\n"];
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let mut dice = Dice(7);
            let mut model = Model::new("{\n  \"é\": \"😀\"\n}\n");
            let mut text = model.text();
            for round in 0..3000 {
                let mut changes = Vec::new();
                for _ in 0..=dice.roll(3) {
                    let mut carets = [(); 2].map(|()| {
                        let line = dice.roll(model.0.len());
                        (line, dice.roll(model.0[line].len() + 1))
                    });
                    carets.sort_unstable();
                    let [start, end] = carets;
                    let new = PIECES[dice.roll(PIECES.len())];
                    let range = Range::new(model.position(start, encoding), model.position(end, encoding));
                    model.replace(start, end, new);
                    changes.push(TextDocumentContentChangeEvent {
                        range: Some(range),
                        range_length: None,
                        text: new.to_owned(),
                    });
                }
                if dice.roll(50) == 0 {
                    model = Model::new("{\n}\n");
                    let text = model.text();
                    changes.push(TextDocumentContentChangeEvent { range: None, range_length: None, text });
                }
                apply(&mut text, changes, encoding);
                assert_eq!(text, model.text(), "round {round}");
            }
        }
    }

    #[test]
    fn ranges_outside_of_the_text_mean_its_nearest_place() {
        let edit = |start: (u32, u32), end: (u32, u32)| {
            let mut text = "ab\ncd".to_owned();
            let range = Range::new(Position::new(start.0, start.1), Position::new(end.0, end.1));
            let change =
                TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: "X".to_owned() };
            apply(&mut text, vec![change], Encoding::Utf16);
            text
        };
        assert_eq!(edit((9, 0), (u32::MAX, u32::MAX)), "ab\ncdX");
        assert_eq!(edit((0, 99), (0, 99)), "abX\ncd");
        assert_eq!(edit((1, 1), (0, 0)), "ab\ncXd");
        assert_eq!(edit((0, 1), (1, u32::MAX)), "aX");
    }
}
