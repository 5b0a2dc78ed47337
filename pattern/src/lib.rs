//! Compiles what configurations embed: regular expressions, JSONPath and jq; the same for checking and for running.
//!
//! Patterns are text from a stranger as far as this file is concerned: each is bounded in length and in the memory of
//! its program, and parsers that recurse run on a stack that is deep enough for the longest pattern.

use std::ops::Range;
use std::thread;

use fancy_regex::{CompileError, RegexBuilder};
use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Ctx, Vars, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;
use serde_json_path::functions::ValueType;

pub use fancy_regex::Regex;

/// Longest pattern of each kind.
const MAX_REGEX_BYTES: usize = 64 << 10;
const MAX_PROGRAM_BYTES: usize = 4 << 10;
/// Most memory of a compiled regular expression.
const MAX_COMPILED_BYTES: usize = 4 << 20;
/// Deepest nesting of brackets in a program. The parser of JSONPath tries each bracket in several ways.
const MAX_BRACKETS: usize = 16;
/// Enough for a program of the longest length that nests with each byte, in a debug build.
const STACK_BYTES: usize = 64 << 20;

/// Why a pattern does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Invalid {
    /// In words.
    pub reason: String,
    /// The bytes of the pattern that are to blame; `None`: all of it.
    pub at: Option<Range<usize>>,
}

/// A regular expression, with look-around and back-references.
pub fn regex(pattern: &str) -> Result<Regex, Invalid> {
    build(pattern, false)
}

/// A regular expression that ignores case, as those over paths and requests do.
pub fn regex_ignoring_case(pattern: &str) -> Result<Regex, Invalid> {
    build(pattern, true)
}

fn build(pattern: &str, ignore_case: bool) -> Result<Regex, Invalid> {
    bounded(pattern, MAX_REGEX_BYTES)?;
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(ignore_case).delegate_size_limit(MAX_COMPILED_BYTES);
    builder.build().map_err(|error| match error {
        fancy_regex::Error::ParseError(at, error) => {
            Invalid { reason: sentence(&error.to_string()), at: Some(clip(pattern, at..at + 1)) }
        }
        fancy_regex::Error::CompileError(error) => Invalid { reason: sentence(&reason(&error)), at: None },
        error => Invalid { reason: sentence(&error.to_string()), at: None },
    })
}

/// What the engine below says, whose own error only says that there is one.
fn reason(error: &CompileError) -> String {
    let CompileError::InnerError(inner) = error else { return error.to_string() };
    if let Some(bytes) = inner.size_limit() {
        return format!("compiled it has more than {bytes} bytes");
    }
    // The parser prints a picture of several lines; its last line says what is wrong.
    let picture = inner.syntax_error().map_or_else(|| inner.to_string(), ToString::to_string);
    picture.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A JSONPath of RFC 9535, and the function `typeof()`.
#[derive(Clone, Debug)]
pub struct JsonPath(serde_json_path::JsonPath);

impl JsonPath {
    /// Compiles `query`.
    pub fn compile(query: &str) -> Result<Self, Invalid> {
        program(query)?;
        on_deep_stack(|| {
            serde_json_path::JsonPath::parse(query).map(Self).map_err(|error| {
                let start = error.position().saturating_sub(1);
                let reason = match error.message() {
                    "parser error" => "this cannot stand here".to_owned(),
                    message => sentence(message),
                };
                Invalid { reason, at: Some(clip(query, start..start + 1)) }
            })
        })?
    }

    /// The values of `document` that it selects.
    pub fn select<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        self.0.query(document).all()
    }
}

/// The JSON type of a value, by the words of JSON Schema.
#[serde_json_path::function(name = "typeof")]
fn type_of(value: ValueType<'_>) -> ValueType<'_> {
    let Some(value) = value.as_value() else { return ValueType::Nothing };
    let word = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    ValueType::Value(word.into())
}

/// A jq program, with jaq's standard library.
pub struct Jq(jaq_core::Filter<JustLut<Val>>);

impl std::fmt::Debug for Jq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Jq").finish_non_exhaustive()
    }
}

impl Jq {
    /// Compiles `code`.
    pub fn compile(code: &str) -> Result<Self, Invalid> {
        program(code)?;
        on_deep_stack(|| compile_jq(code))?
    }

    /// Whether its first output for `input` is `true`. A program may run for ever: the caller bounds the time.
    pub fn matches(&self, input: &Value) -> bool {
        let Ok(input) = jaq_json::read::parse_single(input.to_string().as_bytes()) else { return false };
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let mut outputs = self.0.id.run((context, input)).map(unwrap_valr);
        matches!(outputs.next(), Some(Ok(Val::Bool(true))))
    }
}

fn compile_jq(code: &str) -> Result<Jq, Invalid> {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let blame = |part: &str, reason: String| {
        let start = (part.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize);
        let at = (start <= code.len()).then(|| clip(code, start..start + part.len().max(1)));
        Invalid { reason, at }
    };
    let unknown = || Invalid { reason: "it does not compile".to_owned(), at: None };
    let modules = Loader::new(definitions).load(&arena, File { code, path: () }).map_err(|errors| {
        match errors.into_iter().map(|(_, error)| error).next() {
            Some(load::Error::Lex(errors)) => errors.first().map(|(expected, at)| {
                let at = if expected.as_str().starts_with("closing") { first_char(at) } else { at };
                blame(first_char(at), format!("expected {}", expected.as_str()))
            }),
            Some(load::Error::Parse(errors)) => errors.first().map(|(expected, at)| {
                let expected = match expected.as_str() {
                    "nothing" => "nothing more".to_owned(),
                    word => word.to_owned(),
                };
                blame(at, format!("expected {expected}"))
            }),
            Some(load::Error::Io(errors)) => errors.first().map(|(at, error)| blame(at, error.clone())),
            None => None,
        }
        .unwrap_or_else(unknown)
    })?;
    let filter = jaq_core::Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let first = errors.iter().flat_map(|(_, errors)| errors).next();
        first.map_or_else(unknown, |(name, kind)| blame(name, format!("there is no {} `{name}`", kind.as_str())))
    })?;
    Ok(Jq(filter))
}

fn first_char(text: &str) -> &str {
    text.chars().next().map_or(text, |first| &text[..first.len_utf8()])
}

/// `error` as the end of a sentence.
fn sentence(error: &str) -> String {
    let error = error.trim().trim_end_matches('.');
    let mut chars = error.chars();
    // An acronym keeps its case.
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(chars).collect()
        }
        _ => error.to_owned(),
    }
}

/// `range` widened to whole characters of `text`, and moved inside of it; the end of the text is its last character.
fn clip(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start.min(text.len().saturating_sub(1)));
    start..text.ceil_char_boundary(range.end.min(text.len())).max(start)
}

fn bounded(pattern: &str, most: usize) -> Result<(), Invalid> {
    if pattern.len() <= most {
        return Ok(());
    }
    let reason = format!("it has {} bytes, more than {most}", pattern.len());
    Err(Invalid { reason, at: None })
}

/// Refuses what a recursive parser would suffer from.
fn program(code: &str) -> Result<(), Invalid> {
    bounded(code, MAX_PROGRAM_BYTES)?;
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            let reason = format!("its brackets are nested deeper than {MAX_BRACKETS}");
            return Err(Invalid { reason, at: Some(at..at + c.len_utf8()) });
        }
    }
    Ok(())
}

/// Runs a parser where its recursion has room.
fn on_deep_stack<T: Send>(parse: impl FnOnce() -> T + Send) -> Result<T, Invalid> {
    let gave_up = |reason: &str| Invalid { reason: reason.to_owned(), at: None };
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, parse);
        let parser = parser.map_err(|_| gave_up("there is no thread left to compile it"))?;
        parser.join().map_err(|_| gave_up("the parser gave up"))
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    /// Errors with what they blame underlined.
    fn underlined(cases: &[&str], compile: impl Fn(&str) -> Option<Invalid>) -> String {
        let line = |pattern: &&str| match compile(pattern) {
            None => format!("{pattern}\n"),
            Some(Invalid { reason, at: None }) => format!("{pattern}\n  {reason}\n"),
            Some(Invalid { reason, at: Some(at) }) => {
                let indent = " ".repeat(pattern[..at.start].chars().count());
                format!("{pattern}\n{indent}{} {reason}\n", "^".repeat(pattern[at].chars().count().max(1)))
            }
        };
        cases.iter().map(line).collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
    fn check(cases: &[&str], compile: impl Fn(&str) -> Option<Invalid>, expected: Expect) {
        expected.assert_eq(&underlined(cases, compile));
    }

    #[test]
    fn regular_expressions_say_what_is_wrong_and_where() {
        check(
            &["^/api/(?!health)", "(", "é(?<", "[z-a]", "*", "a{2,1}", r"\p{Foo}", r"(\w{1000}){1000}", r"(a)\2"],
            |pattern| regex_ignoring_case(pattern).err(),
            expect![[r#"
                ^/api/(?!health)
                (
                ^ opening parenthesis without closing parenthesis
                é(?<
                  ^ could not parse group name
                [z-a]
                  invalid character class range, the start must be <= the end
                *
                ^ target of repeat operator is invalid
                a{2,1}
                \p{Foo}
                  unicode property not found
                (\w{1000}){1000}
                  compiled it has more than 4194304 bytes
                (a)\2
                  invalid back reference to group 2
            "#]],
        );
    }

    #[test]
    fn paths_say_what_is_wrong_and_where() {
        check(
            &["$.a[?typeof(@.b) == 'string']", "", "a", "$.", "$.a[", "$[?foo(@)]", "$[?length(@.a, 1) > 1]", "$.é[x]"],
            |query| JsonPath::compile(query).err(),
            expect![[r#"
                $.a[?typeof(@.b) == 'string']

                ^ this cannot stand here
                a
                ^ this cannot stand here
                $.
                 ^ in dot member name, must start with lowercase alpha or '_'
                $.a[
                  ^ this cannot stand here
                $[?foo(@)]
                  ^ in long-hand segment, function name 'foo' is not defined
                $[?length(@.a, 1) > 1]
                  ^ in long-hand segment, expected 2 args, but received 1
                $.é[x]
                  ^ this cannot stand here
            "#]],
        );
    }

    #[test]
    fn programs_say_what_is_wrong_and_where() {
        check(
            &[
                r#"test("^x-session: me")"#,
                "",
                ".a |",
                "(.a",
                "foo",
                "foo(1)",
                "$x",
                "\"é\" | \"",
                ".a )",
                "import \"x\" as x; 1",
                "if 1 then 2",
                "1 as",
            ],
            |code| Jq::compile(code).err(),
            expect![[r#"
                test("^x-session: me")

                ^ expected term
                .a |
                   ^ expected term
                (.a
                  ^ expected closing parenthesis
                foo
                ^^^ there is no filter `foo`
                foo(1)
                ^^^ there is no filter `foo`
                $x
                ^^ there is no variable `$x`
                "é" | "
                      ^ expected closing quote
                .a )
                   ^ expected token
                import "x" as x; 1
                        ^ module loading not supported
                if 1 then 2
                          ^ expected else or end
                1 as
                   ^ expected pattern
            "#]],
        );
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let long = |part: &str| part.repeat(MAX_PROGRAM_BYTES / part.len());
        for part in [
            "-",
            "try ",
            "1 as $x|",
            "def f:",
            "if 1 then ",
            "(",
            "[",
            ".[",
            "reduce . as $x (",
            "\"\\(",
            "..",
            "|",
            "..?//",
        ] {
            assert!(Jq::compile(&long(part)).is_err(), "{part}");
        }
        for part in ["$[?", "$[?(", "$[?!(", "[?@", "(((", "$[?length(", "..", "[?@.a==1||", "&&@.a"] {
            assert!(JsonPath::compile(&format!("$[?@.a{}", long(part))).is_err(), "{part}");
            assert!(JsonPath::compile(&format!("${}", part.repeat(MAX_BRACKETS / 2))).is_err(), "{part}");
        }
        assert!(regex(&"(".repeat(MAX_REGEX_BYTES)).is_err());
        assert!(regex(&"a{1000}".repeat(100).replace('a', r"(\w\pL)")).is_err());
        assert!(regex(&"a".repeat(MAX_REGEX_BYTES + 1)).is_err());
    }

    #[test]
    fn programs_and_paths_run() {
        let jq = Jq::compile(r#"test("^x-session: me$")"#).expect("compiles");
        assert!(jq.matches(&json!("x-session: me")));
        assert!(!jq.matches(&json!("x-session: you")));
        assert!(!Jq::compile(".a.b").expect("compiles").matches(&json!(1)), "an error is no match");
        let path = JsonPath::compile("$.users[?typeof(@.name) == 'string'].name").expect("compiles");
        let document = json!({"users": [{"name": "a"}, {"name": 1}, {}]});
        assert_eq!(path.select(&document), [&json!("a")]);
    }
}
