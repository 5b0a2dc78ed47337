//! Documents whose templates are rendered before they are read, with the spans of what was written.

use super::template::{self, Masked, Templates};
use super::{Document, MAX_PROBLEMS, Node, Span, Syntax, Value};
use crate::Source;
use crate::problem::{Code, Edit, Problem};

/// Longest place of a problem at which the help shows what templates made there.
const MAX_EXPLAINED_BYTES: usize = 1000;

impl Document {
    /// Renders the templates of `source` and reads the result. All spans are those of the source: what an expression
    /// produced stands where the expression stands.
    pub fn render(source: Source<'_>, templates: &Templates<'_>) -> Self {
        let Source { name, text } = source;
        let syntax = match Syntax::of(name) {
            Ok(syntax) => syntax,
            Err(problem) => return Self::unread(problem),
        };
        let of = |text: &str| if name == "-" { Syntax::sniff(text) } else { syntax };
        if !template::has_tags(text) {
            return Self::read(of(text), &Masked::plain(text));
        }
        match template::render(text, templates) {
            Ok(rendered) => {
                let mut document = Self::read(of(&rendered.text), &Masked::rendered(&rendered, text));
                document.root.move_spans(&|span| rendered.map.span(span));
                for problem in &mut document.problems {
                    problem.span = rendered.map.span(problem.span);
                }
                if rendered.lenient {
                    // The launch may see another text.
                    document.problems.clear();
                }
                document.problems.splice(0..0, rendered.problems);
                document.problems.truncate(MAX_PROBLEMS);
                document.generated = Some(rendered.map.generated);
                document
            }
            Err(problems) => {
                let mut document = Self::parse_as(of(text), text);
                document.problems = problems;
                // Whatever stands there, nobody knows whether it will.
                document.generated = Some(vec![(Span::new(0, text.len()), None)]);
                document
            }
        }
    }

    /// The value of the key `key` as it stands in the text, before anything is rendered: templates may use it. Fails
    /// if it would be made from itself.
    pub(crate) fn session_key(source: Source<'_>, templates: &Templates<'_>) -> Result<Option<String>, Problem> {
        if !template::has_tags(source.text) {
            return Ok(None);
        }
        let document = Self::parse(source.name, source.text);
        let Value::Object(entries) = &document.root.value else { return Ok(None) };
        let Some(entry) = entries.iter().find(|entry| entry.key == "key") else { return Ok(None) };
        let (Value::String(written) | Value::Template(written)) = &entry.value.value else { return Ok(None) };
        if template::uses(written, "key") {
            let problem = Problem::new(Code::Template, "/key", entry.value.span, "`key` cannot be made from itself");
            return Err(problem.help("templates in its value know `git_branch` and get_env(name='…')"));
        }
        let rendered = template::render(written, &Templates { key: None, ..*templates }).ok();
        let known = rendered.filter(|rendered| rendered.problems.is_empty() && rendered.unknown.is_empty());
        Ok(known.map(|rendered| rendered.text))
    }

    /// Adds to a problem what the templates at its place made there, and takes a fix away that would edit that. `None`
    /// if nobody knows what stands there.
    pub(crate) fn explain(&self, mut problem: Problem) -> Option<Problem> {
        let Some(generated) = &self.generated else { return Some(problem) };
        if problem.code == Code::Template {
            return Some(problem);
        }
        let overlaps = |made: Span, span: Span| made.start < span.end && span.start < made.end;
        let touched = |span: Span| generated.iter().filter(move |(made, _)| overlaps(*made, span));
        let is_unsure = |edit: &Edit| touched(edit.span).next().is_some();
        if problem.fix.as_ref().is_some_and(|fix| fix.edits.iter().any(is_unsure)) {
            problem.fix = None;
        }
        // A container with templates somewhere inside is none of theirs.
        let is_inside = |span: Span| touched(span).next().is_some() && span.end - span.start < MAX_EXPLAINED_BYTES;
        if is_inside(problem.span) {
            let mut made = Vec::new();
            for (_, text) in touched(problem.span).take(3) {
                made.push(format!("`{}`", text.as_ref()?));
            }
            let made = format!("the template makes {} here", made.join(", "));
            problem.help = Some(problem.help.map_or(made.clone(), |help| format!("{help} ({made})")));
        }
        Some(problem)
    }
}

impl Node {
    /// Moves every span of the tree.
    fn move_spans(&mut self, to: &impl Fn(Span) -> Span) {
        self.span = to(self.span);
        match &mut self.value {
            Value::Array(items) => items.iter_mut().for_each(|item| item.move_spans(to)),
            Value::Object(entries) => {
                for entry in entries {
                    entry.key_span = to(entry.key_span);
                    entry.span = to(entry.span);
                    entry.value.move_spans(to);
                }
            }
            _ => {}
        }
    }
}
