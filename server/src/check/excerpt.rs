//! Problems for people: the lines of the file that they are in, with carets, help and suggestion.

use std::{fmt::Write as _, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use config::{Fix, Problem, Severity, Span};

use crate::{settings::Settings, terminal::harmless};

/// Problems that are drawn; of the others each gets a line.
const DRAWN_LIMIT: usize = 100;

/// Longest part of a text that is drawn, in bytes. A file of one endless line has no excerpt worth looking at.
const WINDOW_LIMIT: usize = 4 * 1024;

/// All problems of a configuration, and how many there are.
pub(super) fn draw(settings: &Settings, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut drawn = String::new();
    for (number, problem) in settings.loaded.problems.iter().enumerate() {
        let picture = (number < DRAWN_LIMIT).then(|| picture(problem, settings, &renderer)).flatten();
        let picture = picture.unwrap_or_else(|| harmless(&problem.render(&settings.file.name, &settings.file.text)));
        writeln!(drawn, "{picture}\n").expect("a String takes everything");
    }
    drawn + &summary(settings) + "\n"
}

/// The word that stands before a problem.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    }
}

fn summary(settings: &Settings) -> String {
    let count = |severity| {
        let problems = settings.loaded.problems.iter().filter(|problem| problem.severity == severity);
        match problems.count() {
            0 => None,
            1 => Some(format!("1 {}", word(severity))),
            several => Some(format!("{several} {}s", word(severity))),
        }
    };
    let counts: Vec<String> =
        [Severity::Error, Severity::Warning, Severity::Hint].into_iter().filter_map(count).collect();
    let counts = if counts.is_empty() { "no problems".to_owned() } else { counts.join(", ") };
    format!("{}: {counts}", harmless(&settings.file.name))
}

/// A problem as a compiler draws it; nothing when its lines are too long.
fn picture(problem: &Problem, settings: &Settings, renderer: &Renderer) -> Option<String> {
    let Problem { severity, code, pointer, span, message, help, fix } = problem;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::NOTE.with_name(Some("hint")),
    };
    let place = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
    let title = level.primary_title(harmless(&format!("{place}{message}"))).id(code.as_str());
    let text = &settings.file.text;
    let mut group = if text.is_empty() {
        Group::with_title(title)
    } else {
        let window = window(text, *span)?;
        let marked = AnnotationKind::Primary.span(within(*span, &window));
        let snippet = Snippet::source(&text[window.clone()]).line_start(line_of(text, window.start));
        title.element(snippet.path(harmless(&settings.file.name)).annotation(marked))
    };
    if let Some(help) = help {
        group = group.element(Level::HELP.message(harmless(help)));
    }
    group = group.element(Level::NOTE.message(format!("see {}", code.link())));
    let mut groups = vec![group];
    groups.extend(fix.as_ref().map(|fix| suggestion(fix, text)));
    Some(renderer.render(&groups))
}

fn suggestion<'a>(fix: &'a Fix, text: &'a str) -> Group<'a> {
    let title = Level::HELP.secondary_title(harmless(&fix.title));
    let start = fix.edits.iter().map(|edit| edit.span.start).min();
    let end = fix.edits.iter().map(|edit| edit.span.end).max();
    let all = start.zip(end).map(|(start, end)| Span::new(start, end));
    let Some(window) = all.and_then(|all| window(text, all)) else { return Group::with_title(title) };
    let patches = fix.edits.iter().map(|edit| Patch::new(within(edit.span, &window), edit.text.as_str()));
    let snippet = Snippet::source(&text[window.clone()]).line_start(line_of(text, window.start));
    title.element(snippet.patches(patches))
}

/// The whole lines that hold `span`.
fn window(text: &str, span: Span) -> Option<Range<usize>> {
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text.get(end..)?.find('\n').map_or(text.len(), |newline| end + newline);
    (line_end - line_start <= WINDOW_LIMIT).then_some(line_start..line_end)
}

fn within(span: Span, window: &Range<usize>) -> Range<usize> {
    let inside = |offset: usize| offset.clamp(window.start, window.end) - window.start;
    inside(span.start)..inside(span.end)
}

fn line_of(text: &str, offset: usize) -> usize {
    config::document::line_column(text, offset).0
}

#[cfg(test)]
mod tests {
    use config::Overrides;
    use expect_test::{Expect, expect};

    use super::*;
    use crate::settings::File;

    fn check(text: &str, expected: &Expect) {
        let settings = Settings::of(Some(File::inline("m.json", text.to_owned())), &Overrides::default());
        expected.assert_eq(&draw(&settings, false));
    }

    #[test]
    fn a_problem_shows_its_line_and_the_repair() {
        check(
            "{\n  \"feature\": {\n    \"networ\": true\n  }\n}\n",
            &expect![[r#"
                error[unknown-key]: /feature/networ: unknown key
                 --> m.json:3:5
                  |
                3 |     "networ": true
                  |     ^^^^^^^^
                  |
                  = help: did you mean `network`?
                  = note: see docs/configuration.md#problem-unknown-key
                help: Rename to `network`
                  |
                3 |     "network": true
                  |            +

                m.json: 1 error
            "#]],
        );
    }

    #[test]
    fn nothing_wrong_says_so() {
        check(
            "{}",
            &expect![[r#"
            m.json: no problems
        "#]],
        );
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        check(
            "{ \"\x1b[31m\u{202e}x\": 1 }",
            &expect![[r#"
                error[unknown-key]: /\u{1b}[31m\u{202e}x: unknown key
                 --> m.json:1:3
                  |
                1 | { "␛[31m�x": 1 }
                  |   ^^^^^^^^^
                  |
                  = note: see docs/configuration.md#problem-unknown-key

                error[syntax]: a control character inside text
                 --> m.json:1:4
                  |
                1 | { "␛[31m�x": 1 }
                  |    ^
                  |
                  = help: write it as an escape, such as \t
                  = note: see docs/configuration.md#problem-syntax

                m.json: 2 errors
            "#]],
        );
    }

    #[test]
    fn an_endless_line_has_no_picture() {
        let text = format!("{{ {}\"x\": 1 }}", " ".repeat(5000));
        check(
            &text,
            &expect![[r#"
            m.json:1:5003: error[unknown-key] /x: unknown key

            m.json: 1 error
        "#]],
        );
    }
}
