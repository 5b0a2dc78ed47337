//! Rendering, with a map from what comes out to where it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::map::{Map, Mark};
use super::tags::{Kind, Piece, pieces};
use super::{Templates, functions};
use crate::document::{MAX_PROBLEMS, Span};
use crate::problem::{Code, Problem};

/// A rendered text.
pub(in crate::document) struct Rendered {
    pub(in crate::document) text: String,
    pub(in crate::document) map: Map,
    /// Expressions that failed, or whose names have no value: filled up in `text`.
    pub(in crate::document) unknown: Vec<Span>,
    pub(in crate::document) problems: Vec<Problem>,
    /// Whether a block asked for a value that is not known, so that the text may be another one.
    pub(in crate::document) lenient: bool,
}

/// Steps that a template may take, and those that each tag adds: enough for any configuration, and done in a moment.
const FUEL: u64 = 500_000;
const FUEL_PER_TAG: u64 = 32;

/// Deepest recursion of macros.
const MAX_RECURSION: usize = 32;

/// Most bytes that a template may make.
const MAX_OUTPUT_BYTES: usize = 16 << 20;

/// The function that the template calls, between the tags, to say where its output comes from.
const MARK: &str = "__at";

/// The text that templates make of `text`; only their problems, if a tag that steers fails: then nobody knows what the
/// text would be.
pub(in crate::document) fn render(text: &str, templates: &Templates<'_>) -> Result<Rendered, Vec<Problem>> {
    let pieces = pieces(text);
    let mut problems = Vec::new();
    let mut unknown: BTreeSet<usize> = BTreeSet::new();
    for (index, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.closed) {
        problems.push(unclosed(text, *piece));
        unknown.insert(index);
    }
    problems.extend(unended(text, &pieces));
    if !problems.is_empty() && unknown.iter().all(|index| pieces[*index].kind != Kind::Expression) {
        return Err(problems);
    }
    // Each attempt finds one more expression that fails.
    let mut lenient = false;
    loop {
        let source = Source::new(text, &pieces, &unknown);
        match source.render(templates, lenient) {
            Ok((rendered, marks)) => {
                let is_unknown = |index: usize| unknown.contains(&index);
                let map = Map::new(&rendered, &marks, &pieces, is_unknown);
                let unknown = map.outputs_of(is_unknown, rendered.len());
                return Ok(Rendered { text: rendered, map, unknown, problems, lenient });
            }
            Err(failure) => {
                let first = || pieces.iter().position(|piece| piece.kind != Kind::Text);
                let Some(index) = failure.piece.or_else(first) else { return Err(problems) };
                let piece = pieces[index];
                let problem = failure.problem(text, piece, templates);
                if problem.is_none() && piece.kind == Kind::Block && !lenient {
                    // What it asks for is not known: then the answer is no.
                    lenient = true;
                    continue;
                }
                problems.extend(problem);
                let is_expression = failure.piece.is_some() && piece.kind == Kind::Expression;
                if !is_expression || problems.len() >= MAX_PROBLEMS || unknown.len() > 4 * MAX_PROBLEMS {
                    return Err(problems);
                }
                if !unknown.insert(index) {
                    return Err(problems);
                }
            }
        }
    }
}

fn unclosed(text: &str, piece: Piece) -> Problem {
    let (open, close) = match piece.kind {
        Kind::Block => ("{%", "%}"),
        Kind::Comment => ("{#", "#}"),
        Kind::Expression | Kind::Text => ("{{", "}}"),
    };
    let end = piece.span.start + text[piece.span.start..piece.span.end].trim_end().len();
    let problem =
        Problem::new(Code::Template, "", Span::new(piece.span.start, end), format!("this `{open}` is never closed"));
    problem.help(format!("close the template with {close}"))
}

/// The blocks that are begun and never ended.
fn unended(text: &str, pieces: &[Piece]) -> Vec<Problem> {
    let mut open: Vec<(&str, Span)> = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Block) {
        let word = piece.word(text);
        let is_short_set = word.starts_with("set") && piece.inner(text).contains('=');
        match word {
            "if" | "for" | "filter" | "macro" | "call" | "set" | "set_global" | "raw" | "block" | "with"
                if !is_short_set =>
            {
                open.push((word, piece.span));
            }
            _ => {
                let ended = word.strip_prefix("end");
                if ended.is_some_and(|word| open.last().is_some_and(|(last, _)| last.starts_with(word))) {
                    open.pop();
                }
            }
        }
    }
    let problem = |(word, span): (&str, Span)| {
        let problem = Problem::new(Code::Template, "", span, format!("this `{word}` is never ended"));
        problem.help(format!("add {{% end{} %}}", word.trim_end_matches("_global")))
    };
    open.into_iter().take(MAX_PROBLEMS).map(problem).collect()
}

/// A template for the engine, made of the user's.
struct Source<'a> {
    text: String,
    /// Where the parts of `text` come from: offset, and index of the piece.
    origins: Vec<(usize, usize)>,
    marks: Vec<Mark>,
    tags: usize,
    pieces: &'a [Piece],
}

impl<'a> Source<'a> {
    fn new(original: &str, pieces: &'a [Piece], unknown: &BTreeSet<usize>) -> Self {
        let mut source = Self { text: String::new(), origins: Vec::new(), marks: Vec::new(), tags: 0, pieces };
        // Inside of `set`, `filter`, `macro` and `call`, output goes into a value and not out.
        let mut captures = 0_usize;
        for (index, piece) in pieces.iter().enumerate() {
            source.origins.push((source.text.len(), index));
            let written = &original[piece.span.start..piece.span.end];
            match piece.kind {
                Kind::Comment => {}
                Kind::Text => {
                    let after = index > 0 && pieces[index - 1].trims_after(original);
                    let before = pieces.get(index + 1).is_some_and(|next| next.trims_before(original));
                    let kept = if after { written.trim_start() } else { written };
                    let start = piece.span.start + written.len() - kept.len();
                    let kept = if before { kept.trim_end() } else { kept };
                    source.mark(captures, Mark { piece: index, start });
                    source.literal(kept);
                }
                Kind::Expression => {
                    source.tags += 1;
                    source.mark(captures, Mark { piece: index, start: piece.span.start });
                    if unknown.contains(&index) {
                        source.text += &"x".repeat(written.len());
                    } else {
                        source.text.extend(["{{ ", functions::translated(piece.inner(original)).as_str(), " }}"]);
                    }
                }
                Kind::Block => {
                    source.tags += 1;
                    let inner = functions::translated(piece.inner(original));
                    let word = piece.word(original);
                    match word {
                        "raw" | "endraw" => continue,
                        "filter" | "call" => {
                            source.mark(captures, Mark { piece: index, start: piece.span.start });
                            captures += 1;
                        }
                        "macro" => captures += 1,
                        "set" | "set_global" if !inner.contains('=') => captures += 1,
                        "endfilter" | "endcall" | "endmacro" | "endset" => captures = captures.saturating_sub(1),
                        _ => {}
                    }
                    let inner = inner.strip_prefix("set_global").map_or(inner.clone(), |rest| format!("set{rest}"));
                    source.text.extend(["{% ", inner.as_str(), " %}"]);
                }
            }
        }
        source
    }

    fn mark(&mut self, captures: usize, mark: Mark) {
        if captures == 0 {
            self.text.extend(["{{ ", MARK, "(", self.marks.len().to_string().as_str(), ") }}"]);
            self.marks.push(mark);
        }
    }

    fn literal(&mut self, text: &str) {
        if text.contains("{{") || text.contains("{%") || text.contains("{#") {
            self.text.extend(["{% raw %}", text, "{% endraw %}"]);
        } else {
            self.text += text;
        }
    }

    /// The output and its marks, each with its offset there.
    fn render(&self, templates: &Templates<'_>, lenient: bool) -> Result<(String, Vec<(usize, Mark)>), Failure> {
        let count = Arc::new(AtomicUsize::new(0));
        let passed: Arc<Mutex<Vec<(usize, usize)>>> = Arc::default();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        if lenient {
            environment.set_undefined_behavior(UndefinedBehavior::Chainable);
            environment.set_formatter(|output, state, value| {
                if value.is_undefined() {
                    return Err(Error::from(ErrorKind::UndefinedError));
                }
                minijinja::escape_formatter(output, state, value)
            });
        }
        environment.set_recursion_limit(MAX_RECURSION);
        environment.set_fuel(Some(FUEL + FUEL_PER_TAG * self.tags as u64));
        environment.set_debug(true);
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        functions::add(&mut environment, templates.env, lenient);
        let (counted, noted) = (Arc::clone(&count), Arc::clone(&passed));
        environment.add_function(MARK, move |mark: usize| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push((counted.load(Ordering::Relaxed), mark));
            ""
        });
        let template = environment.template_from_str(&self.text).map_err(|error| self.failure(error, &[]))?;
        let names = [("key", templates.key), ("git_branch", templates.git_branch)];
        let names = names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
        let names: BTreeMap<String, Value> = names.collect();
        let mut output = Output { bytes: Vec::new(), count };
        let done = template.render_captured_to(names, &mut output).map(|_| ());
        done.map_err(|error| {
            let mut missing: Vec<_> = template.undeclared_variables(false).into_iter().collect();
            missing.sort_unstable();
            self.failure(error, &missing)
        })?;
        let passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = passed.iter().filter_map(|(at, mark)| Some((*at, *self.marks.get(*mark)?))).collect();
        // The engine writes whole strings.
        Ok((String::from_utf8_lossy(&output.bytes).into_owned(), marks))
    }

    fn failure(&self, error: Error, undeclared: &[String]) -> Failure {
        let piece = error.range().map(|range| {
            let after = self.origins.partition_point(|(at, _)| *at <= range.start);
            self.origins.get(after.saturating_sub(1)).map_or(0, |(_, piece)| *piece)
        });
        let piece = piece.filter(|piece| self.pieces.get(*piece).is_some_and(|piece| piece.kind != Kind::Text));
        Failure { piece, error, undeclared: undeclared.to_vec() }
    }
}

/// Collects the output, up to a bound.
struct Output {
    bytes: Vec<u8>,
    count: Arc<AtomicUsize>,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::Error::other("too much"));
        }
        self.bytes.extend_from_slice(bytes);
        self.count.store(self.bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why an attempt failed, and at which piece.
struct Failure {
    piece: Option<usize>,
    error: Error,
    /// Names that the template does not declare itself.
    undeclared: Vec<String>,
}

impl Failure {
    /// What to tell the user; `None` if a launch may well have the value that is missing here.
    fn problem(&self, text: &str, piece: Piece, templates: &Templates<'_>) -> Option<Problem> {
        let (span, inner) = (piece.span, piece.inner(text));
        let say = |message: String, help: &str| Some(Problem::new(Code::Template, "", span, message).help(help));
        let detail = self.error.detail().map_or_else(|| self.error.kind().to_string(), str::to_owned);
        if self.error.kind() != ErrorKind::UndefinedError {
            return match self.error.kind() {
                ErrorKind::OutOfFuel => say("the template takes too many steps".to_owned(), "make it simpler"),
                ErrorKind::WriteFailure => say("the template makes more than 16 MiB".to_owned(), "make it simpler"),
                ErrorKind::SyntaxError => say(
                    format!("this is not a template: {detail}"),
                    "write {{ name | filter }}, {% if … %}…{% endif %} or {# note #}",
                ),
                ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest => {
                    say(detail, "look for a typing error: the names are those of Tera")
                }
                _ => say(format!("the template fails: {detail}"), "repair the expression"),
            };
        }
        let is_named = |name: &&str| functions::names(inner).any(|found| found == *name);
        let known = ["key", "git_branch"];
        let foreign = self.undeclared.iter().map(String::as_str).filter(is_named).find(|name| !known.contains(name));
        if let Some(name) = foreign.filter(|name| !functions::is_function(name)) {
            let help = match crate::shape::nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "templates know `key`, `git_branch` and get_env(name='…')".to_owned(),
            };
            return say(format!("`{name}` has no value"), &help);
        }
        let uses = |name: &str| functions::names(inner).any(|found| found == name);
        if templates.editing || (uses("key") && templates.key.is_none()) {
            return None;
        }
        if uses("git_branch") && templates.git_branch.is_none() {
            let help = "the working directory is on no branch: write {{ git_branch | default(value='…') }}";
            return say("`git_branch` has no value".to_owned(), help);
        }
        if self.error.detail().is_some_and(|detail| detail.contains("is not set")) {
            return say(detail, "set it, or write get_env(name='…', default='…')");
        }
        say("something in this template has no value".to_owned(), "give it one by `| default(value='…')`")
    }
}
